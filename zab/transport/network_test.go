package transport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"gamekeeper/proto"
)

// secured has the connections of a network in TLS, as a caller does it with Dial and Wrap.
func secured(t *testing.T, dial func(ctx context.Context, address string) (net.Conn, error)) Network {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"ensemble"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	cfg := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		RootCAs:      pool, ServerName: "ensemble", MinVersion: tls.VersionTLS12,
	}
	return Network{
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			c, err := dial(ctx, address)
			if err != nil {
				return nil, err
			}
			secure := tls.Client(c, cfg)
			if err := secure.HandshakeContext(ctx); err != nil {
				c.Close()
				return nil, err
			}
			return secure, nil
		},
		Wrap: func(l net.Listener) net.Listener { return tls.NewListener(l, cfg) },
	}
}

func TestTLS(t *testing.T) {
	n := newNames()
	network := secured(t, func(ctx context.Context, a string) (net.Conn, error) { return n.dial(ctx, "", a) })
	change := func(o *MeshOptions) { o.Network = network }
	a := startMesh(t, n, 1, []proto.ServerID{2}, change)
	dialMesh(t, a, introduction(2)).wantEnd() // no TLS
	b := startMesh(t, n, 2, []proto.ServerID{1}, change)
	a.Send(2, vote(1))
	b.Send(1, vote(2))
	a.wantVote(t, 2)
	b.wantVote(t, 1)

	direct := secured(t, func(ctx context.Context, a string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", a)
	})
	withTLS := func(o *LinkOptions) { o.Network = direct }
	s := listenLinks(t, withTLS)
	idle, err := net.Dial("tcp", s.Addrs()[0].String()) // begins no handshake, and keeps nobody waiting
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	receive(t, s.accepted, "link").Start()
	// The dialler waits for the handshake, which the accepted link's reader does.
	started := make(chan *end)
	go func() {
		leader := s.end(<-s.accepted)
		leader.Start()
		started <- leader
	}()
	opt := s.options()
	withTLS(&opt)
	l, err := Dial(t.Context(), []string{s.Addrs()[0].String()}, opt, Retry{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(nil)
	if tcpOf(l.conn) == nil {
		t.Error("the TCP connection is not found below TLS")
	}
	l.Start()
	l.Send(proposal(1, 100_000))
	l.Flush()
	receive(t, started, "link").wantPackets(t, 1, 1, func(proto.Zxid) int { return 100_000 })
}
