// Runner runs the programs of the compatibility suite, each with a server of
// its own: against a real Apache ZooKeeper, against Gamekeeper, and with an
// ensemble of Gamekeeper servers.
// It is started by compat/run from the compat directory.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	os.Exit(suite())
}

// suite runs what the arguments ask for, and returns the exit code.
func suite() int {
	target := flag.String("target", "all", "what to run against: apache, gamekeeper, apache-ensemble, gamekeeper-ensemble, both (one server\nof either), or all (both, and then an ensemble of Gamekeeper's)")
	only := flag.String("only", "", "comma-separated `names` of the programs to run (default all)")
	list := flag.Bool("list", false, "list the programs and exit")
	jobs := flag.Int("jobs", 3, "programs to run at the same time")
	keep := flag.Bool("keep", false, "keep the logs and data of servers even if a program passes")
	flag.Parse()

	chosen, err := choose(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if *list {
		for _, p := range chosen {
			fmt.Printf("%-18s %s\n", p.name, p.about)
		}
		return 0
	}
	targets := []string{*target}
	switch {
	case *target == "all":
		targets = []string{apache, gamekeeper, gamekeeperEnsemble}
	case *target == "both":
		targets = oneServer
	case !slices.Contains(anywhere, *target):
		fmt.Fprintf(os.Stderr, "-target %s: must be one of %s, both or all\n", *target, strings.Join(anywhere, ", "))
		return 2
	}

	dir, err := os.MkdirTemp("", "compat-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()

	var runs []run
	for _, p := range chosen {
		for _, t := range targets {
			if p.runsOn(t) {
				runs = append(runs, run{program: p, target: t, home: filepath.Join(dir, t, p.name)})
			}
		}
	}
	all := runAll(ctx, runs, *jobs, *keep)
	failed := summarize(all, targets, chosen)
	switch {
	case *keep:
		fmt.Printf("Logs and data of the servers: %s\n", dir)
	case failed > 0:
		fmt.Printf("Logs and data of the servers of what failed: %s\n", dir)
	default:
		os.RemoveAll(dir)
	}
	fmt.Printf("%d passed, %d failed\n", len(all)-failed, failed)
	if failed > 0 {
		return 1
	}
	return 0
}

func choose(only string) ([]program, error) {
	if only == "" {
		return programs, nil
	}
	var chosen []program
	for _, name := range strings.Split(only, ",") {
		found := false
		for _, p := range programs {
			if p.name == name {
				chosen, found = append(chosen, p), true
			}
		}
		if !found {
			return nil, fmt.Errorf("-only %s: there is no program of that name, see -list", name)
		}
	}
	return chosen, nil
}

// run is a program that runs against a target.
type run struct {
	program
	target string
	home   string // of what its servers write
}

// runAll does runs, a few at a time, and reports each as it ends. What the servers of a program that passed have
// written goes at once unless it is to be kept: that of the whole suite is 9 GB.
func runAll(ctx context.Context, runs []run, jobs int, keep bool) []result {
	free := newPorts()
	results := make([]result, len(runs))
	slots := make(chan struct{}, max(jobs, 1))
	var report sync.Mutex
	var wg sync.WaitGroup
	for i, x := range runs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			r := runProgram(ctx, x, free)
			if r.err != nil && x.forgiven(x.target) && ctx.Err() == nil {
				report.Lock()
				r.print("AGAIN")
				report.Unlock()
				x.home += "-again"
				r = runProgram(ctx, x, free)
			}
			if r.err == nil && !keep {
				_ = os.RemoveAll(x.home) // what a process that ends meanwhile leaves there goes with the rest
			}
			results[i] = r
			report.Lock()
			defer report.Unlock()
			if r.err != nil {
				r.print("FAIL")
			} else {
				r.print("ok")
			}
		})
	}
	wg.Wait()
	return results
}

// result is the outcome of one program against one target.
type result struct {
	program, target string
	took            time.Duration
	output          string
	err             error
}

// print writes a line with the outcome, and what the program said if it failed.
func (r result) print(word string) {
	fmt.Printf("%-5s %-19s  %-18s %5.1fs\n", word, r.target, r.program, r.took.Seconds())
	if r.err != nil {
		fmt.Printf("%s\n%s: %v\n\n", strings.TrimSpace(r.output), r.program, r.err)
	}
}

// summarize prints a table of programs and targets and returns the number of
// failures.
func summarize(all []result, targets []string, chosen []program) int {
	failed := 0
	fmt.Printf("\n%-18s", "program")
	for _, t := range targets {
		fmt.Printf("  %-19s", t)
	}
	fmt.Println()
	for _, p := range chosen {
		fmt.Printf("%-18s", p.name)
		for _, t := range targets {
			i := slices.IndexFunc(all, func(r result) bool { return r.program == p.name && r.target == t })
			switch {
			case i < 0:
				fmt.Printf("  %-19s", "-")
			case all[i].err != nil:
				failed++
				fmt.Printf("  FAIL %6.1fs       ", all[i].took.Seconds())
			default:
				fmt.Printf("  ok   %6.1fs       ", all[i].took.Seconds())
			}
		}
		fmt.Println()
	}
	fmt.Println()
	return failed
}
