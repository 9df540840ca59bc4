package config

import (
	"math"
	"path/filepath"
	"slices"
	"time"
)

// Validate reports the first thing about the configuration that cannot work, as an *Error that names the keys but no
// place in a file. Load has called it; a caller that changes fields calls it again. It reads no file
// and opens no port.
func (c Config) Validate() error {
	checks := []func() error{c.checkStorage, c.checkSessions, c.checkAuth, c.checkMembership, c.checkGroups, c.checkSelf, c.checkPorts}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) checkStorage() error {
	if c.Storage.DataDir == "" {
		return wrong("dataDir", "missing; write for instance dataDir=/var/lib/zookeeper")
	}
	if c.Storage.DataLogDir == "" {
		return wrong("dataLogDir", "missing; it is dataDir if nothing else")
	}
	if c.Backup.Interval > 0 && c.Backup.Folder == "" {
		return contradiction([]string{"backup.interval"}, "needs backup.folder, for instance backup.folder=/var/backups/gamekeeper")
	}
	for _, dir := range []string{c.Storage.DataDir, c.Storage.DataLogDir} {
		if c.Backup.Folder != "" && filepath.Clean(c.Backup.Folder) == filepath.Clean(dir) {
			return wrong("backup.folder", "holds the server's own data; give backups a folder of their own, best on another disk")
		}
	}
	return nil
}

func (c Config) checkSessions() error {
	s := c.Session
	ms := time.Duration.Milliseconds
	switch {
	case s.TickTime < time.Millisecond:
		return wrong("tickTime", "too small; write for instance tickTime=2000")
	case s.MinTimeout < time.Millisecond:
		return wrong("minSessionTimeout", "no session could live; write for instance minSessionTimeout=%d, or remove the line", 2*ms(s.TickTime))
	case s.MaxTimeout < s.MinTimeout:
		return contradiction([]string{"maxSessionTimeout", "minSessionTimeout", "tickTime"},
			"the longest session timeout, %d ms, is below the shortest, %d ms; raise maxSessionTimeout or lower minSessionTimeout (by default 20 and 2 x tickTime)",
			ms(s.MaxTimeout), ms(s.MinTimeout))
	case ms(s.MaxTimeout) > math.MaxInt32:
		return contradiction([]string{"maxSessionTimeout", "tickTime"},
			"the longest session timeout, %d ms, does not fit the protocol; the largest is %d", ms(s.MaxTimeout), math.MaxInt32)
	}
	return nil
}

func (c Config) checkAuth() error {
	for _, scheme := range c.Auth.EnforceSchemes {
		switch {
		case scheme == "sasl" || scheme == "x509":
			return wrong("enforce.auth.schemes", "%s is not supported yet; write for instance enforce.auth.schemes=digest", scheme)
		case scheme != "digest" && scheme != "ip":
			return wrong("enforce.auth.schemes", "there is no scheme %q; write for instance enforce.auth.schemes=digest", scheme)
		case scheme == "digest" && !c.Auth.DigestEnabled:
			return contradiction([]string{"enforce.auth.schemes", "DigestAuthenticationProvider.enabled"},
				"DigestAuthenticationProvider.enabled=false turns digest off; allow it or enforce another scheme")
		}
	}
	return nil
}

func (c Config) checkMembership() error {
	e := c.Ensemble
	participants := e.Membership.Participants()
	observers := len(e.Membership.Servers) - participants
	switch {
	case participants == 0 && !e.StandaloneEnabled:
		return contradiction([]string{"standaloneEnabled"}, "there is no participant; add one, as in server.1=zk1:2888:3888, or write standaloneEnabled=true")
	case participants == 0 && observers > 0:
		return wrong(serverKey(e.Membership.Servers[0].ID), "an observer needs participants; add their lines, as in server.2=zk2:2888:3888")
	case observers > 0 && !c.Distributed():
		return contradiction([]string{"standaloneEnabled", serverKey(e.Membership.Servers[0].ID)},
			"one participant runs standalone and cannot have observers; add participants or write standaloneEnabled=false")
	}
	type end struct {
		host string
		port int
	}
	owner := make(map[end]int64)
	for _, s := range e.Membership.Servers {
		for _, a := range s.Addresses {
			for _, p := range []int{a.QuorumPort, a.ElectionPort} {
				other, taken := owner[end{a.Host, p}]
				if taken && other != s.ID && !isWildcard(a.Host) {
					return wrong(serverKey(s.ID), "%s is also an address of %s; every server has its own", HostPort{a.Host, p}, serverKey(other))
				}
				owner[end{a.Host, p}] = s.ID
			}
		}
	}
	return nil
}

