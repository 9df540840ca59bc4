package proto

import (
	"bytes"
	"errors"
	"testing"
)

// Each target feeds a decoder anything at all. It must not panic, and what it accepts must survive being
// encoded and decoded again.

func fuzzCodec(f *testing.F, c codec, kinds ...string) {
	addGolden(f, func(b []byte, _ Op) { f.Add(b) }, kinds...)
	f.Fuzz(func(t *testing.T, b []byte) { checkStable(t, c, b) })
}

func namedCodec(f *testing.F, name string) codec {
	c, ok := codecByName(name, 0)
	if !ok {
		f.Fatalf("unknown record %q", name)
	}
	return c
}

func FuzzConnectRequest(f *testing.F) {
	fuzzCodec(f, namedCodec(f, "connect-request"), "connect-request")
}

func FuzzConnectResponse(f *testing.F) {
	fuzzCodec(f, namedCodec(f, "connect-response"), "connect-response")
}

func FuzzRequest(f *testing.F) { fuzzCodec(f, requestCodec, "request") }

func FuzzMulti(f *testing.F) {
	addGolden(f, func(b []byte, _ Op) {
		d := NewDecoder(b)
		if h := d.RequestHeader(); h.Op == OpMulti || h.Op == OpMultiRead {
			f.Add(d.Rest())
		}
	}, "request")
	c := multiCodec(requestCodecs)
	f.Fuzz(func(t *testing.T, b []byte) { checkStable(t, c, b) })
}

func FuzzReply(f *testing.F) {
	addGolden(f, func(b []byte, op Op) { f.Add(int32(op), b) }, "reply")
	f.Fuzz(func(t *testing.T, op int32, b []byte) { checkStable(t, replyCodec(Op(op)), b) })
}

func FuzzEvent(f *testing.F) { fuzzCodec(f, eventCodec, "event") }

func FuzzTxn(f *testing.F) {
	addGolden(f, func(b []byte, _ Op) { f.Add(b) }, "txn")
	f.Fuzz(func(t *testing.T, b []byte) {
		checkStable(t, txnCodec, b)
		txn, err := DecodeTxn(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error of no class: %v", err)
			}
			return
		}
		for sub, err := range txn.Body.Subs() {
			if err == nil && len(AppendSubTxn(nil, &sub)) < 8 {
				t.Fatalf("operation %v has no encoding", sub)
			}
		}
	})
}

func FuzzACLs(f *testing.F) {
	f.Add([]byte(OpenACL))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x80, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		checkStable(t, aclsCodec, b)
		d := NewDecoder(b)
		l := d.ACLs()
		n := 0
		for range l.All() {
			n++
		}
		if n != l.Len() {
			t.Fatalf("%d entries of %d", n, l.Len())
		}
		// Even bytes that no decoder has looked at must do no harm.
		for range ACLs(b).All() {
		}
		_ = ACLs(b).String()
	})
}

func FuzzQuorumPacket(f *testing.F) {
	addGolden(f, func(b []byte, _ Op) { f.Add(b) }, "packet")
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, b []byte) {
		checkStable(t, packetCodec, b)
		checkStream(t, b, limit, func(d *Decoder) any { return d.QuorumPacket() })
	})
}

func FuzzQuorumAuthPacket(f *testing.F) {
	f.Add(AppendQuorumAuthPacket(nil, QuorumAuthPacket{QuorumAuthSuccess, []byte("token")}))
	c := namedCodec(f, "quorum-auth")
	f.Fuzz(func(t *testing.T, b []byte) {
		checkStable(t, c, b)
		checkStream(t, b, 1024, func(d *Decoder) any { return d.QuorumAuthPacket() })
	})
}

func FuzzSnapshot(f *testing.F) {
	addGolden(f, func(b []byte, _ Op) { f.Add(b) }, "snapshot")
	f.Fuzz(func(t *testing.T, b []byte) {
		checkStable(t, snapshotCodec, b)
		checkStream(t, b, 1024, func(d *Decoder) any { n, _ := d.SnapshotNode(); return n })
		checkStream(t, b, 1024, func(d *Decoder) any { return d.SnapshotACL() })
	})
}

func FuzzVote(f *testing.F) {
	fuzzCodec(f, namedCodec(f, "vote"), "vote")
}

func FuzzInitialMessage(f *testing.F) {
	addGolden(f, func(b []byte, _ Op) { f.Add(b) }, "initial-message")
	c := namedCodec(f, "initial-message")
	f.Fuzz(func(t *testing.T, b []byte) {
		checkStable(t, c, b)
		checkStream(t, b, InitialMessageMaxBytes, func(d *Decoder) any { return d.InitialMessage() })
	})
}

func FuzzPath(f *testing.F) {
	for _, c := range pathCases {
		f.Add([]byte(c.path))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, want := ValidatePath(b), validPathByUTF16(b); got != want {
			t.Fatalf("ValidatePath(%q) = %v, want %v", b, got, want)
		}
		if at := bytes.LastIndexByte(b, '/'); at >= 0 {
			parent, name := SplitPath(b)
			if string(parent) != string(b[:max(at, 1)]) || string(name) != string(b[at+1:]) {
				t.Fatalf("SplitPath(%q) = %q, %q", b, parent, name)
			}
		}
	})
}

// checkStream decodes the record at the start of b as if b came byte by byte. Every beginning of it must
// be short with a Need that is no exaggeration, and the whole must be what a plain decoder finds.
func checkStream(t testing.TB, b []byte, limit int, decode func(*Decoder) any) {
	plain := NewDecoder(b)
	want := show(decode(&plain))
	whole := NewStreamDecoder(b, limit)
	got := show(decode(&whole))
	switch {
	case whole.Err() == nil:
		if got != want || whole.Offset() != plain.Offset() || plain.Offset() > limit {
			t.Fatalf("stream of %x gives %s up to %d, not %s up to %d", b, got, whole.Offset(), want, plain.Offset())
		}
	case errors.Is(whole.Err(), ErrShort):
		if plain.Err() == nil || whole.Need() <= len(b) || whole.Need() > limit {
			t.Fatalf("stream of %x wants %d bytes: %v; plainly: %v", b, whole.Need(), whole.Err(), plain.Err())
		}
	case plain.Err() == nil && plain.Offset() <= limit:
		t.Fatalf("stream of %x fails: %v", b, whole.Err())
	}
	if whole.Err() != nil || len(b) > 512 {
		return
	}
	size := whole.Offset()
	for n := 0; n < size; {
		d := NewStreamDecoder(b[:n], limit)
		decode(&d)
		if !errors.Is(d.Err(), ErrShort) || d.Need() <= n || d.Need() > size {
			t.Fatalf("%d of the %d bytes of %x: %v, want %d bytes", n, size, b, d.Err(), d.Need())
		}
		n = d.Need()
	}
}
