package proto

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestStream cuts a stream of packets at every place: each packet comes out once it is whole, and Need
// never asks for more than there is to come.
func TestStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		packets := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) QuorumPacket {
			p := QuorumPacket{
				Type: PacketType(rapid.Int32().Draw(t, "type")),
				Zxid: Zxid(rapid.Int64().Draw(t, "zxid")),
				Data: drawBuffer.Draw(t, "data"),
			}
			if rapid.Bool().Draw(t, "auth") {
				p.Auth = NewIdentities(rapid.SliceOfN(drawIdentity, 0, 3).Draw(t, "identities")...)
			}
			return p
		}), 1, 4).Draw(t, "packets")
		var stream []byte
		for i := range packets {
			stream = AppendQuorumPacket(stream, &packets[i])
		}
		var got []QuorumPacket
		for arrived := 0; len(stream) > 0; {
			d := NewStreamDecoder(stream[:arrived], 1<<10)
			p := d.QuorumPacket()
			switch {
			case d.Err() == nil:
				got = append(got, p)
				stream = stream[d.Offset():]
				arrived = max(0, arrived-d.Offset())
			case !errors.Is(d.Err(), ErrShort) || d.Need() <= arrived || d.Need() > len(stream):
				t.Fatalf("%d of %d bytes: %v, want %d", arrived, len(stream), d.Err(), d.Need())
			default:
				arrived = rapid.IntRange(d.Need(), len(stream)).Draw(t, "arrived")
			}
		}
		if d := cmp.Diff(packets, got); d != "" {
			t.Fatal(d)
		}
	})
}

// TestStreamLimit: a packet beyond the limit is refused as soon as its lengths are there.
func TestStreamLimit(t *testing.T) {
	packet := AppendQuorumPacket(nil, &QuorumPacket{Type: PacketProposal, Data: make([]byte, 100)})
	for _, c := range []struct {
		name    string
		b       []byte
		limit   int
		isShort bool
		ok      bool
	}{
		{"whole", packet, len(packet), false, true},
		{"whole but too large", packet, len(packet) - 1, false, false},
		{"its data does not fit", packet[:16], 115, false, false},
		{"its data just fits", packet[:16], 116, true, false},
		{"its beginning", packet[:5], len(packet), true, false},
		{"nothing yet", nil, len(packet), true, false},
		{"a huge count of identities", append(make([]byte, 16), 0x7f, 0xff, 0xff, 0xff), 1 << 20, false, false},
		{"a negative length", append(make([]byte, 12), 0xff, 0xff, 0xff, 0xfe), 1 << 20, false, false},
	} {
		d := NewStreamDecoder(c.b, c.limit)
		d.QuorumPacket()
		if (d.Err() == nil) != c.ok || errors.Is(d.Err(), ErrShort) != c.isShort {
			t.Errorf("%s: %v", c.name, d.Err())
		}
	}
}

func TestLearnerInfoOfOldLearners(t *testing.T) {
	b := AppendLearnerInfo(nil, LearnerInfo{Server: 3, Protocol: ProtocolVersion, ConfigVersion: 9})
	for _, c := range []struct {
		size int
		want LearnerInfo
	}{
		{20, LearnerInfo{3, ProtocolVersion, 9}},
		{19, LearnerInfo{3, ProtocolVersion, 0}},
		{12, LearnerInfo{3, ProtocolVersion, 0}},
		{8, LearnerInfo{3, 1, 0}},
	} {
		d := NewDecoder(b[:c.size])
		if got := d.LearnerInfo(); got != c.want || d.Err() != nil {
			t.Errorf("%d bytes: %+v, %v, want %+v", c.size, got, d.Err(), c.want)
		}
	}
	d := NewDecoder(nil)
	if d.LearnerInfo(); !errors.Is(d.Err(), ErrMalformed) {
		t.Errorf("no data: %v", d.Err())
	}
}

func TestQuorumAuthPacket(t *testing.T) {
	want := QuorumAuthPacket{QuorumAuthError, []byte("token")}
	b := AppendQuorumAuthPacket(nil, want)
	// The magic number as the protocol's documentation writes it.
	if magic := unhex(t, "5f 24 35 01 35 01 ed cc"); string(b[:8]) != string(magic) || !IsQuorumAuth(b[:8]) {
		t.Errorf("begins with %x", b[:8])
	}
	d := NewDecoder(b)
	if got := d.QuorumAuthPacket(); !cmp.Equal(got, want) || d.Err() != nil {
		t.Errorf("%+v, %v", got, d.Err())
	}
	follower := AppendQuorumPacket(nil, &QuorumPacket{Type: PacketFollowerInfo})
	if d = NewDecoder(follower); IsQuorumAuth(follower) || IsQuorumAuth(b[:7]) {
		t.Error("a FOLLOWERINFO passes for an authentication")
	}
	if d.QuorumAuthPacket(); !errors.Is(d.Err(), ErrMalformed) || errors.Is(d.Err(), ErrShort) {
		t.Errorf("a FOLLOWERINFO: %v", d.Err())
	}
}

