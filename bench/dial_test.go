package bench

import (
	"context"
	"runtime"
	"testing"
	"time"
)

// A server as it is without a configuration takes what the benchmark makes without flags: the connections come from so
// many addresses that none has too many for maxClientCnxns.
func TestUsualConnectionsOfAUsualServer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is one loopback address")
	}
	o := DefaultOptions()
	o.Servers = []string{startServer(t, "maxClientCnxns=60")}
	o.Requests, o.Warmup, o.Keys = 500, time.Millisecond, 100
	if _, err := Run(context.Background(), o, Progress{}); err != nil {
		t.Error(err)
	}
}

func TestSourceAddress(t *testing.T) {
	for _, c := range []struct {
		server string
		i      int
		want   string
	}{
		{"127.0.0.1:2181", 0, "127.0.0.2"},
		{"127.0.0.1:2181", 49, "127.0.0.2"},
		{"localhost:2181", 50, "127.0.0.3"},
		{"127.0.0.1:2181", 50*200 - 1, "127.0.0.201"},
		{"127.0.0.1:2181", 50 * 200, "127.0.0.2"},
		{"10.0.0.1:2181", 50, "<nil>"},
		{"[::1]:2181", 50, "<nil>"},
		{"zk1:2181", 50, "<nil>"},
		{"zk1", 50, "<nil>"},
	} {
		if got := sourceAddress(c.server, c.i, connectionsPerSource).String(); got != c.want {
			t.Errorf("connection %d to %s comes from %s, want %s", c.i, c.server, got, c.want)
		}
	}
}
