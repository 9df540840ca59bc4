package control

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"time"

	"gamekeeper/proto"
)

// Client speaks to a running server. Calls wait for each other. After a call that failed because of the
// connection or its context, every further call fails.
type Client struct {
	path string
	conn *net.UnixConn

	mu     sync.Mutex
	r      *bufio.Reader
	broken error
}

var _ Handler = (*Client)(nil)

// Dial connects to the server with this data directory. It is ErrNotRunning if there is none.
func Dial(ctx context.Context, dataDir string) (*Client, error) {
	path := Path(dataDir)
	conn, err := dial(ctx, path)
	if err != nil {
		return nil, err
	}
	return &Client{path: path, conn: conn, r: bufio.NewReader(conn)}, nil
}

// Close ends the connection, and with it what was not released.
func (c *Client) Close() error { return c.conn.Close() }

// Checkpoint implements Handler.
func (c *Client) Checkpoint(ctx context.Context, dir string) (Checkpoint, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	r, err := c.call(ctx, request{Op: opCheckpoint, Dir: dir}, nil)
	if err != nil {
		return Checkpoint{}, err
	}
	if r.Checkpoint == nil {
		return Checkpoint{}, c.malformed("no checkpoint")
	}
	return *r.Checkpoint, nil
}

// Release implements Handler.
func (c *Client) Release(id uint64) error {
	_, err := c.call(context.Background(), request{Op: opRelease, ID: id}, nil)
	return err
}

// ReadLog implements Handler. An error of visit breaks the connection.
func (c *Client) ReadLog(ctx context.Context, after, until proto.Zxid, visit func(proto.Zxid, []byte) error) error {
	_, err := c.call(ctx, request{Op: opReadLog, After: after, Until: until}, func() error {
		return c.blocks(visit)
	})
	return err
}

// Status implements Handler.
func (c *Client) Status(ctx context.Context) (Status, error) {
	r, err := c.call(ctx, request{Op: opStatus}, nil)
	if err != nil {
		return Status{}, err
	}
	if r.Status == nil {
		return Status{}, c.malformed("no status")
	}
	return *r.Status, nil
}

// errVisit wraps an error of a caller's function.
type errVisit struct{ error }

// call sends a request and reads what is before the reply, and the reply.
func (c *Client) call(ctx context.Context, q request, before func() error) (r reply, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return r, c.broken
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := json.Marshal(q)
	if err == nil {
		_, err = c.conn.Write(append(line, '\n'))
	}
	if err == nil && before != nil {
		err = before()
	}
	if err == nil {
		err = c.readReply(&r)
	}
	var visit errVisit
	switch {
	case err == nil && r.Error != "":
		return r, fmt.Errorf("the server said: %s", r.Error)
	case err == nil:
		return r, nil
	case errors.As(err, &visit):
		err = visit.error
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("the server closed the connection on %s: see its log", c.path)
	default:
		err = fmt.Errorf("control socket %s: %w", c.path, err)
	}
	c.broken = err
	_ = c.conn.Close() // nobody knows where in the stream it stands
	return r, err
}

func (c *Client) readReply(r *reply) error {
	var line []byte
	for {
		part, err := c.r.ReadSlice('\n')
		line = append(line, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if len(line) > replyBytesMax {
			return c.malformed("it is too long")
		}
	}
	if err := json.Unmarshal(line, r); err != nil {
		return c.malformed(err.Error())
	}
	return nil
}

// blocks reads the blocks of a log.
func (c *Client) blocks(visit func(proto.Zxid, []byte) error) error {
	var block []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(c.r, head[:]); err != nil {
			return err
		}
		n := int(binary.BigEndian.Uint32(head[:]))
		if n == 0 {
			return nil
		}
		if n > blockBytesMax {
			return c.malformed(fmt.Sprintf("a block of %d bytes", n))
		}
		if n > cap(block) {
			block = make([]byte, n)
		}
		block = block[:n]
		if _, err := io.ReadFull(c.r, block); err != nil {
			return err
		}
		if err := visitBlock(block, visit); err != nil {
			return err
		}
	}
}

// visitBlock shows the records of a block.
func visitBlock(b []byte, visit func(proto.Zxid, []byte) error) error {
	for len(b) > 0 {
		if len(b) < recordHeaderBytes {
			return errBlock
		}
		z, n := proto.Zxid(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint32(b[8:]))
		b = b[recordHeaderBytes:]
		if n > int64(len(b)) {
			return errBlock
		}
		if err := visit(z, b[:n:n]); err != nil {
			return errVisit{err}
		}
		b = b[n:]
	}
	return nil
}

var errBlock = errors.New("a block of log records is malformed")

func (c *Client) malformed(what string) error {
	return fmt.Errorf("control socket %s: the reply is malformed: %s", c.path, what)
}
