package mixed

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gamekeeper/compat/client"
)

// visible writes at each server and reads at each other one after a sync.
func visible(t *testing.T, s *stage) {
	var conns []*client.Conn
	for _, server := range s.Servers {
		conns = append(conns, s.connect(t, server))
	}
	for i, writer := range conns {
		path := fmt.Sprintf("%s/%d", s.root, i)
		create(t, writer, path, "0")
		for n := range 10 {
			want := fmt.Sprint(n)
			set(t, writer, path, want)
			for j, reader := range conns {
				if got, _ := read(t, reader, path); got != want {
					t.Errorf("%s has %q of what %s wrote, want %q", s.Servers[j], got, s.Servers[i], want)
				}
			}
		}
	}
}

// requests sends every kind of write to each server, with the errors that they may end in.
func requests(t *testing.T, s *stage) {
	for i, server := range s.Servers {
		c := s.connect(t, server)
		at := fmt.Sprintf("%s/%d", s.root, i)
		create(t, c, at, "")
		multi := client.Body{}
		for n := range 3 {
			multi = append(multi.Int(int32(client.OpCreate)).Bool(false).Int(-1), client.CreateBody(fmt.Sprint(at, "/multi", n), nil, client.Persistent)...)
		}
		multi = append(multi.Int(int32(client.OpSetData)).Bool(false).Int(-1), client.SetBody(at+"/multi0", []byte("m"), 0)...)
		multi = append(multi.Int(int32(client.OpDelete)).Bool(false).Int(-1), client.VersionBody(at+"/multi1", 0)...)
		failing := append(slices.Clone(multi).Int(int32(client.OpCheck)).Bool(false).Int(-1), client.VersionBody(at, 77)...)
		done := func(b client.Body) client.Body { return b.Int(-1).Bool(true).Int(-1) }
		for _, r := range []struct {
			what string
			op   client.Op
			body client.Body
			want error
		}{
			{"create", client.OpCreate, client.CreateBody(at+"/a", []byte("1"), client.Persistent), nil},
			{"create again", client.OpCreate, client.CreateBody(at+"/a", nil, client.Persistent), client.CodeNodeExists},
			{"create without a parent", client.OpCreate, client.CreateBody(at+"/no/a", nil, client.Persistent), client.CodeNoNode},
			{"sequential", client.OpCreate, client.CreateBody(at+"/s-", nil, client.Sequential), nil},
			{"ephemeral sequential", client.OpCreate2, client.CreateBody(at+"/e-", nil, client.Ephemeral|client.Sequential), nil},
			{"container", client.OpCreateContainer, client.CreateBody(at+"/c", nil, client.Container), nil},
			{"below the container", client.OpCreate, client.CreateBody(at+"/c/a", nil, client.Persistent), nil},
			{"empty the container", client.OpDelete, client.VersionBody(at+"/c/a", -1), nil},
			{"TTL", client.OpCreateTTL, client.CreateBody(at+"/ttl", nil, client.PersistTTL).Long(200), nil},
			{"long TTL", client.OpCreateTTL, client.CreateBody(at+"/ttl-long", nil, client.PersistTTL).Long(3_600_000), nil},
			{"set", client.OpSetData, client.SetBody(at+"/a", []byte("2"), 0), nil},
			{"set with an old version", client.OpSetData, client.SetBody(at+"/a", []byte("3"), 0), client.CodeBadVersion},
			{"set of an ACL", client.OpSetACL, client.Body{}.String(at + "/a").Int(1).Int(31).String("world").String("anyone").Int(0), nil},
			{"multi", client.OpMulti, done(multi), nil},
			{"failing multi", client.OpMulti, done(failing), nil},
			{"delete with an old version", client.OpDelete, client.VersionBody(at+"/a", 0), client.CodeBadVersion},
			{"delete", client.OpDelete, client.VersionBody(at+"/multi0", 1), nil},
			{"delete of what is not empty", client.OpDelete, client.VersionBody(s.root, -1), client.CodeNotEmpty},
			{"large", client.OpCreate, client.CreateBody(at+"/large", make([]byte, 500_000), client.Persistent), nil},
		} {
			if _, err := c.Do(r.op, r.body); !errors.Is(err, r.want) && (r.want != nil || err != nil) {
				t.Errorf("%s at %s: %v, want %v", r.what, server, err, r.want)
			}
		}
		if err := c.Login("ann:pw"); err != nil {
			t.Errorf("login at %s: %v", server, err)
		}
		mine := client.Body{}.String(at + "/mine").Buffer(nil).Int(1).Int(31).String("auth").String("").Int(0)
		if _, err := c.Do(client.OpCreate, mine); err != nil {
			t.Errorf("create with an ACL at %s: %v", server, err)
		}
		for _, path := range []string{at + "/c", at + "/ttl"} {
			eventually(t, path+" goes by itself", func() error {
				if _, there := read(t, c, path); there {
					return errors.New("it is there")
				}
				return nil
			})
		}
		set(t, c, at+"/mine", "x")
		if _, err := c.Delete(at+"/mine", -1); err != nil { // or the comparison of trees could not read it
			t.Error(err)
		}
		s.end(t, c)
	}
}

