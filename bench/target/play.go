package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"gamekeeper/bench/report"
)

// player plays faults, and notes what happened.
type player struct {
	target *Target
	began  time.Time

	mu     sync.Mutex
	events []report.Event
}

// Play hurts the target, each fault at its time since the run began to measure, and returns what was done when all
// servers serve again. If ctx ends, what has not begun is left out, servers that are paused go on, and servers that
// are away stay so until Mend; the error is that of ctx. Events come with every error.
func (t *Target) Play(ctx context.Context, faults []Fault, began time.Time) ([]report.Event, error) {
	for _, f := range faults {
		if err := f.fits(t.spec); err != nil {
			return nil, err
		}
	}
	p := &player{target: t, began: began}
	errs := make([]error, len(faults))
	var wg sync.WaitGroup
	for i, f := range faults {
		wg.Go(func() {
			if err := until(ctx, began.Add(f.At)); err != nil {
				errs[i] = err
			} else if err := p.play(ctx, f); err != nil {
				errs[i] = fmt.Errorf("fault %v: %w", f, err)
			}
		})
	}
	wg.Wait()
	err := errors.Join(errs...)
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err == nil:
		err = t.settle(ctx, p.revive, t.servers...)
	}
	slices.SortStableFunc(p.events, func(a, b report.Event) int { return cmp.Compare(a.At, b.At) })
	return p.events, err
}

// until waits for a moment.
func until(ctx context.Context, moment time.Time) error {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// note notes an event that began at a moment and has just ended.
func (p *player) note(from time.Time, format string, args ...any) {
	e := report.Event{At: from.Sub(p.began), Took: time.Since(from), What: fmt.Sprintf(format, args...)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
}

// revive starts a server again that ended by itself, and notes it.
func (p *player) revive(s *server) error {
	now := time.Now()
	revived, err := p.target.relaunch(s)
	if revived {
		p.note(now, "%s ended by itself, and is started again", s.name)
	}
	return err
}

func (p *player) play(ctx context.Context, f Fault) error {
	follower := f.What == RestartFollower || f.What == PauseFollower
	s, err := p.claim(ctx, follower)
	if err != nil {
		return err
	}
	defer p.release(s)
	role := "leader"
	switch {
	case follower:
		role = following
	case p.target.spec.size() == 1:
		role = "only server"
	}
	switch f.What {
	case KillLeader:
		return p.kill(ctx, s, f.For, role)
	case RestartFollower:
		return p.restart(ctx, s, f.For, role)
	case Backup:
		return p.backup(ctx, s, role)
	}
	return p.pause(ctx, s, f.For, role)
}

// claim waits for a server that has the role, serves, and is not hurt by another fault, and keeps others from it.
func (p *player) claim(ctx context.Context, follower bool) (found *server, err error) {
	t := p.target
	err = t.await(ctx, p.revive, func(modes []string) (*server, bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		found = t.victim(modes, follower)
		if found != nil {
			found.claimed = true
		}
		return nil, found != nil
	})
	return found, err
}

// victim is a server that has the role and is not claimed; nil if there is none now. The caller holds the mutex.
func (t *Target) victim(modes []string, follower bool) *server {
	leader := leaderOf(modes)
	switch {
	case leader < 0 || !follower && t.servers[leader].claimed:
		return nil
	case !follower:
		return t.servers[leader]
	}
	for i, s := range t.servers {
		switch {
		case s.claimed:
		case modes[i] == following:
			return s
		case modes[i] == unknown: // it may be the first follower, and runs should be alike
			return nil
		}
	}
	return nil
}

func (p *player) release(s *server) {
	p.target.mu.Lock()
	defer p.target.mu.Unlock()
	s.claimed = false
}

// kill kills a leader and starts it again after a while. There are two events: until another server leads, or the
// server is started if there is no other; and from its start until it serves again.
func (p *player) kill(ctx context.Context, s *server, d time.Duration, role string) error {
	t := p.target
	from := time.Now()
	if err := t.finish(s, syscall.SIGKILL); err != nil {
		return err
	}
	if t.spec.Voters == 1 {
		err := until(ctx, from.Add(d))
		p.note(from, "%s %s killed", role, s.name)
		return errors.Join(err, p.again(ctx, s))
	}
	var others sync.WaitGroup
	var elected error
	others.Go(func() {
		leader := -1
		elected = t.await(ctx, p.revive, func(modes []string) (*server, bool) {
			leader = leaderOf(modes)
			return nil, leader >= 0
		})
		if elected == nil {
			p.note(from, "%s %s killed, until %s leads", role, s.name, t.servers[leader].name)
		}
	})
	err := errors.Join(until(ctx, from.Add(d)), p.again(ctx, s))
	others.Wait()
	return errors.Join(elected, err)
}

// restart ends a server in good order and starts it again, after a while. There are two events: the time that it is
// away, and from its start until it serves again.
func (p *player) restart(ctx context.Context, s *server, d time.Duration, role string) error {
	from := time.Now()
	if err := p.target.finish(s, syscall.SIGTERM); err != nil {
		return err
	}
	err := until(ctx, from.Add(d))
	p.note(from, "%s %s stopped", role, s.name)
	return errors.Join(err, p.again(ctx, s))
}

// again starts a server and waits until it serves, unless ctx has ended.
func (p *player) again(ctx context.Context, s *server) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	from := time.Now()
	if err := p.target.rouse(s); err != nil {
		return err
	}
	if err := p.target.settle(ctx, p.revive, s); err != nil {
		if ctx.Err() != nil {
			p.note(from, "%s started again, and does not serve at the end", s.name)
		}
		return err
	}
	p.note(from, "%s started again", s.name)
	return nil
}

// pause keeps a server from doing anything for a while. There are two events: the pause, and from its end until the
// server serves again.
func (p *player) pause(ctx context.Context, s *server, d time.Duration, role string) error {
	t := p.target
	from := time.Now()
	t.mu.Lock()
	s.paused = true
	err := s.process.signal(syscall.SIGSTOP)
	t.mu.Unlock()
	waited := until(ctx, from.Add(d))
	p.note(from, "%s %s paused", role, s.name)
	again := time.Now()
	if err := errors.Join(err, t.rouse(s), waited); err != nil {
		return err
	}
	if err := t.settle(ctx, p.revive, s); err != nil {
		return err
	}
	p.note(again, "%s goes on", s.name)
	return nil
}

// backup takes a backup of a server that runs, next to its data, and deletes it.
func (p *player) backup(ctx context.Context, s *server, role string) error {
	program, err := p.target.options.gamekeeper()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp(s.dir, "backup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	runtime.LockOSThread() // see launch
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, program, "backup", "save", "--data-dir", s.data(), "--to", folder)
	cmd.SysProcAttr = withParent()
	from := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("gamekeeper backup save: %w: %s", err, strings.TrimSpace(string(out))))
	}
	p.note(from, "backup of the %s %s, %.1f MB", role, s.name, float64(folderSize(folder))/1e6)
	return nil
}

// folderSize is the number of bytes in the files below a folder, as far as they can be seen.
func folderSize(folder string) (bytes int64) {
	_ = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil
	})
	return bytes
}
