package mixed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gamekeeper/compat/client"
	"gamekeeper/compat/ensemble"
)

const (
	patience = 60 * time.Second // no wait here is longer
	timeout  = 60 * time.Second // of sessions that are to live
)

func TestMain(m *testing.M) {
	if _, err := ensemble.Sandbox(); err != nil {
		fmt.Println("servers may outlive a killed test here:", err)
	}
	os.Exit(m.Run())
}

const (
	a = ensemble.Apache
	g = ensemble.Gamekeeper
)

// cast says which server has which part.
type cast struct {
	name      string
	target    string // of the runner, with which it is played
	kinds     []ensemble.Kind
	observers []int
	first     []int // the quorum that starts first; the largest number of it leads
	masters   bool  // observers learn from the follower
	snap      bool  // leaders do not read their logs for a learner: one that was long away gets a SNAP
}

var casts = []cast{
	{name: "Apache alone", target: "apache", kinds: []ensemble.Kind{a, a, a}, first: []int{2, 3}},
	{name: "Gamekeeper alone", target: "gamekeeper", kinds: []ensemble.Kind{g, g, g}, first: []int{2, 3}},
	{name: "Gamekeeper follows Apache", target: "gamekeeper", kinds: []ensemble.Kind{g, a, a}, first: []int{2, 3}},
	{name: "Gamekeeper leads Apache", target: "gamekeeper", kinds: []ensemble.Kind{a, a, g}, first: []int{2, 3}, snap: true},
	{name: "Gamekeeper inherits from Apache", target: "gamekeeper", kinds: []ensemble.Kind{a, g, a}, first: []int{2, 3}, snap: true},
	{name: "Apache inherits from Gamekeeper", target: "gamekeeper", kinds: []ensemble.Kind{g, a, g}, first: []int{2, 3}},
	{name: "Gamekeeper observes Apache", target: "gamekeeper", kinds: []ensemble.Kind{a, a, g}, observers: []int{3}, first: []int{1, 2}},
	{name: "Apache observes Gamekeeper", target: "gamekeeper", kinds: []ensemble.Kind{g, g, a}, observers: []int{3}, first: []int{1, 2}, snap: true},
	{name: "Apache observes its follower", target: "apache", kinds: []ensemble.Kind{a, a, a}, observers: []int{3}, first: []int{1, 2}, masters: true},
	{name: "Gamekeeper observes a follower of Apache", target: "gamekeeper", kinds: []ensemble.Kind{a, a, g}, observers: []int{3}, first: []int{1, 2}, masters: true},
	{name: "Gamekeeper stands between two Apache", target: "gamekeeper", kinds: []ensemble.Kind{g, a, a}, observers: []int{3}, first: []int{1, 2}, masters: true, snap: true},
	{name: "Apache stands between two Gamekeeper", target: "gamekeeper", kinds: []ensemble.Kind{a, g, g}, observers: []int{3}, first: []int{1, 2}, masters: true},
}

// scenes are played in this order on one ensemble, which each of them leaves whole.
var scenes = []struct {
	name string
	play func(t *testing.T, s *stage)
}{
	{"visible", visible},
	{"requests", requests},
	{"sessions move", sessionsMove},
	{"sessions expire", sessionsExpire},
	{"watches", watches},
	{"watches move", watchesMove},
	{"follower returns", followerReturns},
	{"follower was long away", followerLongAway},
	{"follower is empty", followerEmpty},
	{"leader is killed", leaderKilled},
	{"leader is ahead", leaderAhead},
	{"all restart", allRestart},
	{"digests", digests},
}

func TestMixed(t *testing.T) {
	for _, c := range casts {
		t.Run(c.name, func(t *testing.T) {
			if target := os.Getenv("COMPAT_TARGET"); target != "" && target != c.target {
				t.Skipf("is for %s", c.target)
			}
			s := raise(t, c)
			for _, scene := range scenes {
				t.Run(scene.name, func(t *testing.T) {
					s.in(t)
					scene.play(t, s)
					s.same(t)
				})
				if t.Failed() {
					t.Fatal(s.Logs(25)) // later scenes would only fail for the same reason
				}
			}
		})
	}
}

// stage is an ensemble with its cast.
type stage struct {
	*ensemble.Ensemble
	cast cast
	// leaders are those who led when a scene began, newest last.
	leader *ensemble.Server
	root   string // of the scene's znodes
	scene  int
}

// raise starts the ensemble of a cast.
func raise(t *testing.T, c cast) *stage {
	t.Helper()
	compat := os.Getenv("COMPAT")
	if compat == "" {
		compat = "."
	}
	lines := []string{"tickTime=500", "initLimit=8", "syncLimit=6", "maxSessionTimeout=60000", "maxClientCnxns=0",
		"extendedTypesEnabled=true", "preAllocSize=1024", "znode.container.checkIntervalMs=300"}
	if c.snap {
		// A Gamekeeper leader sends the snapshot that it has on disk: it must have one.
		lines = append(lines, "snapshotSizeFactor=-1", "snapCount=200", "snapMinIntervalMs=0")
	}
	e, err := ensemble.New(ensemble.Options{Dir: t.TempDir(), Compat: compat, Kinds: c.kinds, Observers: c.observers, Masters: c.masters, Lines: lines})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := e.StartFirst(ctx, c.first...); err != nil {
		t.Fatal(err)
	}
	s := &stage{Ensemble: e, cast: c}
	if want := c.first[len(c.first)-1]; e.Leader() == nil || e.Leader().ID != want {
		t.Fatalf("server %d is to lead: %s", want, e)
	}
	return s
}

