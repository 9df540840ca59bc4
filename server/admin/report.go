package admin

import "strconv"

// appendServer appends what srvr prints, and with connections (nil for srvr) what stat prints.
func appendServer(b []byte, st *Stats, connections func(func(*ConnInfo) bool)) []byte {
	b = append(b, "Zookeeper version: "...)
	b = append(append(b, st.Version...), '\n')
	if st.Mode == ReadOnly {
		b = append(b, "READ-ONLY mode; serving only read-only clients\n"...)
	}
	if connections != nil {
		b = append(b, "Clients:\n"...)
		for c := range connections {
			b = append(appendConnection(b, c, true), '\n')
		}
		b = append(b, '\n')
	}
	b = strconv.AppendInt(append(b, "Latency min/avg/max: "...), st.Latency.Min, 10)
	b = appendDouble(append(b, '/'), st.Latency.Avg)
	b = strconv.AppendInt(append(b, '/'), st.Latency.Max, 10)
	b = strconv.AppendInt(append(b, "\nReceived: "...), st.PacketsReceived, 10)
	b = strconv.AppendInt(append(b, "\nSent: "...), st.PacketsSent, 10)
	b = strconv.AppendInt(append(b, "\nConnections: "...), st.Connections, 10)
	b = strconv.AppendInt(append(b, "\nOutstanding: "...), st.Outstanding, 10)
	b = appendHex(append(b, "\nZxid: 0x"...), uint64(st.Zxid))
	b = append(append(b, "\nMode: "...), st.Mode...)
	b = strconv.AppendInt(append(b, "\nNode count: "...), st.Nodes, 10)
	b = append(b, '\n')
	if p := st.Proposals; p != nil {
		b = strconv.AppendInt(append(b, "Proposal sizes last/min/max: "...), p.Last, 10)
		b = strconv.AppendInt(append(b, '/'), p.Min, 10)
		b = strconv.AppendInt(append(b, '/'), p.Max, 10)
		b = append(b, '\n')
	}
	return b
}

// appendConnections appends what cons prints.
func appendConnections(b []byte, connections func(func(*ConnInfo) bool)) []byte {
	for c := range connections {
		b = append(appendConnection(b, c, false), '\n')
	}
	return append(b, '\n')
}

// appendConnection appends the line of one connection, brief as stat has it or full as cons does.
func appendConnection(b []byte, c *ConnInfo, brief bool) []byte {
	b = appendAddr(append(b, ' '), c.Remote)
	b = appendHex(append(b, '['), uint64(c.InterestOps))
	b = strconv.AppendInt(append(b, "](queued="...), c.Queued, 10)
	b = strconv.AppendInt(append(b, ",recved="...), c.Received, 10)
	b = strconv.AppendInt(append(b, ",sent="...), c.Sent, 10)
	if !brief && c.Session != 0 {
		b = appendID(append(b, ",sid="...), c.Session)
		b = append(append(b, ",lop="...), c.LastOp.Short()...)
		b = strconv.AppendInt(append(b, ",est="...), c.Established.UnixMilli(), 10)
		b = strconv.AppendInt(append(b, ",to="...), c.Timeout.Milliseconds(), 10)
		if c.LastCxid >= 0 {
			b = appendHex(append(b, ",lcxid=0x"...), uint64(c.LastCxid))
		}
		b = appendHex(append(b, ",lzxid=0x"...), uint64(c.LastZxid))
		b = strconv.AppendInt(append(b, ",lresp="...), c.LastReply.Milliseconds(), 10)
		b = strconv.AppendInt(append(b, ",llat="...), c.LastLatency, 10)
		b = strconv.AppendInt(append(b, ",minlat="...), c.MinLatency, 10)
		b = strconv.AppendInt(append(b, ",avglat="...), c.AvgLatency, 10)
		b = strconv.AppendInt(append(b, ",maxlat="...), c.MaxLatency, 10)
	}
	return append(b, ')')
}

// append appends what conf prints. Members of an ensemble print more than standalone servers do, and no
// newline at the end of the membership.
func (c *Conf) append(b []byte) []byte {
	line := func(key string, v int64) {
		b = append(append(b, key...), '=')
		b = append(strconv.AppendInt(b, v, 10), '\n')
	}
	text := func(key, v string) {
		b = append(append(b, key...), '=')
		b = append(append(b, v...), '\n')
	}
	line("clientPort", int64(c.ClientPort))
	line("secureClientPort", int64(c.SecureClientPort))
	text("dataDir", c.DataDir)
	line("dataDirSize", c.DataDirSize)
	text("dataLogDir", c.DataLogDir)
	line("dataLogSize", c.DataLogSize)
	line("tickTime", c.TickTime.Milliseconds())
	line("maxClientCnxns", int64(c.MaxClientCnxns))
	line("minSessionTimeout", c.MinSession.Milliseconds())
	line("maxSessionTimeout", c.MaxSession.Milliseconds())
	line("clientPortListenBacklog", int64(c.ListenBacklog))
	line("serverId", c.ServerID)
	if q := c.Quorum; q != nil {
		line("initLimit", int64(q.InitLimit))
		line("syncLimit", int64(q.SyncLimit))
		line("electionAlg", int64(q.ElectionAlg))
		text("electionPort", q.ElectionPort)
		text("quorumPort", q.QuorumPort)
		peerType := int64(0)
		if q.Observer {
			peerType = 1
		}
		line("peerType", peerType)
		if q.Membership != "" {
			b = append(append(b, "membership: \n"...), q.Membership...)
		}
	}
	return b
}

// appendDirs appends what dirs prints.
func appendDirs(b []byte, data, log int64) []byte {
	b = strconv.AppendInt(append(b, "datadir_size: "...), data, 10)
	b = strconv.AppendInt(append(b, "\nlogdir_size: "...), log, 10)
	return append(b, '\n')
}
