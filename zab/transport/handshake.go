package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"gamekeeper/proto"
)

// initialMessage encodes how this server introduces itself.
func initialMessage(opt *MeshOptions) []byte {
	m := proto.InitialMessage{Version: proto.InitialMessageV1, Server: opt.Self}
	usable := usableAddresses(opt.Advertise)
	if len(usable) == 0 {
		// There has to be something. The peer drops wildcards, and uses what it was configured with.
		usable = append(slices.Clone(opt.Advertise), "0.0.0.0:0")[:1]
	}
	m.Addresses = usable[:1]
	if opt.MultiAddress {
		m.Version, m.Addresses = proto.InitialMessageV2, usable
	}
	b := proto.AppendInitialMessage(nil, &m)
	for len(b) > proto.InitialMessageMaxBytes && len(m.Addresses) > 1 {
		m.Addresses = m.Addresses[:len(m.Addresses)-1]
		b = proto.AppendInitialMessage(b[:0], &m)
	}
	return b
}

// usableAddresses returns those of addresses that can be dialled: no wildcards.
func usableAddresses(addresses []string) []string {
	var usable []string
	for _, a := range addresses {
		host, port, err := net.SplitHostPort(a)
		ip := net.ParseIP(host)
		if err == nil && host != "" && strings.Trim(port, "0") != "" && (ip == nil || !ip.IsUnspecified()) {
			usable = append(usable, a)
		}
	}
	return usable
}

// readInitialMessage reads an initial message and not a byte more.
func readInitialMessage(r io.Reader) (proto.InitialMessage, error) {
	var b [proto.InitialMessageMaxBytes]byte
	for n, need := 0, 8; ; {
		if _, err := io.ReadFull(r, b[n:need]); err != nil {
			return proto.InitialMessage{}, err
		}
		n = need
		d := proto.NewStreamDecoder(b[:n], len(b))
		m := d.InitialMessage()
		if err := d.Err(); !errors.Is(err, proto.ErrShort) {
			return m, err
		}
		need = d.Need()
	}
}

// greet takes on an accepted connection. It does not wait: whoever says nothing keeps nobody else waiting.
func (m *Mesh) greet(conn net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.handshakes) == handshakesMax {
		m.log.Warn("too many election connections that say nothing: the oldest is closed",
			"remote", m.handshakes[0].RemoteAddr())
		m.handshakes[0].Close()
		m.handshakes = slices.Delete(m.handshakes, 0, 1)
	}
	m.accepted++
	nth := m.accepted
	if !m.spawn(func() { m.meet(conn, nth) }) {
		conn.Close()
		return
	}
	m.handshakes = append(m.handshakes, conn)
}

// meet hears who has connected and does what the rule says: the larger server keeps the connection, a smaller one is
// called back. The connection was the nth to be accepted.
func (m *Mesh) meet(conn net.Conn, nth uint64) {
	tuneElection(conn, m.opt.KeepAlive)
	_ = conn.SetDeadline(time.Now().Add(m.opt.HandshakeTimeout))
	msg, err := readInitialMessage(conn)
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.Index(m.handshakes, conn); i >= 0 {
		m.handshakes = slices.Delete(m.handshakes, i, i+1)
	} else if err == nil {
		err = errors.New("it was closed")
	}
	if err == nil {
		err = m.join(conn, nth, &msg)
	}
	if err != nil {
		conn.Close()
		if !m.closed {
			m.log.Info("an election connection is refused", "remote", conn.RemoteAddr(), "error", err)
		}
	}
}

// join gives a connection to its peer, or has the peer called back. The caller holds m.mu.
func (m *Mesh) join(conn net.Conn, nth uint64, msg *proto.InitialMessage) error {
	id := msg.Server
	switch {
	case m.closed:
		return errMeshClosed
	case id == m.opt.Self:
		return fmt.Errorf("its server id is %d, as this server's: give every server another myid", id)
	case id == anonymous:
		m.nameless--
		id = m.nameless
	case id < 0:
		return fmt.Errorf("its server id is %d", id)
	}
	p := m.peers[id]
	if p == nil {
		if m.strays == straysMax {
			return fmt.Errorf("there are %d connections already of servers that are not in the configuration", straysMax)
		}
		m.strays++
		p = newPeer(m, id, nil)
		m.peers[id] = p
		m.log.Info("a server that is not in the configuration has connected", "peer", int64(id),
			"remote", conn.RemoteAddr())
	}
	p.heardFrom(msg)
	if msg.Server > m.opt.Self {
		if nth < p.accepted {
			return errReplaced // the one made later has introduced itself sooner
		}
		p.accepted = nth
		p.install(conn)
	} else {
		conn.Close()
		p.callBack()
	}
	if p.stray() && !p.kept {
		p.kept = m.spawn(p.keepLinked)
	}
	return nil
}
