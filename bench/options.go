package bench

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"gamekeeper/bench/target"
)

// Options describe one run. The zero value is not valid; DefaultOptions is.
type Options struct {
	Servers      []string      // host:port; connections are spread over them
	Connections  int           // sessions
	Outstanding  int           // requests without a reply, per connection
	Workload     string        // what allWorkloads has
	Reads        int           // percent of reads in the mixed workload
	Mix          string        // kinds of request and their shares in the mixed workload, instead of Reads
	Size         sizes         // bytes of a value
	Compressible float64       // part of a value that compresses to nothing
	Keys         int           // znodes that exist before the run
	KeyChoice    string        // uniform, zipf or hot
	ZipfS        float64       // exponent of the choice zipf
	HotShare     hotShare      // of the choice hot
	Shape        string        // of the tree of the keys: see shape
	Depth        int           // of the shape deep
	Parents      int           // directories that a create workload fills
	Batch        int           // operations of one multi
	Duration     time.Duration // of measuring; unless Requests says how long
	Requests     int           // to measure; 0 measures for Duration
	Rate         int           // requests a second, whatever the server does; 0 is a closed loop
	Arrivals     string        // even or poisson: how requests at a rate are spread
	FindRate     time.Duration // bound of the p99 up to which the rate is raised; 0 does not
	RateFrom     int           // the first rate of a ramp
	Step         time.Duration // that each rate of a ramp is held
	Warmup       time.Duration // before measuring
	Path         string        // znode under which the run keeps its own
	Keep         bool          // leave the znodes of the run behind
	Clean        bool          // first delete what earlier runs left under Path
	Reuse        bool          // work on the keys that a run with Keep left under Path
	Threads      int           // loops
	Patience     time.Duration // with a server that does not answer
	Reconnect    bool          // lost connections are opened again, and what was outstanding counts as an error

	// Of storms and recipes.
	SessionTimeout time.Duration // asked for; 0 is what suits the workload
	AtOnce         int           // sessions that connect at a time; 0 is no limit
	Hold           bool          // sessions stay connected once they are served
	Persistent     bool          // watches stay after a notification
	PerSession     int           // ephemerals that a session creates
	Probe          time.Duration // between two sets of a client that looks how it is served meanwhile
	Locks          int           // znodes that are locks
	HoldTime       time.Duration // for which a lock is held
	Consumers      int           // of the connections, those that empty the queue; 0 is half of them
	Backlog        int           // items in a queue at most
	Observers      int           // sessions that watch a registry
}

// DefaultOptions returns what the flags are without any.
func DefaultOptions() Options {
	return Options{
		Servers:     []string{"127.0.0.1:2181"},
		Connections: 64,
		Outstanding: 64,
		Workload:    "set",
		Reads:       90,
		Size:        fixedSize(128),
		Keys:        10_000,
		KeyChoice:   "uniform",
		ZipfS:       0.99,
		HotShare:    hotShare{0.9, 0.01},
		Shape:       string(shapeTwoLevel),
		Depth:       20,
		Arrivals:    "even",
		RateFrom:    1000,
		Step:        3 * time.Second,
		Parents:     64,
		Batch:       10,
		Duration:    10 * time.Second,
		Warmup:      2 * time.Second,
		Path:        "/bench",
		Threads:     max(1, runtime.NumCPU()/4),
		Patience:    30 * time.Second,
		Hold:        true,
		PerSession:  10,
		Probe:       20 * time.Millisecond,
		Locks:       1,
		Backlog:     100,
		Observers:   10,
	}
}

// deleteRequests is how many znodes a delete workload makes and deletes when it is not told.
const deleteRequests = 100_000

