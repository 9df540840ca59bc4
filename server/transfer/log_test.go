package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/wal"
	"gamekeeper/wal/waltest"
)

func openLog(tb testing.TB) *wal.Log {
	tb.Helper()
	log, err := wal.Open(wal.Options{FS: waltest.New(), Dir: "/log", SegmentBytes: 16 << 10})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := log.Close(); err != nil {
			tb.Error(err)
		}
	})
	return log
}

// txn is the record of a zxid in these tests.
func txn(z proto.Zxid) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "%s,", z), 1+int(z)%30)
}

func appendAll(log *wal.Log, zxids ...proto.Zxid) {
	for _, z := range zxids {
		log.Append(z, txn(z))
	}
	log.Submit()
}

// zxids are those of n transactions from one on.
func zxids(from proto.Zxid, n int) (list []proto.Zxid) {
	for i := range n {
		list = append(list, from+proto.Zxid(i))
	}
	return list
}

// want is what Log should write of transactions.
func want(list []proto.Zxid, after, upTo, committed proto.Zxid, observer bool) (b []byte) {
	for _, z := range list {
		switch {
		case z <= after || z > upTo:
		case observer && z <= committed:
			b = proto.AppendQuorumPacket(b, &proto.QuorumPacket{Type: proto.PacketInform, Zxid: z, Data: txn(z)})
		case !observer:
			b = proto.AppendQuorumPacket(b, &proto.QuorumPacket{Type: proto.PacketProposal, Zxid: z, Data: txn(z)})
			if z <= committed {
				b = proto.AppendQuorumPacket(b, &proto.QuorumPacket{Type: proto.PacketCommit, Zxid: z})
			}
		}
	}
	return b
}

// TestLog sends any part of a log, of which the end is appended meanwhile.
func TestLog(t *testing.T) {
	all := slices.Concat(zxids(0x1_0000_0001, 80), zxids(0x3_0000_0001, 120), zxids(0x4_0000_0001, 3))
	rapid.Check(t, func(rt *rapid.T) {
		log, err := wal.Open(wal.Options{FS: waltest.New(), Dir: "/log", SegmentBytes: 16 << 10})
		if err != nil {
			rt.Fatal(err)
		}
		defer log.Close()
		there := rapid.IntRange(0, len(all)).Draw(rt, "there")
		appendAll(log, all[:there]...)
		pick := func(name string, from int) proto.Zxid {
			if i := rapid.IntRange(from, len(all)).Draw(rt, name); i > 0 {
				return all[i-1]
			}
			return 0
		}
		after := pick("after", 0)
		upTo, committed := pick("upTo", 0), pick("committed", 0)
		observer := rapid.Bool().Draw(rt, "observer")
		var out bytes.Buffer
		done := make(chan error)
		go func() {
			done <- Log(context.Background(), &out, log, Part{After: after, UpTo: upTo, Committed: committed, Observer: observer})
		}()
		for _, z := range all[there:] {
			appendAll(log, z)
		}
		if err := <-done; err != nil {
			rt.Fatal(err)
		}
		if w := want(all, after, upTo, committed, observer); !bytes.Equal(out.Bytes(), w) {
			rt.Fatalf("%d bytes, want %d", out.Len(), len(w))
		}
	})
}