// sessionsMove takes sessions with ephemerals from each server to each other one.
func sessionsMove(t *testing.T, s *stage) {
	for i, from := range s.Servers {
		for j, to := range s.Servers {
			if i == j {
				continue
			}
			path := fmt.Sprintf("%s/%d-%d", s.root, i, j)
			old := s.connect(t, from)
			createAs(t, old, path, "", client.Ephemeral)
			moved := s.attach(t, to, old.Session())
			createAs(t, moved, path+"-moved", "", client.Ephemeral)
			// The server that the session has left notices at the latest when a write comes there, unless the leader
			// sees both servers as one, an observer and the follower from which it learns: Apache's does not notice.
			asOne := s.cast.masters && from != s.leader && to != s.leader && s.follower().Kind == a
			if _, err := old.Set(path, nil, -1); err == nil && !asOne {
				t.Errorf("%s still writes for a session that has gone to %s", from, to)
			}
			old.Drop()
			if stat, there, err := moved.Exists(path, false); err != nil || !there || stat.Owner != moved.Session().ID {
				t.Errorf("the ephemeral did not move from %s to %s: %v %v", from, to, there, err)
			}
			moved.Drop()
			back := s.attach(t, from, moved.Session())
			set(t, back, path+"-moved", "back")
			s.end(t, back)
			for _, server := range s.Servers {
				c := s.connect(t, server)
				for _, p := range []string{path, path + "-moved"} {
					if _, there := read(t, c, p); there {
						t.Errorf("%s has the ephemeral %s of a session that was closed", server, p)
					}
				}
				s.end(t, c)
			}
			wrong := moved.Session()
			wrong.Password = []byte("0123456789abcdef")
			if _, err := client.Dial(t.Context(), to.Addr, wrong); !errors.Is(err, client.ErrExpired) {
				t.Errorf("%s, asked for a session that is over: %v", to, err)
			}
		}
	}
}

