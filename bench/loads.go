package bench

import (
	"context"
	"fmt"
	"strings"

	"gamekeeper/bench/report"
)

// loadHelp says how load is made.
const loadHelp = `Measure a server that speaks the ZooKeeper client protocol.

Load is a closed loop unless told otherwise: every connection keeps --outstanding requests outstanding and sends
another for each reply. That shows the highest throughput, and latencies as clients have them that wait for each
other.

With --rate requests are sent at that rate, whatever the server does, as they come from many clients that know nothing
of each other. Latency counts from the moment a request was due, also when the connection had no room for it: a stall
shows in all the requests that it held up. With --find-rate the rate is raised until the p99 breaks a bound, and the
highest rate that held it is found.

The workloads kafka-controller, hbase and clickhouse-replicated are models of how these systems use ZooKeeper: the
requests and their order, the trees, the sizes of values, from the public sources of the systems. They are no
recordings, and how often things happen is that of a busy cluster by assumption. Each connection is a process, and
--outstanding is its threads. As real clusters have them: kafka-controller --connections 31 --outstanding 10,
hbase --connections 40 --outstanding 3, clickhouse-replicated --connections 12 --outstanding 8.

All znodes are below a directory of the run's own under --path, and deleted in the end.
`

// load says what a workload of plain load needs.
type load struct {
	keys bool // it works on the keys, which are made before
	// mix returns the kinds of request on keys; nil for workloads of another nature.
	mix func(o *Options) *mix
	// prepare makes what the workload needs besides keys, and source returns what a connection sends in a phase. Nil
	// is what keys and the mix ask for.
	prepare func(ctx context.Context, r *runner) error
	source  func(r *runner, conn int, seed uint64) source
}

// loadWorkloads returns the workloads that are plain load.
func loadWorkloads() []workload {
	only := func(k Kind) load {
		return load{keys: true, mix: func(*Options) *mix { return onlyKind(k) }}
	}
	mixed := load{keys: true, mix: (*Options).mixed}
	create := load{prepare: prepareParents, source: sourceOfCreates}
	remove := load{prepare: prepareDeletes, source: sourceOfDeletes}
	write := append(keyFlags(), "size", "compressible")
	return append([]workload{
		loadWorkload("set", "replace the values of keys", only(KindSet), write...),
		loadWorkload("get", "read keys", only(KindGet), write...),
		loadWorkload("create", "create znodes", create, "size", "compressible", "parents"),
		loadWorkload("mixed", "gets and sets of keys by --reads, or more kinds by --mix", mixed,
			append(write, "reads", "mix", "batch", "parents")...),
		loadWorkload("exists", "ask for the state of keys", only(KindExists), write...),
		loadWorkload("children", "list the directories of keys", only(KindChildren), write...),
		loadWorkload("delete", "delete --requests znodes that are made before", remove, "size", "compressible", "parents"),
		loadWorkload("multi", "set --batch keys in one transaction", only(KindMulti), append(write, "batch")...),
		loadWorkload("multiread", "read --batch keys in one request", only(KindMultiread), append(write, "batch")...),
		loadWorkload("sync", "wait until the server has what the ensemble has committed", only(KindSync), keyFlags()...),
		loadWorkload("acl", "read the access control lists of keys", only(KindACL), keyFlags()...),
	}, replayWorkloads()...)
}

// keyFlags names the flags that say what keys there are.
func keyFlags() []string {
	return []string{"keys", "key-choice", "zipf-s", "hot-share", "shape", "depth"}
}

// loadWorkload completes a workload. The flags are those that matter besides the ones that matter to all load.
func loadWorkload(name, about string, l load, flags ...string) workload {
	all := []string{
		"connections", "outstanding", "threads", "duration", "requests", "warmup",
		"rate", "arrivals", "find-rate", "rate-from", "step", "reconnect", "session-timeout",
	}
	return workload{
		name:    name,
		about:   about,
		figures: loadFigures(&Options{}),
		flags:   append(all, flags...),
		load:    &l,
		run: func(ctx context.Context, o Options, p Progress) (*report.Run, error) {
			return runLoad(ctx, o, l, p)
		},
	}
}

// mixed is the mix of the workload mixed.
func (o *Options) mixed() *mix {
	if o.Mix == "" {
		return newMix([]Kind{KindGet, KindSet}, []float64{float64(o.Reads), float64(100 - o.Reads)})
	}
	m, err := parseMix(o.Mix)
	if err != nil {
		panic(err) // validate has parsed it
	}
	return m
}

