// Recovery measures how long an ensemble takes to serve again: after its leader or a follower was killed under load,
// and after a follower was away for many transactions. The ensemble is one that compat/ensemble has started.
//
//	recovery kill DIR leader      write until the leader is killed, and on; some rounds
//	recovery kill DIR follower
//	recovery away DIR             stop a follower, write, start it, wait until it has everything
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"gamekeeper/compat/ensemble"
)

// patience is how long anything here may take.
const patience = 10 * time.Minute

type options struct {
	rounds       int
	connections  int
	outstanding  int
	size         int
	transactions int
	name         string
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "kills to measure")
	flag.IntVar(&o.connections, "connections", 64, "sessions that write, spread over the servers")
	flag.IntVar(&o.outstanding, "outstanding", 16, "requests that each keeps outstanding")
	flag.IntVar(&o.size, "size", 128, "bytes of a value")
	flag.IntVar(&o.transactions, "transactions", 1_000_000, "that a follower misses")
	flag.StringVar(&o.name, "name", "ensemble", "that starts the line with the result")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "recovery:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, o options, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if len(args) < 2 {
		return fmt.Errorf("usage: recovery kill DIR leader|follower, or recovery away DIR")
	}
	e, err := ensemble.Open(args[1])
	if err != nil {
		return err
	}
	switch {
	case args[0] == "kill" && len(args) == 3:
		return kills(ctx, e, o, args[2] == "leader")
	case args[0] == "away":
		return away(ctx, e, o)
	}
	return fmt.Errorf("%q is neither kill nor away", args[0])
}

// kills measures how long no write is acknowledged after a kill.
func kills(ctx context.Context, e *ensemble.Ensemble, o options, leader bool) error {
	var first, others, own []time.Duration
	for range o.rounds {
		l, err := startLoad(ctx, e, o)
		if err != nil {
			return err
		}
		victim, err := pick(ctx, e, leader)
		if err != nil {
			return err
		}
		pause(ctx, 2*time.Second)
		at := time.Now()
		if err := victim.Kill(); err != nil {
			return err
		}
		if err := l.awaitAll(ctx, at); err != nil {
			return err
		}
		l.stop()
		f, out, in := l.gaps(at, victim.Addr)
		first, others, own = append(first, f), append(others, out), append(own, in)
		if err := e.Start(ctx); err != nil {
			return err
		}
	}
	who := "follower"
	if leader {
		who = "leader"
	}
	fmt.Printf("%-12s %s killed: first write after %s; longest silence of a client of another server %s, of its own clients %s (medians of %d, highest in brackets)\n",
		o.name, who, spread(first), spread(others), spread(own), o.rounds)
	return nil
}

// pick returns the leader or a follower.
func pick(ctx context.Context, e *ensemble.Ensemble, leader bool) (*ensemble.Server, error) {
	l, err := e.AwaitLeader(ctx)
	if err != nil || leader {
		return l, err
	}
	for _, s := range e.Voters() {
		if s != l {
			return s, nil
		}
	}
	return nil, fmt.Errorf("no follower: %s", e)
}

func spread(d []time.Duration) string {
	slices.Sort(d)
	return fmt.Sprintf("%v (%v)", d[len(d)/2].Round(time.Millisecond), d[len(d)-1].Round(time.Millisecond))
}

// away measures how long a follower takes from its start until it has all that it has missed.
func away(ctx context.Context, e *ensemble.Ensemble, o options) error {
	victim, err := pick(ctx, e, false)
	if err != nil {
		return err
	}
	if err := victim.Stop(); err != nil {
		return err
	}
	if _, err := e.AwaitLeader(ctx); err != nil {
		return err
	}
	l, err := startLoad(ctx, e, o)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := l.awaitWrites(ctx, o.transactions); err != nil {
		return err
	}
	l.stop()
	wrote := time.Since(began)
	leader, err := e.AwaitLeader(ctx)
	if err != nil {
		return err
	}
	target := leader.Status().Zxid
	at := time.Now()
	if err := victim.Launch(); err != nil {
		return err
	}
	for {
		if st := victim.Status(); st.Mode != "" && st.Zxid >= target {
			break
		}
		if !victim.Running() || ctx.Err() != nil {
			return fmt.Errorf("%s did not come back: %s", victim, victim.Log())
		}
		pause(ctx, 5*time.Millisecond)
	}
	fmt.Printf("%-12s away for %d transactions (written in %v): in sync %v after its start\n",
		o.name, l.writes.Load(), wrote.Round(time.Millisecond), time.Since(at).Round(time.Millisecond))
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
