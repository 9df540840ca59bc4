package server

import (
	"testing"

	"gamekeeper/proto"
)

// A follower remembers where the ensemble's sessions are, until they end, and no others.
func TestRelayForgets(t *testing.T) {
	m := newTestMember()
	m.k.tracker.Create(1, 1000, 0)
	request := func(id proto.SessionID, op proto.Op) {
		p := proto.QuorumPacket{Type: proto.PacketRequest,
			Data: proto.AppendForwarded(nil, &proto.Forwarded{Session: id, Cxid: 1, Op: op})}
		m.forClients(9, &p)
	}
	known := func(id proto.SessionID, want bool) {
		t.Helper()
		if _, got := m.relay.owners[id]; got != want {
			t.Errorf("session %d is remembered: %t", id, got)
		}
	}
	request(1, proto.OpSetData)
	known(1, true)
	request(2, proto.OpSetData) // a local session of the observer, or one that has expired
	known(2, false)
	request(3, proto.OpCreateSession)
	request(3, proto.OpSetData)
	known(3, true)

	p := proto.QuorumPacket{Type: proto.PacketRevalidate,
		Data: proto.AppendSessionTimeout(nil, proto.SessionTimeout{Session: 4, Timeout: 1000})}
	m.forClients(9, &p)
	known(4, true)
	p.Data = proto.AppendSessionValidity(nil, proto.SessionValidity{Session: 4})
	m.FromLeader(&p)
	known(4, false)
}
