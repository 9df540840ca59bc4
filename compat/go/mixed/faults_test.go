package mixed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gamekeeper/compat/client"
	"gamekeeper/compat/ensemble"
)

// followerReturns stops each learner for some writes: the leader sends it a DIFF, unless it is Gamekeeper, has a newer
// snapshot by then and was told to prefer that.
func followerReturns(t *testing.T, s *stage) {
	for i, server := range s.spare() {
		must(t, server.Stop)
		teacher := s.teacher(server)
		before := synced(t, teacher)
		c := s.connect(t, s.leader)
		fill(t, c, fmt.Sprintf("%s/stopped-%d", s.root, i), 50)
		s.end(t, c)
		s.rejoin(t, server)
		if teacher.Kind == a || !s.cast.snap {
			expectSync(t, teacher, server, before, "diff_count")
		}

		must(t, server.Kill)
		c = s.connect(t, s.leader)
		fill(t, c, fmt.Sprintf("%s/killed-%d", s.root, i), 50)
		s.rejoin(t, server)
		s.end(t, c)
	}
}

// followerLongAway stops each learner for more writes than a leader keeps in memory.
func followerLongAway(t *testing.T, s *stage) {
	for i, server := range s.spare() {
		must(t, server.Kill)
		c := s.connect(t, s.leader)
		fill(t, c, fmt.Sprintf("%s/%d", s.root, i), 1500)
		s.end(t, c)
		s.rejoin(t, server)
	}
}

// followerEmpty takes all data from each learner: the leader sends it a SNAP, unless its log goes back to the first
// transaction.
func followerEmpty(t *testing.T, s *stage) {
	for i, server := range s.spare() {
		must(t, server.Stop)
		must(t, server.Wipe)
		teacher := s.teacher(server)
		before := synced(t, teacher)
		c := s.connect(t, s.leader)
		createAs(t, c, fmt.Sprintf("%s/%d", s.root, i), "", client.Ephemeral)
		s.rejoin(t, server)
		if teacher.Kind == a || s.cast.snap {
			expectSync(t, teacher, server, before, "snap_count")
		}
		moved := s.attach(t, server, c.Session()) // the server has the sessions too
		if _, there := read(t, moved, fmt.Sprintf("%s/%d", s.root, i)); !there {
			t.Errorf("%s does not have the ephemeral", server)
		}
		s.end(t, moved)
	}
}

// rejoin starts a server and waits until all serve under the same leader.
func (s *stage) rejoin(t *testing.T, server *ensemble.Server) {
	t.Helper()
	before := s.leader
	must(t, server.Launch)
	s.await(t)
	if s.leader != before {
		t.Errorf("the leader changed when %s came: %s", server, s)
	}
}

