package admin

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"slices"
)

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

func (o *object) add(name string, v any) { *o = append(*o, member{name, v}) }

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, name...), ':'), v...)
	}
	return append(b, '}'), nil
}

// command is one of Apache's commands: a name, that of the four-letter word, and what it adds to an answer.
type command struct {
	name    string
	others  []string
	perform func(c *commands, o *object, st *Stats)
}

// commands answers them with what a Source tells.
type commands struct {
	src    Source
	byName map[string]*command
	files  func() (open, limit int64)
}

func newCommands(src Source) *commands {
	c := &commands{src: src, byName: map[string]*command{}, files: fileDescriptors}
	for _, x := range []command{
		{name: "ruok", perform: func(*commands, *object, *Stats) {}},
		{name: "is_read_only", others: []string{"isro"}, perform: (*commands).isReadOnly},
		{name: "server_stats", others: []string{"srvr"}, perform: (*commands).serverStats},
		{name: "stats", others: []string{"stat"}, perform: (*commands).stats},
		{name: "monitor", others: []string{"mntr"}, perform: (*commands).monitor},
		{name: "configuration", others: []string{"conf", "config"}, perform: (*commands).configuration},
		{name: "connections", others: []string{"cons"}, perform: (*commands).connections},
		{name: "dirs", perform: (*commands).dirs},
	} {
		for _, name := range append(x.others, x.name) {
			c.byName[name] = &x
		}
	}
	return c
}

// names are the commands that there are, sorted.
func (c *commands) names() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		if c.byName[name].name == name {
			names = append(names, name)
		}
	}
	return names
}

// index lists the commands for people.
func (c *commands) index(w http.ResponseWriter, prefix string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	for _, name := range c.names() {
		fmt.Fprintf(w, "<a href=\"%s/%s\">%s</a>\n<br/>\n", html.EscapeString(prefix), name, name)
	}
}

// answer performs a command. As with Apache, errors have the status 200 and are told in the field error.
func (c *commands) answer(w http.ResponseWriter, r *http.Request, name string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "commands are for GET", http.StatusMethodNotAllowed)
		return
	}
	o := object{{"command", name}, {"error", nil}}
	x := c.byName[name]
	st := c.src.Stats()
	switch {
	case x == nil:
		o[1].value = fmt.Sprintf("Unknown command: %s. This version has %v", name, c.names())
	case !st.Serving:
		o[1].value = "This ZooKeeper instance is not currently serving requests"
	default:
		o[0].value = x.name
		x.perform(c, &o, &st)
	}
	text, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // who went away misses nothing
}

func (c *commands) isReadOnly(o *object, st *Stats) { o.add("read_only", st.Mode == ReadOnly) }

func (c *commands) serverStats(o *object, st *Stats) {
	o.add("version", st.Version)
	o.add("read_only", st.Mode == ReadOnly)
	responses := st.Responses.object()
	data, log := c.src.DirSizes()
	o.add("server_stats", object{
		{"packets_sent", st.PacketsSent}, {"packets_received", st.PacketsReceived},
		{"client_response_stats", responses},
		{"data_dir_size", data}, {"log_dir_size", log},
		{"last_processed_zxid", int64(st.Zxid)}, {"outstanding_requests", st.Outstanding},
		{"server_state", st.Mode},
		{"avg_latency", st.Latency.Avg}, {"max_latency", st.Latency.Max}, {"min_latency", st.Latency.Min},
		{"auth_failed_count", st.AuthFailed}, {"num_alive_client_connections", st.Connections},
		{"uptime", st.Uptime.Milliseconds()},
	})
	o.add("client_response", responses)
	if st.Proposals != nil {
		o.add("proposal_stats", st.Proposals.object())
	}
	o.add("node_count", st.Nodes)
}

func (s Sizes) object() object {
	return object{{"last_buffer_size", s.Last}, {"min_buffer_size", s.Min}, {"max_buffer_size", s.Max}}
}

func (c *commands) stats(o *object, st *Stats) {
	c.serverStats(o, st)
	o.add("connections", c.listConnections(true))
}

func (c *commands) monitor(o *object, st *Stats) {
	open, limit := c.files()
	monitored(st, open, limit, c.src.Metrics(), func(name, v string) { o.add(name, v) }, func(name string, v value) {
		if v.isFloat {
			o.add(name, v.f)
		} else {
			o.add(name, v.n)
		}
	})
}

func (c *commands) configuration(o *object, _ *Stats) {
	conf := c.src.Conf()
	o.add("client_port", conf.ClientPort)
	o.add("data_dir", conf.DataDir)
	o.add("data_log_dir", conf.DataLogDir)
	o.add("tick_time", conf.TickTime.Milliseconds())
	o.add("max_client_cnxns", conf.MaxClientCnxns)
	o.add("min_session_timeout", conf.MinSession.Milliseconds())
	o.add("max_session_timeout", conf.MaxSession.Milliseconds())
	o.add("server_id", conf.ServerID)
	o.add("client_port_listen_backlog", conf.ListenBacklog)
}

func (c *commands) connections(o *object, _ *Stats) {
	o.add("connections", c.listConnections(false))
	o.add("secure_connections", []object{})
}

// listConnections describes the connections, in brief or in full.
func (c *commands) listConnections(brief bool) []object {
	list := []object{}
	for x := range c.src.Connections {
		o := object{
			{"remote_socket_address", x.Remote.String()}, {"interest_ops", x.InterestOps},
			{"outstanding_requests", x.Queued}, {"packets_received", x.Received}, {"packets_sent", x.Sent},
		}
		if !brief {
			o = append(o, object{
				{"session_id", int64(x.Session)}, {"last_operation", x.LastOp.Short()},
				{"established", x.Established.UnixMilli()}, {"session_timeout", x.Timeout.Milliseconds()},
				{"last_cxid", x.LastCxid}, {"last_zxid", int64(x.LastZxid)},
				{"last_response_time", x.LastReply.Milliseconds()}, {"last_latency", x.LastLatency},
				{"min_latency", x.MinLatency}, {"avg_latency", x.AvgLatency}, {"max_latency", x.MaxLatency},
			}...)
		}
		list = append(list, o)
	}
	return list
}

func (c *commands) dirs(o *object, _ *Stats) {
	data, log := c.src.DirSizes()
	o.add("datadir_size", data)
	o.add("logdir_size", log)
}
