package proto

import "testing"

// The records of the hot paths. TestHotRecordsDoNotAllocate keeps them free of allocation; the benchmarks
// show their cost.
type hotRecord struct {
	name string
	run  func(*hotState)
}

// hotState is what an event loop and the core have at hand: buffers that they use again.
type hotState struct {
	out     []byte
	setData []byte // frames without their length
	getData []byte
	create  []byte
	reply   []byte
	txn     []byte
	packet  []byte
	multi   Txn
	stat    Stat
	sink    int
}

func newHotState() *hotState {
	path, data := []byte("/agents/eu-west/worker-00017"), make([]byte, 128)
	s := &hotState{out: make([]byte, 0, 4096), stat: Stat{Czxid: 1, Mzxid: 2, DataLength: 128}}
	s.setData = AppendSetData(AppendRequestHeader(nil, 7, OpSetData), &SetData{path, data, -1})
	s.getData = AppendPathWatch(AppendRequestHeader(nil, 7, OpGetData), PathWatch{path, true})
	s.create = AppendCreateRequest(AppendRequestHeader(nil, 7, OpCreate), OpCreate, &CreateRequest{Path: path, Data: data, ACL: OpenACL})
	s.reply = AppendStat(AppendReplyHeader(nil, ReplyHeader{7, 9, OK}), &s.stat)
	s.txn = AppendTxn(nil, &Txn{
		TxnHeader: TxnHeader{Session: 1, Cxid: 7, Zxid: 9, Time: 1, Type: OpSetData},
		Body:      TxnBody{Type: OpSetData, Path: path, Data: data, Version: 3},
		Digest:    TxnDigest{DigestVersion, 5},
		HasDigest: true,
	})
	s.packet = AppendQuorumPacket(nil, &QuorumPacket{Type: PacketProposal, Zxid: 9, Data: s.txn})
	multi := BeginMultiTxn(AppendTxnHeader(nil, &TxnHeader{Type: OpMulti}), 2)
	multi = AppendSubTxn(multi, &TxnBody{Type: OpCreate, Path: path, Data: data, ACL: OpenACL, Version: 1})
	multi = AppendSubTxn(multi, &TxnBody{Type: OpDelete, Path: path})
	var err error
	if s.multi, err = DecodeTxn(multi); err != nil {
		panic(err)
	}
	return s
}

var hotRecords = []hotRecord{
	{"DecodeRequestHeader", func(s *hotState) {
		d := NewDecoder(s.setData)
		s.sink += int(d.RequestHeader().Xid)
	}},
	{"DecodeSetData", func(s *hotState) {
		d := NewDecoder(s.setData)
		d.RequestHeader()
		r := d.SetData()
		s.sink += len(r.Data)
		if !ValidatePath(r.Path) || d.Err() != nil {
			panic("bad set")
		}
	}},
	{"DecodeGetData", func(s *hotState) {
		d := NewDecoder(s.getData)
		d.RequestHeader()
		s.sink += len(d.PathWatch().Path)
	}},
	{"DecodeCreate", func(s *hotState) {
		d := NewDecoder(s.create)
		h := d.RequestHeader()
		s.sink += len(d.CreateRequest(h.Op).ACL)
	}},
	{"AppendSetDataReply", func(s *hotState) {
		b, at := BeginFrame(s.out[:0])
		b = AppendReplyHeader(b, ReplyHeader{7, 9, OK})
		s.out = EndFrame(AppendStat(b, &s.stat), at)
	}},
	{"AppendGetDataReply", func(s *hotState) {
		b, at := BeginFrame(s.out[:0])
		b = AppendReplyHeader(b, ReplyHeader{7, 9, OK})
		b = AppendBuffer(b, s.packet)
		s.out = EndFrame(AppendStat(b, &s.stat), at)
	}},
	{"DecodeSetDataReply", func(s *hotState) {
		d := NewDecoder(s.reply)
		s.sink += int(d.ReplyHeader().Zxid)
		s.sink += int(d.Stat().DataLength)
	}},
	{"AppendNotification", func(s *hotState) {
		s.out = AppendNotification(s.out[:0], 9, NodeDataChanged, s.getData)
	}},
	{"AppendSetDataTxn", func(s *hotState) {
		b := AppendTxnHeader(s.out[:0], &TxnHeader{Session: 1, Cxid: 7, Zxid: 9, Time: 1, Type: OpSetData})
		b = AppendTxnBody(b, &TxnBody{Type: OpSetData, Path: s.getData, Data: s.packet, Version: 3})
		s.out = AppendTxnDigest(b, TxnDigest{DigestVersion, 5})
	}},
	{"DecodeTxn", func(s *hotState) {
		t, err := DecodeTxn(s.txn)
		if err != nil {
			panic(err)
		}
		s.sink += len(t.Body.Data)
	}},
	{"WalkMultiTxn", func(s *hotState) {
		for sub, err := range s.multi.Body.Subs() {
			if err != nil {
				panic(err)
			}
			s.sink += len(sub.Path)
		}
	}},
	{"WalkACLs", func(s *hotState) {
		for e := range OpenACL.All() {
			s.sink += int(e.Perms)
		}
	}},
	{"DecodeQuorumPacket", func(s *hotState) {
		d := NewStreamDecoder(s.packet, 1<<20)
		s.sink += len(d.QuorumPacket().Data)
	}},
	{"DecodeShortQuorumPacket", func(s *hotState) {
		d := NewStreamDecoder(s.packet[:20], 1<<20)
		d.QuorumPacket()
		s.sink += d.Need()
	}},
	{"AppendQuorumPacket", func(s *hotState) {
		s.out = AppendQuorumPacket(s.out[:0], &QuorumPacket{Type: PacketAck, Zxid: 9})
	}},
	{"DecodeForwarded", func(s *hotState) {
		d := NewDecoder(s.txn)
		r := d.Forwarded()
		s.sink += len(r.Body)
	}},
}

func TestHotRecordsDoNotAllocate(t *testing.T) {
	for _, r := range hotRecords {
		s := newHotState()
		if n := testing.AllocsPerRun(100, func() { r.run(s) }); n != 0 {
			t.Errorf("%s: %v allocations", r.name, n)
		}
	}
}

func BenchmarkHotRecords(b *testing.B) {
	for _, r := range hotRecords {
		b.Run(r.name, func(b *testing.B) {
			s := newHotState()
			b.ReportAllocs()
			for b.Loop() {
				r.run(s)
			}
		})
	}
}