// TestLogWritesBeforeItWaits wants what is durable to be on its way while the rest is not.
func TestLogWritesBeforeItWaits(t *testing.T) {
	log := openLog(t)
	all := zxids(1, 10)
	appendAll(log, all[:9]...)
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error)
	go func() { done <- Log(ctx, w, log, Part{UpTo: 10, Committed: 10}) }()
	begin := want(all, 0, 9, 10, false)
	got := make([]byte, len(begin))
	if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, begin) {
		t.Fatal("the first records did not come", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestLogFails(t *testing.T) {
	for _, test := range []struct {
		name        string
		log         []proto.Zxid
		after, upTo proto.Zxid
		fails       string
	}{
		{"gap", []proto.Zxid{1, 2, 4}, 0, 4, "0x4 follows 0x2"},
		{"gap at the beginning", []proto.Zxid{3, 4}, 1, 4, "0x3 follows 0x1"},
		{"gap behind an epoch", []proto.Zxid{1, 1<<32 + 1, 1<<32 + 3}, 0, 1<<32 + 3, "gap"},
		{"end is not there", []proto.Zxid{1, 2, 1<<32 + 1}, 0, 7, "0x7 was to be sent"},
	} {
		log := openLog(t)
		appendAll(log, test.log...)
		var out bytes.Buffer
		err := Log(t.Context(), &out, log, Part{After: test.after, UpTo: test.upTo})
		if !errors.Is(err, ErrGap) || !strings.Contains(err.Error(), test.fails) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	log := openLog(t)
	appendAll(log, 1, 2, 1<<32+1)
	var out bytes.Buffer
	if err := Log(t.Context(), &out, log, Part{UpTo: 1<<32 + 1, Committed: 1 << 32, Observer: true}); err != nil || !bytes.Equal(out.Bytes(), want(zxids(1, 2), 0, 2, 2, true)) {
		t.Errorf("a commit point that is no transaction: %v", err)
	}
	log = openLog(t)
	appendAll(log, zxids(1, 100)...)
	r, w := io.Pipe()
	boom := errors.New("the line is cut")
	_ = r.CloseWithError(boom)
	if err := Log(t.Context(), w, log, Part{UpTo: 100}); !errors.Is(err, boom) {
		t.Errorf("a write that fails: %v", err)
	}
	if err := log.Reset(500); err != nil {
		t.Fatal(err)
	}
	if err := Log(t.Context(), io.Discard, log, Part{UpTo: 100}); !errors.Is(err, wal.ErrMissing) {
		t.Errorf("a log that does not reach back: %v", err)
	}
	done := make(chan error)
	go func() { done <- Log(t.Context(), io.Discard, log, Part{After: 500, UpTo: 600}) }()
	appendAll(log, zxids(501, 50)...)
	if err := log.TruncateAfter(510); err != nil {
		t.Fatal(err)
	}
	appendAll(log, zxids(511, 90)...)
	if err := <-done; err != nil && !errors.Is(err, wal.ErrTruncated) {
		t.Errorf("a truncation meanwhile: %v", err)
	}
}

// TestLogUnreadable wants all that comes before a damaged record to be sent, and to be told where that is.
func TestLogUnreadable(t *testing.T) {
	disk := waltest.New()
	log, err := wal.Open(wal.Options{FS: disk, Dir: "/log", SegmentBytes: 16 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	appendAll(log, zxids(1, 100)...)
	if err := log.WaitDurable(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	segments := log.Segments()
	damaged := segments[len(segments)-1].First // the first record of the last segment
	disk.Corrupt(segments[len(segments)-1].Name, 4096+24, 3)
	var out bytes.Buffer
	err = Log(t.Context(), &out, log, Part{UpTo: 100, Committed: 100})
	unreadable, corrupt := new(UnreadableError), new(wal.CorruptError)
	if !errors.As(err, &unreadable) || !errors.As(err, &corrupt) || unreadable.After != damaged-1 {
		t.Fatalf("%v, want what follows %s to be unreadable", err, damaged-1)
	}
}

func BenchmarkLog(b *testing.B) {
	const n = 500_000
	log, err := wal.Open(wal.Options{Dir: b.TempDir(), NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	record := bytes.Repeat([]byte("x"), 200)
	for z := range proto.Zxid(n) {
		log.Append(z+1, record)
		if z%1000 == 999 {
			log.Submit()
		}
	}
	log.Submit()
	if err := log.WaitDurable(b.Context(), n); err != nil {
		b.Fatal(err)
	}
	for _, observer := range []bool{false, true} {
		b.Run(fmt.Sprintf("observer=%t", observer), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := Log(b.Context(), io.Discard, log, Part{UpTo: n, Committed: n, Observer: observer}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// A learner that was sent a fuzzy snapshot gets no digests until the snapshot is exact.
func TestWithoutDigest(t *testing.T) {
	log := openLog(t)
	record := func(zxid proto.Zxid, digest bool) []byte {
		return proto.AppendTxn(nil, &proto.Txn{
			TxnHeader: proto.TxnHeader{Zxid: zxid, Type: proto.OpDelete},
			Body:      proto.TxnBody{Type: proto.OpDelete, Path: []byte("/a")},
			Digest:    proto.TxnDigest{Version: proto.DigestVersion, Digest: 7}, HasDigest: digest,
		})
	}
	for z := proto.Zxid(1); z <= 4; z++ {
		log.Append(z, record(z, z != 1))
	}
	log.Submit()
	var out bytes.Buffer
	if err := Log(t.Context(), &out, log, Part{UpTo: 4, NoDigestUpTo: 3}); err != nil {
		t.Fatal(err)
	}
	var want []byte
	for z := proto.Zxid(1); z <= 4; z++ {
		want = proto.AppendQuorumPacket(want, &proto.QuorumPacket{Type: proto.PacketProposal, Zxid: z, Data: record(z, z == 4)})
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("sent % x, want % x", out.Bytes(), want)
	}
}
