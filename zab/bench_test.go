package zab

import (
	"testing"

	"gamekeeper/proto"
)

// BenchmarkBroadcast is the work of a leader of three for a proposal: it sends it, counts the acknowledgements and
// commits.
func BenchmarkBroadcast(b *testing.B) {
	e := newEnsemble(&testing.T{}, 3, 0)
	for e.now = 0; !e.allServe() || e.leader() == nil; e.now += 10 {
		queue := e.queue
		e.queue = nil
		for _, f := range queue {
			f()
		}
		for _, h := range e.hosts {
			h.peer.Settle(e.now)
		}
	}
	leader := e.leader().peer
	leader.host = idleHost{}
	links := []Link{leader.lead.learners[0].link, leader.lead.learners[1].link}
	txn := make([]byte, 200)
	zxid := proto.MakeZxid(leader.lead.epoch, 0)
	ack := proto.QuorumPacket{Type: proto.PacketAck}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		zxid++
		leader.Propose(zxid, txn)
		leader.Durable(zxid)
		ack.Zxid = zxid
		leader.FromLearner(e.now, links[0], &ack)
		leader.Settle(e.now)
		leader.FromLearner(e.now, links[1], &ack)
		leader.Settle(e.now)
	}
}

// idleHost does nothing.
type idleHost struct{ Host }

func (idleHost) Append(proto.Zxid, []byte)      {}
func (idleHost) Commit(proto.Zxid)              {}
func (idleHost) Send(Link, *proto.QuorumPacket) {}
