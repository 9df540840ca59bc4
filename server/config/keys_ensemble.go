package config

func ensembleKeys(d *draft) []key {
	e := &d.Ensemble
	return []key{
		{name: "server.N", kind: anything("host:port:port[:role][;client]"), derived: "none", example: "zk1:2888:3888",
			text: "Server number N: " + serverForm + ". The number of this server is in `dataDir/myid`."},
		{name: "group.N", kind: anything("server numbers, separated by colons"), derived: "none",
			text: "Group of a hierarchical quorum, as in 1:2:3."},
		{name: "weight.N", kind: anything("number"), derived: "1", text: "Weight of server N in its group."},
		{name: "version", kind: anything("hexadecimal number"), derived: "0", text: "Version of the membership, written by servers."},
		{name: "dynamicConfigFile", kind: path(&e.DynamicConfigFile), derived: "none",
			text: "File that holds the lines above instead of this one."},
		{name: "initLimit", kind: ticks(0, &e.InitLimit), derived: "required in an ensemble", example: "10",
			text: "Ticks that a server has to connect and synchronise."},
		{name: "syncLimit", kind: ticks(0, &e.SyncLimit), derived: "required in an ensemble", example: "5",
			text: "Ticks that a server may lag or be silent."},
		{name: "connectToLearnerMasterLimit", kind: ticks(0, &e.ConnectLimit), derived: "initLimit", example: "10",
			text: "Ticks that a server has to connect; 0 is the default."},
		{name: "electionAlg", kind: electionAlgorithm(), def: "3", text: "Only 3 exists."},
		{name: "peerType", kind: ownRole(&e.Role), def: "participant", text: "Role of this server. The membership decides."},
		{name: "standaloneEnabled", kind: boolean(&e.StandaloneEnabled), def: "true",
			text: "A membership of one participant runs without the ensemble protocol."},
		{name: "reconfigEnabled", kind: boolean(&e.ReconfigEnabled), status: later, def: "false", text: "Allow changes of the membership."},
		{name: "quorumListenOnAllIPs", kind: boolean(&e.ListenOnAllAddresses), def: "false", text: "Bind the peer ports on every address."},
		{name: "multiAddress.enabled", kind: boolean(&e.MultiAddress), def: "false", text: "Allow several addresses per server."},
		{name: "multiAddress.reachabilityCheckEnabled", kind: boolean(nil), status: noEffect, def: "true", text: "Look for the addresses that can be reached: here all are dialled at once, and the first that answers is used."},
		{name: "multiAddress.reachabilityCheckTimeoutMs", kind: millis(decimal, 1, nil), status: noEffect, def: "1000", text: "Time for that, ms."},
		{name: "observerMasterPort", kind: port(0, &e.ObserverMasterPort), def: "0", text: "Port on which followers serve observers, which learn from them instead of the leader; the same on all servers. 0 is off."},
		{name: "observerMaster.sizeLimit", kind: byteCount(decoded, 1, nil), status: noEffect, def: "33554432", text: "Bytes of recent proposals kept for them: here they are read from the log."},
		{name: "syncEnabled", kind: boolean(&d.syncEnabled), def: "true", text: "An observer syncs its log. With `false` it writes it without; what a crash of the machine loses it is sent again."},
		{name: "observer.syncEnabled", kind: boolean(&d.observerSyncEnabled), derived: "syncEnabled", text: "Overrides `syncEnabled`."},
		{name: "localSessionsEnabled", kind: boolean(&e.LocalSessions), def: "false", text: "Sessions that only their server knows."},
		{name: "localSessionsUpgradingEnabled", kind: boolean(&e.LocalSessionUpgrade), def: "false", text: "Make such a session global when it creates an ephemeral znode."},
		{name: "leaderServes", kind: yesNo(&e.LeaderServes), def: "yes", text: "The leader serves clients."},
		{name: "readonlymode.enabled", kind: boolean(&e.ReadOnlyMode), def: "false", text: "Serve reads without a quorum. Apache reads it only from `-D`."},
		{name: "sync.confirm", kind: boolean(&e.ConfirmSync), def: "true",
			text: "A `sync` waits until a quorum has confirmed the leader, so that the read behind it is linearizable; false is Apache's weaker way."},
		{name: "oraclePath", kind: path(nil), status: later, derived: "none", text: "File that decides between two servers."},
	}
}

