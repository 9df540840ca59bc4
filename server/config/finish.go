package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// readMembership builds the membership from the assignments, or from the dynamic configuration file.
func (d *draft) readMembership() error {
	if file := d.Ensemble.DynamicConfigFile; file != "" {
		if err := d.readDynamicFile(file); err != nil {
			return err
		}
	}
	var b membershipBuilder
	for _, name := range d.membershipKeys() {
		a := d.set[name]
		if err := b.add(name, a.value); err != nil {
			return a.error(err.Error())
		}
	}
	m, err := b.membership()
	if err != nil {
		return err
	}
	if file := d.Ensemble.DynamicConfigFile; file != "" {
		m.Version = dynamicVersion(file)
	}
	d.Ensemble.Membership = m
	return nil
}

// membershipKeys returns the membership keys that are set, in the order of the file, so that the first
// mistake is the one reported.
func (d *draft) membershipKeys() []string {
	var names []string
	for name, a := range d.set {
		if isMembershipKey(name) && a.row.prefix() != "" || name == "version" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(x, y string) int {
		if c := d.set[x].line - d.set[y].line; c != 0 {
			return c
		}
		return strings.Compare(x, y)
	})
	return names
}

func (d *draft) readDynamicFile(file string) error {
	for _, name := range d.membershipKeys() {
		if name != "version" {
			return d.set[name].error(fmt.Sprintf("the membership is in dynamicConfigFile=%s; move the line there", file))
		}
	}
	delete(d.set, "version")
	props, err := readProperties(file)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return wrong("dynamicConfigFile", "there is no such file; create it with lines such as server.1=zk1:2888:3888")
		}
		return err
	}
	for _, p := range props {
		if !isMembershipKey(p.key) || p.key == "version" {
			return &Error{File: file, Line: p.line, Key: p.key, Value: p.value,
				Text: "only server.N, group.N and weight.N belong into a dynamic configuration file; remove the line"}
		}
	}
	return d.assign(file, props)
}

// dynamicVersion returns the version that servers put, in hexadecimal, at the end of the file's name, 0
// when there is none.
func dynamicVersion(file string) int64 {
	v, err := strconv.ParseUint(strings.TrimPrefix(filepath.Ext(file), "."), 16, 63)
	if err != nil {
		return 0
	}
	return int64(v)
}

// readMyID reads the number of this server, if there are servers and there is the file.
func (d *draft) readMyID() error {
	if len(d.Ensemble.Membership.Servers) == 0 || d.Storage.DataDir == "" {
		return nil
	}
	file := filepath.Join(d.Storage.DataDir, "myid")
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // Validate says so if the file is needed
	}
	if err != nil {
		return fmt.Errorf("cannot read this server's number: %w", err)
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	id, err := strconv.ParseInt(trim(string(first)), 10, 64)
	if err != nil || id < 0 {
		return &Error{File: file, Text: fmt.Sprintf("%.40q is not a number; the file holds the N of this server's line server.N and nothing else", first)}
	}
	d.Ensemble.MyID = id
	return nil
}

// finish checks what Validate cannot see, and derives the defaults that follow from other keys.
func (d *draft) finish() error {
	if err := d.refuseUnsupported(); err != nil {
		return err
	}
	if err := d.mergeClientPort(); err != nil {
		return err
	}
	d.finishAuth()
	d.finishMetrics()
	d.finishAdmin()
	d.raiseMinimums()
	d.finishRole()
	d.derive()
	if d.isSet("forceSync") && !d.Storage.ForceSync {
		d.warnAbout("forceSync", "acknowledged writes can be lost when the machine crashes")
	}
	if d.Auth.SkipACL {
		d.warnAbout("skipACL", "every access check is off")
	}
	return d.checkSchemes()
}

