package bench

import (
	"strconv"

	"github.com/spf13/pflag"
)

// loadFlags are those that say what is measured. They are all that Scenario.Options may hold.
func loadFlags(f *pflag.FlagSet, o *Options) {
	f.IntVar(&o.Connections, "connections", o.Connections, "sessions to open")
	f.IntVar(&o.Outstanding, "outstanding", o.Outstanding, "requests that each connection keeps outstanding")
	f.IntVar(&o.Reads, "reads", o.Reads, "percent of gets in the mixed workload")
	f.StringVar(&o.Mix, "mix", o.Mix, "mixed: kinds of request by share, as in get=70,set=20,create=5,delete=5; of "+mixableNames())
	f.Var(&o.Size, "size", "bytes of a value: 128, from 100-1000, or by shares as in 90:128,9:1024,1:65536")
	f.Float64Var(&o.Compressible, "compressible", o.Compressible, "part of each value that compresses to nothing, from 0 to 1")
	f.IntVar(&o.Keys, "keys", o.Keys, "znodes that requests choose from")
	f.StringVar(&o.KeyChoice, "key-choice", o.KeyChoice, "uniform; zipf, where few keys are chosen often; or hot, by --hot-share")
	f.Float64Var(&o.ZipfS, "zipf-s", o.ZipfS, "zipf: key k is chosen in proportion to 1/k^s")
	f.Var(&o.HotShare, "hot-share", "hot: percent of requests and of the keys that they go to")
	f.StringVar(&o.Shape, "shape", o.Shape, "of the keys: two-level, 100 in a directory; wide, all in one; deep, directories in directories")
	f.IntVar(&o.Depth, "depth", o.Depth, "deep: directories above a key")
	f.IntVar(&o.Parents, "parents", o.Parents, "directories that creates fill")
	f.IntVar(&o.Batch, "batch", o.Batch, "operations of one multi or multiread")
	f.DurationVar(&o.Duration, "duration", o.Duration, "time to measure")
	f.IntVar(&o.Requests, "requests", o.Requests, "requests to measure, instead of a time")
	f.IntVar(&o.Rate, "rate", o.Rate, "requests a second of all connections, whatever the server does; latency counts from when each was due")
	f.StringVar(&o.Arrivals, "arrivals", o.Arrivals, "rate: even, or poisson, independent of each other")
	f.DurationVar(&o.FindRate, "find-rate", o.FindRate, "find the highest rate whose p99 stays within this")
	f.IntVar(&o.RateFrom, "rate-from", o.RateFrom, "find-rate: the first rate to try")
	f.DurationVar(&o.Step, "step", o.Step, "find-rate: time to hold each rate, of which the first third does not count")
	f.BoolVar(&o.Reconnect, "reconnect", o.Reconnect, "go on when connections are lost, as under faults, and count what was outstanding as errors")
	f.DurationVar(&o.SessionTimeout, "session-timeout", o.SessionTimeout, "timeout that sessions ask for; 0 is what suits the workload")
	f.DurationVar(&o.Warmup, "warmup", o.Warmup, "load before measuring")
	f.StringVar(&o.Path, "path", o.Path, "znode to work under")
	f.IntVar(&o.Threads, "threads", o.Threads, "event loops that make the load")
	f.DurationVar(&o.Patience, "patience", o.Patience, "time without any reply until the run fails")
	stormFlags(f, o)
}

// stormFlags are those of loadFlags that are for storms and recipes.
func stormFlags(f *pflag.FlagSet, o *Options) {
	f.IntVar(&o.AtOnce, "at-once", o.AtOnce, "connects, reconnects: sessions that connect at a time; 0 is no limit")
	f.BoolVar(&o.Hold, "hold", o.Hold, "connects: stay connected once served; without it sessions stay, and connections end")
	f.BoolVar(&o.Persistent, "persistent", o.Persistent, "watchers: watches that stay, instead of one for each change")
	f.IntVar(&o.PerSession, "per-session", o.PerSession, "ephemerals: znodes that each session creates")
	f.DurationVar(&o.Probe, "probe", o.Probe, "expiries: time between two sets of a client that looks how it is served")
	f.IntVar(&o.Locks, "lock-count", o.Locks, "locks: number of locks")
	f.DurationVar(&o.HoldTime, "hold-time", o.HoldTime, "locks: time for which a lock is held")
	f.IntVar(&o.Consumers, "consumers", o.Consumers, "queue: connections that empty it, the others fill it; 0 is half of them")
	f.IntVar(&o.Backlog, "backlog", o.Backlog, "queue: items in it at most")
	f.IntVar(&o.Observers, "observers", o.Observers, "registration: sessions that watch the registry, besides --connections")
}

// runFlags are those that say what happens to the znodes of a run.
func runFlags(f *pflag.FlagSet, o *Options) {
	f.BoolVar(&o.Keep, "keep", o.Keep, "leave the znodes of the run behind")
	f.BoolVar(&o.Clean, "clean", o.Clean, "first delete what earlier runs left under --path")
	f.BoolVar(&o.Reuse, "reuse", o.Reuse, "use the keys that a run with --keep left under --path, and leave them")
}

// named returns the options that have these names as flags, as JSON has them: numbers, booleans, and strings. One
// that is off, and is off unless asked for, is left out, and so is one that another makes meaningless.
func (o Options) named(names []string) map[string]any {
	f := flagsOf(&o)
	usual := DefaultOptions()
	byDefault := flagsOf(&usual)
	m := map[string]any{}
	for _, name := range names {
		value := flagValue(f.Lookup(name))
		if isOff(value) && isOff(flagValue(byDefault.Lookup(name))) || !o.matters(name) {
			continue
		}
		m[name] = value
	}
	return m
}

// matters reports whether a flag says anything beside the other options.
func (o *Options) matters(flag string) bool {
	switch flag {
	case "zipf-s":
		return o.KeyChoice == "zipf"
	case "hot-share":
		return o.KeyChoice == "hot"
	case "depth":
		return o.Shape == string(shapeDeep)
	case "arrivals":
		return o.Rate > 0 || o.FindRate > 0
	case "rate-from", "step":
		return o.FindRate > 0
	case "duration":
		return o.Requests == 0 && o.FindRate == 0
	case "reads":
		return o.Mix == ""
	}
	return true
}

// flagsOf returns the flags of o with its values.
func flagsOf(o *Options) *pflag.FlagSet {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	loadFlags(f, o)
	return f
}

// flagValue returns the value of a flag with its type.
func flagValue(f *pflag.Flag) any {
	text := f.Value.String()
	switch f.Value.Type() {
	case "int":
		if n, err := strconv.Atoi(text); err == nil {
			return n
		}
	case "float64":
		if x, err := strconv.ParseFloat(text, 64); err == nil {
			return x
		}
	case "bool":
		return text == "true"
	}
	return text
}

func isOff(v any) bool { return v == 0 || v == 0.0 || v == false || v == "" || v == "0s" }
