package raw

import (
	"testing"
	"time"
)

// The server reaps used, empty containers and outlived TTL nodes; the check
// interval is set to a fraction of a second for this suite.
func TestReaping(t *testing.T) {
	c := client(t)
	c.create("/reap", "", persistent)
	c.must(opCreateContainer, create("/reap/used", nil, open, container))
	c.must(opCreateContainer, create("/reap/never", nil, open, container))
	c.must(opCreateContainer, create("/reap/full", nil, open, container))
	c.must(opCreateTTL, createTTL("/reap/ttl", nil, open, persistentTTL, 300))
	c.must(opCreateTTL, createTTL("/reap/parent", nil, open, persistentTTL, 300))
	c.must(opCreateTTL, createTTL("/reap/long", nil, open, persistentTTL, 1e9))
	c.create("/reap/parent/kid", "", persistent)
	c.create("/reap/full/kid", "", persistent)
	c.create("/reap/used/kid", "", persistent)
	c.watch("recursive", "/reap")
	c.callEvents(opDelete, pathVersion("/reap/used/kid", -1))

	deleted := map[string]bool{}
	start := time.Now()
	eventually(t, "used container and short TTL are reaped", func() bool {
		for _, e := range c.pending() {
			deleted[e.String()] = true
		}
		return deleted["deleted /reap/used"] && deleted["deleted /reap/ttl"]
	})
	for time.Since(start) < 1500*time.Millisecond {
		for _, e := range c.pending() {
			deleted[e.String()] = true
		}
		time.Sleep(50 * time.Millisecond)
	}
	if len(deleted) != 2 {
		t.Errorf("events: %v", deleted)
	}
	for _, path := range []string{"/reap/never", "/reap/full", "/reap/parent", "/reap/long"} {
		if s := c.stat(path); s.EphemeralOwner != 0 {
			t.Errorf("%s shows owner %#x", path, s.EphemeralOwner)
		}
	}
	// With its child gone the TTL node is due at once.
	c.callEvents(opDelete, pathVersion("/reap/parent/kid", -1))
	eventually(t, "the childless TTL node is reaped", func() bool { _, found := c.existsNow("/reap/parent"); return !found })
}

// existsNow is exists for a connection on which events may arrive.
func (c *conn) existsNow(path string) (stat, bool) {
	c.t.Helper()
	r, _ := c.callEvents(opExists, pathWatch(path, false))
	if r.err == ok {
		return r.stat(), true
	}
	return stat{}, false
}

// A TTL node is not reaped while it is written to.
func TestTTLIsRefreshed(t *testing.T) {
	c := client(t)
	c.must(opCreateTTL, createTTL("/fresh", nil, open, persistentTTL, 1000))
	for start := time.Now(); time.Since(start) < 2500*time.Millisecond; {
		c.set("/fresh", "x")
		time.Sleep(50 * time.Millisecond)
	}
	eventually(t, "the node goes when nobody writes", func() bool { _, found := c.exists("/fresh"); return !found })
}

// Without the switch there are no TTL nodes, but containers.
func TestExtendedTypesDisabled(t *testing.T) {
	withConfig(t, "extendedTypesEnabled=false")
	c := client(t)
	r := c.call(opCreateTTL, createTTL("/off", nil, open, persistentTTL, 1000))
	if r.err != errUnimplemented {
		t.Errorf("error %d, want %d", r.err, errUnimplemented)
	}
	c.must(opCreateContainer, create("/off", nil, open, container))
}