// validate checks o and completes it.
func (o *Options) validate() error {
	if len(o.Servers) == 0 {
		return usageError("--servers is empty: name at least one host:port")
	}
	for i, s := range o.Servers {
		addr, err := target.Address(s)
		if err != nil {
			return err
		}
		o.Servers[i] = addr
	}
	w, known := findWorkload(o.Workload)
	if !known {
		return usageError("--workload %s is unknown: it is one of %s", o.Workload, workloadNames())
	}
	limits := []struct {
		flag            string
		value, min, max int
	}{
		{"connections", o.Connections, 1, 99_999},
		{"outstanding", o.Outstanding, 1, 1 << 20},
		{"reads", o.Reads, 0, 100},
		{"keys", o.Keys, 1, keysMax},
		{"parents", o.Parents, 1, 9999},
		{"batch", o.Batch, 1, 100_000},
		{"depth", o.Depth, 1, 1000},
		{"rate", o.Rate, 0, 100_000_000},
		{"rate-from", o.RateFrom, 1, 100_000_000},
		{"requests", o.Requests, 0, 1 << 40},
		{"threads", o.Threads, 1, 1024},
		{"at-once", o.AtOnce, 0, 99_999},
		{"per-session", o.PerSession, 1, 10_000},
		{"lock-count", o.Locks, 1, 9999},
		{"consumers", o.Consumers, 0, 99_999},
		{"backlog", o.Backlog, 1, 1_000_000},
		{"observers", o.Observers, 1, 9999},
	}
	for _, l := range limits {
		if l.value < l.min || l.value > l.max {
			return usageError("--%s %d is out of range: it is from %d to %d", l.flag, l.value, l.min, l.max)
		}
	}
	switch {
	case o.Requests == 0 && o.Duration <= 0:
		return usageError("--duration %v is too short to measure anything", o.Duration)
	case o.Rate > 0 && o.FindRate > 0:
		return usageError("--rate fixes what --find-rate looks for: give one of them")
	case o.FindRate < 0:
		return usageError("--find-rate %v bounds no latency", o.FindRate)
	case o.FindRate > 0 && (w.load == nil || o.Workload == "delete" || o.Requests > 0):
		return usageError("--find-rate needs load without an end: not %s, nor --requests", o.Workload)
	case o.Rate > 0 && w.load == nil:
		return usageError("--rate is for workloads of plain load, not %s", o.Workload)
	case o.Step < 100*time.Millisecond:
		return usageError("--step %v is too short to measure anything", o.Step)
	case o.Warmup < 0:
		return usageError("--warmup %v is negative", o.Warmup)
	case o.Patience <= 0:
		return usageError("--patience %v gives a server no time to answer", o.Patience)
	case o.SessionTimeout < 0 || o.SessionTimeout > 0 && o.SessionTimeout < time.Second:
		return usageError("--session-timeout %v is below a second", o.SessionTimeout)
	case o.Probe <= 0:
		return usageError("--probe %v is too short", o.Probe)
	case o.HoldTime < 0:
		return usageError("--hold-time %v is negative", o.HoldTime)
	case o.Keep && w.load == nil:
		return usageError("--keep is for workloads of load: %s leaves nothing", o.Workload)
	}
	if err := o.validateChoices(); err != nil {
		return err
	}
	if w.load != nil {
		if err := reserveFiles(o.Connections); err != nil {
			return err
		}
	}
	if o.Reuse {
		if o.Clean || w.load == nil || !w.load.keys {
			return usageError("--reuse is for workloads on keys that exist, and for keeping them")
		}
		o.Keep = true
	}
	if o.Workload == "delete" {
		o.Warmup = 0
		if o.Requests == 0 {
			o.Requests = deleteRequests
		}
	}
	o.Threads = min(o.Threads, o.Connections)
	return o.validatePath()
}

// validateChoices checks the flags that take words.
func (o *Options) validateChoices() error {
	choices := []struct{ flag, value, words string }{
		{"key-choice", o.KeyChoice, "uniform zipf hot"},
		{"shape", o.Shape, "two-level wide deep"},
		{"arrivals", o.Arrivals, "even poisson"},
	}
	for _, c := range choices {
		if words := strings.Fields(c.words); !slices.Contains(words, c.value) {
			return usageError("--%s %q is not one of %s", c.flag, c.value, strings.Join(words, ", "))
		}
	}
	switch {
	case !(o.ZipfS > 0 && o.ZipfS <= 10):
		return usageError("--zipf-s %v is out of range: it is above 0, and 10 at most", o.ZipfS)
	case !(o.Compressible >= 0 && o.Compressible <= 1):
		return usageError("--compressible %v is no share: it is from 0 to 1", o.Compressible)
	case o.Mix != "" && o.Workload != "mixed":
		return usageError("--mix is for --workload mixed, not %s", o.Workload)
	case o.Mix != "":
		_, err := parseMix(o.Mix)
		return err
	}
	return nil
}

func (o *Options) validatePath() error {
	p := o.Path
	if len(p) < 2 || p[0] != '/' || strings.HasSuffix(p, "/") || strings.Contains(p, "//") {
		return usageError("--path %q is not a path below the root, such as /bench", p)
	}
	if p == "/zookeeper" || strings.HasPrefix(p, "/zookeeper/") {
		return usageError("--path %s belongs to the server", p)
	}
	return nil
}
