package control

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"gamekeeper/proto"
)

// Server serves a Handler on a socket.
type Server struct {
	path     string
	listener *net.UnixListener
	handler  Handler
	log      *slog.Logger
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	holds    holds

	mu     sync.Mutex
	conns  map[*net.UnixConn]struct{}
	closed bool
}

// connectionsMax bounds the commands that speak to the server at a time.
const connectionsMax = 64

// Listen serves h on a new socket at path, which Path makes. A socket that a dead server left is replaced;
// it is ErrRunning if one that lives listens there. A nil logger discards.
func Listen(path string, h Handler, logger *slog.Logger) (*Server, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	s := &Server{path: path, listener: l, handler: h, log: logger, conns: map[*net.UnixConn]struct{}{},
		holds: holds{handler: h, named: map[string]*hold{}}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.running.Go(s.accept)
	return s, nil
}

// Close removes the socket, ends what is being served, and waits for it.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.cancel()
	err := s.listener.Close()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	if rerr := os.Remove(s.path); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		err = errors.Join(err, fmt.Errorf("control socket: %w", rerr))
	}
	s.running.Wait()
	s.holds.close()
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of files, say
			s.log.Warn("accepting a connection on the control socket failed", "error", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-s.ctx.Done():
			}
			continue
		}
		if err := checkPeer(conn); err != nil {
			s.log.Warn("refused a connection on the control socket", "error", err)
			_ = conn.Close()
			continue
		}
		if s.add(conn) {
			s.running.Go(func() { s.serve(conn) })
		} else {
			_ = conn.Close()
		}
	}
}

func (s *Server) add(conn *net.UnixConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) == connectionsMax {
		return false
	}
	s.conns[conn] = struct{}{}
	return true
}

// session is one connection.
type session struct {
	s    *Server
	w    *bufio.Writer
	pins map[uint64]struct{} // checkpoints made and not released
}

func (s *Server) serve(conn *net.UnixConn) {
	ss := session{s: s, w: bufio.NewWriter(conn), pins: map[uint64]struct{}{}}
	defer func() {
		for id := range ss.pins {
			if err := s.handler.Release(id); err != nil {
				s.log.Error("releasing a checkpoint failed", "error", err)
			}
		}
		_ = conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	in := bufio.NewScanner(conn)
	in.Buffer(nil, requestBytesMax)
	for in.Scan() {
		if !ss.answer(in.Bytes()) {
			return
		}
	}
}

// answer does what a line asks for. It returns false if the connection is of no more use.
func (ss *session) answer(line []byte) bool {
	var q request
	var r reply
	err := json.Unmarshal(line, &q)
	if err != nil {
		err = fmt.Errorf("malformed request: %w", err)
	} else {
		r, err = ss.do(&q)
	}
	if errors.Is(err, errGone) {
		return false
	}
	if err != nil {
		r = reply{Error: err.Error()}
	}
	b, err := json.Marshal(r)
	if err != nil {
		ss.s.log.Error("encoding a reply on the control socket failed", "error", err)
		return false
	}
	_, _ = ss.w.Write(append(b, '\n'))
	return ss.w.Flush() == nil
}

// errGone says that the client cannot be written to.
var errGone = errors.New("the client is gone")

func (ss *session) do(q *request) (r reply, err error) {
	s := ss.s
	switch q.Op {
	case opCheckpoint:
		cp, err := s.handler.Checkpoint(s.ctx, q.Dir)
		if err == nil {
			ss.pins[cp.ID] = struct{}{}
		}
		return reply{Checkpoint: &cp}, err
	case opRelease:
		if _, ok := ss.pins[q.ID]; !ok {
			return r, nil
		}
		delete(ss.pins, q.ID)
		return r, s.handler.Release(q.ID)
	case opReadLog:
		return r, ss.readLog(q.After, q.Until)
	case opHoldLog:
		return r, s.holds.set(q.Name, q.After, q.For)
	case opStatus:
		st, err := s.handler.Status(s.ctx)
		return reply{Status: &st}, err
	}
	return r, fmt.Errorf("unknown request %q: use the program of the version that the server runs", q.Op)
}

// readLog writes the blocks.
func (ss *session) readLog(after, until proto.Zxid) error {
	block := make([]byte, 4, 4+blockBytes)
	flush := func() error {
		binary.BigEndian.PutUint32(block, uint32(len(block)-4))
		_, err := ss.w.Write(block)
		block = block[:4]
		if err != nil {
			return errGone
		}
		return nil
	}
	err := ss.s.handler.ReadLog(ss.s.ctx, after, until, func(z proto.Zxid, record []byte) error {
		if len(block) > 4 && len(block)-4+recordHeaderBytes+len(record) > blockBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		block = binary.BigEndian.AppendUint64(block, uint64(z))
		block = binary.BigEndian.AppendUint32(block, uint32(len(record)))
		block = append(block, record...)
		return nil
	})
	if errors.Is(err, errGone) {
		return err
	}
	if len(block) > 4 {
		if err := flush(); err != nil {
			return err
		}
	}
	if err2 := flush(); err2 != nil {
		return err2
	}
	return err
}
