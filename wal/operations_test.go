package wal

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/datadriven"

	"gamekeeper/proto"
	"gamekeeper/wal/waltest"
)

// TestOperations expects the exact order of what the log does to its directory. The preparation of a next
// segment runs beside the batch that follows a roll; its operations are listed apart, under "ahead:".
func TestOperations(t *testing.T) {
	disk := waltest.New()
	var mu sync.Mutex
	var ops []waltest.Op
	disk.Fault(func(op waltest.Op) error {
		mu.Lock()
		defer mu.Unlock()
		ops = append(ops, op)
		return nil
	})
	var l *Log
	datadriven.RunTest(t, "testdata/operations", func(t *testing.T, d *datadriven.TestData) string {
		ops = nil
		var err error
		switch d.Cmd {
		case "open":
			l, err = Open(testOptions(disk))
		case "append":
			var n, size int
			d.ScanArgs(t, "records", &n)
			d.ScanArgs(t, "size", &size)
			err = appendAll(l, sequence(l.LastZxid()+1, n, size)...)
		case "truncate":
			var z int64
			d.ScanArgs(t, "after", &z)
			err = l.TruncateAfter(proto.Zxid(z))
		case "purge":
			var z int64
			d.ScanArgs(t, "through", &z)
			_, err = l.Purge(proto.Zxid(z))
		case "reset":
			var z int64
			d.ScanArgs(t, "to", &z)
			err = l.Reset(proto.Zxid(z))
		case "segments":
			var out strings.Builder
			for _, s := range l.Segments() {
				fmt.Fprintf(&out, "%s first=%v last=%v bytes=%d\n", s.Name, s.First, s.Last, s.Bytes)
			}
			return out.String()
		case "close":
			err = l.Close()
		default:
			d.Fatalf(t, "unknown command")
		}
		if err != nil {
			return err.Error()
		}
		if d.Cmd != "close" {
			waitPrepared(l)
		}
		mu.Lock()
		defer mu.Unlock()
		return describe(ops, l, d.Cmd == "append")
	})
}

func describe(ops []waltest.Op, l *Log, split bool) string {
	next := l.dir.join(segmentName(l.segs[len(l.segs)-1].seq + 1))
	var now, ahead strings.Builder
	for _, op := range ops {
		out := &now
		if split && (op.Path == next || op.Kind == "syncdir") {
			out = &ahead
		}
		fmt.Fprintln(out, op)
	}
	if ahead.Len() > 0 {
		now.WriteString("ahead:\n" + ahead.String())
	}
	return now.String()
}
