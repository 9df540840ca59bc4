package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"gamekeeper/proto"
)

// replyBytesMax bounds a frame that a server may send. Listing a directory of a million children takes
// some tens of megabytes.
const replyBytesMax = 256 << 20

// dialer opens sessions.
type dialer struct {
	SessionTimeout time.Duration // asked for; the server may give another
	Patience       time.Duration // for connecting and for the answer to the handshake
	Source         net.IP        // local address; nil lets the system choose
	Reconnect      bool          // a client goes on when its connection is lost
}

// connectionsPerSource is how many connections of a run come from one address. It is below the limit that servers
// have unless it is set (maxClientCnxns=60), and far below the number of ports that an address has, as a port is not free
// again for a minute after it was used.
const connectionsPerSource = 50

// sourceAddress returns the address that connection i comes from, when so many come from each, and from the first address
// again after the last: nil, for the system to choose, unless the server is on an IPv4 loopback address.
func sourceAddress(server string, i, perSource int) net.IP {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return nil
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || ip.To4() == nil || !ip.IsLoopback()) {
		return nil
	}
	return net.IPv4(127, 0, 0, byte(2+i/perSource%loopbackSources))
}

// from returns the dialer for connection number i: to a server on this machine, connections come from several loopback
// addresses when there are many. Other systems than Linux have only one.
func (d dialer) from(server string, i int) *dialer {
	if i >= connectionsPerSource && runtime.GOOS == "linux" {
		d.Source = sourceAddress(server, i, connectionsPerSource)
	}
	return &d
}

// session is what a server granted.
type session struct {
	id       proto.SessionID
	password []byte
	timeout  time.Duration
}

// errSessionExpired is the answer to a client that asks for a session which the server does not know.
var errSessionExpired = errors.New("the session has expired")

// open connects to server and opens a session. The caller closes the connection, which has no deadline.
func (d *dialer) open(ctx context.Context, server string) (net.Conn, session, error) {
	return d.reopen(ctx, server, &session{}, 0)
}

// reopen is open for a session that there is already, unless it is the zero session, and for a client that has seen
// zxid. The error wraps errSessionExpired when the server does not know the session.
func (d *dialer) reopen(ctx context.Context, server string, old *session, zxid proto.Zxid) (net.Conn, session, error) {
	nd := net.Dialer{Timeout: d.Patience, KeepAlive: -1}
	if d.Source != nil {
		nd.LocalAddr = &net.TCPAddr{IP: d.Source}
	}
	conn, err := nd.DialContext(ctx, "tcp", server)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, session{}, dialError(server, err)
	}
	s, err := d.handshake(conn, old, zxid)
	if err != nil {
		conn.Close()
		return nil, session{}, fmt.Errorf("%s: %w", server, err)
	}
	return conn, s, nil
}

// dialError says what to do about the usual reasons.
func dialError(server string, err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nothing listens on %s: start a server, name one with --target, or let --target gamekeeper start one", server)
	}
	if dns := new(net.DNSError); errors.As(err, &dns) && dns.IsNotFound {
		return fmt.Errorf("there is no host called %s: --target takes host:port, or gamekeeper or apache to start a server", dns.Name)
	}
	return fmt.Errorf("cannot connect to %s: %w", server, err)
}

// appendConnect appends the frame that asks for a session, or for s again if it has an id: the form of 45 bytes with
// the read-only byte.
func appendConnect(b []byte, s *session, timeout time.Duration, zxid proto.Zxid) []byte {
	password := s.password
	if s.id == 0 {
		password = make([]byte, proto.PasswordBytes)
	}
	b, at := proto.BeginFrame(b)
	b = proto.AppendConnectRequest(b, &proto.ConnectRequest{
		LastZxidSeen: zxid,
		Timeout:      int32(timeout.Milliseconds()),
		Session:      s.id,
		Password:     password,
		HasReadOnly:  true,
	})
	return proto.EndFrame(b, at)
}

// handshake exchanges the connect records.
func (d *dialer) handshake(conn net.Conn, old *session, zxid proto.Zxid) (session, error) {
	if err := conn.SetDeadline(time.Now().Add(d.Patience)); err != nil {
		return session{}, err
	}
	if _, err := conn.Write(appendConnect(nil, old, d.SessionTimeout, zxid)); err != nil {
		return session{}, fmt.Errorf("cannot ask for a session: %w", err)
	}
	body, err := readFrame(conn, nil)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return session{}, errors.New("the server closed the connection instead of opening a session (its log says why; often there are " +
			"more connections from one address than its maxClientCnxns, 60 unless set, allows: raise that, or lower --connections)")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return session{}, fmt.Errorf("no session within %v: is it a ZooKeeper server, and does it have a quorum?", d.Patience)
	case err != nil:
		return session{}, fmt.Errorf("no answer to the handshake: %w", err)
	}
	dec := proto.NewDecoder(body)
	r := dec.ConnectResponse()
	if dec.Err() != nil {
		return session{}, fmt.Errorf("answer to the handshake: %w", dec.Err())
	}
	if r.Timeout <= 0 && old.id != 0 {
		return session{}, errSessionExpired
	}
	if r.Timeout <= 0 {
		return session{}, errRefused
	}
	s := session{id: r.Session, password: slices.Clone(r.Password), timeout: time.Duration(r.Timeout) * time.Millisecond}
	return s, conn.SetDeadline(time.Time{})
}

// readFrame reads one frame and returns its content in buf, or in a larger slice.
func readFrame(r io.Reader, buf []byte) ([]byte, error) {
	buf = append(buf[:0], 0, 0, 0, 0)
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(buf)
	if n > replyBytesMax {
		return nil, fmt.Errorf("a frame of %d bytes: this is not the ZooKeeper protocol", n)
	}
	if int(n) > cap(buf) {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	_, err := io.ReadFull(r, buf)
	return buf, err
}