// sessionsExpire leaves sessions alone, at each server, beside others that are pinged and must live.
func sessionsExpire(t *testing.T, s *stage) {
	const short = 1500 * time.Millisecond
	var kept, left []*client.Conn
	var live []string
	for i, server := range s.Servers {
		live = append(live, fmt.Sprintf("kept-%d", i))
		keep, leave := s.attach(t, server, client.Session{Timeout: short}), s.attach(t, server, client.Session{Timeout: short})
		createAs(t, keep, fmt.Sprintf("%s/kept-%d", s.root, i), "", client.Ephemeral)
		createAs(t, leave, fmt.Sprintf("%s/left-%d", s.root, i), "", client.Ephemeral)
		kept, left = append(kept, keep), append(left, leave)
	}
	for _, c := range left {
		c.Drop()
	}
	for i, server := range s.Servers {
		eventually(t, "the sessions expire", func() error {
			names, _, err := kept[i].Children(s.root, false)
			// Just so many may also be some of all, at a server that lags.
			if slices.Sort(names); err == nil && !slices.Equal(names, live) {
				err = fmt.Errorf("%s has %v", server, names)
			}
			return err
		})
		if _, err := client.Dial(t.Context(), server.Addr, left[i].Session()); !errors.Is(err, client.ErrExpired) {
			t.Errorf("%s, asked for a session that has expired: %v", server, err)
		}
	}
	for i, c := range kept {
		for j := range s.Servers {
			if _, there := read(t, c, fmt.Sprintf("%s/kept-%d", s.root, j)); !there {
				t.Errorf("%s has lost an ephemeral of a session that is pinged at %s", s.Servers[i], s.Servers[j])
			}
		}
	}
	for _, c := range kept {
		s.end(t, c)
	}
}

// watches sets watches at each server and writes at each.
func watches(t *testing.T, s *stage) {
	for i, at := range s.Servers {
		for j, from := range s.Servers {
			watching, writing := s.connect(t, at), s.connect(t, from)
			path := fmt.Sprintf("%s/%d-%d", s.root, i, j)
			create(t, writing, path, "")
			read(t, watching, path)
			must(t, func() error { _, _, err := watching.Get(path, true); return err })
			must(t, func() error { _, _, err := watching.Children(path, true); return err })
			must(t, func() error { _, _, err := watching.Exists(path+"/new", true); return err })
			set(t, writing, path, "x")
			create(t, writing, path+"/new", "")
			want := []client.Event{{Type: 3, Path: path}, {Type: 1, Path: path + "/new"}, {Type: 4, Path: path}}
			expectEvents(t, watching, fmt.Sprintf("written at %s, watched at %s", from, at), want)
			s.end(t, watching)
			s.end(t, writing)
		}
	}
}

func must(t *testing.T, do func() error) {
	t.Helper()
	if err := do(); err != nil {
		t.Fatal(err)
	}
}

func expectEvents(t *testing.T, c *client.Conn, when string, want []client.Event) {
	t.Helper()
	var got []client.Event
	eventually(t, when, func() error {
		if got = append(got, c.Events()...); len(got) < len(want) {
			return fmt.Errorf("events %v, want %v", got, want)
		}
		return nil
	})
	for _, e := range want {
		if !slices.Contains(got, e) {
			t.Errorf("%s: events %v, want %v", when, got, want)
			return
		}
	}
}

// watchesMove sets watches again at another server, as client libraries do when they move: what changed meanwhile is
// told at once.
func watchesMove(t *testing.T, s *stage) {
	const setWatches client.Op = 101
	for i, from := range s.Servers {
		to := s.Servers[(i+1)%len(s.Servers)]
		c, other := s.connect(t, from), s.connect(t, to)
		changed, same := fmt.Sprintf("%s/changed-%d", s.root, i), fmt.Sprintf("%s/same-%d", s.root, i)
		create(t, c, changed, "")
		create(t, c, same, "")
		must(t, func() error { _, _, err := c.Get(changed, true); return err })
		must(t, func() error { _, _, err := c.Get(same, true); return err })
		session := c.Session()
		c.Drop()
		set(t, other, changed, "x")
		c = s.attach(t, to, session)
		body := client.Body{}.Long(session.Seen).Int(2).String(changed).String(same).Int(0).Int(0)
		must(t, func() error { _, err := c.Do(setWatches, body); return err })
		expectEvents(t, c, "missed on the way from "+from.String(), []client.Event{{Type: 3, Path: changed}})
		set(t, other, same, "x")
		expectEvents(t, c, "after moving to "+to.String(), []client.Event{{Type: 3, Path: same}})
		s.end(t, c)
		s.end(t, other)
	}
}
