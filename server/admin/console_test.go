package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func startConsole(t *testing.T, o ConsoleOptions) *Console {
	t.Helper()
	o.Host, o.CommandURL, o.Source = "127.0.0.1", "/commands", newSource("standalone")
	c, err := ServeConsole(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// visit asks the console, and returns the status and the answer.
func visit(t *testing.T, c *Console, url string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + c.Addr().String() + url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestConsole(t *testing.T) {
	with, without := startConsole(t, ConsoleOptions{Pprof: true, Idle: time.Minute}), startConsole(t, ConsoleOptions{})
	for _, x := range []struct {
		console *Console
		url     string
		status  int
		says    string
	}{
		{without, "/", 404, "404 page not found"},
		{without, "/commands", 200, "<a href=\"/commands/server_stats\">server_stats</a>"},
		{without, "/commands/", 200, "monitor"},
		{without, "/commands/ruok", 200, `"command": "ruok"`},
		{without, "/commandsx", 404, "404 page not found"},
		{without, "/metrics", 404, "404 page not found"},
		{without, "/debug/pprof/", 404, "admin.pprof=true"},
		{without, "/debug/pprof/heap", 404, "admin.pprof=true"},
		{without, "/debug/pprof/mutex?seconds=1", 404, "admin.pprof=true"},
		{with, "/commands/ruok", 200, `"command": "ruok"`},
		{with, "/debug/pprof/", 200, "goroutine"},
		{with, "/debug/pprof/goroutine?debug=1", 200, "goroutine profile:"},
		{with, "/debug/pprof/heap?debug=1", 200, "heap profile:"},
		{with, "/debug/pprof/cmdline", 200, ""},
		{with, "/debug/pprof/symbol", 200, "num_symbols"},
		{with, "/debug/pprof/none", 404, "Unknown profile"},
		{with, "/debug/pprof/mutex", 400, "seconds=10"},
		{with, "/debug/pprof/block?seconds=soon", 400, "seconds=10"},
		{with, "/debug/pprof/block?seconds=1&rate=0", 400, "rate=0"},
		{with, "/debug/pprof/mutex?seconds=1&rate=x", 400, "rate=x"},
	} {
		if status, body := visit(t, x.console, x.url); status != x.status || !strings.Contains(body, x.says) {
			t.Errorf("%s: status %d, want %d with %q: %s", x.url, status, x.status, x.says, body)
		}
	}
}

// TestProfilesAreOffAgain: locks are watched only while somebody waits for the profile.
func TestProfilesAreOffAgain(t *testing.T) {
	c := startConsole(t, ConsoleOptions{Pprof: true})
	if f := runtime.SetMutexProfileFraction(-1); f != 0 {
		t.Fatalf("mutexes are profiled: 1 in %d", f)
	}
	var requests sync.WaitGroup
	for _, url := range []string{"/debug/pprof/mutex?seconds=1&rate=3", "/debug/pprof/mutex?seconds=1", "/debug/pprof/block?seconds=1"} {
		requests.Go(func() {
			if status, body := visit(t, c, url); status != http.StatusOK || len(body) == 0 {
				t.Errorf("%s: status %d, %d bytes", url, status, len(body))
			}
		})
	}
	requests.Wait()
	if f := runtime.SetMutexProfileFraction(-1); f != 0 {
		t.Errorf("mutexes are still profiled: 1 in %d", f)
	}
}

func TestConsolePortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = ServeConsole(ConsoleOptions{Host: "127.0.0.1", Port: taken.Addr().(*net.TCPAddr).Port})
	if err == nil || !strings.Contains(err.Error(), "admin.serverPort=") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}
