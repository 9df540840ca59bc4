package config

func clientKeys(d *draft) []key {
	return []key{
		{name: "clientPort", kind: port(0, &d.Client.Port), example: "2181", derived: "none; 2181 without a file",
			text: "Port for clients; 0 lets the system choose one. A standalone server needs it."},
		{name: "clientPortAddress", kind: host(&d.Client.Address), derived: "every address", example: "127.0.0.1",
			text: "Address to bind the client port on. Needs `clientPort`."},
		{name: "clientPortListenBacklog", kind: whole(decimal, Unset, &d.Client.Backlog), def: "-1",
			text: "Connections that may wait to be accepted; -1 is the system's own limit."},
		{name: "clientTcpKeepAlive", kind: boolean(&d.Client.TCPKeepAlive), def: "false",
			text: "TCP keepalive on client connections."},
		{name: "secureClientPort", quiet: true, kind: port(0, nil), status: later, derived: "none",
			text: "TLS port for clients. Refuses to start, so that nobody believes to be served on it."},
		{name: "secureClientPortAddress", quiet: true, kind: host(nil), status: later, derived: "every address",
			text: "Address to bind the TLS port on. Refuses to start, like `secureClientPort`."},
		{name: "client.portUnification", kind: boolean(nil), status: later, def: "false",
			text: "Plaintext and TLS on the client port."},
	}
}

func limitKeys(d *draft) []key {
	return []key{
		{name: "maxClientCnxns", kind: whole(decimal, 0, &d.Limits.PerAddress), def: "60",
			text: "Connections of one IP address; 0 is no limit."},
		{name: "maxCnxns", kind: whole(decoded, 0, &d.Limits.Connections), def: "0",
			text: "Connections altogether; 0 is no limit."},
		{name: "jute.maxbuffer", kind: byteCount(decoded, 1, &d.Limits.FrameBytes), def: "1048575",
			text: "Largest request and largest data of a znode, in bytes. Apache reads it only from `-D`."},
		{name: "jute.maxbuffer.extrasize", kind: anything("number of bytes"), status: noEffect,
			text: "Apache's slack when it reads its own files; none is needed."},
		{name: "globalOutstandingLimit", kind: whole(decoded, 1, &d.Limits.Outstanding), derived: "the server's choice", example: "1000",
			text: "Bound of the requests that were read and not yet answered. Apache's default of 1000 would bound the throughput here, so only a set value counts."},
		{name: "request_throttle_max_requests", kind: whole(decoded, 0, nil), status: later, def: "0",
			text: "Requests in flight before new ones wait; 0 is off. Use `globalOutstandingLimit`."},
		{name: "request_throttle_stall_time", kind: millis(decoded, 0, nil), status: later, def: "100", text: "Wait of a throttled request, ms."},
		{name: "request_throttle_drop_stale", kind: boolean(nil), status: later, def: "true", text: "Drop throttled requests that are stale."},
		{name: "request_stale_connection_check", kind: boolean(nil), status: later, def: "true", text: "A request of a closed connection is stale."},
		{name: "request_stale_latency_check", kind: boolean(nil), status: later, def: "false", text: "A request older than its session's timeout is stale."},
		{name: "request_throttler.shutdownTimeout", kind: millis(decoded, 0, nil), status: later, def: "10000", text: "Time to drain throttled requests at shutdown, ms."},
		{name: "throttled_op_wait_time", kind: millis(decoded, 0, nil), status: later, def: "0", text: "Wait after which a throttled request fails, ms; 0 is never."},
		{name: "largeRequestMaxBytes", kind: byteCount(decoded, 1, nil), status: later, def: "104857600", text: "Bytes of large requests in flight."},
		{name: "largeRequestThreshold", kind: whole(decoded, Unset, nil), status: later, def: "-1", text: "Bytes from which a request is large; -1 is never."},
		{name: "connection_throttle_tokens", kind: whole(decoded, 0, nil), status: later, def: "0", text: "Token bucket for new connections; 0 is off."},
		{name: "connection_throttle_fill_time", kind: millis(decoded, 1, nil), status: later, def: "1", text: "Time between fills of the bucket, ms."},
		{name: "connection_throttle_fill_count", kind: whole(decoded, 1, nil), status: later, def: "1", text: "Tokens per fill."},
		{name: "connection_throttle_freeze_time", kind: whole(decoded, Unset, nil), status: later, def: "-1", text: "Time between changes of the drop probability, ms; -1 is off."},
		{name: "connection_throttle_drop_increase", kind: fraction(nil), status: later, def: "0.02", text: "Step up of the drop probability."},
		{name: "connection_throttle_drop_decrease", kind: fraction(nil), status: later, def: "0.002", text: "Step down of the drop probability."},
		{name: "connection_throttle_decrease_ratio", kind: fraction(nil), status: later, def: "0", text: "Tokens, as a part of all, from which it steps down."},
		{name: "connection_throttle_weight_enabled", kind: boolean(nil), status: later, def: "false", text: "Weigh connections by their session."},
		{name: "connection_throttle_global_session_weight", kind: whole(decoded, 1, nil), status: later, def: "3", text: "Tokens of a new global session."},
		{name: "connection_throttle_local_session_weight", kind: whole(decoded, 1, nil), status: later, def: "1", text: "Tokens of a new local session."},
		{name: "connection_throttle_renew_session_weight", kind: whole(decoded, 1, nil), status: later, def: "2", text: "Tokens of a session that returns."},
	}
}