func (c Config) checkGroups() error {
	m := c.Ensemble.Membership
	if len(m.Groups) == 0 {
		return nil
	}
	weight := int64(0)
	grouped := make(map[int64]bool)
	for _, g := range m.Groups {
		key := "group." + joinIDs([]int64{g.ID})
		for _, id := range g.Members {
			s, ok := m.Server(id)
			if !ok {
				return wrong(key, "there is no server.%d; add it or take it out of the group", id)
			}
			grouped[id] = true
			if s.Role == Participant {
				weight += s.Weight
			}
		}
	}
	for _, s := range m.Servers {
		if s.Role == Participant && !grouped[s.ID] {
			return wrong(serverKey(s.ID), "in no group, though there are groups; add it to a group.N")
		}
	}
	if weight <= 0 {
		return wrong("group."+joinIDs([]int64{m.Groups[0].ID}), "no server has weight, so none could be elected; set weight.N")
	}
	return nil
}

// checkSelf checks what a server needs to find its place in an ensemble.
func (c Config) checkSelf() error {
	if !c.Distributed() {
		return nil
	}
	e := c.Ensemble
	file := filepath.Join(c.Storage.DataDir, "myid")
	self, listed := e.Membership.Server(e.MyID)
	first := serverKey(e.Membership.Servers[0].ID)
	switch {
	case e.InitLimit == 0:
		return contradiction([]string{"initLimit"}, "an ensemble needs it; write for instance initLimit=10")
	case e.SyncLimit == 0:
		return contradiction([]string{"syncLimit"}, "an ensemble needs it; write for instance syncLimit=5")
	case e.MinNotification > e.MaxNotification:
		return contradiction([]string{"fastleader.maxNotificationInterval", "fastleader.minNotificationInterval"},
			"the longest wait for votes is below the first, %d ms", e.MinNotification.Milliseconds())
	case e.MyID == Unset:
		return &Error{File: file, Text: "missing; the file holds the N of this server's line server.N, write for instance " + first[len("server."):] + " into it"}
	case !listed:
		return &Error{File: file, Text: "there is no " + serverKey(e.MyID) + "; add the line, or correct the number in this file"}
	case c.Tree.ExtendedTypes && e.MyID > 254:
		return contradiction([]string{"extendedTypesEnabled", serverKey(e.MyID)}, "with extended types the number of a server is 254 at most, and this is server %d", e.MyID)
	case c.Tree.ExtendedTypes && c.Tree.Emulate353TTL && e.MyID > 127:
		return contradiction([]string{"emulate353TTLNodes", serverKey(e.MyID)}, "with it the number of a server is 127 at most, and this is server %d", e.MyID)
	}
	for _, a := range self.Addresses {
		if c.Client.Port > 0 && slices.Contains([]int{a.QuorumPort, a.ElectionPort}, c.Client.Port) {
			return contradiction([]string{"clientPort", serverKey(self.ID)}, "port %d serves both clients and servers; use different ports", c.Client.Port)
		}
	}
	return nil
}

func (c Config) checkPorts() error {
	switch {
	case !c.Client.HasPort() && c.Client.Address != "":
		return contradiction([]string{"clientPortAddress"}, "needs clientPort; write for instance clientPort=2181")
	case !c.Client.HasPort() && !c.Distributed():
		return wrong("clientPort", "missing, so no client could connect; write for instance clientPort=2181")
	}
	type listener struct {
		key, host string
		port      int
	}
	open := []listener{{"clientPort", c.Client.Address, c.Client.Port}}
	if c.Metrics.Enabled {
		open = append(open, listener{"metricsProvider.httpPort", c.Metrics.Host, c.Metrics.Port})
	}
	if c.Admin.Enabled {
		open = append(open, listener{"admin.serverPort", c.Admin.Host, c.Admin.Port})
	}
	if c.Ensemble.ObserverMasterPort > 0 && c.Distributed() {
		open = append(open, listener{"observerMasterPort", "", c.Ensemble.ObserverMasterPort})
	}
	for i, a := range open {
		for _, b := range open[:i] {
			if a.port > 0 && a.port == b.port && (a.host == b.host || isWildcard(a.host) || isWildcard(b.host)) {
				return contradiction([]string{a.key, b.key}, "port %d is both %s and %s; use different ports", a.port, b.key, a.key)
			}
		}
	}
	return nil
}