// in begins a scene: it finds out who leads and makes a znode for it.
func (s *stage) in(t *testing.T) {
	t.Helper()
	s.await(t)
	s.scene++
	s.root = fmt.Sprintf("/scene-%d", s.scene)
	c := s.connect(t, s.leader)
	create(t, c, s.root, "")
	s.end(t, c)
}

// await waits until all serve.
func (s *stage) await(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	s.leader = s.Leader()
	if s.leader == nil {
		t.Fatalf("nobody leads: %s", s)
	}
}

// elect waits until one of those that run leads.
func (s *stage) elect(t *testing.T) *ensemble.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	leader, err := s.AwaitLeader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return leader
}

// teacher returns the server from which another learns.
func (s *stage) teacher(of *ensemble.Server) *ensemble.Server {
	if s.cast.masters && of.Observer {
		return s.follower()
	}
	return s.leader
}

// follower returns a voter that does not lead.
func (s *stage) follower() *ensemble.Server {
	i := slices.IndexFunc(s.Voters(), func(server *ensemble.Server) bool { return server != s.leader })
	return s.Voters()[i]
}

// learners returns all but the leader.
func (s *stage) learners() (l []*ensemble.Server) {
	for _, server := range s.Servers {
		if server != s.leader {
			l = append(l, server)
		}
	}
	return l
}

// spare returns the servers without which the others are a quorum.
func (s *stage) spare() (l []*ensemble.Server) {
	for _, server := range s.learners() {
		if server.Observer || len(s.Voters()) > 2 {
			l = append(l, server)
		}
	}
	return l
}

// connect opens a session with a server.
func (s *stage) connect(t *testing.T, server *ensemble.Server) *client.Conn {
	t.Helper()
	return s.attach(t, server, client.Session{Timeout: timeout})
}

// attach takes a session to a server, which may need a moment to serve.
func (s *stage) attach(t *testing.T, server *ensemble.Server, session client.Session) (c *client.Conn) {
	t.Helper()
	eventually(t, "a connection to "+server.String(), func() (err error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		c, err = client.Dial(ctx, server.Addr, session)
		if errors.Is(err, client.ErrExpired) {
			t.Fatalf("%s: session %#x has expired", server, session.ID)
		}
		return err
	})
	t.Cleanup(c.Drop)
	return c
}

func (s *stage) end(t *testing.T, c *client.Conn) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatalf("close session: %v", err)
	}
}

// same checks that all servers have the same tree.
func (s *stage) same(t *testing.T) {
	t.Helper()
	s.await(t)
	writer := s.connect(t, s.leader)
	set(t, writer, s.root, "same") // after which all tell the same zxid
	s.end(t, writer)
	conns := make([]*client.Conn, len(s.Servers))
	for i, server := range s.Servers {
		conns[i] = s.connect(t, server)
	}
	var trees []map[string]client.Node
	eventually(t, "all at rest with one zxid", func() error {
		trees = nil
		before, err := s.zxid()
		if err != nil {
			return err
		}
		for i, c := range conns {
			if err := c.Sync("/"); err != nil {
				return fmt.Errorf("sync with %s: %w", s.Servers[i], err)
			}
			tree, err := c.Tree("/")
			if err != nil {
				return err
			}
			delete(tree, "/zookeeper/config") // has the time at which each server started
			trees = append(trees, tree)
		}
		if after, err := s.zxid(); err != nil || after != before {
			return fmt.Errorf("not at rest: %v %s", err, s)
		}
		return nil
	})
	for i := range trees[1:] {
		if d := client.Difference(trees[0], trees[i+1]); d != "" {
			t.Errorf("%s and %s differ:\n%s", s.Servers[0], s.Servers[i+1], d)
		}
	}
	for _, c := range conns {
		s.end(t, c)
	}
}

// zxid is the one that all servers tell.
func (s *stage) zxid() (int64, error) {
	zxid := s.Servers[0].Status().Zxid
	for _, server := range s.Servers {
		if server.Status().Zxid != zxid {
			return 0, errors.New("zxids differ")
		}
	}
	return zxid, nil
}

// eventually retries until there is no error.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s: %v", patience, what, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func create(t *testing.T, c *client.Conn, path, data string) client.Stat {
	t.Helper()
	return createAs(t, c, path, data, client.Persistent)
}

func createAs(t *testing.T, c *client.Conn, path, data string, flags int32) client.Stat {
	t.Helper()
	_, stat, err := c.Create(path, []byte(data), flags)
	if err != nil {
		t.Fatalf("create %s at %s: %v", path, c.Addr(), err)
	}
	return stat
}

func set(t *testing.T, c *client.Conn, path, data string) client.Stat {
	t.Helper()
	stat, err := c.Set(path, []byte(data), -1)
	if err != nil {
		t.Fatalf("set %s at %s: %v", path, c.Addr(), err)
	}
	return stat
}

// read reads after a sync.
func read(t *testing.T, c *client.Conn, path string) (string, bool) {
	t.Helper()
	if err := c.Sync(path); err != nil {
		t.Fatalf("sync at %s: %v", c.Addr(), err)
	}
	data, _, err := c.Get(path, false)
	if errors.Is(err, client.CodeNoNode) {
		return "", false
	}
	if err != nil {
		t.Fatalf("get %s at %s: %v", path, c.Addr(), err)
	}
	return string(data), true
}

// fill writes n znodes, pipelined, and waits for all.
func fill(t *testing.T, c *client.Conn, under string, n int) {
	t.Helper()
	create(t, c, under, "")
	calls := make([]*client.Call, n)
	for i := range calls {
		calls[i] = c.Start(client.OpCreate2, client.CreateBody(fmt.Sprintf("%s/%d", under, i), []byte(strings.Repeat("x", 100)), client.Persistent))
	}
	for _, call := range calls {
		if _, err := call.Wait(); err != nil {
			t.Fatalf("create below %s: %v", under, err)
		}
	}
}