func sessionKeys(d *draft) []key {
	return []key{
		{name: "tickTime", kind: millis(decimal, 1, &d.Session.TickTime), def: "3000", example: "2000",
			text: "Unit of time in ms, of which timeouts and limits are multiples."},
		{name: "minSessionTimeout", kind: millis(decimal, Unset, &d.Session.MinTimeout), def: "-1", derived: "2 x tickTime", example: "4000",
			text: "Shortest session timeout granted, ms; -1 is the default."},
		{name: "maxSessionTimeout", kind: millis(decimal, Unset, &d.Session.MaxTimeout), def: "-1", derived: "20 x tickTime", example: "40000",
			text: "Longest session timeout granted, ms; -1 is the default."},
	}
}

func storageKeys(d *draft) []key {
	return []key{
		{name: "dataDir", kind: path(&d.Storage.DataDir), derived: "required; `data` without a file", example: "/var/lib/zookeeper",
			text: "Directory of snapshots and of the file `myid`."},
		{name: "dataLogDir", kind: path(&d.Storage.DataLogDir), derived: "dataDir", example: "/var/lib/zookeeper-log",
			text: "Directory of the transaction log; best on a device of its own."},
		{name: "forceSync", kind: yesNo(&d.Storage.ForceSync), def: "yes",
			text: "An acknowledged write is on disk. With `no` a crash of the machine loses writes."},
		{name: "preAllocSize", kind: kibibytes(0, &d.Storage.PreAllocBytes), def: "65536",
			text: "How far the log is allocated ahead, KiB; 0 is not at all."},
		{name: "snapCount", kind: whole(decoded, 0, &d.Storage.SnapCount), def: "100000",
			text: "Transactions after which a snapshot is due, 2 at least; between half of it and the whole, by chance."},
		{name: "fsync.warningthresholdms", kind: millis(decoded, 0, &d.Storage.FsyncWarning), def: "1000",
			text: "Duration in ms from which a sync of the log is logged as slow."},
		{name: "snapSizeLimitInKb", kind: kibibytes(Unset, &d.Storage.SnapLogBytes), def: "4194304",
			text: "Growth of the log after which a snapshot is due, KiB, by chance as with `snapCount`; -1 is no limit, and so is 0, with which Apache does not start."},
		{name: "snapMinIntervalMs", kind: millis(decoded, 0, &d.Storage.SnapMinInterval), def: "10000",
			text: "Least time between the beginnings of two snapshots, ms. Not a key of Apache's."},
		{name: "txnLogSizeLimitInKb", kind: kibibytes(Unset, nil), status: later, def: "-1", text: "Size of a log file, KiB; -1 is no limit."},
		{name: "autopurge.snapRetainCount", kind: whole(decimal, 0, &d.Storage.SnapRetain), def: "3",
			text: "The log is kept as far back as this many snapshots ago, 3 at least."},
		{name: "autopurge.purgeInterval", kind: hours(&d.Storage.PurgeInterval), def: "0", example: "24",
			text: "Least time between purges of the log, in hours or with a unit as in 90m; with 0 it is purged after every snapshot, where Apache never does."},
		{name: "snapshot.trust.empty", kind: boolean(&d.Storage.TrustEmpty), def: "false", text: "Import logs of Apache ZooKeeper without a snapshot."},
		{name: "snapshot.compression.method", kind: optional(oneOf(nil, "gz", "snappy")), status: later, derived: "none", text: "Compression of snapshots in Apache's format: gz or snappy."},
		{name: "datadir.autocreate", kind: boolean(nil), status: later, def: "true", text: "Create missing data directories."},
		{name: "db.autocreate", kind: boolean(&d.Storage.AutocreateDB), def: "true",
			text: "A server of an ensemble without data votes; if false, only where the operator has put a file `initialize` into dataLogDir. Otherwise it has no say until it has acknowledged the history of a leader that the others have elected."},
		{name: "serializeLastProcessedZxid.enabled", kind: boolean(nil), status: later, def: "true", text: "Record the last zxid in snapshots of Apache's format."},
		{name: "flushDelay", kind: anything("number of milliseconds"), status: noEffect, text: "Apache's group commit; here a sync takes whatever gathered during the last one."},
		{name: "maxWriteQueuePollTime", kind: anything("number of milliseconds"), status: noEffect, text: "As `flushDelay`."},
		{name: "maxBatchSize", kind: anything("number"), status: noEffect, text: "As `flushDelay`."},
	}
}

