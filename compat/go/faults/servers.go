package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gamekeeper/compat/client"
	"gamekeeper/compat/ensemble"
)

// view is all that one server tells when nothing changes.
type view struct {
	server  *ensemble.Server
	tree    map[string]client.Node
	digests map[string]string
}

// withSession does something with a session at some server that serves, again if the connection is lost.
func (h *harness) withSession(ctx context.Context, do func(*client.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, resting)
	defer cancel()
	var err error
	for ctx.Err() == nil {
		for _, s := range h.ensemble.Servers {
			var c *client.Conn
			if c, err = connect(ctx, s); err != nil {
				continue
			}
			if err = do(c); err == nil {
				return c.Close()
			}
			c.Drop()
		}
		pace(ctx, 50*time.Millisecond)
	}
	return err
}

func connect(ctx context.Context, s *ensemble.Server) (*client.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return client.Dial(ctx, s.Addr, client.Session{Timeout: 5 * time.Second})
}

// errMoving says that the ensemble is not at rest yet.
var errMoving = errors.New("not at rest")

// inspect reads the tree of every server, once the workers know what has become of their sessions, those that are over
// have gone from all servers, and nothing changes any more. A server may still be on its way back: one that was
// paused says that it serves until it looks around.
func (h *harness) inspect(ctx context.Context, r *round) ([]*view, error) {
	ctx, cancel := context.WithTimeout(ctx, resting)
	defer cancel()
	for {
		for _, w := range r.workers {
			if err := w.settle(ctx); err != nil {
				return nil, err
			}
		}
		views, err := h.look(ctx)
		for _, w := range r.workers {
			if err == nil && w.record() != nil && w.record().fate == living && !w.attached() {
				err = fmt.Errorf("client %d has lost its connection: %w", w.id, errMoving)
			}
		}
		if err == nil {
			paths := r.overdue(views)
			if len(paths) == 0 {
				return views, nil
			}
			err = fmt.Errorf("there are ephemerals of sessions that are over: %s", strings.Join(paths, " "))
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %s", err, h.ensemble)
		}
		pace(ctx, 50*time.Millisecond)
	}
}

