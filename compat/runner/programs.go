package main

import "time"

// programs in the order in which they start: the long ones first, so that the
// short ones fill what is left of the other core.
var programs = []program{
	{
		name:    "mixed",
		about:   "ensembles of Apache ZooKeeper and Gamekeeper in every role: DIFF, TRUNC, SNAP, sessions that move",
		command: []string{".cache/bin/mixed", "-test.timeout=1190s"},
		limit:   20 * time.Minute,
		alone:   true,
	},
	{
		name:    "faults",
		about:   "an ensemble under kills, pauses, partitions and full disks, with histories that are checked",
		command: []string{".cache/bin/faults", "-rounds=1000", "-for=60s"},
		on:      []string{gamekeeper},
		limit:   5 * time.Minute,
		alone:   true,
	},
	{
		name:    "kafka",
		about:   "an Apache Kafka 3.9 broker in ZooKeeper mode: topics, produce, consume, restart",
		command: []string{"kafka/run"},
		on:      anywhere,
		limit:   5 * time.Minute,
	},
	{
		name:    "java-curator",
		about:   "Curator 5: locks, latch, selector, queues, barriers, caches, watchers, transactions",
		command: []string{"java/run", "Curator"},
		on:      anywhere,
		limit:   3 * time.Minute,
	},
	{
		name:    "java-client",
		about:   "Apache's own Java client 3.9: every operation, sessions, watches, restarts",
		command: []string{"java/run", "Client"},
		on:      anywhere,
		limit:   3 * time.Minute,
	},
	{
		name:    "python-kazoo",
		about:   "kazoo: every operation, recipes, sessions, watches, restarts",
		command: []string{".cache/venv/bin/python", "-m", "unittest", "discover", "-v", "-s", "python"},
		on:      anywhere,
		limit:   4 * time.Minute,
	},
	{
		name:    "raw",
		about:   "the protocol byte by byte: errors, zxids, Stat fields, order of events, broken frames",
		command: []string{".cache/bin/raw", "-test.skip=Differential", "-test.timeout=290s"},
		limit:   5 * time.Minute,
	},
	{
		name:    "differential",
		about:   "random requests, answered the same by a second, real Apache server",
		command: []string{".cache/bin/raw", "-test.run=Differential", "-test.timeout=290s"},
		config:  []string{"enforceQuota=true", "znode.container.checkIntervalMs=100000000"}, // nothing is reaped meanwhile
		limit:   5 * time.Minute,
	},
	{
		name:    "go-zk",
		about:   "go-zookeeper/zk: operations, lock, sessions, watches, restarts",
		command: []string{".cache/bin/gozk", "-test.timeout=170s"},
		on:      anywhere,
		limit:   3 * time.Minute,
	},
	{
		name:    "c-native",
		about:   "the native C client: operations, multi, watches, sessions, restarts",
		command: []string{".cache/bin/native"},
		on:      anywhere,
		limit:   2 * time.Minute,
	},
	{
		name:    "node",
		about:   "node-zookeeper-client: operations, transactions, watches, restarts",
		command: []string{"node/run"},
		on:      anywhere,
		limit:   2 * time.Minute,
	},
	{
		name:    "round-trip",
		about:   "Apache's files imported and exported: Apache, alone and as an ensemble, goes on with the result",
		command: []string{".cache/bin/roundtrip", "-test.timeout=170s"},
		config:  []string{"snapCount=2000"},
		limit:   3 * time.Minute,
	},
	{
		name:    "fourletter",
		about:   "four-letter words: output, whitelist, half-closed connections",
		command: []string{"fourletter/run"},
		config:  []string{"4lw.commands.whitelist=ruok, srvr,stat , mntr,conf,cons,isro,envi"},
		limit:   2 * time.Minute,
	},
	{
		name:    "examples",
		about:   "the programs of examples/ in Go and Python",
		command: []string{"examples/run"},
		on:      anywhere,
		limit:   3 * time.Minute,
	},
}