// refuseUnsupported refuses what asks for protection that is not there.
func (d *draft) refuseUnsupported() error {
	switch {
	case d.isSet("secureClientPort"), d.isSet("secureClientPortAddress"):
		return contradiction([]string{"secureClientPort", "secureClientPortAddress"},
			"TLS is not supported yet; remove the line, or put a TLS proxy before clientPort")
	case d.requireSASL:
		return wrong("sessionRequireClientSASLAuth", "SASL is not supported yet; remove the line, or require another scheme with enforce.auth.enabled=true and enforce.auth.schemes=digest")
	case d.serverSASL && !d.quorumSASL:
		return contradiction([]string{"quorum.auth.serverRequireSasl"}, "needs quorum.auth.enableSasl=true")
	case d.learnerSASL && !d.quorumSASL:
		return contradiction([]string{"quorum.auth.learnerRequireSasl"}, "needs quorum.auth.enableSasl=true")
	case d.serverSASL && !d.learnerSASL:
		return contradiction([]string{"quorum.auth.serverRequireSasl"}, "needs quorum.auth.learnerRequireSasl=true, or this server could not join the others")
	case d.Distributed() && d.quorumTLS:
		return wrong("sslQuorum", "TLS between servers is not supported yet; write sslQuorum=false and protect the network between them")
	case d.Distributed() && d.quorumSASL:
		return wrong("quorum.auth.enableSasl", "SASL between servers is not supported yet; write quorum.auth.enableSasl=false and protect the network between them")
	}
	if self, ok := d.self(); ok && self.Secure != nil {
		return wrong(serverKey(self.ID), "TLS is not supported yet; remove the second client part, %s", self.Secure)
	}
	if n := len(d.Ensemble.Membership.Servers); !d.Ensemble.MultiAddress && n > 0 {
		for _, s := range d.Ensemble.Membership.Servers {
			if len(s.Addresses) > 1 {
				return wrong(serverKey(s.ID), "several addresses need multiAddress.enabled=true on all servers; write that, or one address")
			}
		}
	}
	return nil
}

func serverKey(id int64) string { return fmt.Sprintf("server.%d", id) }

// self returns this server's line: the one that myid names, or the only one of a standalone server.
func (d *draft) self() (Server, bool) {
	m := d.Ensemble.Membership
	if s, ok := m.Server(d.Ensemble.MyID); ok {
		return s, true
	}
	if len(m.Servers) == 1 && !d.Distributed() {
		return m.Servers[0], true
	}
	return Server{}, false
}

// mergeClientPort takes the client port from this server's line, where it may stand instead of in
// clientPort and clientPortAddress.
func (d *draft) mergeClientPort() error {
	self, ok := d.self()
	if !ok || self.Client == nil {
		return nil
	}
	line := Client{Address: self.Client.Host, Port: self.Client.Port}
	here := d.Client
	if here.HasPort() && (here.Port != line.Port || (!isWildcard(here.Address) && here.Address != line.Address)) {
		return contradiction([]string{"clientPort", "clientPortAddress"},
			"%s gives this server the client address %s; make them equal, or remove one", serverKey(self.ID), self.Client)
	}
	d.Client.Port = line.Port
	d.Client.Address = line.Address
	if isWildcard(line.Address) {
		d.Client.Address = ""
	}
	return nil
}

// isWildcard reports whether the address stands for every address.
func isWildcard(address string) bool {
	return address == "" || address == "0.0.0.0" || address == "::"
}

func (d *draft) finishAuth() {
	if d.enforceAuth {
		d.Auth.EnforceSchemes = d.enforceSchemes
	} else if len(d.enforceSchemes) > 0 {
		d.warnAbout("enforce.auth.schemes", "without effect, nobody has to authenticate; write enforce.auth.enabled=true")
	}
}

// checkSchemes refuses schemes that nobody could authenticate with.
func (d *draft) checkSchemes() error {
	if !d.enforceAuth {
		return nil
	}
	if len(d.enforceSchemes) == 0 {
		return contradiction([]string{"enforce.auth.enabled"}, "needs schemes; write for instance enforce.auth.schemes=digest")
	}
	return nil
}