func quorumKeys(d *draft) []key {
	e := &d.Ensemble
	return []key{
		{name: "cnxTimeout", kind: millis(decoded, 1, &e.ElectionConnectTimeout), def: "5000", text: "Time to connect for an election, ms."},
		{name: "quorumCnxnTimeoutMs", kind: millis(decoded, Unset, &e.ElectionReadTimeout), def: "-1", derived: "syncLimit x tickTime", text: "Silence after which an election link is dropped, ms."},
		{name: "electionPortBindRetry", kind: whole(decoded, 0, &e.ElectionBindRetry), def: "3", text: "Attempts to bind the election port; 0 is for ever."},
		{name: "tcpKeepAlive", kind: boolean(&e.TCPKeepAlive), def: "false", text: "TCP keepalive on election links."},
		{name: "fastleader.minNotificationInterval", kind: millis(decoded, 1, &e.MinNotification), def: "200", text: "First wait for votes, ms."},
		{name: "fastleader.maxNotificationInterval", kind: millis(decoded, 1, &e.MaxNotification), def: "60000", text: "Longest wait for votes, ms."},
		{name: "leaderConnectDelayDuringRetryMs", kind: millis(decoded, 0, &e.ConnectRetryDelay), def: "100", text: "Pause before a learner connects again, ms."},
		{name: "observer.reconnectDelayMs", kind: millis(decoded, 0, &e.ObserverReconnectDelay), def: "0", text: "Longest pause before an observer connects to the leader, ms; how long it is, chance decides."},
		{name: "observer.election.DelayMs", kind: millis(decoded, 0, &e.ObserverElectionDelay), def: "200", text: "Longest pause before an observer that has lost its leader asks for votes, ms."},
		{name: "leader.maxConcurrentSnapSyncs", kind: whole(decoded, 1, &e.MaxSnapSyncs), def: "10", text: "Snapshots sent at once."},
		{name: "leader.maxConcurrentDiffSyncs", kind: whole(decoded, 1, &e.MaxDiffSyncs), def: "100", text: "Differences sent at once."},
		{name: "leader.maxTimeToWaitForEpoch", kind: millis(decoded, Unset, &e.MaxEpochWait), def: "-1", text: "Wait of an elected leader for a quorum, ms, after which it gives up when one that voted for it looks for a leader again; -1 is never. It gives up after initLimit ticks in any case."},
		{name: "commitLogCount", kind: whole(decoded, 0, nil), status: noEffect, def: "500", text: "Transactions kept in memory for learners: here they are read from the log."},
		{name: "snapshotSizeFactor", kind: fraction(&e.SnapshotSizeFactor), def: "0.33", text: "Bound of what is sent from the log, as a part of the snapshot's size; negative is never, more than 1 is the default."},
		{name: "forceSnapshotSync", kind: boolean(&e.ForceSnapshotSync), def: "false", text: "Always send a snapshot."},
		{name: "controllerPort", kind: port(0, nil), status: noEffect, derived: "none", text: "Apache's fault injection for tests."},
	}
}

// javaKeys have no counterpart in this server.
func javaKeys() []key {
	var keys []key
	for _, k := range []struct{ name, text string }{
		{"serverCnxnFactory", "Java class of the network layer."},
		{"nio.numSelectorThreads", "Threads of the NIO layer."},
		{"nio.numWorkerThreads", "Threads of the NIO layer."},
		{"nio.directBufferBytes", "Buffers of the NIO layer."},
		{"nio.sessionlessCnxnTimeout", "Timeout of the NIO layer for connections without a session."},
		{"nio.shutdownTimeout", "Shutdown of the NIO layer."},
		{"netty.advancedFlowControl.enabled", "Flow control of the Netty layer."},
		{"netty.server.outstandingHandshake.limit", "TLS handshakes of the Netty layer."},
		{"netty.server.earlyDropSecureConnectionHandshakes", "TLS handshakes of the Netty layer."},
		{"commitProcessor.numWorkerThreads", "Threads of the commit processor."},
		{"commitProcessor.shutdownTimeout", "Shutdown of the commit processor."},
		{"commitProcessor.maxReadBatchSize", "Batches of the commit processor."},
		{"commitProcessor.maxCommitBatchSize", "Batches of the commit processor."},
		{"intBufferStartingSizeBytes", "Buffers of requests."},
		{"maxResponseCacheSize", "Cache of encoded replies."},
		{"maxGetChildrenResponseCacheSize", "Cache of encoded replies."},
		{"watchManagerName", "Java class that keeps watches."},
		{"watcherCleanThreshold", "Cleaning of the optimized watch manager."},
		{"watcherCleanIntervalInSeconds", "Cleaning of the optimized watch manager."},
		{"watcherCleanThreadsNum", "Cleaning of the optimized watch manager."},
		{"maxInProcessingDeadWatchers", "Cleaning of the optimized watch manager."},
		{"bitHashCacheSize", "Cache of the optimized watch manager."},
		{"messageTracker.Enabled", "Trace of a learner's messages."},
		{"messageTracker.BufferSize", "Trace of a learner's messages."},
		{"leader.ackLoggingFrequency", "Sampling of a metric."},
		{"leader.closeSocketAsync", "Thread that closes sockets."},
		{"learner.closeSocketAsync", "Thread that closes sockets."},
		{"learner.asyncSending", "Thread that sends to the leader."},
		{"forward_learner_requests_to_commit_processor_disabled", "Order of a leader's processors."},
		{"follower.skipLearnerRequestToNextProcessor", "Order of a follower's processors."},
		{"follower.nodelay", "TCP_NODELAY, which is always set."},
		{"leader.nodelay", "TCP_NODELAY, which is always set."},
		{"jvm.pause.monitor", "Pauses of the JVM."},
		{"jvm.pause.info-threshold.ms", "Pauses of the JVM."},
		{"jvm.pause.warn-threshold.ms", "Pauses of the JVM."},
		{"jvm.pause.sleep.time.ms", "Pauses of the JVM."},
		{"jmx.log4j.disable", "Java's logging."},
		{"jmx.log4j.mbean", "Java's logging."},
		{"log.NAME", "Java's logging."},
		{"testingonly.initialZxid", "Apache's own tests."},
		{"test.allowDiscontinuousProposals", "Apache's own tests."},
	} {
		keys = append(keys, key{name: k.name, kind: anything("text"), status: noEffect, text: k.text})
	}
	return keys
}
