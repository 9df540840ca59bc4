package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"gamekeeper/proto"
)

// client is one session with one request at a time: for what is not load, such as making directories,
// and for probing how a server answers. One goroutine uses it; another of the client's own sends heartbeats
// in between. If its dialer is to reconnect, it goes on when the connection is lost, and repeats the request.
type client struct {
	dialer  dialer
	servers []string // where it may go

	quit chan struct{} // closed to end the heartbeats
	done sync.WaitGroup

	in       []byte // the last reply to a call; overwritten by the next
	repeated bool   // the last call was repeated, so that its first try may have been done

	mu      sync.Mutex // of the connection, and of what follows
	server  string     // that it is connected to
	conn    net.Conn
	session session
	zxid    proto.Zxid // of the last reply
	xid     int32
	out     []byte
}

// newClient connects to the first of the servers. It goes to the others only when it has lost that one.
func newClient(ctx context.Context, d *dialer, servers ...string) (*client, error) {
	conn, granted, err := d.open(ctx, servers[0])
	if err != nil {
		return nil, err
	}
	c := &client{
		dialer: *d, servers: servers, server: servers[0], conn: conn, session: granted, quit: make(chan struct{}),
	}
	c.done.Go(func() { c.stayAlive(granted.timeout / 3) })
	return c, nil
}

// stayAlive sends heartbeats until the client closes, or one fails and it does not reconnect; the next call fails then,
// too.
func (c *client) stayAlive(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var in []byte // the user of the client may still be reading its own
	for {
		select {
		case <-c.quit:
			return
		case <-ticker.C:
		}
		c.mu.Lock()
		_, err := c.exchange(proto.XidPing, proto.OpPing, nil, &in)
		if err != nil && c.dialer.Reconnect {
			err = c.reconnect()
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// call sends a request, whose body appendBody appends, and waits for its reply. The error is of type
// proto.Code when the server answered with one. The next call overwrites the body.
func (c *client) call(op proto.Op, appendBody func([]byte) []byte) (proto.Decoder, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.repeated = false
	for {
		c.xid++
		d, err := c.exchange(c.xid, op, appendBody, &c.in)
		var lost *lostError
		if !errors.As(err, &lost) || !c.dialer.Reconnect || op == proto.OpCloseSession {
			return d, err
		}
		if c.reconnect() != nil {
			return d, err
		}
		c.repeated = true
	}
}

// reconnect goes round the servers, for as long as the dialer's patience, until one gives a connection: to the same
// session, or to a new one if that has expired. The caller holds mu.
func (c *client) reconnect() error {
	c.conn.Close()
	one := c.dialer
	one.Patience = min(one.Patience, revivalPatience)
	for began := time.Now(); ; {
		for _, server := range c.servers {
			conn, granted, err := one.reopen(context.Background(), server, &c.session, c.zxid)
			if errors.Is(err, errSessionExpired) {
				c.session = session{}
				conn, granted, err = one.reopen(context.Background(), server, &c.session, c.zxid)
			}
			if err == nil {
				c.conn, c.session, c.server = conn, granted, server
				return nil
			}
			if time.Since(began) > c.dialer.Patience {
				return err
			}
		}
		time.Sleep(revivalLast)
	}
}

// lostError says why there is no reply.
type lostError struct{ why error }

func (e *lostError) Error() string { return e.why.Error() }
func (e *lostError) Unwrap() error { return e.why }

// patience is how long the client waits for a reply: with a server to go to, no longer than the session may last.
func (c *client) patience() time.Duration {
	if c.dialer.Reconnect {
		return min(c.dialer.Patience, c.session.timeout*2/3)
	}
	return c.dialer.Patience
}

// exchange reads the reply to *in. The error is a *lostError if there is none. The caller holds mu.
func (c *client) exchange(xid int32, op proto.Op, appendBody func([]byte) []byte, in *[]byte) (proto.Decoder, error) {
	frame, at := proto.BeginFrame(c.out[:0])
	frame = proto.AppendRequestHeader(frame, xid, op)
	if appendBody != nil {
		frame = appendBody(frame)
	}
	c.out = proto.EndFrame(frame, at)
	patience := c.patience()
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return proto.Decoder{}, &lostError{err}
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return proto.Decoder{}, &lostError{fmt.Errorf("%s: cannot send %v: %w", c.server, op, err)}
	}
	var err error
	if *in, err = readFrame(c.conn, *in); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return proto.Decoder{}, &lostError{fmt.Errorf("%s: no reply to %v within %v", c.server, op, patience)}
		}
		return proto.Decoder{}, &lostError{fmt.Errorf("%s: no reply to %v: %w", c.server, op, err)}
	}
	d := proto.NewDecoder(*in)
	h := d.ReplyHeader()
	switch {
	case d.Err() != nil:
		return d, fmt.Errorf("%s: reply to %v: %w", c.server, op, d.Err())
	case h.Xid != xid:
		return d, fmt.Errorf("%s: reply to %v has xid %d, not %d", c.server, op, h.Xid, xid)
	}
	c.zxid = max(c.zxid, h.Zxid)
	if h.Err != proto.OK {
		return d, h.Err
	}
	return d, nil
}

