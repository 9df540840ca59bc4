package session

import (
	"maps"
	"slices"
	"testing"

	"gamekeeper/proto"
	"pgregory.net/rapid"
)

// model is the rule itself: every session with its expiry, moved at every touch.
type model struct {
	timeout, persisted map[proto.SessionID]int32
	expiry             map[proto.SessionID]int64 // absent once closing
}

func (m *model) arm(id proto.SessionID, now int64) {
	if _, armed := m.expiry[id]; armed {
		m.expiry[id] = ((now+int64(m.timeout[id]))/tick + 1) * tick
	}
}

func (m *model) due(now int64) (due []proto.SessionID) {
	for id, expiry := range m.expiry {
		if expiry <= now {
			due = append(due, id)
		}
	}
	slices.Sort(due)
	return due
}

func TestTrackerAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := NewTracker[int](tick)
		m := model{map[proto.SessionID]int32{}, map[proto.SessionID]int32{}, map[proto.SessionID]int64{}}
		now := rapid.Int64Range(0, 1e6).Draw(t, "start")
		// Touches of a time that has come are for sessions not yet returned; the server drains first too.
		drain := func() {
			limit := rapid.IntRange(1, 5).Draw(t, "limit")
			var got []*Session[int]
			for tr.NextDue() <= now {
				got = tr.Expired(now, limit, got)
			}
			want := m.due(now)
			if !slices.Equal(ids(got), want) {
				t.Fatalf("at %d expired %v, want %v", now, ids(got), want)
			}
			for _, id := range want {
				delete(m.expiry, id)
			}
		}
		drawID := rapid.Map(rapid.IntRange(1, 12), func(i int) proto.SessionID { return proto.SessionID(i) })
		drawTimeout := rapid.Int32Range(1, 10*tick)
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				id, timeout := drawID.Draw(t, "id"), drawTimeout.Draw(t, "timeout")
				tr.Create(id, timeout, now)
				if _, tracked := m.timeout[id]; !tracked {
					m.timeout[id], m.persisted[id], m.expiry[id] = timeout, timeout, 0
					m.arm(id, now)
				}
			},
			"touch": func(t *rapid.T) {
				if s := tr.Get(drawID.Draw(t, "id")); s != nil {
					s.Touch(now)
					m.arm(s.ID, now)
				}
			},
			"renew": func(t *rapid.T) {
				if s := tr.Get(drawID.Draw(t, "id")); s != nil {
					timeout := drawTimeout.Draw(t, "timeout")
					tr.SetTimeout(s, timeout, now)
					m.timeout[s.ID] = timeout
					m.arm(s.ID, now)
				}
			},
			"close": func(t *rapid.T) {
				if s := tr.Get(drawID.Draw(t, "id")); s != nil {
					s.Closing = true
					delete(m.expiry, s.ID)
				}
			},
			"remove": func(t *rapid.T) {
				id := drawID.Draw(t, "id")
				tr.Remove(id)
				delete(m.timeout, id)
				delete(m.persisted, id)
				delete(m.expiry, id)
			},
			"rearm": func(t *rapid.T) {
				tr.Rearm(now)
				maps.Copy(m.timeout, m.persisted)
				for id := range m.timeout {
					m.expiry[id] = 0
					m.arm(id, now)
				}
			},
			"pass": func(t *rapid.T) {
				now += rapid.Int64Range(0, 3*tick).Draw(t, "ms")
				drain()
			},
			"": func(t *rapid.T) {
				if tr.Len() != len(m.timeout) {
					t.Fatalf("%d sessions, want %d", tr.Len(), len(m.timeout))
				}
				for s := range tr.All() {
					if s.Timeout() != m.timeout[s.ID] || s.PersistedTimeout() != m.persisted[s.ID] {
						t.Fatalf("%v: timeouts %d and %d", s.ID, s.Timeout(), s.PersistedTimeout())
					}
					expiry, armed := m.expiry[s.ID]
					if armed == s.Closing || armed && expiry != tr.Expiry(s) {
						t.Fatalf("%v: closing %v, expiry %d; want armed %v, %d", s.ID, s.Closing, tr.Expiry(s), armed, expiry)
					}
					if armed && tr.NextDue() > expiry {
						t.Fatalf("next due %d is after expiry %d", tr.NextDue(), expiry)
					}
				}
			},
		})
	})
}
