package epoch

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/wal/waltest"
)

const dir = "/data"

func newDisk(t rapid.TB) *waltest.Disk {
	t.Helper()
	disk := waltest.New()
	if err := disk.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := disk.OpenDir("/")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		t.Fatal(err)
	}
	return disk
}

func mustOpen(t rapid.TB, fs vfs.FS) *File {
	t.Helper()
	f, err := Open(fs, dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func want(t rapid.TB, f *File, accepted, current proto.Epoch) {
	t.Helper()
	if f.Accepted() != accepted || f.Current() != current {
		t.Fatalf("accepted %d, current %d, want %d and %d", f.Accepted(), f.Current(), accepted, current)
	}
}

func TestSet(t *testing.T) {
	disk := newDisk(t)
	f := mustOpen(t, disk)
	want(t, f, 0, 0)
	for _, step := range []struct {
		accepted, current proto.Epoch
		fails             string
	}{
		{0, 0, ""}, {1, 0, ""}, {1, 1, ""}, {7, 1, ""}, {6, 1, "never falls"}, {7, 0, "never falls"}, {7, 8, "above"}, {7, 7, ""},
	} {
		err := f.Set(step.accepted, step.current)
		switch {
		case step.fails == "" && err != nil:
			t.Fatal(err)
		case step.fails != "" && (err == nil || !strings.Contains(err.Error(), step.fails)):
			t.Fatalf("set %d, %d: %v", step.accepted, step.current, err)
		case step.fails == "":
			want(t, f, step.accepted, step.current)
		}
		want(t, mustOpen(t, disk.Crash(rand.New(rand.NewPCG(1, 2)))), f.Accepted(), f.Current())
	}
	disk.Fault(func(op waltest.Op) error {
		t.Errorf("%s, though nothing changes", op)
		return nil
	})
	if err := f.Set(7, 7); err != nil {
		t.Fatal(err)
	}
}

// TestFailureIsFinal has each operation of a Set fail. Nothing more may be promised then.
func TestFailureIsFinal(t *testing.T) {
	boom := errors.New("the disk is on fire")
	for k := 1; ; k++ {
		disk := newDisk(t)
		f := mustOpen(t, disk)
		n := 0
		disk.Fault(func(waltest.Op) error {
			if n++; n == k {
				return boom
			}
			return nil
		})
		err := f.Set(3, 2)
		if n < k {
			if err != nil || k < 5 {
				t.Fatalf("a Set of %d operations: %v", n, err)
			}
			return
		}
		if !errors.Is(err, boom) {
			t.Fatalf("operation %d failed: %v", k, err)
		}
		if err := f.Set(4, 2); !errors.Is(err, boom) {
			t.Fatalf("the Set after it: %v", err)
		}
		want(t, f, 0, 0)
	}
}

// TestCrashes raises epochs on a disk that crashes, and wants the last ones that were set, or the next.
func TestCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk := newDisk(t)
		var accepted, current proto.Epoch
		for range rapid.IntRange(1, 6).Draw(t, "incarnations") {
			f := mustOpen(t, disk)
			want(t, f, accepted, current)
			disk.CrashAt(rapid.IntRange(1, 20).Draw(t, "operation"))
			for {
				a := accepted + proto.Epoch(rapid.IntRange(0, 2).Draw(t, "accepted"))
				c := min(a, current+proto.Epoch(rapid.IntRange(0, 2).Draw(t, "current")))
				if a == accepted && c == current {
					a++
				}
				err := f.Set(a, c)
				if err == nil {
					accepted, current = a, c
					continue
				}
				if !errors.Is(err, waltest.ErrCrashed) {
					t.Fatal(err)
				}
				disk = disk.Crash(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)))
				if f := mustOpen(t, disk); f.Accepted() != accepted || f.Current() != current {
					want(t, f, a, c)
					accepted, current = a, c
				}
				break
			}
		}
	})
}

func TestDamage(t *testing.T) {
	sound := appendText(nil, 70, 61)
	put := func(text []byte) *waltest.Disk {
		disk := newDisk(t)
		f, err := disk.Create(dir+"/"+Name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(text); err != nil {
			t.Fatal(err)
		}
		return disk
	}
	want(t, mustOpen(t, put(sound)), 70, 61)
	for i := range sound {
		disk := put(sound)
		disk.Corrupt(dir+"/"+Name, int64(i), uint(i%8))
		if f, err := Open(disk, dir); err == nil {
			t.Errorf("byte %d changed: %+v", i, f)
		} else if !strings.Contains(err.Error(), dir+"/"+Name) || !strings.Contains(err.Error(), "seed it again") {
			t.Errorf("byte %d changed: the error does not help: %v", i, err)
		}
		if _, err := Open(put(sound[:i]), dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut after %d bytes: %v", i, err)
		}
	}
	for _, text := range []string{string(sound) + "\n", string(appendText(nil, 4, 5)), string(appendText(nil, -1, -1)), strings.Repeat("x", 1<<20)} {
		if _, err := Open(put([]byte(text)), dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	later := strings.Replace(string(sound), "epochs 1", "epochs 2", 1)
	if _, err := Open(put([]byte(later)), dir); err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("a later version: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(appendText(nil, 0, 0))
	f.Add(appendText(nil, 1<<40, 5))
	f.Add([]byte("gamekeeper epochs 1\naccepted 1\ncurrent 00\nchecksum 0"))
	f.Fuzz(func(t *testing.T, text []byte) {
		accepted, current, err := Parse(text)
		if err == nil && string(appendText(nil, accepted, current)) != string(text) {
			t.Errorf("%q gives %d, %d", text, accepted, current)
		}
	})
}
