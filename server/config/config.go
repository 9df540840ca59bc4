package config

import (
	"net"
	"slices"
	"strconv"
	"time"
)

// Unset marks a port or limit that has no value.
const Unset = -1

// Config is the whole configuration of one server. Load and Default fill every field, derived defaults included,
// and check that the fields fit together; the zero value is not usable.
//
// Each field names its key and the default in the file's notation. Fields of keys whose status is
// "later" are read and checked but have no effect yet; docs/configuration.md tells which.
type Config struct {
	// File is the path the configuration was read from, empty without one.
	File string

	Client     Client
	Limits     Limits
	Session    Session
	Storage    Storage
	Backup     Backup
	Tree       Tree
	Auth       Auth
	FourLetter FourLetter
	Metrics    Metrics
	Admin      Admin
	Ensemble   Ensemble
}

// Client is the port that clients connect to.
type Client struct {
	// Address is the host or IP address to bind; empty means every address.
	// clientPortAddress, default empty.
	Address string
	// Port is the port to bind: 0 lets the system choose, Unset means no port for clients.
	// clientPort, no default in a file; 2181 without a file.
	Port int
	// Backlog is the number of connections the kernel may hold before they are accepted, Unset for the
	// system's own limit. clientPortListenBacklog, default -1.
	Backlog int
	// TCPKeepAlive asks the kernel to probe idle client connections. clientTcpKeepAlive, default false.
	TCPKeepAlive bool
}

// HasPort reports whether clients can connect at all.
func (c Client) HasPort() bool { return c.Port != Unset }

// ListenAddress returns host:port in the form net.Listen takes.
func (c Client) ListenAddress() string {
	return net.JoinHostPort(c.Address, strconv.Itoa(c.Port))
}

// Limits bound what clients may use of the server.
type Limits struct {
	// PerAddress bounds the connections of one IP address; 0 is no bound. maxClientCnxns, default 60.
	PerAddress int
	// Connections bounds all connections together; 0 is no bound. maxCnxns, default 0.
	Connections int
	// FrameBytes bounds the length of a request's frame and the data of a znode, in bytes.
	// jute.maxbuffer, default 1048575.
	FrameBytes int
	// Outstanding bounds the requests that were read and not yet answered; 0 leaves the choice to the
	// server. globalOutstandingLimit, no default (Apache: 1000).
	Outstanding int
}

// Session bounds the timeouts that clients can negotiate.
type Session struct {
	// TickTime is the unit of time of the server and of the ensemble's limits. tickTime, default 3000.
	TickTime time.Duration
	// MinTimeout is the shortest timeout granted. minSessionTimeout, default 2 x tickTime.
	MinTimeout time.Duration
	// MaxTimeout is the longest timeout granted. maxSessionTimeout, default 20 x tickTime.
	MaxTimeout time.Duration
}

// Storage says where and how data is kept.
type Storage struct {
	// DataDir holds snapshots and the file myid. dataDir, required in a file; "data" without one.
	DataDir string
	// DataLogDir holds the transaction log. dataLogDir, default dataDir.
	DataLogDir string
	// ForceSync makes an acknowledged write wait for the disk. forceSync, default yes.
	ForceSync bool
	// PreAllocBytes is how far the log is allocated ahead; 0 is not at all. preAllocSize (KiB), default 65536.
	PreAllocBytes int64
	// SnapCount is the number of transactions after which a snapshot is due. snapCount, default 100000.
	SnapCount int
	// SnapLogBytes is the log's growth after which a snapshot is due; Unset is never.
	// snapSizeLimitInKb, default 4194304.
	SnapLogBytes int64
	// SnapMinInterval is the least time between the beginnings of two snapshots.
	// snapMinIntervalMs, default 10000.
	SnapMinInterval time.Duration
	// FsyncWarning is the duration from which a sync of the log is worth a warning.
	// fsync.warningthresholdms, default 1000.
	FsyncWarning time.Duration
	// SnapRetain is how many snapshots back the log is kept, 3 at least.
	// autopurge.snapRetainCount, default 3.
	SnapRetain int
	// PurgeInterval is the least time between purges of the log; 0: after every snapshot. autopurge.purgeInterval (hours, or a number
	// with ms, s, m, h or d), default 0.
	PurgeInterval time.Duration
	// TrustEmpty allows a log without any snapshot where there has been one.
	// snapshot.trust.empty, default false.
	TrustEmpty bool
	// AutocreateDB lets a member of an ensemble vote that has no data, and no file initialize in DataLogDir beside it.
	// db.autocreate, default true.
	AutocreateDB bool
}

