package target

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Blocks of ports lie below the range that systems take for outgoing connections, or a client could be given the port
// of a server that is away for a moment.
const (
	portsFrom  = 10_240
	portsUntil = 32_512
	blockSize  = 128
)

// ports is a block of ports of 127.0.0.1 that belongs to one target. Listening on the first of them keeps other
// targets away, those of other programs too.
type ports struct {
	guard     net.Listener
	last, end int
}

func newPorts() (*ports, error) {
	const blocks = (portsUntil - portsFrom) / blockSize
	var err error
	for _, i := range rand.Perm(blocks) {
		first := portsFrom + i*blockSize
		var l net.Listener
		if l, err = listen(first); err == nil {
			return &ports{l, first, first + blockSize}, nil
		}
	}
	return nil, fmt.Errorf("no free block of ports: %w", err)
}

// next returns a port of the block that nobody listens on.
func (p *ports) next() (int, error) {
	for p.last++; p.last < p.end; p.last++ {
		if l, err := listen(p.last); err == nil {
			return p.last, l.Close()
		}
	}
	return 0, errors.New("no free port is left in the block")
}

func (p *ports) close() error { return p.guard.Close() }

func listen(port int) (net.Listener, error) { return net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)) }
