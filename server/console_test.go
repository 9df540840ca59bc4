package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/server"
)

// visit asks a server's admin server.
func visit(tb testing.TB, s *server.Server, url string) (status int, body []byte) {
	tb.Helper()
	resp, err := http.Get("http://" + server.ConsoleAddr(s) + url)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		tb.Fatal(err)
	}
	return resp.StatusCode, body
}

func TestAdminServer(t *testing.T) {
	t.Parallel()
	if addr := server.ConsoleAddr(startServer(t)); addr != "" {
		t.Errorf("nobody asked for an admin server, and it listens on %s", addr)
	}
	on := []string{"admin.enableServer=true", "admin.serverPort=0"}
	for name, x := range map[string]struct {
		keys   []string
		url    string
		status int
	}{
		"profiles are off":    {on, "/debug/pprof/", http.StatusNotFound},
		"profiles are on":     {append(on, "admin.pprof=true"), "/debug/pprof/", http.StatusOK},
		"no metrics here":     {append(on, "metricsProvider.httpPort=0", "metricsProvider.httpHost=127.0.0.1"), "/metrics", http.StatusNotFound},
		"commands":            {on, "/commands/configuration", http.StatusOK},
		"commands, moved":     {append(on, "admin.commandURL=/zk"), "/zk/connections", http.StatusOK},
		"commands, elsewhere": {append(on, "admin.commandURL=/zk"), "/commands/ruok", http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if status, body := visit(t, startServer(t, x.keys...), x.url); status != x.status {
				t.Errorf("%s: status %d, want %d: %s", x.url, status, x.status, body)
			}
		})
	}
}

func TestAdminServerCounts(t *testing.T) {
	t.Parallel()
	s := startServer(t, "admin.enableServer=true", "admin.serverPort=0")
	c := connect(t, s)
	create(t, c, "/n", "", proto.Persistent)
	eventually(t, "monitor counts a client and what it made", func() bool {
		_, body := visit(t, s, "/commands/monitor")
		var m struct {
			Command     string
			Error       *string
			Nodes       int `json:"znode_count"`
			Connections int `json:"num_alive_connections"`
			Writes      int `json:"cnt_updatelatency"`
		}
		if err := json.Unmarshal(body, &m); err != nil || m.Command != "monitor" || m.Error != nil {
			t.Fatalf("%v in %s", err, body)
		}
		return m.Nodes == 6 && m.Connections == 1 && m.Writes == 2
	})
}
