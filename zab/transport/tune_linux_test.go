package transport

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"gamekeeper/proto"
)

// liveConn waits for a link that was not replaced just now.
func (m *testMesh) liveConn(peer proto.ServerID) net.Conn {
	p := m.peers[peer]
	for {
		p.mu.Lock()
		l := p.link
		p.mu.Unlock()
		if l != nil {
			return l.conn
		}
		<-m.events
	}
}

// TestElectionConnectionsNoticeDeadPeers looks at what the kernel was told, on both ends.
func TestElectionConnectionsNoticeDeadPeers(t *testing.T) {
	n := newNames()
	a := startMesh(t, n, 1, []proto.ServerID{2}, func(o *MeshOptions) { o.KeepAlive = false })
	b := startMesh(t, n, 2, []proto.ServerID{1}, nil)
	a.wantLinked(t, 2, true)
	b.wantLinked(t, 1, true)
	for _, tt := range []struct {
		m    *testMesh
		peer proto.ServerID
		idle int
	}{{a, 2, 15}, {b, 1, 3}} {
		conn := tt.m.liveConn(tt.peer)
		for name, option := range map[string]struct{ level, name, want int }{
			"keepalive":         {unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			"idle time":         {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, tt.idle},
			"user timeout (ms)": {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 8000},
			"no delay":          {unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		} {
			raw, err := conn.(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			var got int
			if e := raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), option.level, option.name) }); e != nil || err != nil {
				t.Fatal(e, err)
			}
			if got != option.want {
				t.Errorf("link to %d: %s is %d, want %d", tt.peer, name, got, option.want)
			}
		}
	}
}
