package session

import (
	"testing"

	"gamekeeper/proto"
)

func TestFirstID(t *testing.T) {
	for _, c := range []struct {
		server proto.ServerID
		ms     int64
		want   uint64
	}{
		{1, 0, 0x0100000000000000},
		{1, 1, 0x0100000000010000},
		{1, 0x3a2b1c4, 0x010003a2b1c40000},
		{254, 0xffffffffff, 0xfeffffffffff0000},
		{128, 0, 0x8000000000000000},
		{2, 0x7_12_3456_789a, 0x02123456789a0000}, // bits above 40 do not reach the server's byte
	} {
		if got := uint64(FirstID(c.server, c.ms)); got != c.want {
			t.Errorf("FirstID(%d, %#x) = %#x, want %#x", c.server, c.ms, got, c.want)
		}
	}
}

func TestGeneratorSkips(t *testing.T) {
	free := func(proto.SessionID) bool { return false }
	if id := NewGenerator(128, 0).Next(free); uint64(id) != 0x8000000000000001 {
		t.Errorf("%v: the container mark was not skipped", id)
	}
	if id := NewGenerator(0, 0).Next(free); id != 1 {
		t.Errorf("%v: 0 was not skipped", id)
	}
	taken := map[proto.SessionID]bool{FirstID(1, 0): true, FirstID(1, 0) + 1: true, FirstID(1, 0) + 3: true}
	g := NewGenerator(1, 0)
	for _, want := range []uint64{0x0100000000000002, 0x0100000000000004, 0x0100000000000005} {
		if id := g.Next(func(id proto.SessionID) bool { return taken[id] }); uint64(id) != want {
			t.Errorf("got %v, want %#x", id, want)
		}
	}
}