// chooser returns how keys are chosen.
func (o *Options) chooser() chooser {
	switch o.KeyChoice {
	case "zipf":
		return newZipf(o.Keys, o.ZipfS)
	case "hot":
		return newHot(o.Keys, o.HotShare.picks, o.HotShare.of)
	}
	return newUniform(o.Keys)
}

// The figures of load.
const (
	figureRate       = "rate" // of a ramp: the highest that was held
	figureReached    = "rate reached"
	figureThroughput = "throughput"
	figureP50        = "p50"
	figureP99        = "p99"
	figureP999       = "p99.9"
	figureMax        = "max"
	figureClientCPU  = "client CPU per request"
)

// loadFigures returns the figures that runs of load with o have. At a fixed rate, latency is what counts.
func loadFigures(o *Options) []report.Figure {
	throughput := report.Figure{Name: figureThroughput, Unit: report.PerSecond, Better: report.Higher}
	reached := report.Figure{Name: figureReached, Unit: report.PerSecond, Better: report.Higher}
	rate := report.Figure{Name: figureRate, Unit: report.PerSecond, Better: report.Higher}
	p50 := report.Figure{Name: figureP50, Unit: report.Duration, Better: report.Lower}
	p99 := report.Figure{Name: figureP99, Unit: report.Duration, Better: report.Lower}
	p999 := report.Figure{Name: figureP999, Unit: report.Duration, Better: report.Lower}
	highest := report.Figure{Name: figureMax, Unit: report.Duration, Better: report.Lower}
	cost := report.Figure{Name: figureClientCPU, Unit: report.Duration}
	switch {
	case o.FindRate > 0:
		return []report.Figure{rate, p50, p99, p999, highest, cost}
	case o.Rate > 0:
		return []report.Figure{p99, p50, p999, highest, reached, cost}
	}
	return []report.Figure{throughput, p50, p99, p999, highest, cost}
}

// about says in a line what is run.
func (o *Options) about() string {
	w, known := findWorkload(o.Workload)
	switch {
	case !known:
		return o.Workload
	case w.load == nil:
		return fmt.Sprintf("%s, %d connections: %s", w.name, o.Connections, w.about)
	}
	parts := []string{o.what()}
	switch {
	case o.FindRate > 0:
		parts = append(parts, fmt.Sprintf("the highest rate with a p99 of %v at most, %d connections", o.FindRate, o.Connections))
	case o.Rate > 0:
		parts = append(parts, fmt.Sprintf("%d a second (%s), %d connections", o.Rate, o.Arrivals, o.Connections))
	default:
		parts = append(parts, fmt.Sprintf("%d connections x %d outstanding", o.Connections, o.Outstanding))
	}
	if w.uses("size") {
		parts = append(parts, o.Size.String()+" bytes")
	}
	if w.uses("keys") {
		parts = append(parts, o.aboutKeys()...)
	}
	return strings.Join(parts, ", ")
}

// what names the load.
func (o *Options) what() string {
	switch o.Workload {
	case "mixed":
		if o.Mix != "" {
			return strings.ReplaceAll(o.Mix, ",", " ")
		}
		return fmt.Sprintf("mixed with %d %% reads", o.Reads)
	case "multi":
		return fmt.Sprintf("multi of %d sets", o.Batch)
	case "multiread":
		return fmt.Sprintf("multiread of %d gets", o.Batch)
	}
	return o.Workload
}

// aboutKeys says how the keys differ from the usual.
func (o *Options) aboutKeys() (parts []string) {
	if o.Keys != DefaultOptions().Keys {
		parts = append(parts, report.Whole(float64(o.Keys))+" keys")
	}
	switch o.KeyChoice {
	case "zipf":
		parts = append(parts, fmt.Sprintf("chosen by Zipf %g", o.ZipfS))
	case "hot":
		parts = append(parts, fmt.Sprintf("%g %% of requests on %g %% of keys", o.HotShare.picks*100, o.HotShare.of*100))
	}
	switch shape(o.Shape) {
	case shapeWide:
		parts = append(parts, "in one directory")
	case shapeDeep:
		parts = append(parts, fmt.Sprintf("%d directories deep", o.Depth))
	}
	return parts
}
