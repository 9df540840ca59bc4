package netpoll

import (
	"io"
	"net"
	"sync"
	"testing"
)

// BenchmarkEcho sends 64 small frames at a time on each of 64 connections and waits for the echo.
func BenchmarkEcho(b *testing.B) {
	const conns, frames = 64, 64
	s := start(b, Options{Loops: 2}, &echo{established: true})
	var batch []byte
	for range frames {
		batch = appendFrame(batch, make([]byte, 60))
	}
	ncs := make([]net.Conn, conns)
	for i := range ncs {
		ncs[i] = dial(b, s)
	}
	buf := make([][]byte, conns)
	for i := range buf {
		buf[i] = make([]byte, len(batch))
	}
	b.ReportAllocs()
	b.SetBytes(conns * int64(len(batch)))
	var group sync.WaitGroup
	start := make([]chan struct{}, conns)
	done := make(chan error, conns)
	for i, nc := range ncs {
		start[i] = make(chan struct{}, 1)
		group.Go(func() {
			for range start[i] {
				_, err := nc.Write(batch)
				if err == nil {
					_, err = io.ReadFull(nc, buf[i])
				}
				done <- err
			}
		})
	}
	for b.Loop() {
		for i := range start {
			start[i] <- struct{}{}
		}
		for range start {
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		}
	}
	for i := range start {
		close(start[i])
	}
	group.Wait()
}

// BenchmarkPush sends a small frame to each of 64 connections from another goroutine, with one flush, as
// the core does.
func BenchmarkPush(b *testing.B) {
	const conns = 64
	e := &echo{}
	s := start(b, Options{Loops: 2}, e)
	frame := appendFrame(nil, make([]byte, 60))
	ncs, cs := make([]net.Conn, conns), make([]*Conn, conns)
	for i := range ncs {
		ncs[i], cs[i] = dial(b, s), e.conn(b, i)
	}
	buf := make([]byte, len(frame))
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range cs {
			c.End(append(c.Begin(), frame...))
		}
		s.Flush()
		for _, nc := range ncs {
			if _, err := io.ReadFull(nc, buf); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkConnect(b *testing.B) {
	e := &echo{}
	s := start(b, Options{}, e)
	b.ReportAllocs()
	for b.Loop() {
		nc, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		write(b, nc, frameOf("x"))
		expect(b, nc, frameOf("x"))
		nc.Close()
	}
}