// synced returns how often a server has brought a learner up to date, by the metric that counts it.
func synced(t *testing.T, teacher *ensemble.Server) map[string]float64 {
	t.Helper()
	m, err := teacher.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// expectSync checks that a server counts one more of the kind that was to happen.
func expectSync(t *testing.T, teacher, learner *ensemble.Server, before map[string]float64, metric string) {
	t.Helper()
	now, told := synced(t, teacher)[metric]
	switch {
	case !told:
		t.Logf("%s does not tell %s", teacher, metric)
	case now <= before[metric]:
		t.Errorf("%s synchronised %s in another way: %s is %v and was %v", teacher, learner, metric, now, before[metric])
	}
}

// leaderKilled kills the leader while clients write at all servers. The others go on; what was acknowledged is there.
func leaderKilled(t *testing.T, s *stage) {
	if len(s.Voters()) < 3 {
		t.Skip("the others are no quorum")
	}
	type batch struct {
		conn  *client.Conn
		calls []*client.Call
	}
	var batches []batch
	const n = 2000
	for i, server := range s.Servers {
		b := batch{conn: s.connect(t, server)}
		createAs(t, b.conn, fmt.Sprintf("%s/ephemeral-%d", s.root, i), "", client.Ephemeral)
		for j := range n {
			b.calls = append(b.calls, b.conn.Start(client.OpCreate2, client.CreateBody(fmt.Sprintf("%s/%d-%d", s.root, i, j), nil, client.Persistent)))
		}
		batches = append(batches, b)
	}
	if _, err := batches[0].calls[20].Wait(); err != nil {
		t.Fatal(err)
	}
	dead := s.leader
	must(t, dead.Kill)
	leader := s.elect(t)
	if leader == dead {
		t.Fatalf("%s leads and is dead", leader)
	}
	reader := s.connect(t, leader)
	create(t, reader, s.root+"/in-between", "")
	for i, b := range batches {
		missing := ""
		for j, call := range b.calls {
			_, err := call.Wait()
			path := fmt.Sprintf("%s/%d-%d", s.root, i, j)
			stat, there, readErr := reader.Exists(path, false)
			switch {
			case readErr != nil:
				t.Fatal(readErr)
			case err == nil && !there:
				t.Errorf("%s, which %s acknowledged, is lost", path, s.Servers[i])
			case there && missing != "":
				t.Fatalf("%s is there, and %s, which was sent before it, is not", path, missing)
			case !there:
				missing = path
			case stat.Czxid == 0:
				t.Errorf("%s has no zxid", path)
			}
		}
		// The session lives on with whoever is left.
		moved := s.attach(t, leader, b.conn.Session())
		if _, there := read(t, moved, fmt.Sprintf("%s/ephemeral-%d", s.root, i)); !there {
			t.Errorf("the ephemeral of a session that %s had is gone", s.Servers[i])
		}
		s.end(t, moved)
	}
	s.end(t, reader)
	must(t, dead.Launch)
	s.await(t)
	if s.leader == dead {
		t.Errorf("%s leads again although it was behind", dead)
	}
}

// leaderAhead leaves the leader alone with proposals that no other server has. When it comes back to others who have
// gone on without it, it must forget them: TRUNC.
func leaderAhead(t *testing.T, s *stage) {
	if len(s.Voters()) < 3 {
		t.Skip("the others are no quorum")
	}
	old := s.leader
	c := s.connect(t, old)
	create(t, c, s.root+"/before", "")
	for _, server := range s.learners() {
		must(t, server.Pause)
	}
	marker := fmt.Sprintf("ahead-%d", s.scene)
	var calls []*client.Call
	for i := range 20 {
		calls = append(calls, c.Start(client.OpCreate2, client.CreateBody(fmt.Sprintf("%s/%s-%d", s.root, marker, i), nil, client.Persistent)))
	}
	eventually(t, "the proposals are in the leader's log", func() error { return logged(old, fmt.Sprintf("%s-%d", marker, 19)) })
	// The others are killed before they see what the network holds for them.
	must(t, old.Kill)
	for _, server := range s.learners() {
		must(t, server.Kill)
	}
	for _, call := range calls {
		if _, err := call.Wait(); err == nil {
			t.Fatal("a write was acknowledged without a quorum")
		}
	}
	for _, server := range s.learners() {
		must(t, server.Launch)
	}
	leader := s.elect(t)
	after := s.connect(t, leader)
	fill(t, after, s.root+"/after", 30)
	s.end(t, after)
	s.leader = leader
	s.rejoin(t, old)
	for _, server := range s.Servers {
		reader := s.connect(t, server)
		names, _, err := reader.Children(s.root, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasPrefix(name, marker) {
				t.Errorf("%s has %s, which only the old leader ever had", server, name)
			}
		}
		s.end(t, reader)
	}
}

// logged tells whether the files of a server hold a text.
func logged(s *ensemble.Server, text string) error {
	found := errors.New("found")
	err := filepath.WalkDir(s.Data(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // files come and go
		}
		if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, []byte(text)) {
			return found
		}
		return nil
	})
	if errors.Is(err, found) {
		return nil
	}
	return fmt.Errorf("%q is in no file below %s", text, s.Data())
}

// allRestart kills everyone at once, and once more before anything is written in the new epoch.
func allRestart(t *testing.T, s *stage) {
	c := s.connect(t, s.leader)
	fill(t, c, s.root+"/before", 20)
	createAs(t, c, s.root+"/ephemeral", "", client.Ephemeral)
	session := c.Session()
	for range 2 {
		for _, server := range s.Servers {
			must(t, server.Kill)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	s.await(t)
	c = s.attach(t, s.learners()[0], session)
	if _, there := read(t, c, s.root+"/ephemeral"); !there {
		t.Error("the ephemeral is gone")
	}
	s.end(t, c)
}

// digests compares what servers remember of the digests of their trees, and looks whether one complained.
//
// An Apache server that was sent a snapshot, or loaded one that was written while it was sent one, may remember no
// digests, remember some of states that never were, and complain about those of an Apache leader. So only what comes
// after the beginning of the scene is compared, and only a Gamekeeper leader's digests have to please everybody.
func digests(t *testing.T, s *stage) {
	begin := s.leader.Status().Zxid
	c := s.connect(t, s.leader)
	fill(t, c, s.root+"/more", 300) // some of the zxids are remembered
	s.end(t, c)
	known := map[string]string{}
	for _, server := range s.Servers {
		mine, err := server.Digests()
		must(t, func() error { return err })
		later := 0
		for zxid, digest := range mine {
			if z, err := strconv.ParseInt(zxid, 16, 64); err != nil || z <= begin {
				continue
			}
			later++
			if other, ok := known[zxid]; ok && other != digest {
				t.Errorf("after %s, %s has the digest %s, and another has %s", zxid, server, digest, other)
			}
			known[zxid] = digest
		}
		if later == 0 && server.Kind == g {
			t.Errorf("%s remembers no digest", server)
		}
		if s.leader.Kind == a {
			continue
		}
		if said := complaint(server.Log()); said != "" {
			t.Errorf("%s: %s", server, said)
		}
	}
}
