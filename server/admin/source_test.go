package admin

import (
	"fmt"
	"net/netip"
	"time"

	"gamekeeper/proto"
)

// fakeSource is a server made of constants. Its zero value does not serve.
type fakeSource struct {
	stats       Stats
	conf        Conf
	connections []ConnInfo
	metrics     *Metrics
	watches     []fakeOwned
	ephemerals  []fakeOwned
	sessions    []fakeExpiry
	resets      []string

	dataSize, logSize int64
}

type fakeOwned struct {
	session proto.SessionID
	path    string
}

type fakeExpiry struct {
	session proto.SessionID
	at      time.Time
}

func (f *fakeSource) Stats() Stats                { return f.stats }
func (f *fakeSource) Conf() Conf                  { return f.conf }
func (f *fakeSource) DirSizes() (data, log int64) { return f.dataSize, f.logSize }
func (f *fakeSource) Metrics() *Metrics           { return f.metrics }
func (f *fakeSource) ResetStats()                 { f.resets = append(f.resets, "stats"); f.metrics.Reset() }
func (f *fakeSource) ResetConnections()           { f.resets = append(f.resets, "connections") }

func (f *fakeSource) Connections(yield func(*ConnInfo) bool) {
	for i := range f.connections {
		if !yield(&f.connections[i]) {
			return
		}
	}
}

// listingSource is a fakeSource that also lists watches, sessions and digests.
type listingSource struct{ *fakeSource }

func (f listingSource) DataWatches(yield func(proto.SessionID, string) bool) {
	for _, w := range f.watches {
		if !yield(w.session, w.path) {
			return
		}
	}
}

func (f listingSource) Sessions(yield func(proto.SessionID, time.Time) bool) {
	for _, s := range f.sessions {
		if !yield(s.session, s.at) {
			return
		}
	}
}

func (f listingSource) Ephemerals(yield func(proto.SessionID, string) bool) {
	for _, e := range f.ephemerals {
		if !yield(e.session, e.path) {
			return
		}
	}
}

func (f listingSource) Digests(yield func(proto.Zxid, uint64) bool) {
	_ = yield(0x100000080, 1371985504) && yield(0x100000100, 1<<63)
}

// newSource returns a server in a role, with the numbers of the samples that were taken from Apache
// ZooKeeper servers in that role.
func newSource(role string) *fakeSource {
	f := &fakeSource{metrics: NewMetrics()}
	if role == "down" {
		f.stats = Stats{Version: FullVersion("0.1.0", time.Date(2026, 11, 22, 10, 46, 0, 0, time.UTC))}
		return f
	}
	f.stats = Stats{
		Version:     "3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2024-12-29 17:54 UTC",
		Mode:        Mode(role),
		Serving:     true,
		Traffic:     Traffic{PacketsReceived: 1, Responses: Sizes{-1, -1, -1}},
		Connections: 1,
		Nodes:       5,
		Uptime:      1500 * time.Millisecond,
	}
	f.dataSize, f.logSize = 642, 67108880
	f.conf = Conf{
		ClientPort: 24182, SecureClientPort: -1,
		DataDir: "/x/data/version-2", DataDirSize: 642, DataLogDir: "/x/data/version-2", DataLogSize: 642,
		TickTime: time.Second, MaxClientCnxns: 60, MinSession: 2 * time.Second, MaxSession: 20 * time.Second,
		ListenBacklog: -1,
	}
	f.connections = sampleConnections()
	const session = 0x1000019a9200000
	f.watches = []fakeOwned{{session, "/b"}, {session, "/a"}, {0x5, "/a"}}
	f.ephemerals = []fakeOwned{{session, "/eph"}}
	at := time.Date(2026, 11, 22, 10, 46, 7, 0, time.UTC)
	f.sessions = []fakeExpiry{{session, at}}
	switch Mode(role) {
	case Leader:
		f.stats.Zxid = proto.MakeZxid(1, 0)
		f.stats.PeerState = "leading - broadcast"
		f.stats.Proposals = &Sizes{-1, -1, -1}
		f.stats.Quorum = []Gauge{{"quorum_size", 3}, {"learners", 2}}
		f.conf.ServerID = 1
		f.conf.Quorum = &QuorumConf{
			InitLimit: 10, SyncLimit: 5, ElectionAlg: 3, ElectionPort: "24184", QuorumPort: "24183",
			Membership: "server.1=127.0.0.1:24183:24184:participant;127.0.0.1:24182\nversion=100000000",
		}
	case Follower:
		f.stats.PeerState = "following - broadcast"
	}
	return f
}

// sampleConnections has a client at work, an administrator, and one who came over IPv6 and has not been
// answered yet.
func sampleConnections() []ConnInfo {
	expires := time.Date(2026, 11, 22, 10, 46, 15, 0, time.UTC)
	return []ConnInfo{
		{
			Remote: netip.MustParseAddrPort("127.0.0.1:38062"), InterestOps: 1, Received: 164, Sent: 165,
			Session: 0x1000019a9200000, LastOp: proto.OpGetChildren2, Established: time.UnixMilli(1795344354641),
			Timeout: 10 * time.Second, LastCxid: 0xa2, LastZxid: 0x9b, LastReply: 1720848 * time.Millisecond,
			LastLatency: 1, AvgLatency: 3, MaxLatency: 20, Expires: expires,
		},
		{Remote: netip.MustParseAddrPort("[::ffff:127.0.0.1]:41010"), Received: 1, Expires: expires.Add(300 * time.Millisecond)},
		{
			Remote: netip.MustParseAddrPort("[::1]:41012"), InterestOps: 5, Queued: 2, Received: 1,
			Session: -1, Established: time.UnixMilli(0), LastCxid: -1, LastZxid: -1, Expires: expires.Add(time.Second),
		},
	}
}

func mustWord(name string) uint32 {
	if len(name) != 4 {
		panic(fmt.Sprintf("%q has not four letters", name))
	}
	return uint32(name[0])<<24 | uint32(name[1])<<16 | uint32(name[2])<<8 | uint32(name[3])
}
