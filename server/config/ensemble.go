package config

import "time"

// Ensemble configures a server's part in an ensemble. Membership and MyID are empty in a standalone
// server.
type Ensemble struct {
	// MyID is this server's number, from the file myid in dataDir; Unset without that file.
	MyID int64
	// Membership is the list of servers, from the file itself or from dynamicConfigFile.
	Membership Membership
	// DynamicConfigFile is the path of the membership file. dynamicConfigFile, no default.
	DynamicConfigFile string
	// StandaloneEnabled lets a membership of one participant run without the ensemble protocol.
	// standaloneEnabled, default true.
	StandaloneEnabled bool
	// ReconfigEnabled allows changes of the membership while running. reconfigEnabled, default false.
	ReconfigEnabled bool

	// InitLimit is the time, in ticks, a learner has to connect and synchronise. initLimit, required.
	InitLimit int
	// SyncLimit is the time, in ticks, a learner may lag or be silent. syncLimit, required.
	SyncLimit int
	// ConnectLimit is the time, in ticks, a learner has to connect.
	// connectToLearnerMasterLimit, default initLimit.
	ConnectLimit int

	// Role is this server's own role, which the membership decides. peerType, default participant.
	Role Role
	// LeaderServes lets the leader serve clients. leaderServes, default yes.
	LeaderServes bool
	// ReadOnlyMode serves reads without a quorum. readonlymode.enabled, default false.
	ReadOnlyMode bool
	// LocalSessions creates sessions that only this server knows. localSessionsEnabled, default false.
	LocalSessions bool
	// LocalSessionUpgrade makes a local session global when it needs to be.
	// localSessionsUpgradingEnabled, default false.
	LocalSessionUpgrade bool
	// ConfirmSync has a quorum confirm the leader before a sync is answered. sync.confirm, default true.
	ConfirmSync bool
	// ObserverSyncs makes an observer sync what it writes to its log. syncEnabled, default true; the key
	// observer.syncEnabled overrides it.
	ObserverSyncs bool
	// ObserverMasterPort is where followers serve observers; 0 is nowhere. observerMasterPort, default 0.
	ObserverMasterPort int

	// ListenOnAllAddresses binds the peer ports on every address. quorumListenOnAllIPs, default false.
	ListenOnAllAddresses bool
	// MultiAddress allows several addresses per server. multiAddress.enabled, default false.
	MultiAddress bool
	// TCPKeepAlive asks the kernel to probe idle election links. tcpKeepAlive, default false.
	TCPKeepAlive bool
	// ElectionConnectTimeout is the time to connect an election link. cnxTimeout, default 5000.
	ElectionConnectTimeout time.Duration
	// ElectionReadTimeout is the silence after which an election link is dropped.
	// quorumCnxnTimeoutMs, default syncLimit x tickTime.
	ElectionReadTimeout time.Duration
	// ElectionBindRetry is how often binding the election port is tried; 0 is for ever.
	// electionPortBindRetry, default 3.
	ElectionBindRetry int
	// MinNotification and MaxNotification bound the wait for votes, which doubles from the one to the
	// other. fastleader.minNotificationInterval, default 200, and
	// fastleader.maxNotificationInterval, default 60000.
	MinNotification, MaxNotification time.Duration

	// ConnectRetryDelay is the pause before a learner connects again.
	// leaderConnectDelayDuringRetryMs, default 100.
	ConnectRetryDelay time.Duration
	// ObserverReconnectDelay is the longest pause before an observer connects to the leader.
	// observer.reconnectDelayMs, default 0.
	ObserverReconnectDelay time.Duration
	// ObserverElectionDelay is the longest pause before an observer that has lost its leader asks for votes.
	// observer.election.DelayMs, default 200.
	ObserverElectionDelay time.Duration
	// MaxSnapSyncs bounds the snapshots that a leader sends at once.
	// leader.maxConcurrentSnapSyncs, default 10.
	MaxSnapSyncs int
	// MaxDiffSyncs bounds the learners that it sends differences at once.
	// leader.maxConcurrentDiffSyncs, default 100.
	MaxDiffSyncs int
	// MaxEpochWait is how long an elected leader waits for a quorum's epochs although one that voted for it looks
	// for a leader again; negative is as long as for any other. leader.maxTimeToWaitForEpoch, default -1.
	MaxEpochWait time.Duration
	// SnapshotSizeFactor bounds what is sent from the log on disk, as a multiple of the snapshot's size;
	// negative is never from the log. snapshotSizeFactor, default 0.33.
	SnapshotSizeFactor float64
	// ForceSnapshotSync always sends a snapshot. forceSnapshotSync, default false.
	ForceSnapshotSync bool
}
