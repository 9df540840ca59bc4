package admin

import (
	"math"
	"strconv"
)

// value is an integer, or if isFloat a number that mntr prints with a point.
type value struct {
	n       int64
	f       float64
	isFloat bool
}

// gauges calls yield for the numbers in st that Apache has a name for, in the order in which Apache
// registers them.
func (st *Stats) gauges(openFiles, maxFiles int64, yield func(name string, v value)) {
	integer := func(name string, n int64) { yield(name, value{n: n}) }
	yield("avg_latency", value{f: st.Latency.Avg, isFloat: true})
	integer("max_latency", st.Latency.Max)
	integer("min_latency", st.Latency.Min)
	integer("packets_received", st.PacketsReceived)
	integer("packets_sent", st.PacketsSent)
	integer("num_alive_connections", st.Connections)
	integer("outstanding_requests", st.Outstanding)
	integer("uptime", st.Uptime.Milliseconds())
	integer("znode_count", st.Nodes)
	integer("watch_count", st.Watches)
	integer("ephemerals_count", st.Ephemerals)
	integer("approximate_data_size", st.ApproximateSize)
	integer("global_sessions", st.GlobalSessions)
	integer("local_sessions", st.LocalSessions)
	integer("open_file_descriptor_count", openFiles)
	integer("max_file_descriptor_count", maxFiles)
	// Apache's random dropping of connections does not exist here: its probability is 0.
	yield("connection_drop_probability", value{isFloat: true})
	integer("last_client_response_size", st.Responses.Last)
	integer("max_client_response_size", st.Responses.Max)
	integer("min_client_response_size", st.Responses.Min)
	// Connections that speak TLS do not exist yet, so neither do those that failed to.
	integer("outstanding_tls_handshake", 0)
	integer("auth_failed_count", st.AuthFailed)
	integer("non_mtls_remote_conn_count", 0)
	integer("non_mtls_local_conn_count", 0)
	if p := st.Proposals; p != nil {
		integer("last_proposal_size", p.Last)
		integer("max_proposal_size", p.Max)
		integer("min_proposal_size", p.Min)
	}
	for _, g := range st.Quorum {
		integer(g.Name, g.Value)
	}
}

// appendMonitor appends what mntr prints: version and state, the gauges of st, then m.
func appendMonitor(b []byte, st *Stats, openFiles, maxFiles int64, m *Metrics) []byte {
	text := func(key, v string) {
		b = append(append(append(b, "zk_"...), key...), '\t')
		b = append(append(b, v...), '\n')
	}
	number := func(key string, v value) {
		b = append(append(append(b, "zk_"...), key...), '\t')
		if v.isFloat {
			b = appendDouble(b, v.f)
		} else {
			b = strconv.AppendInt(b, v.n, 10)
		}
		b = append(b, '\n')
	}
	monitored(st, openFiles, maxFiles, m, text, number)
	return b
}

// monitored calls text and number for what a monitoring system wants to know: version and state, the gauges of st,
// then m.
func monitored(st *Stats, openFiles, maxFiles int64, m *Metrics, text func(key, v string), number func(key string, v value)) {
	text("version", st.Version)
	text("server_state", string(st.Mode))
	if st.PeerState != "" {
		text("peer_state", st.PeerState)
	}
	if st.Mode == Observer {
		text("observer_master_id", strconv.FormatInt(st.ObserverMaster, 10))
	}
	st.gauges(openFiles, maxFiles, number)
	l := m.list()
	for _, g := range l.gauges {
		number(g.name, value{n: g.read()})
	}
	for _, c := range l.counters {
		number(c.name, value{n: c.sinceReset()})
	}
	for _, s := range l.summaries {
		s.monitor(number)
	}
}

// monitor calls yield for what mntr prints of s.
func (s *Summary) monitor(yield func(name string, v value)) {
	c := s.sinceReset()
	low, high := s.extremes(&c)
	yield("avg_"+s.name, value{f: round4(c.average() / s.unit), isFloat: true})
	yield("min_"+s.name, value{n: low})
	yield("max_"+s.name, value{n: high})
	yield("cnt_"+s.name, value{n: c.n})
	yield("sum_"+s.name, value{n: int64(float64(c.sum) / s.unit)})
	if s.detail != Advanced {
		return
	}
	for _, p := range []struct {
		prefix string
		share  float64
	}{{"p50_", 0.5}, {"p95_", 0.95}, {"p99_", 0.99}, {"p999_", 0.999}} {
		v := value{}
		if c.n > 0 {
			v.n = int64(math.Round(c.quantile(p.share) / s.unit))
		}
		yield(p.prefix+s.name, v)
	}
}
