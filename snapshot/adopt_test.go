package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/tree"
	"gamekeeper/wal"
	"gamekeeper/wal/waltest"
)

// replica is a server's data on a disk: a store, and a log behind it.
type replica struct {
	store *Store
	log   *wal.Log
}

const replicaStore = "/data/snapshot"

// startReplica does what a server does at its start.
func startReplica(disk *waltest.Disk) (*replica, error) {
	store, err := Open(testOptions(disk, replicaStore))
	if err != nil {
		return nil, err
	}
	r := &replica{store: store}
	mark, ready, err := Ready(disk, replicaStore)
	if err == nil {
		r.log, err = wal.Open(wal.Options{FS: disk, Dir: "/data/wal", SegmentBytes: 16 << 10})
	}
	if err == nil && ready {
		err = r.adopt(disk, mark)
		if err == nil {
			r.store, err = Open(testOptions(disk, replicaStore))
		}
	}
	return r, err
}

// adopt does what Ready says is to be done, but for opening the store again.
func (r *replica) adopt(disk *waltest.Disk, mark Mark) error {
	if err := r.log.Reset(mark.ReplayAfter); err != nil {
		return err
	}
	if err := r.store.Close(); err != nil {
		return err
	}
	return Adopt(disk, replicaStore)
}

func (r *replica) close() error { return errors.Join(r.store.Close(), r.log.Close()) }

// state is the store's mark, the log's end and the tree's digest.
func (r *replica) state() (string, error) {
	t, _, err := r.store.Load(tree.Options{}, nil)
	if err != nil {
		return "", err
	}
	mark, _ := r.store.Mark()
	n := 0
	err = r.log.Replay(mark.ReplayAfter, func(proto.Zxid, []byte) error { n++; return nil })
	return fmt.Sprintf("snapshot of %s, log from %s to %s, %d to replay, digest %d",
		mark.ReplayAfter, r.log.Base(), r.log.LastZxid(), n, t.Digest()), err
}

// receiveAndAdopt does what a server does that is sent a snapshot, but for opening the store again.
func (r *replica) receiveAndAdopt(disk *waltest.Disk, f Format, zxid proto.Zxid, stream []byte) error {
	if _, err := Receive(testOptions(disk, replicaStore), f, zxid, bytes.NewReader(stream), nil); err != nil {
		return err
	}
	if err := Confirm(disk, replicaStore); err != nil {
		return err
	}
	mark, ok, err := Ready(disk, replicaStore)
	if err != nil || !ok {
		return errors.Join(err, fmt.Errorf("nothing is ready: %+v", mark))
	}
	return r.adopt(disk, mark)
}

// sentState is what another server sends, and the zxid behind which transactions follow.
func sentState(t *testing.T) (zxid proto.Zxid, streams map[Format][]byte) {
	t.Helper()
	sender := mustOpen(t, testOptions(waltest.New(), "/sender"))
	theirs := tree.New(tree.Options{Track: true})
	grow(t, theirs, 0, 40, []byte("theirs"))
	flush(t, sender, theirs)
	v := mustView(t, sender)
	zxid = v.Mark().ReplayAfter
	streams = map[Format][]byte{FormatOwn: send(t, v, FormatOwn), FormatApache: send(t, v, FormatApache)}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	mustClose(t, sender)
	return zxid, streams
}

// TestCrashWhileAdopting cuts the power in each operation, from the first byte received to the end of the
// adoption, and wants the whole old state or the whole new one after the next start.
func TestCrashWhileAdopting(t *testing.T) {
	zxid, streams := sentState(t)

	// What this one has: a snapshot, and a log of which the end is not in it.
	begin := waltest.New()
	r, err := startReplica(begin)
	if err != nil {
		t.Fatal(err)
	}
	ours := tree.New(tree.Options{Track: true})
	grow(t, ours, 0, 5, []byte("ours"))
	for z := proto.Zxid(1); z <= ours.LastZxid()+30; z++ {
		r.log.Append(z, make([]byte, 700))
	}
	r.log.Submit()
	if err := r.log.WaitDurable(t.Context(), r.log.LastZxid()); err != nil {
		t.Fatal(err)
	}
	flush(t, r.store, ours)
	before, err := r.state()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}

	for f, stream := range streams {
		after := ""
		outcomes := map[string]int{}
		for k := 1; ; k++ {
			disk := begin.Restart()
			r, err := startReplica(disk)
			if err != nil {
				t.Fatal(err)
			}
			disk.CopyAt(k)
			if err := r.receiveAndAdopt(disk, f, zxid, stream); err != nil {
				t.Fatal(err)
			}
			disk = disk.Copied()
			if err := r.log.Close(); err != nil {
				t.Fatal(err)
			}
			if disk == nil {
				if k < 40 {
					t.Errorf("only %d operations", k-1)
				}
				break
			}
			for seed := range uint64(2) {
				again := disk.Crash(rand.New(rand.NewPCG(seed, uint64(k))))
				r, err := startReplica(again)
				if err != nil {
					t.Fatalf("start after a crash in operation %d, seed %d: %v", k, seed, err)
				}
				got, err := r.state()
				if err != nil {
					t.Fatalf("after a crash in operation %d, seed %d: %v", k, seed, err)
				}
				if got != before && after == "" {
					after = got
				}
				if got != before && got != after {
					t.Fatalf("after a crash in operation %d, seed %d: %s, which is neither %s nor %s", k, seed, got, before, after)
				}
				outcomes[got]++
				names, err := again.List("/data")
				if err != nil || fmt.Sprint(names) != "[snapshot wal]" {
					t.Fatalf("after a crash in operation %d, seed %d: %v is left, %v", k, seed, names, err)
				}
				if err := r.close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(outcomes) != 2 {
			t.Errorf("outcomes %v", outcomes)
		}
	}
}

// TestReceivedAndNotConfirmed has a server that received a snapshot, and acknowledged more to another leader before it
// could be adopted. A crash must not bring the snapshot back: with it the log would be gone.
func TestReceivedAndNotConfirmed(t *testing.T) {
	zxid, streams := sentState(t)

	disk := waltest.New()
	r, err := startReplica(disk)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Receive(testOptions(disk, replicaStore), FormatOwn, zxid, bytes.NewReader(streams[FormatOwn]), nil); err != nil {
		t.Fatal(err)
	}
	acknowledged := zxid + 10
	for z := proto.Zxid(1); z <= acknowledged; z++ {
		r.log.Append(z, []byte("record"))
	}
	r.log.Submit()
	if err := r.log.WaitDurable(t.Context(), acknowledged); err != nil {
		t.Fatal(err)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	again, err := startReplica(disk.Restart())
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if last := again.log.LastZxid(); last != acknowledged {
		t.Errorf("the log ends at %s, and %s was acknowledged", last, acknowledged)
	}
	if mark, ok := again.store.Mark(); ok {
		t.Errorf("the snapshot of %s is there, which was given up", mark.ReplayAfter)
	}
}