func backupKeys(d *draft) []key {
	return []key{
		{name: "backup.interval", kind: hours(&d.Backup.Interval), def: "0", example: "15m",
			text: "Time between backups that the server takes, in hours or with a unit as in 15m; 0 is never. Not a key of Apache's, as all of `backup.*`."},
		{name: "backup.folder", kind: path(&d.Backup.Folder), derived: "none", example: "/var/backups/gamekeeper",
			text: "Folder of these backups. Needed with `backup.interval`."},
		{name: "backup.retain", kind: whole(decimal, 0, &d.Backup.Retain), def: "0",
			text: "Backups that are kept; 0 is all."},
	}
}

func treeKeys(d *draft) []key {
	return []key{
		{name: "enforceQuota", kind: boolean(&d.Tree.EnforceQuota), def: "false", text: "Refuse writes beyond a hard quota."},
		{name: "extendedTypesEnabled", kind: boolean(&d.Tree.ExtendedTypes), def: "false", text: "Allow znodes with a time to live."},
		{name: "emulate353TTLNodes", kind: boolean(&d.Tree.Emulate353TTL), def: "false", text: "Also read TTLs as Apache 3.5.3 wrote them."},
		{name: "znode.container.checkIntervalMs", kind: millis(decoded, 1, &d.Tree.ContainerCheckInterval), def: "60000",
			text: "Time between searches for empty containers and expired znodes, ms. Apache reads it only from `-D`."},
		{name: "znode.container.maxPerMinute", kind: whole(decoded, 1, &d.Tree.ContainerMaxPerMinute), def: "10000",
			text: "Such znodes deleted per minute. Apache reads it only from `-D`."},
		{name: "znode.container.maxNeverUsedIntervalMs", kind: millis(decoded, 0, &d.Tree.ContainerMaxNeverUsed), def: "0",
			text: "Age in ms at which a container that never had a child is deleted; 0 is never. Apache reads it only from `-D`."},
		{name: "digest.enabled", kind: boolean(&d.Tree.Digest), def: "true", text: "Keep a digest of the tree and record it with transactions."},
		{name: "closeSessionTxn.enabled", kind: boolean(&d.Tree.CloseSessionPaths), def: "true", text: "Record the deleted paths when a session closes."},
	}
}

