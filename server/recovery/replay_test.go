package recovery

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"gamekeeper/proto"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
)

// fakeLog is records in the memory of one, as those of the log are.
type fakeLog struct {
	zxids   []proto.Zxid
	records [][]byte
	err     error // at the end
	reuse   []byte
}

func (l *fakeLog) Replay(after proto.Zxid, fn func(proto.Zxid, []byte) error) error {
	for i, z := range l.zxids {
		if z <= after {
			continue
		}
		l.reuse = append(l.reuse[:0], l.records[i]...)
		if err := fn(z, l.reuse); err != nil {
			return err
		}
		for j := range l.reuse {
			l.reuse[j] = 0xee
		}
	}
	return l.err
}

func (l *fakeLog) add(txn proto.Txn) {
	txn.Zxid = proto.Zxid(len(l.zxids) + 1)
	txn.Type = txn.Body.Type
	l.zxids = append(l.zxids, txn.Zxid)
	l.records = append(l.records, proto.AppendTxn(nil, &txn))
}

// newLog has so many creates, some of them large, and a session's beginning and end.
func newLog(creates int) *fakeLog {
	l := &fakeLog{}
	l.add(proto.Txn{TxnHeader: proto.TxnHeader{Session: 7}, Body: proto.TxnBody{Type: proto.OpCreateSession, Timeout: 4000}})
	l.add(proto.Txn{TxnHeader: proto.TxnHeader{Session: 8}, Body: proto.TxnBody{Type: proto.OpCreateSession, Timeout: 5000}})
	for i := range creates {
		data := make([]byte, 10)
		if i%100 == 99 {
			data = make([]byte, batchBytes/3*(i%700/100+1))
		}
		l.add(proto.Txn{Body: proto.TxnBody{Type: proto.OpCreate, Path: fmt.Appendf(nil, "/n%06d", i), Data: data,
			ACL: proto.OpenACL, Version: int32(i + 1)}})
	}
	l.add(proto.Txn{TxnHeader: proto.TxnHeader{Session: 7}, Body: proto.TxnBody{Type: proto.OpCloseSession}})
	return l
}

func newRecovery() *Recovery {
	return &Recovery{Tree: tree.New(tree.Options{}), Sessions: map[proto.SessionID]int32{}}
}

func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // nothing may go on behind its end
		for _, creates := range []int{0, 1, batchTxns - 3, batchTxns - 2, 10 * batchTxns, 3000} {
			l := newLog(creates)
			size := int64(0)
			for _, rec := range l.records {
				size += int64(len(rec))
			}
			want := tree.New(tree.Options{})
			for _, rec := range l.records {
				txn, err := proto.DecodeTxn(rec)
				if err != nil {
					t.Fatal(err)
				}
				want.Apply(&txn, nil)
			}
			r := newRecovery()
			last := proto.Zxid(0)
			if err := r.Replay(l, Everything, func(z proto.Zxid) { last = z }); err != nil {
				t.Fatal(err)
			}
			if r.Tree.Digest() != want.Digest() || r.Tree.Count() != want.Count() || r.Tree.LastZxid() != want.LastZxid() {
				t.Errorf("%d creates: the tree is another one", creates)
			}
			if r.Txns != len(l.zxids) || r.Bytes != size || last != want.LastZxid() {
				t.Errorf("%d creates: %d transactions of %d bytes up to %s", creates, r.Txns, r.Bytes, last)
			}
			if len(r.Sessions) != 1 || r.Sessions[8] != 5000 || len(r.Begun) != 2 || !slices.Equal(r.Ended, []proto.SessionID{7}) {
				t.Errorf("%d creates: sessions %v, begun %v, ended %v", creates, r.Sessions, r.Begun, r.Ended)
			}
		}
	})
}

func TestReplayEndsEarly(t *testing.T) {
	failure := errors.New("the disk is broken")
	for name, tt := range map[string]struct {
		damage  func(l *fakeLog, r *Recovery)
		upTo    proto.Zxid
		applied int
		is      error
		says    string
	}{
		"far enough":   {upTo: 600, applied: 600},
		"nothing":      {upTo: 0, applied: 0},
		"after a mark": {damage: func(_ *fakeLog, r *Recovery) { r.Mark = snapshot.Mark{ReplayAfter: 400} }, upTo: 600, applied: 200},
		"log fails":    {damage: func(l *fakeLog, _ *Recovery) { l.err = failure }, upTo: Everything, applied: 1003, is: failure},
		"record": {damage: func(l *fakeLog, _ *Recovery) { l.records[700] = l.records[700][:30] }, upTo: Everything, applied: 700,
			says: "replay: "},
		"zxid": {damage: func(l *fakeLog, _ *Recovery) { l.records[700] = l.records[701] }, upTo: Everything, applied: 700,
			says: "log record 0x2bd holds transaction 0x2be"},
		"digest": {damage: func(l *fakeLog, _ *Recovery) {
			l.records[500] = proto.AppendTxnDigest(l.records[500], proto.TxnDigest{Version: proto.DigestVersion, Digest: 1})
			l.err = failure
		}, upTo: Everything, applied: 501, is: ErrDiverged},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, r := newLog(1000), newRecovery()
				if tt.damage != nil {
					tt.damage(l, r)
				}
				err := r.Replay(l, tt.upTo, nil)
				switch {
				case tt.is == nil && tt.says == "" && err != nil,
					tt.is != nil && !errors.Is(err, tt.is),
					tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
					t.Errorf("%v", err)
				}
				if r.Txns != tt.applied {
					t.Errorf("%d transactions were applied, want %d", r.Txns, tt.applied)
				}
			})
		})
	}
}
