package wal

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/wal/waltest"
)

// TestCommit has the owner write by itself when the writer has nothing to do, and only then.
func TestCommit(t *testing.T) {
	disk := waltest.New()
	var notified atomic.Int64
	o := testOptions(disk)
	o.Notify = func() { notified.Add(1) }
	l := mustOpen(t, o)
	if l.Commit() {
		t.Error("commit of nothing was true")
	}
	l.Append(1, record{1, 10}.payload())
	if !l.Commit() || l.Durable() != 1 || notified.Load() != 0 {
		t.Errorf("durable up to %v after a commit, and %d notifications", l.Durable(), notified.Load())
	}

	// While the writer is at it, what was appended is for the writer.
	begun, goOn := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() {
		close(begun)
		<-goOn
	})
	disk.Fault(func(op waltest.Op) error {
		if op.Kind == "sync" {
			once()
		}
		return nil
	})
	l.Append(2, record{2, 10}.payload())
	l.Submit()
	<-begun
	l.Append(3, record{3, 10}.payload())
	if l.Commit() {
		t.Error("commit was true while the writer wrote")
	}
	l.Submit()
	if l.Commit() {
		t.Error("commit was true for what was submitted")
	}
	close(goOn)
	if err := l.drain(); err != nil || l.Durable() != 3 {
		t.Fatalf("durable up to %v, %v", l.Durable(), err)
	}
	wantContents(t, l, sequence(1, 3, 10))
	mustClose(t, l)
}

// TestCommitFails has the disk fail in the owner's own write: nothing is durable, the log has failed and says so.
func TestCommitFails(t *testing.T) {
	for _, kind := range []string{"write", "sync"} {
		t.Run(kind, func(t *testing.T) {
			disk := waltest.New()
			var notified atomic.Int64
			o := testOptions(disk)
			o.Notify = func() { notified.Add(1) }
			l := mustOpen(t, o)
			errDisk := errors.New("no such sector")
			disk.Fault(func(op waltest.Op) error {
				if op.Kind == kind && strings.HasSuffix(op.Path, ".wal") {
					return errDisk
				}
				return nil
			})
			for z := proto.Zxid(1); z <= 2; z++ {
				l.Append(z, record{z, 10}.payload())
				l.Commit()
			}
			if l.Durable() != 0 || !errors.Is(l.Err(), errDisk) || notified.Load() != 1 {
				t.Errorf("durable up to %v, error %v, %d notifications", l.Durable(), l.Err(), notified.Load())
			}
			disk.Fault(nil)
			if err := l.Close(); !errors.Is(err, errDisk) {
				t.Errorf("closed with %v", err)
			}
		})
	}
}
