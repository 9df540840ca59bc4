package target

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gamekeeper/bench/report"
)

// play plays faults and checks what was done, in order.
func play(t *testing.T, target *Target, faults string, want ...string) []report.Event {
	t.Helper()
	events := playAll(t, target, faults)
	var got []string
	for _, e := range events {
		got = append(got, e.What)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: events are %q", faults, got)
	}
	return events
}

// playAll plays faults.
func playAll(t *testing.T, target *Target, faults string) []report.Event {
	t.Helper()
	var all []Fault
	for _, text := range strings.Fields(faults) {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	events, err := target.Play(t.Context(), all, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.At < 0 || e.Took < 0 {
			t.Errorf("%+v", e)
		}
	}
	return events
}

func TestPlay(t *testing.T) {
	target := startFake(t, "gk=gamekeeper:3", Options{})
	pids := target.Processes()
	tests := []struct {
		fault string
		want  []string
		moved int // the server that runs as another process then; -1 is none
	}{
		{"0s:kill-leader:1s", []string{"leader gk-1 killed, until gk-2 leads", "gk-1 started again"}, 0},
		{"0s:restart-follower", []string{"follower gk-2 stopped", "gk-2 started again"}, 1},
		{"0s:pause-leader:1ms", []string{"leader gk-1 paused", "gk-1 goes on"}, -1},
		{"0s:pause-follower:1ms", []string{"follower gk-2 paused", "gk-2 goes on"}, -1},
		{"0s:backup", []string{"backup of the leader gk-1, 1.5 MB"}, -1},
	}
	for _, test := range tests {
		play(t, target, test.fault, test.want...)
		now := target.Processes()
		for i := range now {
			if moved := now[i] != pids[i]; moved != (i == test.moved) {
				t.Errorf("%s: process %v was %v", test.fault, now[i], pids[i])
			}
		}
		pids = now
	}
}

func TestPlayTakesItsTime(t *testing.T) {
	target := startFake(t, "gamekeeper:3", Options{})
	events := play(t, target, "300ms:pause-follower:200ms 100ms:pause-leader:100ms",
		"leader gamekeeper-1 paused", "gamekeeper-1 goes on", "follower gamekeeper-2 paused", "gamekeeper-2 goes on")
	for i, least := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond, 500 * time.Millisecond} {
		if events[i].At < least {
			t.Errorf("%q at %v, before %v", events[i].What, events[i].At, least)
		}
	}
	if events[0].Took < 100*time.Millisecond || events[2].Took < 200*time.Millisecond {
		t.Errorf("pauses took %v and %v", events[0].Took, events[2].Took)
	}
}

func TestPlayOnOneServer(t *testing.T) {
	target := startFake(t, "gamekeeper", Options{})
	before := target.Processes()
	play(t, target, "0s:kill-leader:1ms", "only server gamekeeper-1 killed", "gamekeeper-1 started again")
	if now := target.Processes(); len(now) != 1 || now[0] == before[0] {
		t.Errorf("%v was %v", now, before)
	}
}

// TestPlayAtTheSameTime has faults wait for each other that are about the same server.
func TestPlayAtTheSameTime(t *testing.T) {
	target := startFake(t, "gamekeeper", Options{})
	events := playAll(t, target, "0s:pause-leader:10ms 0s:kill-leader:10ms 0s:backup 0s:pause-leader:10ms")
	if len(events) != 7 {
		t.Errorf("events are %+v", events)
	}
	for i := 1; i < len(events); i++ {
		if events[i].At < events[i-1].At+events[i-1].Took {
			t.Errorf("%+v begins before %+v has ended", events[i], events[i-1])
		}
	}
}

func TestPlayIsInterrupted(t *testing.T) {
	target := startFake(t, "gamekeeper:3", Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		poll(t.Context(), func() bool { // two of the three do not serve
			return len(slices.DeleteFunc(modes(t, target), func(mode string) bool { return mode == "" })) == 1
		})
	}()
	faults := []Fault{{What: KillLeader, For: time.Hour}, {What: PauseFollower, For: time.Hour}, {What: Backup, At: time.Hour}}
	if _, err := target.Play(ctx, faults, time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := target.Mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := modes(t, target); !slices.Equal(got, []string{leading, following, following}) {
		t.Errorf("modes are %v", got)
	}
}

// TestPlayRevives has the follower end by itself that is asked while the leader is away.
func TestPlayRevives(t *testing.T) {
	target := startFake(t, "gamekeeper:2", Options{})
	if err := target.servers[1].process.signal(9); err != nil {
		t.Fatal(err)
	}
	within(t, "the server ends", func() bool { return target.died(target.servers[1]) })
	play(t, target, "0s:restart-follower", "gamekeeper-2 ended by itself, and is started again", "follower gamekeeper-2 stopped", "gamekeeper-2 started again")
}
