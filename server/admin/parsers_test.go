package admin

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// gamekeeper is a serving server with our own version text, as monitoring systems will see it.
func gamekeeper() *fakeSource {
	src := newSource("standalone")
	src.stats.Version = FullVersion("0.1.0-12-gabcdef0", time.Date(2026, 11, 22, 10, 46, 0, 0, time.UTC))
	src.stats.Latency = Latency{Min: 0, Avg: 0.1235, Max: 12}
	src.stats.Zxid = 0x1f
	recordSamples(src.metrics)
	return src
}

func ask(src Source, word string) string {
	return string(NewWords([]string{"*"}, src).Answer(mustWord(word)))
}

// TestTelegrafReadsMonitor does with mntr what Telegraf's zookeeper input does: one line that does not
// match fails the whole collection.
func TestTelegrafReadsMonitor(t *testing.T) {
	line := regexp.MustCompile(`^zk_(\w[\w\.\-]*)\s+([\w\.\-]+)`)
	fields := map[string]string{}
	for text := range strings.Lines(ask(gamekeeper(), "mntr")) {
		parts := line.FindStringSubmatch(text)
		if len(parts) != 3 {
			t.Fatalf("line %q does not match", text)
		}
		fields[parts[1]] = parts[2]
	}
	for key, want := range map[string]string{
		"server_state": "standalone", "version": "3.9.5-gamekeeper-0.1.0-12-gabcdef0", "znode_count": "5",
		"avg_latency": "0.1235", "max_latency": "12", "cnt_fsynctime": "3",
	} {
		if fields[key] != want {
			t.Errorf("%s is %q, want %q", key, fields[key], want)
		}
	}
}

// TestDatadogReadsStat does with stat what Datadog's zookeeper check does, which expects each line in
// its place.
func TestDatadogReadsStat(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(ask(gamekeeper(), "stat"), "\n"), "\n")
	next := func() string {
		line := lines[0]
		lines = lines[1:]
		return strings.TrimSpace(line)
	}
	version := regexp.MustCompile(`(?i)Zookeeper version: ([^.]+)\.([^.]+)\.([^-]+)`).FindStringSubmatch(next())
	if fmt.Sprint(version[1:]) != "[3 9 5]" {
		t.Errorf("version %q", version)
	}
	next() // Clients:
	clients := 0
	for next() != "" {
		clients++
	}
	if clients != 3 {
		t.Errorf("%d clients, want 3", clients)
	}
	for _, want := range []string{
		"Latency min/avg/max: 0/0.1235/12", "Received: 1", "Sent: 0", "Connections: 1", "Outstanding: 0", "Zxid: 0x1f",
		"Mode: standalone", "Node count: 5",
	} {
		if line := next(); line != want {
			t.Errorf("line %q, want %q", line, want)
		}
	}
	if len(lines) != 0 {
		t.Errorf("lines at the end: %q", lines)
	}
}

// TestKazooReadsVersion does with envi what kazoo's server_version does.
func TestKazooReadsVersion(t *testing.T) {
	values := map[string]string{}
	for line := range strings.Lines(ask(gamekeeper(), "envi")) {
		if key, v, found := strings.Cut(line, "="); found {
			values[strings.TrimSpace(key)] = strings.TrimSpace(v)
		}
	}
	digits, _, _ := strings.Cut(values["zookeeper.version"], "-")
	var numbers []int
	for part := range strings.SplitSeq(strings.TrimSpace(digits), ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, n)
	}
	if fmt.Sprint(numbers) != "[3 9 5]" {
		t.Errorf("version %v", numbers)
	}
}

// TestServerScriptReadsMode does with srvr what "zkServer.sh status" does.
func TestServerScriptReadsMode(t *testing.T) {
	mode := regexp.MustCompile(`(?m)^.*Mode.*$`).FindString(ask(gamekeeper(), "srvr"))
	if mode != "Mode: standalone" {
		t.Errorf("mode line %q", mode)
	}
}

func TestFullVersion(t *testing.T) {
	zone := time.FixedZone("east", 3*60*60)
	for _, c := range []struct {
		version string
		built   time.Time
		want    string
	}{
		{"0.1.0", time.Date(2026, 11, 22, 13, 46, 59, 0, zone), "3.9.5-gamekeeper-0.1.0, built on 2026-11-22 10:46 UTC"},
		{"dev", time.Time{}, "3.9.5-gamekeeper-dev, built on unknown"},
	} {
		if got := FullVersion(c.version, c.built); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestAppendDouble(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.0", 1: "1.0", -2.5: "-2.5", 0.1235: "0.1235", 0.001: "0.001", 0.0001: "1.0E-4", 0.00025: "2.5E-4",
		9999999: "9999999.0", 1e7: "1.0E7", 12345678.5: "1.23456785E7", -1e21: "-1.0E21",
	} {
		if got := string(appendDouble(nil, v)); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
}
