package raw

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"
)

// TestDifferential sends the same random requests, one at a time, to the
// server under test and to an Apache server of its own, and compares all that
// comes back: errors, zxids, Stat fields, data, ACLs, and the events on every
// connection. Only times and the order of unordered lists are left out.
// COMPAT_SEED repeats a run.
func TestDifferential(t *testing.T) {
	address(t)
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("COMPAT_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &seed); err != nil {
			t.Fatalf("COMPAT_SEED=%s: %v", s, err)
		}
	}
	d := &differ{t: t, random: rand.New(rand.NewPCG(seed, 0)), reference: startReference(t)}
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		t.Logf("repeat with COMPAT_SEED=%d", seed)
		all := filepath.Join(os.Getenv("COMPAT_DIR"), "requests")
		if err := os.WriteFile(all, []byte(strings.Join(d.log, "\n")+"\n"), 0o644); err != nil {
			t.Log(err)
		}
		t.Logf("all requests and Apache's answers are in %s", all)
	})
	for range sessions {
		d.open()
	}
	d.prepare()
	for range 4 {
		for range 400 {
			d.step()
		}
		d.restart()
	}
}

const sessions = 3

// reference is a second, real Apache server with the same configuration.
type reference struct {
	address string
	control func(t *testing.T, verb string)
}

