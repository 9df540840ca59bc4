package ensemble

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// wordPatience is how long a server may take to answer a four-letter word.
const wordPatience = 2 * time.Second

// Modes that a server tells of itself.
const (
	Leading    = "leader"
	Following  = "follower"
	Observing  = "observer"
	Standalone = "standalone"
)

// Status is what a server tells with srvr. It has no mode while it does not serve.
type Status struct {
	Mode  string
	Zxid  int64 // the last transaction that it has applied
	Nodes int
}

// Epoch is the epoch of the last transaction.
func (s Status) Epoch() int32 { return int32(s.Zxid >> 32) }

// Word asks with a four-letter word.
func (s *Server) Word(word string) (string, error) { return Ask(s.Addr, word) }

// Ask asks the server at an address with a four-letter word.
func Ask(addr, word string) (string, error) {
	c, err := net.DialTimeout("tcp", addr, wordPatience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(wordPatience)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, word); err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	return string(b), err
}

// Status asks with srvr; zero if there is no answer.
func (s *Server) Status() Status { return AskStatus(s.Addr) }

// AskStatus asks the server at an address with srvr; zero if there is no answer.
func AskStatus(addr string) (st Status) {
	text, err := Ask(addr, "srvr")
	if err != nil {
		return Status{}
	}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Mode":
			st.Mode = value
		case "Zxid":
			st.Zxid, err = strconv.ParseInt(strings.TrimPrefix(value, "0x"), 16, 64)
		case "Node count":
			st.Nodes, err = strconv.Atoi(value)
		}
		if err != nil {
			return Status{}
		}
	}
	return st
}

// Metrics returns the numbers that mntr tells, without zk_ in front.
func (s *Server) Metrics() (map[string]float64, error) {
	text, err := s.Word("mntr")
	if err != nil {
		return nil, fmt.Errorf("mntr of server %d: %w", s.ID, err)
	}
	m := map[string]float64{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		if v, err := strconv.ParseFloat(f[1], 64); err == nil {
			m[strings.TrimPrefix(f[0], "zk_")] = v
		}
	}
	return m, nil
}

// Digests returns the digests of the tree that the server remembers, by the zxid after which the tree had them.
func (s *Server) Digests() (map[string]string, error) {
	text, err := s.Word("hash")
	if err != nil {
		return nil, fmt.Errorf("hash of server %d: %w", s.ID, err)
	}
	m := map[string]string{}
	for line := range strings.Lines(text) {
		if zxid, digest, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			m[zxid] = digest
		}
	}
	return m, nil
}
