package target

import (
	"fmt"
	"strings"
	"time"
)

// Fault is something that is done to a target while it is under load.
type Fault struct {
	At   time.Duration // since measuring began
	What Harm
	For  time.Duration // until the server is started again, or goes on
}

// Harm is what a fault does.
type Harm string

// The kinds of harm. A standalone server counts as a leader.
const (
	KillLeader      Harm = "kill-leader"      // as kill -9 does; it is started again later
	RestartFollower Harm = "restart-follower" // ended in good order, and started again
	PauseLeader     Harm = "pause-leader"     // its process does nothing for a while
	PauseFollower   Harm = "pause-follower"
	Backup          Harm = "backup" // of the leader's data, with gamekeeper backup save
)

// FaultsHelp describes faults for the help of a flag.
const FaultsHelp = "AT:KIND[:FOR], as in 10s:kill-leader:5s; kinds: kill-leader, restart-follower, pause-leader, pause-follower, backup"

// usualFor is how long a harm lasts if nobody says it; it is not there for what takes the time that it takes.
func usualFor(h Harm) (time.Duration, bool) {
	switch h {
	case KillLeader, PauseLeader, PauseFollower:
		return 5 * time.Second, true
	case RestartFollower:
		return 0, true
	}
	return 0, false
}

// ParseFault reads AT:KIND[:FOR].
func ParseFault(s string) (Fault, error) {
	at, rest, _ := strings.Cut(s, ":")
	kind, lasting, lasts := strings.Cut(rest, ":")
	f := Fault{What: Harm(kind)}
	var err error
	if f.At, err = time.ParseDuration(at); err != nil || f.At < 0 {
		return Fault{}, usageError("fault %q: %q is no time since measuring began: write %s", s, at, FaultsHelp)
	}
	var long bool
	switch f.What {
	case KillLeader, RestartFollower, PauseLeader, PauseFollower, Backup:
		f.For, long = usualFor(f.What)
	default:
		return Fault{}, usageError("fault %q: %q is no kind of fault: write %s", s, kind, FaultsHelp)
	}
	if !lasts {
		return f, nil
	}
	if !long {
		return Fault{}, usageError("fault %q: a %s takes the time that it takes: leave out %q", s, kind, lasting)
	}
	if f.For, err = time.ParseDuration(lasting); err != nil || f.For < 0 {
		return Fault{}, usageError("fault %q: %q is no duration, such as 5s", s, lasting)
	}
	return f, nil
}

// String is the fault as ParseFault takes it.
func (f Fault) String() string {
	if _, long := usualFor(f.What); long {
		return fmt.Sprintf("%v:%s:%v", f.At, f.What, f.For)
	}
	return fmt.Sprintf("%v:%s", f.At, f.What)
}

// fits tells why a fault cannot be played on a target.
func (f Fault) fits(s Spec) error {
	switch {
	case !s.Starts():
		return usageError("fault %v: %s runs already, and only servers that are started are hurt: name the target gamekeeper:3 or apache:3", f, s.Name)
	case f.What == Backup && s.Kind == Apache:
		return usageError("fault %v: %s is Apache ZooKeeper, which has no backup to compare with: leave out the fault or the target", f, s.Name)
	case (f.What == RestartFollower || f.What == PauseFollower) && s.Voters == 1:
		return usageError("fault %v: %s is one server and has no follower: name the target %s:3", f, s.Name, s.Kind)
	}
	return nil
}
