package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/wal/waltest"
)

// model is what may be found in a log after a crash: records[lo:hi] with hi between sure and all of them.
// Below sure is what was acknowledged, the rest may or may not be there. Only a crash in the middle of
// Reset or Purge adds to this.
type model struct {
	base    proto.Zxid // of records[0]
	records []record
	sure    int
	purging proto.Zxid   // a purge up to here was begun
	reset   []proto.Zxid // resets to here were begun; the last one only if it did not finish
}

// check compares a recovered log with the model, and makes the model certain of what it found.
func (m *model) check(l *Log) error {
	got, err := contents(l, l.Base())
	if err != nil {
		return err
	}
	if err := checkRuns(l, got); err != nil {
		return err
	}
	if l.Durable() != l.LastZxid() {
		return fmt.Errorf("durable %v, last %v", l.Durable(), l.LastZxid())
	}
	base := l.Base()
	found := func() { *m = model{base: base, records: got, sure: len(got)} }
	if len(m.reset) > 0 && len(got) == 0 && (base == m.reset[0] || base == 0) {
		found()
		return nil
	}
	if base != m.base && (base < m.base || base > m.purging) {
		return fmt.Errorf("base %v, want %v (a purge up to %v was begun)", base, m.base, m.purging)
	}
	lo := 0
	for lo < len(m.records) && m.records[lo].zxid <= base {
		lo++
	}
	hi := lo + len(got)
	if hi > len(m.records) || !equalRecords(got, m.records[lo:hi]) {
		return fmt.Errorf("found %v, which is not a part of %v", got, m.records)
	}
	if hi < m.sure {
		return fmt.Errorf("found %d records, %d were acknowledged", hi, m.sure)
	}
	found()
	return nil
}

func (m *model) append(l *Log, batch []record) error {
	m.records = append(m.records, batch...)
	before := len(m.records) - len(batch)
	err := appendAll(l, batch...)
	for m.sure = before; m.sure < len(m.records) && m.records[m.sure].zxid <= l.Durable(); {
		m.sure++
	}
	if err == nil && m.sure != len(m.records) {
		return fmt.Errorf("drained, but durable is %v", l.Durable())
	}
	return err
}

func (m *model) truncate(l *Log, z proto.Zxid) error {
	keep := 0
	for keep < len(m.records) && m.records[keep].zxid <= z {
		keep++
	}
	m.sure = min(m.sure, keep)
	err := l.TruncateAfter(z)
	if err == nil {
		m.records = m.records[:keep:keep]
	}
	return err
}

func (m *model) doReset(l *Log, z proto.Zxid) error {
	m.sure = 0
	m.reset = []proto.Zxid{z}
	err := l.Reset(z)
	if err == nil {
		*m = model{base: z}
	}
	return err
}

func (m *model) purge(l *Log, z proto.Zxid) error {
	m.purging = z
	_, err := l.Purge(z)
	if err != nil {
		return err
	}
	base := l.Base()
	for len(m.records) > 0 && m.records[0].zxid <= base {
		m.records = m.records[1:]
		m.sure--
	}
	m.base, m.purging = base, 0
	return nil
}