// Backup is the server's own schedule of backups.
type Backup struct {
	// Interval is the time between backups; 0 is never. backup.interval (as autopurge.purgeInterval), default 0.
	Interval time.Duration
	// Folder holds them. backup.folder, no default.
	Folder string
	// Retain is how many are kept; 0 is all. backup.retain, default 0.
	Retain int
}

// Tree configures the znode tree and what is recorded with transactions.
type Tree struct {
	// EnforceQuota refuses writes beyond a hard quota. enforceQuota, default false.
	EnforceQuota bool
	// ExtendedTypes allows znodes with a time to live. extendedTypesEnabled, default false.
	ExtendedTypes bool
	// Emulate353TTL also reads the TTL notation of Apache 3.5.3. emulate353TTLNodes, default false.
	Emulate353TTL bool
	// ContainerCheckInterval is the time between searches for empty containers and expired znodes.
	// znode.container.checkIntervalMs, default 60000.
	ContainerCheckInterval time.Duration
	// ContainerMaxPerMinute bounds how many of them are deleted in a minute.
	// znode.container.maxPerMinute, default 10000.
	ContainerMaxPerMinute int
	// ContainerMaxNeverUsed is the age at which a container that never had a child is deleted; 0 is
	// never. znode.container.maxNeverUsedIntervalMs, default 0.
	ContainerMaxNeverUsed time.Duration
	// Digest keeps the digest of the tree and records it with transactions. digest.enabled, default true.
	Digest bool
	// CloseSessionPaths records the paths of a session's ephemeral znodes in its close transaction.
	// closeSessionTxn.enabled, default true.
	CloseSessionPaths bool
}

// Auth configures authentication and access control.
type Auth struct {
	// SkipACL turns every access check off. skipACL, default no.
	SkipACL bool
	// DigestEnabled offers the scheme digest. DigestAuthenticationProvider.enabled, default true.
	DigestEnabled bool
	// DigestAlgorithm hashes passwords of scheme digest: MD5, SHA1, SHA-224, SHA-256, SHA-384, SHA-512,
	// SHA-512/224, SHA-512/256, SHA3-224, SHA3-256, SHA3-384 or SHA3-512, whatever alias was written.
	// DigestAuthenticationProvider.digestAlg, default SHA1.
	DigestAlgorithm string
	// SuperDigest is user:base64 of the digest user that passes every ACL; empty is nobody.
	// DigestAuthenticationProvider.superDigest, no default.
	SuperDigest string
	// EnforceSchemes are the schemes of which a session needs one before any request, empty when none is
	// needed. enforce.auth.enabled (default false) with enforce.auth.schemes.
	EnforceSchemes []string
}

// FourLetter says which four-letter words are answered; see Config.FourLetterAllowed.
type FourLetter struct {
	// Words are the words allowed, sorted, each once. 4lw.commands.whitelist, default none; "*"
	// stands for all of them and is resolved here.
	Words []string
}

// Metrics is the Prometheus endpoint.
type Metrics struct {
	// Enabled is true when metricsProvider.className is the Prometheus provider, or when no class and
	// a metricsProvider.httpPort is given.
	Enabled bool
	// Host is the host or IP address to bind. metricsProvider.httpHost, default 0.0.0.0.
	Host string
	// Port is the port to bind; 0 lets the system choose. metricsProvider.httpPort, default 7000.
	Port int
}

// Admin is the HTTP server for administrators.
type Admin struct {
	// Enabled starts it. admin.enableServer, default false (Apache up to 3.9: true).
	Enabled bool
	// Host is the host or IP address to bind. admin.serverAddress, default 127.0.0.1 (Apache: 0.0.0.0).
	Host string
	// Port is the port to bind. admin.serverPort, default 8080.
	Port int
	// CommandURL is the prefix of the commands' URLs. admin.commandURL, default /commands.
	CommandURL string
	// IdleTimeout closes an idle connection. admin.idleTimeout, default 30000.
	IdleTimeout time.Duration
	// Pprof serves profiles below /debug/pprof/. admin.pprof, default false.
	Pprof bool
}

// Distributed reports whether the configuration is one of an ensemble: more than one participant, or one
// with standaloneEnabled=false.
func (c Config) Distributed() bool {
	n := c.Ensemble.Membership.Participants()
	return n > 1 || (n == 1 && !c.Ensemble.StandaloneEnabled)
}

// FourLetterAllowed reports whether the four-letter word is answered. As in Apache, srvr always is,
// and isro is with read-only mode, because scripts and clients need them.
func (c Config) FourLetterAllowed(word string) bool {
	switch {
	case word == "srvr":
		return true
	case word == "isro" && c.Ensemble.ReadOnlyMode:
		return true
	}
	_, found := slices.BinarySearch(c.FourLetter.Words, word)
	return found
}
