package bench

import (
	"slices"
	"strings"
)

// suite is some scenarios under a name.
type suite struct {
	name, about string
	cases       []string // as parseCase reads them
}

// suites are those that --suite may name.
func suites() []suite {
	comparison := []string{
		"set",
		"create",
		"get",
		"90 % reads: mixed",
		"one outstanding: set connections=1 outstanding=1 figure=p50",
		"highest rate: set find-rate=100ms",
		"set at that rate: set figure=p99 rate=@highest rate",
		"10,000 watchers: watchers connections=10000",
		// Fewer than the 20,000 are connected at a time: that many open files are often all that there may be.
		"20,000 sessions: connects connections=20000 at-once=12000 hold=false",
	}
	return []suite{
		{"comparison", "what docs/performance.md holds against Apache ZooKeeper", comparison},
		{"short", "the same in little, to see that all works", []string{
			"set connections=16",
			"create connections=16",
			"get connections=16",
			"90 % reads: mixed connections=16",
			"one outstanding: set connections=1 outstanding=1 figure=p50",
			"highest rate: set connections=16 find-rate=100ms step=300ms rate-from=4000",
			"set at that rate: set connections=16 figure=p99 rate=@highest rate",
			"200 watchers: watchers connections=200",
			"400 sessions: connects connections=400",
		}},
		{"recipes", "watches, sessions and recipes", []string{
			"watchers connections=1000",
			"watch-churn",
			"connects connections=5000",
			"reconnects connections=5000",
			"expiries connections=1000",
			"ephemerals",
			"locks connections=32",
			"election connections=16",
			"queue connections=32",
			"registration connections=200",
		}},
		{"replays", "models of what clients send that live on ZooKeeper", []string{
			"kafka-controller", "hbase", "clickhouse-replicated",
		}},
	}
}

// findSuite returns the cases of a suite, for options that it does not set.
func findSuite(name string, o Options) ([]Case, error) {
	all := suites()
	i := slices.IndexFunc(all, func(s suite) bool { return s.name == name })
	if i < 0 {
		var names []string
		for _, s := range all {
			names = append(names, s.name)
		}
		return nil, usageError("--suite %s is unknown: it is one of %s", name, strings.Join(names, ", "))
	}
	return parseCases(all[i].cases, o)
}

func parseCases(texts []string, o Options) ([]Case, error) {
	var cases []Case
	for _, text := range texts {
		c, err := parseCase(text, o)
		if err != nil {
			return nil, err
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// suiteHelp describes every suite in a line of its own.
func suiteHelp() string {
	var b strings.Builder
	for _, s := range suites() {
		b.WriteString("  " + s.name + strings.Repeat(" ", 12-len(s.name)) + s.about + "\n")
	}
	return b.String()
}