func operationKeys(d *draft) []key {
	return []key{
		{name: "4lw.commands.whitelist", kind: whitelist(&d.FourLetter.Words), derived: "none", example: "stat,ruok,conf,mntr",
			text: "Four-letter words that are answered, `*` for all. `srvr` always is."},
		{name: "metricsProvider.className", kind: oneOf(&d.metricsClass, metricsClasses()...), derived: "none", example: prometheusProvider,
			text: "The Prometheus provider turns the metrics endpoint on, the others turn it off."},
		{name: "metricsProvider.httpHost", kind: host(&d.Metrics.Host), def: "0.0.0.0", text: "Address to bind the metrics endpoint on."},
		{name: "metricsProvider.httpPort", kind: port(0, &d.Metrics.Port), def: "7000",
			text: "Port of the metrics endpoint, path `/metrics`. Set without a class, it turns the endpoint on, which Apache does not."},
		{name: "metricsProvider.httpsPort", kind: port(0, nil), status: later, derived: "none", text: "TLS port of the metrics endpoint."},
		{name: "metricsProvider.ssl.NAME", kind: anything("text"), status: later, derived: "none", text: "TLS of the metrics endpoint.", secret: true},
		{name: "metricsProvider.exportJvmInfo", kind: anything("true or false"), status: noEffect, text: "There is no JVM; Go's own metrics are always exported."},
		{name: "metricsProvider.numWorkerThreads", kind: anything("number"), status: noEffect, text: "Metrics need no threads."},
		{name: "metricsProvider.maxQueueSize", kind: anything("number"), status: noEffect, text: "Metrics need no queue."},
		{name: "metricsProvider.workerShutdownTimeoutMs", kind: anything("number of milliseconds"), status: noEffect, text: "Metrics need no threads."},
		{name: "metricsProvider.prometheusMetricsSummaryRotateIntervalSeconds", kind: anything("number of seconds"), status: noEffect, text: "Apache's summaries; here they have windows of their own."},
		{name: "audit.enable", kind: boolean(nil), status: later, def: "false", text: "Audit log."},
		{name: "audit.impl.class", kind: text(nil), status: later, derived: "none", text: "Java class that writes the audit log."},
		{name: "pathStats.enabled", kind: boolean(nil), status: later, def: "false", text: "Log which paths are used most."},
		{name: "pathStats.slotCapacity", kind: anything("number"), status: later, def: "60", text: "Slots of its window."},
		{name: "pathStats.slotDuration", kind: anything("number of seconds"), status: later, def: "15", text: "Length of a slot, s."},
		{name: "pathStats.maxDepth", kind: anything("number"), status: later, def: "6", text: "Depth at which it cuts paths."},
		{name: "pathStats.sampleRate", kind: fraction(nil), status: later, def: "0.1", text: "Part of the requests it looks at."},
		{name: "pathStats.initialDelay", kind: anything("number of seconds"), status: later, def: "5", text: "Wait before its first report, s."},
		{name: "pathStats.delay", kind: anything("number of seconds"), status: later, def: "5", text: "Wait between its reports, s."},
		{name: "pathStats.topPathMax", kind: anything("number"), status: later, def: "20", text: "Paths in a report."},
	}
}

func adminKeys(d *draft) []key {
	return []key{
		{name: "admin.enableServer", kind: boolean(&d.Admin.Enabled), def: "false", text: "Start the HTTP server for administrators, with some of Apache's commands. Apache up to 3.9 starts it by default."},
		{name: "admin.serverAddress", kind: host(&d.Admin.Host), def: "127.0.0.1", text: "Address to bind it on; Apache's default is `0.0.0.0`."},
		{name: "admin.serverPort", kind: port(0, &d.Admin.Port), def: "8080", text: "Port to bind it on."},
		{name: "admin.commandURL", kind: urlPath(&d.Admin.CommandURL), def: "/commands", text: "Prefix of the commands' URLs."},
		{name: "admin.idleTimeout", kind: millis(decoded, 0, &d.Admin.IdleTimeout), def: "30000", text: "Time after which an idle connection is closed, ms; 0 is never."},
		{name: "admin.pprof", kind: boolean(&d.Admin.Pprof), def: "false", text: "Serve profiles of the process below `/debug/pprof/` on it, to anybody who reaches the port. Not a key of Apache's."},
		{name: "admin.httpVersion", kind: anything("number"), status: noEffect, text: "Jetty's number of an HTTP version."},
		{name: "admin.portUnification", kind: boolean(nil), status: later, def: "false", text: "HTTP and HTTPS on one port."},
		{name: "admin.forceHttps", kind: boolean(nil), status: later, def: "false", text: "HTTPS only."},
		{name: "admin.needClientAuth", kind: boolean(nil), status: later, def: "false", text: "Require a client certificate."},
		{name: "admin.snapshot.enabled", kind: boolean(nil), status: later, def: "true", text: "Allow the command snapshot."},
		{name: "admin.restore.enabled", kind: boolean(nil), status: later, def: "true", text: "Allow the command restore."},
		{name: "admin.rateLimiterIntervalInMS", kind: millis(decoded, 0, nil), status: later, def: "300000", text: "Time between snapshots or restores by command, ms."},
	}
}