// script does a bit of everything, and returns the first error.
func script(disk *waltest.Disk, m *model) error {
	l, err := Open(testOptions(disk))
	if err != nil {
		return err
	}
	// What fails later must still release what is open.
	defer func() { _ = l.Close() }()
	run := func(n, per, size int) error {
		for range n {
			if err := m.append(l, sequence(l.LastZxid()+1, per, size)); err != nil {
				return err
			}
		}
		return nil
	}
	steps := []func() error{
		func() error { return run(8, 5, 900) }, // rolls
		func() error { return m.truncate(l, 33) },
		func() error { return run(4, 5, 900) },
		func() error { return m.truncate(l, 12) }, // over segments
		func() error { return run(3, 5, 900) },
		func() error { return m.purge(l, 20) },
		func() error { return run(2, 3, 700) },
		func() error { return m.doReset(l, 100) },
		func() error { return run(4, 5, 900) },
		func() error { return l.Close() },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	again, err := Open(testOptions(disk))
	if err != nil {
		return err
	}
	l = again
	if err := m.check(l); err != nil {
		return err
	}
	return run(2, 2, 100)
}

// TestCrashAtEveryOperation crashes in the k-th file operation for k = 1, 2, ... until a run ends before.
func TestCrashAtEveryOperation(t *testing.T) {
	for k := 1; ; k++ {
		disk := waltest.New()
		disk.CrashAt(k)
		var m model
		err := script(disk, &m)
		if !disk.Crashed() {
			if err != nil {
				t.Fatalf("without a crash: %v", err)
			}
			if k < 100 {
				t.Errorf("the script has only %d operations", k-1)
			}
			return
		}
		if err != nil && !errors.Is(err, waltest.ErrCrashed) {
			t.Fatalf("crash in operation %d: %v", k, err)
		}
		for seed := range uint64(10) {
			after := m
			again := disk.Crash(newRand(seed))
			l, err := Open(testOptions(again))
			if err != nil {
				t.Fatalf("open after a crash in operation %d, seed %d: %v", k, seed, err)
			}
			if err := after.check(l); err != nil {
				t.Fatalf("after a crash in operation %d, seed %d: %v", k, seed, err)
			}
			if err := after.append(l, sequence(l.LastZxid()+5, 3, 333)); err != nil {
				t.Fatal(err)
			}
			mustClose(t, l)
			// What the first recovery left must hold through another crash.
			l = mustOpen(t, testOptions(again.Crash(newRand(seed))))
			if err := after.check(l); err != nil {
				t.Fatalf("after two crashes, operation %d, seed %d: %v", k, seed, err)
			}
			mustClose(t, l)
		}
	}
}

// TestRandomCrashes lives through many incarnations of one disk: power cuts at random operations, also in
// the middle of recovery, and processes that are killed.
func TestRandomCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk := waltest.New()
		var m model
		for range rapid.IntRange(1, 8).Draw(t, "incarnations") {
			rng := newRand(rapid.Uint64().Draw(t, "seed"))
			disk.CrashAt(1 + rng.IntN(120))
			err := incarnation(disk, &m, rng)
			if err != nil && !errors.Is(err, waltest.ErrCrashed) {
				t.Fatal(err)
			}
			if disk.Crashed() || rng.IntN(2) == 0 {
				disk = disk.Crash(rng)
			} else {
				disk = disk.Restart()
			}
		}
		l, err := Open(testOptions(disk))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.check(l); err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	})
}

func incarnation(disk *waltest.Disk, m *model, rng *rand.Rand) error {
	o := testOptions(disk)
	l, err := Open(o)
	if err != nil {
		return err
	}
	defer func() {
		// A process that is killed does not flush. Where the disk lives, Close only ends the goroutines.
		_ = l.Close()
	}()
	if err := m.check(l); err != nil {
		return err
	}
	for range rng.IntN(40) {
		var err error
		switch pick := rng.IntN(100); {
		case pick < 90:
			n, size := 1+rng.IntN(12), rng.IntN(1500)
			err = m.append(l, sequence(l.LastZxid()+1+proto.Zxid(rng.IntN(3)), n, size))
		case pick < 95 && len(m.records) > 0:
			err = m.truncate(l, m.records[rng.IntN(len(m.records))].zxid)
		case pick < 98 && len(m.records) > 0:
			err = m.purge(l, m.records[rng.IntN(len(m.records))].zxid)
		case pick == 99:
			err = m.doReset(l, l.LastZxid()+10)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// TestTornBatch tears one large write in every way the generator finds. All torn states must open, with a
// beginning of the batch; a shorter batch over the remains must not revive them.
func TestTornBatch(t *testing.T) {
	holes := 0
	for seed := range uint64(600) {
		disk := waltest.New()
		l := mustOpen(t, testOptions(disk))
		waitPrepared(l)
		m := model{}
		if err := m.append(l, sequence(1, 3, 100)); err != nil {
			t.Fatal(err)
		}
		disk.CrashAt(2) // the sync behind the write
		if err := m.append(l, sequence(4, 30, 300)); !errors.Is(err, waltest.ErrCrashed) {
			t.Fatal(err)
		}
		_ = l.Close()

		disk = disk.Crash(newRand(seed))
		l = mustOpen(t, testOptions(disk))
		if err := m.check(l); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if n := len(m.records); n > 3 && n < 33 {
			holes++
		}
		if err := m.append(l, sequence(l.LastZxid()+1, 1, 300)); err != nil {
			t.Fatal(err)
		}
		mustClose(t, l)
		l = mustOpen(t, testOptions(disk))
		if err := m.check(l); err != nil {
			t.Fatalf("seed %d, appended: %v", seed, err)
		}
		mustClose(t, l)
	}
	if holes < 50 {
		t.Errorf("only %d of the torn batches survived in part", holes)
	}
}
