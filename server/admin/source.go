package admin

import (
	"net/netip"
	"time"

	"gamekeeper/proto"
)

// Source is what this package asks of a server. All methods may be called from any goroutine, several at
// a time, and from event loops: they return snapshots and must not wait for the core.
type Source interface {
	// Stats returns the state of the server now.
	Stats() Stats
	// Conf returns the configuration that is in force.
	Conf() Conf
	// DirSizes returns the bytes of the snapshots and of the transaction logs. It reads the directories.
	DirSizes() (data, log int64)
	// Connections calls yield for each client connection until yield returns false. The ConnInfo is
	// valid during the call only, so that one may be used for all connections.
	Connections(yield func(*ConnInfo) bool)
	// Metrics returns what is counted besides Stats; nil if nothing is.
	Metrics() *Metrics
	// ResetStats starts the statistics anew, for the word srst: Metrics.Reset, and on a leader the
	// proposal sizes.
	ResetStats()
	// ResetConnections starts the statistics of every connection anew, for the word crst.
	ResetConnections()
}

// WatchLister is a Source that can also list its watches, for the words wchs, wchc and wchp. Listing
// costs time with their number, which is why administrators rarely whitelist these words.
type WatchLister interface {
	// DataWatches calls yield for each data watch (of getData and exists, and persistent ones) until
	// yield returns false. Child watches are not among them, as in Apache ZooKeeper.
	DataWatches(yield func(session proto.SessionID, path string) bool)
}

// SessionLister is a Source that can also list its sessions, for the word dump.
type SessionLister interface {
	// Sessions calls yield for each session and the moment at which it expires unless it is heard from,
	// until yield returns false.
	Sessions(yield func(id proto.SessionID, expires time.Time) bool)
	// Ephemerals calls yield for each ephemeral znode until yield returns false.
	Ephemerals(yield func(owner proto.SessionID, path string) bool)
}

// DigestLister is a Source that remembers digests of its tree, for the word hash.
type DigestLister interface {
	// Digests calls yield with zxids and the digests of the tree after them, oldest first, until yield returns
	// false.
	Digests(yield func(zxid proto.Zxid, digest uint64) bool)
}

// Mode is the role of a server, as srvr and mntr print it.
type Mode string

// The modes of Apache ZooKeeper.
const (
	Standalone Mode = "standalone"
	Leader     Mode = "leader"
	Follower   Mode = "follower"
	Observer   Mode = "observer"
	ReadOnly   Mode = "read-only"
)

// Stats is a snapshot of a server. Its numbers need not be of one instant.
type Stats struct {
	Version string // from FullVersion
	Mode    Mode
	// PeerState is mntr's zk_peer_state, such as "following - broadcast"; empty on a standalone server.
	PeerState string
	// ObserverMaster is the number of the server that an observer learns from.
	ObserverMaster int64
	// Serving says whether the server serves clients; while it does not, most words say only that.
	Serving bool

	Traffic

	Connections int64 // open client connections, that of the asking administrator included
	Outstanding int64 // requests received and not answered
	Zxid        proto.Zxid

	Nodes           int64 // znodes; Apache counts "/" twice, so a new server has 5
	Watches         int64
	Ephemerals      int64
	ApproximateSize int64 // bytes of all paths and values
	GlobalSessions  int64
	LocalSessions   int64
	AuthFailed      int64 // authentications refused since the start

	Uptime time.Duration

	// Proposals are the sizes of proposals; nil unless this server leads.
	Proposals *Sizes
	// Quorum adds gauges that only members of an ensemble have, such as quorum_size, learners or
	// synced_followers.
	Quorum []Gauge
}

// Gauge is a named number.
type Gauge struct {
	Name  string // without the prefix zk_
	Value int64
}

// Traffic is what a Recorder has counted since the last reset.
type Traffic struct {
	PacketsReceived int64
	PacketsSent     int64
	Latency         Latency
	Responses       Sizes // bytes of replies
}

// Latency is the time from the arrival of a request to its reply, in milliseconds: 0 while there is none.
type Latency struct {
	Min, Max int64
	Avg      float64 // rounded to 4 decimals
}

// Sizes are sizes in bytes: -1 while there is none.
type Sizes struct{ Last, Min, Max int64 }

// Conf is the configuration that the word conf prints.
type Conf struct {
	ClientPort       int // -1: none
	SecureClientPort int // -1: none
	DataDir          string
	DataDirSize      int64 // bytes
	DataLogDir       string
	DataLogSize      int64 // bytes
	TickTime         time.Duration
	MaxClientCnxns   int
	MinSession       time.Duration
	MaxSession       time.Duration
	ListenBacklog    int // -1: the system's own
	ServerID         int64
	Quorum           *QuorumConf // nil: standalone
}

// QuorumConf is the part of Conf that only members of an ensemble have.
type QuorumConf struct {
	InitLimit, SyncLimit int    // ticks
	ElectionAlg          int    // 3 in every supported release
	ElectionPort         string // several addresses: ports joined with "|"
	QuorumPort           string
	Observer             bool
	Membership           string // server.N lines and version, as in the dynamic configuration; empty: read-only
}

// ConnInfo is one client connection.
type ConnInfo struct {
	Remote      netip.AddrPort
	InterestOps int // Apache's selection keys: 1 while the server reads from the connection
	Queued      int64
	Received    int64 // packets
	Sent        int64 // packets

	// What follows is printed only if Session is not 0.
	Session     proto.SessionID
	LastOp      proto.Op // 0: none yet
	Established time.Time
	Timeout     time.Duration
	LastCxid    int64         // negative: none
	LastZxid    proto.Zxid    // -1: none
	LastReply   time.Duration // on the monotonic clock of the server
	LastLatency int64         // milliseconds, as are the next three
	MinLatency  int64
	AvgLatency  int64
	MaxLatency  int64
	Expires     time.Time // when the connection is closed unless it is heard from; zero: never
}
