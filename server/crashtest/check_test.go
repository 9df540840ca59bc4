package crashtest

import (
	"errors"
	"fmt"
	"slices"

	"gamekeeper/proto"
	"gamekeeper/server/servertest"
)

// check compares what a restarted server shows with the model, takes the session up again, and settles what
// was open: requests that were not answered happened or did not.
func (w *worker) check(addr string, observer *servertest.Client) error {
	got := newWorld()
	if w.client != nil {
		if err := w.reattach(addr, got); err != nil {
			return err
		}
	}
	if err := w.observe(observer, "/"+w.name, got); err != nil {
		return err
	}
	at := w.state.clone()
	why := at.differs(got, w.newest)
	happened := 0
	for why != "" && happened < len(w.flight) {
		at.apply(w.flight[happened], 0)
		happened++
		if more := at.differs(got, w.newest); more == "" {
			why = ""
		}
	}
	if why != "" {
		return fmt.Errorf("%s: the state fits none of the %d that are possible; with what was answered alone: %s",
			w.name, len(w.flight)+1, why)
	}
	w.load.open.Add(int64(len(w.flight)))
	w.load.happened.Add(int64(happened))
	w.flight = nil
	w.state, w.ahead = got, got.clone()
	return nil
}

// reattach finds out whether the session is alive.
func (w *worker) reattach(addr string, got *world) error {
	old := w.client
	c, err := servertest.Reattach(addr, old)
	switch {
	case errors.Is(err, servertest.ErrTurnedAway):
		return nil
	case err != nil:
		// Seen from here a later zxid than the server's looks like this too.
		return fmt.Errorf("%s: re-attach session %s, last zxid seen %s: %w", w.name, old.Session, old.Last, err)
	case c.Session != old.Session || string(c.Password) != string(old.Password):
		return fmt.Errorf("%s: re-attached session %s and got %s", w.name, old.Session, c.Session)
	}
	w.client, got.alive = c, true
	return nil
}

// observe reads the tree below path into got.
func (w *worker) observe(c *servertest.Client, path string, got *world) error {
	f, _, err := c.Call(proto.OpGetData, servertest.Watch(path, false))
	switch {
	case err != nil:
		return err
	case f.Err == proto.NoNode && path == "/"+w.name:
		return nil
	case f.Err != proto.OK:
		return fmt.Errorf("read %s: %w", path, f.Err)
	}
	d := f.Decoder()
	n := node{data: string(d.Buffer())}
	st := d.Stat()
	n.version, n.czxid, n.mzxid = st.Version, st.Czxid, st.Mzxid
	n.creates = (st.Cversion + st.NumChildren) / 2
	if st.EphemeralOwner != 0 {
		n.ephemeral = true
		if st.EphemeralOwner != w.client.Session || !got.alive {
			return fmt.Errorf("%s belongs to session %s; %s is %s, alive: %v",
				path, st.EphemeralOwner, w.name, w.client.Session, got.alive)
		}
	}
	got.nodes[path] = n
	f, err = c.Do(proto.OpGetChildren, servertest.Watch(path, false))
	if err != nil {
		return err
	}
	for _, name := range servertest.Children(f.Decoder()) {
		if err := w.observe(c, path+"/"+name, got); err != nil {
			return err
		}
	}
	return nil
}

// checkRoot looks for what nobody made.
func checkRoot(c *servertest.Client, workers []*worker) error {
	f, err := c.Do(proto.OpGetChildren, servertest.Watch("/", false))
	if err != nil {
		return err
	}
	expected := []string{"zookeeper", sharedPath[1:]}
	for _, w := range workers {
		expected = append(expected, w.name)
	}
	for _, name := range servertest.Children(f.Decoder()) {
		if !slices.Contains(expected, name) {
			return fmt.Errorf("/%s: nobody made it", name)
		}
	}
	return nil
}