func startReference(t *testing.T) reference {
	dir := filepath.Join(os.Getenv("COMPAT_DIR"), "reference")
	config, err := os.ReadFile(os.Getenv("COMPAT_CONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"start", dir, os.Getenv("COMPAT_PORT")}
	for _, line := range strings.Split(strings.TrimSpace(string(config)), "\n") {
		if !strings.HasPrefix(line, "dataDir=") && !strings.HasPrefix(line, "clientPort") {
			args = append(args, line)
		}
	}
	run := func(t *testing.T, args ...string) {
		t.Helper()
		if out, err := exec.Command("./apache", args...).CombinedOutput(); err != nil {
			t.Fatalf("reference server: %v\n%s", err, out)
		}
	}
	run(t, args...)
	t.Cleanup(func() { exec.Command("./apache", "kill", dir).Run() })
	return reference{
		address: "127.0.0.1:" + os.Getenv("COMPAT_PORT"),
		control: func(t *testing.T, verb string) { t.Helper(); run(t, verb, dir) },
	}
}

// pair is one session on each server.
type pair struct {
	tested, reference *conn
}

type differ struct {
	t         *testing.T
	random    *rand.Rand
	reference reference
	pairs     []pair
	log       []string
	unordered bool // the events to come are in no order
}

func (d *differ) open() {
	d.t.Helper()
	p := pair{connect(d.t, 40000), connectTo(d.t, d.reference.address, 40000)}
	d.pairs = append(d.pairs, p)
	d.log = append(d.log, fmt.Sprintf("session %d opened", len(d.pairs)-1))
}

// prepare makes the tree that the requests play in, and gives two of the
// sessions an identity.
func (d *differ) prepare() {
	for i, user := range []string{"ann:pw", "bob:pw"} {
		d.pairs[i].tested.login(user)
		d.pairs[i].reference.login(user)
	}
	for _, body := range []enc{
		create("/d", nil, open, persistent),
		create("/d/a", nil, open, persistent),
		create("/zookeeper/quota/d", nil, open, persistent),
		create("/zookeeper/quota/d/a", nil, open, persistent),
		create(usage[0], nil, open, persistent),
		create(usage[1], nil, open, persistent),
	} {
		d.send(0, opCreate, body, "prepare")
	}
}

// send sends a request to both servers and compares what comes back to every
// session.
func (d *differ) send(i int, op int32, body enc, what string) {
	d.t.Helper()
	line := fmt.Sprintf("session %d: %s", i, what)
	d.log = append(d.log, line)
	got := d.exchange(i, op, body, func(p pair) *conn { return p.tested })
	want := d.exchange(i, op, body, func(p pair) *conn { return p.reference })
	d.log = append(d.log, "  "+strings.ReplaceAll(want, "\n", "\n  "))
	if got != want {
		d.t.Fatalf("%s\ngot\n%s\nwant, from Apache,\n%s", line, got, want)
	}
}

func (d *differ) exchange(i int, op int32, body enc, of func(pair) *conn) string {
	d.t.Helper()
	c := of(d.pairs[i])
	r, events := c.callEvents(op, body)
	text := d.describe(op, r, of)
	for j, p := range d.pairs {
		c := of(p)
		if j != i {
			events = c.pending()
		}
		shown := names(events)
		for k, e := range events {
			shown[k] += fmt.Sprintf(" @%d", e.zxid)
		}
		if d.unordered || op == opSetWatches2 {
			sort.Strings(shown)
		}
		if len(shown) > 0 {
			text += fmt.Sprintf("\nevents of %d: %s", j, strings.Join(shown, ", "))
		}
	}
	return text
}

// describe decodes a reply into text that must be the same on both servers.
func (d *differ) describe(op int32, r reply, of func(pair) *conn) string {
	text := fmt.Sprintf("error %d, zxid %d", r.err, r.zxid)
	if r.err != ok {
		return text
	}
	stat := func(s stat) string {
		s.Ctime, s.Mtime = 0, 0
		for i, p := range d.pairs {
			if s.EphemeralOwner == of(p).session {
				s.EphemeralOwner = int64(i + 1)
			}
		}
		return fmt.Sprintf(" %+v", s)
	}
	list := func(v []string) string { sort.Strings(v); return fmt.Sprintf(" %q", v) }
	data := func(b []byte) string { return fmt.Sprintf(" %q null=%v", b, b == nil) }
	switch op {
	case opCreate, opSync:
		text += " " + r.str()
	case opCreate2, opCreateContainer, opCreateTTL:
		text += " " + r.str() + stat(r.stat())
	case opExists, opSetData, opSetACL:
		text += stat(r.stat())
	case opGetData:
		text += data(r.buf()) + stat(r.stat())
	case opGetACL:
		acls := r.acls() // the identities of one session may expand in any order
		sort.Slice(acls, func(i, j int) bool { return fmt.Sprint(acls[i]) < fmt.Sprint(acls[j]) })
		text += fmt.Sprint(" ", acls) + stat(r.stat())
	case opGetChildren, opGetEphemerals:
		text += list(r.strs())
	case opGetChildren2:
		text += list(r.strs()) + stat(r.stat())
	case opGetAllChildren, opAddWatch:
		text += fmt.Sprint(" ", r.i32())
	case opMulti, opMultiRead:
		for _, e := range r.multiResults() {
			text += fmt.Sprintf("\nop %d error %d %q%s%s%s", e.op, e.err, e.path, data(e.data), list(e.names), stat(e.stat))
		}
	}
	if r.dec.err != nil || len(r.b) != 0 {
		text += fmt.Sprintf(" (%d bytes left, %v)", len(r.b), r.dec.err)
	}
	return text
}

// restart kills both servers, lets every session return, and compares the
// whole trees.
func (d *differ) restart() {
	d.t.Helper()
	d.log = append(d.log, "restart")
	control(d.t, "restart")
	d.reference.control(d.t, "restart")
	for i := range d.pairs {
		d.reattach(i)
	}
	// Apache counts some changes twice when it replays them over a snapshot;
	// a new usage znode is counted afresh.
	for _, path := range usage {
		d.send(0, opDelete, pathVersion(path, -1), "delete "+path)
		d.send(0, opCreate, create(path, nil, open, persistent), "create "+path)
	}
	d.compareBelow("/")
}

// usage are the znodes that hold what the quotas of /d and /d/a count.
var usage = []string{"/zookeeper/quota/d/zookeeper_stats", "/zookeeper/quota/d/a/zookeeper_stats"}

// reattach moves a session to a new connection: watches and identities go.
func (d *differ) reattach(i int) {
	d.t.Helper()
	d.log = append(d.log, fmt.Sprintf("session %d reattached", i))
	for _, c := range []**conn{&d.pairs[i].tested, &d.pairs[i].reference} {
		n, r, err := reattach(*c)
		if err != nil || r.session != (*c).session {
			d.t.Fatalf("session %d did not come back: %+v, %v", i, r, err)
		}
		*c = n
		if i < 2 {
			n.login([]string{"ann:pw", "bob:pw"}[i])
		}
	}
}

func (d *differ) compareBelow(path string) {
	d.t.Helper()
	d.send(0, opGetData, pathWatch(path, false), "getData "+path)
	d.send(0, opGetACL, onlyPath(path), "getACL "+path)
	r, _ := d.pairs[0].reference.callEvents(opGetChildren, pathWatch(path, false))
	kids := r.strs()
	d.send(0, opGetChildren2, pathWatch(path, false), "getChildren2 "+path)
	sort.Strings(kids)
	for _, kid := range kids {
		d.compareBelow(strings.TrimSuffix(path, "/") + "/" + kid)
	}
}
