// Package admin is what an administrator and a monitoring system see of a server: the four-letter words
// on the client port, the counters behind them, and the Prometheus endpoint. It knows no server: whoever
// runs one implements Source, and everything here can be tested with a Source made of constants.
//
// # Words
//
// The first four bytes of a connection are a frame length or a word. Whoever reads them asks Known
// first; if it says yes the connection is a visit by an administrator: Words.Answer gives the bytes to
// write, after which the connection is closed. A nil answer means closing without a word. Words is
// immutable after NewWords and may be asked from any goroutine at the same time, event loops included:
// it reads snapshots that Source gives, takes no lock of the server and touches no file but /proc.
//
// Names, order and format are Apache ZooKeeper's 3.9, byte for byte where parsers exist, because
// zkServer.sh, kazoo, Telegraf, Datadog and many private scripts cut these texts apart.
//
// # Metrics
//
// Metrics is the list of everything that is counted besides what Stats holds: counters, gauges and
// summaries under Apache's names. It has two readers: mntr, which shows values since the last srst, and
// the exporter, which never goes back. Metrics are made at start-up and live as long as the process.
//
// Times are histograms of durations for Prometheus alone, under names of our own: mntr's parsers know no such type.
//
// A Recorder counts what happens per request. Each goroutine that records has a Lane of its own, so
// that no two processors write to one cache line; recording allocates nothing and takes no lock.
//
// # The exporter
//
// ServeMetrics binds metricsProvider.httpHost and httpPort and answers /metrics from goroutines of
// net/http. Whoever called it owns the Exporter and must call Shutdown.
//
// # The console
//
// ServeConsole binds admin.serverAddress and admin.serverPort, in the same way. Commands are answered with what Source
// tells, as JSON with the names of Apache's AdminServer. It serves Go's profiles below /debug/pprof/ if it is told to: they show what the process does to anybody who reaches the port, and taking one costs
// time. Mutexes and blocking are recorded only while a request waits for their profile.
package admin