func (d *draft) finishMetrics() {
	d.Metrics.Enabled = d.metricsClass == prometheusProvider ||
		(d.metricsClass == "" && d.isSet("metricsProvider.httpPort"))
	if !d.Metrics.Enabled && d.isSet("metricsProvider.httpPort") {
		d.warnAbout("metricsProvider.httpPort", "without effect, because metricsProvider.className=%s has no endpoint", d.metricsClass)
	}
}

func (d *draft) finishAdmin() {
	if d.Admin.Enabled {
		return
	}
	const off = "without effect, because the admin server is off; write admin.enableServer=true"
	if d.Admin.Pprof {
		d.warnAbout("admin.pprof", off)
	}
	for _, key := range []string{"admin.serverPort", "admin.serverAddress"} {
		if d.isSet(key) && !d.isSet("admin.enableServer") {
			d.warnAbout(key, off)
		}
	}
}

// raiseMinimums replaces values below a minimum as Apache does.
func (d *draft) raiseMinimums() {
	raise := func(key string, field *int, least int) {
		if *field < least {
			d.warnAbout(key, "%d is below the minimum; %d is used", *field, least)
			*field = least
		}
	}
	raise("snapCount", &d.Storage.SnapCount, 2)
	raise("autopurge.snapRetainCount", &d.Storage.SnapRetain, 3)
	if d.Storage.SnapLogBytes == 0 {
		d.warnAbout("snapSizeLimitInKb", "0 is taken as no limit; write -1 for that, because Apache ZooKeeper does not start with 0")
		d.Storage.SnapLogBytes = Unset
	}
	if d.Ensemble.SnapshotSizeFactor > 1 {
		d.warnAbout("snapshotSizeFactor", "more than 1 is taken as the default, 0.33")
		d.Ensemble.SnapshotSizeFactor = 0.33
	}
}

// finishRole takes this server's role from its line and warns about memberships that are not what they seem.
func (d *draft) finishRole() {
	m := d.Ensemble.Membership
	if self, ok := d.self(); ok {
		if self.Role != d.Ensemble.Role && d.isSet("peerType") {
			d.warnAbout("peerType", "%s makes this server a %s, which counts", serverKey(self.ID), self.Role)
		}
		d.Ensemble.Role = self.Role
	}
	for _, s := range m.Servers {
		if s.ID > 255 {
			d.warnAbout(serverKey(s.ID), "numbers above 255 can give the same session id twice; use 1 to 255")
		}
	}
	switch n := m.Participants(); {
	case n == 1 && !d.Distributed():
		d.warnAbout(serverKey(m.Servers[0].ID), "one server is no ensemble; it runs standalone")
	case n > 0 && n <= 2:
		d.warnAbout("server.N", "no failure is survived with so few participants (%d); use 3 or 5", n)
	case n > 0 && n%2 == 0:
		d.warnAbout("server.N", "%d participants survive no more failures than %d; use an odd number", n, n-1)
	}
}

// derive sets the defaults that follow from other keys.
func (d *draft) derive() {
	tick := d.Session.TickTime
	if d.Session.MinTimeout < 0 {
		d.Session.MinTimeout = 2 * tick
	}
	if d.Session.MaxTimeout < 0 {
		d.Session.MaxTimeout = 20 * tick
	}
	if d.Storage.DataLogDir == "" {
		d.Storage.DataLogDir = d.Storage.DataDir
	}
	e := &d.Ensemble
	if e.ConnectLimit == 0 {
		e.ConnectLimit = e.InitLimit
	}
	if e.ElectionReadTimeout < 0 {
		e.ElectionReadTimeout = time.Duration(e.SyncLimit) * tick
	}
	e.ObserverSyncs = d.syncEnabled
	if d.isSet("observer.syncEnabled") {
		e.ObserverSyncs = d.observerSyncEnabled
	}
}
