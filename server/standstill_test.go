package server

import "testing"

// A server that was stopped hears its clients, and a leader its learners, before it says who has expired.
func TestStoodStill(t *testing.T) {
	const tick, timeout = 100, 1000 // of newTestMember
	for _, c := range []struct {
		name       string
		lookAt     int64 // when the core wanted to look, and
		now        int64 // when it did
		expiresNow bool
	}{
		{"on time", 1100, 1100, true},
		{"a little late", 1100, 1100 + tick, true},
		{"late", 1100, 1100 + tick + 1, false},
		{"for a minute", 1100, 61_100, false},
		{"the first look", 0, 61_100, true},
	} {
		m := newTestMember()
		k := m.k
		k.tracker.Create(1, timeout, 0)
		m.local.Create(2, timeout, 0)
		k.lookAt = c.lookAt
		k.stoodStill(c.now)
		global, local := k.tracker.Expired(c.now, 10, nil), m.local.Expired(c.now, 10, nil)
		if got := len(global) == 1 && len(local) == 1; got != c.expiresNow {
			t.Errorf("%s: %d and %d expire at once", c.name, len(global), len(local))
		}
		global, local = append(global, k.tracker.Expired(c.now+tick, 10, nil)...), append(local, m.local.Expired(c.now+tick, 10, nil)...)
		if len(global) != 1 || len(local) != 1 {
			t.Errorf("%s: %d and %d expire within a tick", c.name, len(global), len(local))
		}
	}
}