// sync waits until the server has what the ensemble had committed before.
func (c *client) sync(path []byte) error {
	_, err := c.call(proto.OpSync, func(b []byte) []byte { return proto.AppendBuffer(b, path) })
	return err
}

// unless returns the error of the last call, but for a code that says that its first try was done.
func (c *client) unless(code proto.Code, err error) error {
	if c.repeated && errors.Is(err, code) {
		return nil
	}
	return err
}

// create makes a persistent znode, or an ephemeral one.
func (c *client) create(path, data []byte, mode proto.CreateMode) error {
	_, err := c.call(proto.OpCreate, func(b []byte) []byte {
		r := proto.CreateRequest{Path: path, Data: data, ACL: proto.OpenACL, Mode: mode}
		return proto.AppendCreateRequest(b, proto.OpCreate, &r)
	})
	return c.unless(proto.NodeExists, err)
}

// remove deletes a znode without children.
func (c *client) remove(path []byte) error {
	_, err := c.call(proto.OpDelete, func(b []byte) []byte {
		return proto.AppendPathVersion(b, proto.PathVersion{Path: path, Version: -1})
	})
	return c.unless(proto.NoNode, err)
}

// set replaces the value of a znode.
func (c *client) set(path, data []byte) error { return c.replace(path, data, -1) }

// replace replaces the value of a znode that has a version. If it has been done, it is not repeated.
func (c *client) replace(path, data []byte, version int32) error {
	_, err := c.call(proto.OpSetData, func(b []byte) []byte {
		return proto.AppendSetData(b, &proto.SetData{Path: path, Data: data, Version: version})
	})
	return c.unless(proto.BadVersion, err)
}

// children lists a znode. The next call overwrites the names.
func (c *client) children(path []byte) ([][]byte, error) {
	d, err := c.call(proto.OpGetChildren, func(b []byte) []byte {
		return proto.AppendPathWatch(b, proto.PathWatch{Path: path})
	})
	if err != nil {
		return nil, err
	}
	return d.Strings(), d.Err()
}

// numChildren counts the children of a znode.
func (c *client) numChildren(path []byte) (int, error) {
	d, err := c.call(proto.OpExists, func(b []byte) []byte {
		return proto.AppendPathWatch(b, proto.PathWatch{Path: path})
	})
	if err != nil {
		return 0, err
	}
	return int(d.Stat().NumChildren), d.Err()
}

// close ends the session and the connection.
func (c *client) close() {
	close(c.quit)
	c.done.Wait()
	_, _ = c.call(proto.OpCloseSession, nil) // the session would expire anyway
	c.conn.Close()
}