// look reads the trees of all servers; an error if they change meanwhile.
func (h *harness) look(ctx context.Context) ([]*view, error) {
	var views []*view
	var conns []*client.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for _, s := range h.ensemble.Servers {
		c, err := connect(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
		conns = append(conns, c)
		views = append(views, &view{server: s})
	}
	// A new leader and those behind it tell the same zxid after the first write only.
	if _, err := conns[0].Set(root, nil, -1); err != nil {
		return nil, fmt.Errorf("%s: %w", views[0].server, err)
	}
	before, err := settled(views, conns)
	if err != nil {
		return nil, err
	}
	for i, v := range views {
		if v.tree, err = conns[i].Tree("/"); err != nil {
			return nil, fmt.Errorf("%s: %w", v.server, err)
		}
		delete(v.tree, "/zookeeper/config") // has the time at which each server started
		if v.digests, err = v.server.Digests(); err != nil {
			return nil, err
		}
	}
	after, err := settled(views, conns)
	if err == nil && before != after {
		err = fmt.Errorf("from zxid %#x to %#x: %w", before, after, errMoving)
	}
	return views, err
}

// settled returns the zxid that all servers have come to.
func settled(views []*view, conns []*client.Conn) (int64, error) {
	var zxid int64
	for i, v := range views {
		if err := conns[i].Sync("/"); err != nil {
			return 0, fmt.Errorf("sync with %s: %w", v.server, err)
		}
		st := v.server.Status()
		if i > 0 && st.Zxid != zxid {
			return 0, fmt.Errorf("%s is at zxid %#x, another server at %#x: %w", v.server, st.Zxid, zxid, errMoving)
		}
		zxid = st.Zxid
	}
	return zxid, nil
}

// compare holds the trees of all servers against that of the first, and the digests of Gamekeeper's servers against
// each other. Apache's servers come to different digests of equal trees when they synchronise under load.
func (h *harness) compare(views []*view) error {
	for _, v := range views[1:] {
		if d := client.Difference(views[0].tree, v.tree); d != "" {
			return fmt.Errorf("%s and %s have different trees:\n%s", views[0].server, v.server, d)
		}
		if v.server.Kind != ensemble.Gamekeeper || views[0].server.Kind != ensemble.Gamekeeper {
			continue
		}
		for zxid, digest := range v.digests {
			if other, ok := views[0].digests[zxid]; ok && other != digest {
				return fmt.Errorf("after %s, %s has the digest %s and %s has %s", zxid, views[0].server, other, v.server, digest)
			}
		}
	}
	return nil
}

// mismatches counts the servers that have found a digest wrong since they were made. Apache's do that now and then,
// also among themselves, and have the right tree all the same: so it is worth a note, and compare decides.
func (h *harness) mismatches() (n int) {
	for _, s := range h.ensemble.Servers {
		if strings.Contains(s.Log(), "Digests are not matching") {
			n++
		}
	}
	return n
}

// overdue returns the ephemerals in any tree whose sessions are over.
func (r *round) overdue(views []*view) []string {
	alive := map[int64]bool{}
	for _, w := range r.workers {
		for _, s := range w.sessions {
			alive[s.id] = s.fate == living
		}
	}
	var paths []string
	for _, v := range views {
		for path, node := range v.tree {
			if owner := node.Stat.Owner; owner != 0 && !alive[owner] {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// checkTree checks the final tree of the ensemble against what the clients know.
func checkTree(r *round, tree map[string]client.Node) error {
	var errs []error
	for _, w := range r.workers {
		for _, s := range w.sessions {
			for path, state := range s.ephemerals {
				_, there := tree[path]
				if s.fate == living && state == present && !there {
					errs = append(errs, fmt.Errorf("the ephemeral %s of session %#x, which lives, is gone", path, s.id))
				}
				if there && (s.fate != living || state == absent) {
					errs = append(errs, fmt.Errorf("the ephemeral %s of session %#x (%s) is there and should be %s", path, s.id, s.fate, state))
				}
			}
		}
		for _, ops := range w.appended {
			errs = append(errs, checkAppended(ops, tree))
		}
	}
	return errors.Join(errs...)
}

// checkAppended checks the creates of one connection: those that were acknowledged are there, and all happened in the
// order in which they were sent, none of them without those before it.
func checkAppended(ops []*operation, tree map[string]client.Node) error {
	var missing *operation
	var last int64
	for _, o := range ops {
		node, there := tree[o.path]
		switch {
		case !there && o.result == succeeded:
			return fmt.Errorf("an acknowledged write is lost:\n%v", o)
		case there && o.result == unsent:
			return fmt.Errorf("a request that was never sent has been executed:\n%v", o)
		case !there:
			missing = o
			continue
		case missing != nil:
			return fmt.Errorf("of two writes on one connection the second has happened and the first has not:\n%v\n%v", missing, o)
		case node.Stat.Czxid <= last:
			return fmt.Errorf("writes of one connection are in another order:\n%v", o)
		case o.result == succeeded && o.zxid != node.Stat.Czxid:
			return fmt.Errorf("the tree has %#x for\n%v", node.Stat.Czxid, o)
		}
		last = node.Stat.Czxid
	}
	return nil
}

// watcher looks all the time who leads, and in which epoch: who says so and goes on to another zxid of the same epoch
// meanwhile. A new leader may tell the last zxid of an earlier epoch until the first write.
type watcher struct {
	mu      sync.Mutex
	leaders map[int32][]int
}

// watch asks the servers until the context ends; each has its own goroutine, as one that is paused does not answer.
func (w *watcher) watch(ctx context.Context, servers []*ensemble.Server) *sync.WaitGroup {
	var wg sync.WaitGroup
	for _, s := range servers {
		wg.Go(func() {
			var before ensemble.Status
			for ctx.Err() == nil {
				st := s.Status()
				if st.Mode == ensemble.Leading && before.Mode == ensemble.Leading && st.Epoch() == before.Epoch() && st.Zxid > before.Zxid {
					w.saw(st.Epoch(), s.ID)
				}
				before = st
				pace(ctx, 50*time.Millisecond)
			}
		})
	}
	return &wg
}

func (w *watcher) saw(epoch int32, id int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.leaders[epoch], id) {
		w.leaders[epoch] = append(w.leaders[epoch], id)
	}
}

// epochs is how many epochs a leader has been seen in.
func (w *watcher) epochs() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.leaders)
}

func (w *watcher) check() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for epoch, ids := range w.leaders {
		if len(ids) > 1 {
			return fmt.Errorf("servers %v have led in the same epoch %d", ids, epoch)
		}
	}
	return nil
}
