package target

import (
	"context"
	"io"
	"net"
	"strings"
	"time"
)

// wordPatience is how long a server may take to answer a four-letter word.
const wordPatience = 2 * time.Second

// The modes that a server tells of itself, as far as they make a difference here.
const (
	standalone = "standalone"
	leading    = "leader"
	following  = "follower"
	unknown    = "?" // the server was not asked yet
)

// status is what a server tells of itself. It has no mode while it does not serve.
type status struct{ mode, version string }

// ask asks the server at an address for its status with the four-letter word srvr; zero if there is no answer.
func ask(ctx context.Context, address string) (s status) {
	ctx, cancel := context.WithTimeout(ctx, wordPatience)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return s
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	if _, err := io.WriteString(c, "srvr"); err != nil {
		return s
	}
	text, err := io.ReadAll(io.LimitReader(c, 64<<10))
	if err != nil {
		return s
	}
	return parseStatus(string(text))
}

func parseStatus(text string) (s status) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Zookeeper version":
			version, _, _ := strings.Cut(value, ", built on")
			s.version = version
		case "Mode":
			s.mode = value
		}
	}
	return s
}