func TestVotesOfAllLengths(t *testing.T) {
	full := Vote{
		State: Leading, Leader: 3, Zxid: MakeZxid(6, 7), Round: 8, PeerEpoch: 5, Version: VoteVersion,
		Config: []byte("version=0"),
	}
	b := AppendVote(nil, &full)
	noConfig := append([]byte(nil), b[:40]...)
	old := full
	old.Version, old.Config = 0, nil
	oldest := old
	oldest.PeerEpoch = 6
	negative := append(append([]byte(nil), b[:40]...), 0xff, 0xff, 0xff, 0xff)
	badState := append([]byte(nil), b...)
	badState[3] = 4
	versionOne := append([]byte(nil), b...)
	versionOne[39] = 1
	for _, c := range []struct {
		name string
		b    []byte
		want *Vote
	}{
		{"with its configuration", b, &full},
		{"of version 1", versionOne, &old},
		{"of 40 bytes", noConfig, &old},
		{"of 28 bytes", b[:28], &oldest},
		{"of 27 bytes", b[:27], nil},
		{"of 36 bytes", b[:36], nil},
		{"without a length", b[:41], nil},
		{"cut short", b[:len(b)-1], nil},
		{"with a negative length", negative, nil},
		{"of an unknown state", badState, nil},
		{"of no bytes", nil, nil},
	} {
		d := NewDecoder(c.b)
		got := d.Vote()
		switch {
		case c.want == nil && !errors.Is(d.Err(), ErrMalformed):
			t.Errorf("vote %s: %+v, %v", c.name, got, d.Err())
		case c.want != nil && (d.Err() != nil || !cmp.Equal(got, *c.want)):
			t.Errorf("vote %s: %v, %s", c.name, d.Err(), cmp.Diff(*c.want, got))
		}
	}
}

func TestInitialMessages(t *testing.T) {
	two := InitialMessage{Version: InitialMessageV2, Server: 2, Addresses: []string{"127.0.0.1:3888", "[::1]:3888"}}
	b := AppendInitialMessage(nil, &two)
	bad := func(at int, v byte) []byte {
		c := append([]byte(nil), b...)
		c[at] = v
		return c
	}
	for _, c := range []struct {
		name    string
		b       []byte
		want    *InitialMessage
		isShort bool
	}{
		{"two addresses", b, &two, false},
		{"the server id alone", AppendInt64(nil, 5), &InitialMessage{Server: 5}, false},
		{"unknown version", bad(7, 7), nil, false},
		{"no address", AppendInitialMessage(nil, &InitialMessage{Version: InitialMessageV1}), nil, false},
		{"too long", bad(17, 0x10), nil, false},
		{"negative length", bad(16, 0xff), nil, false},
		{"half", b[:len(b)-1], nil, true},
	} {
		d := NewStreamDecoder(c.b, InitialMessageMaxBytes)
		got := d.InitialMessage()
		switch {
		case c.want == nil && (!errors.Is(d.Err(), ErrMalformed) || errors.Is(d.Err(), ErrShort) != c.isShort):
			t.Errorf("%s: %+v, %v", c.name, got, d.Err())
		case c.want != nil && (d.Err() != nil || !cmp.Equal(got, *c.want)):
			t.Errorf("%s: %v, %s", c.name, d.Err(), cmp.Diff(*c.want, got))
		}
	}
}

func TestSnapshotNodes(t *testing.T) {
	root := SnapshotNode{Path: []byte{}, Data: []byte{}, ACLKey: SnapshotOpenACL, StatPersisted: StatPersisted{Cversion: 1}}
	b := AppendSnapshotEnd(AppendSnapshotNode(nil, &root))
	d := NewDecoder(b)
	if n, ok := d.SnapshotNode(); !ok || !cmp.Equal(n, root) {
		t.Errorf("%+v, %v", n, d.Err())
	}
	if _, ok := d.SnapshotNode(); ok || d.Err() != nil || d.Len() != 0 {
		t.Errorf("no end: %v, %d bytes left", d.Err(), d.Len())
	}
	for name, b := range map[string][]byte{
		"null path": AppendBuffer(nil, nil),
		"cut short": b[:20],
	} {
		d := NewDecoder(b)
		if _, ok := d.SnapshotNode(); ok || !errors.Is(d.Err(), ErrMalformed) {
			t.Errorf("%s: %v", name, d.Err())
		}
	}
	d = NewDecoder(AppendSnapshotACL(nil, SnapshotACL{Key: 1}))
	if d.SnapshotACL(); !errors.Is(d.Err(), ErrMalformed) {
		t.Errorf("null list: %v", d.Err())
	}
}
