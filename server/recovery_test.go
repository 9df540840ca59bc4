package server

import (
	"testing"

	"gamekeeper/proto"
	"gamekeeper/server/config"
	"gamekeeper/tree"
)

// TestMembershipIsNoTransaction: the version of a list of servers, which may come from an older ensemble, must not pass
// for the last zxid of this one. A snapshot that is taken then would say that all before it is in it.
func TestMembershipIsNoTransaction(t *testing.T) {
	const last = proto.Zxid(1<<32 + 5)
	for _, x := range []struct{ version, mzxid proto.Zxid }{{0, 0}, {1<<32 + 3, 1<<32 + 3}, {3<<32 + 7, last}} {
		s := &Server{replicated: true}
		s.cfg.Ensemble.Membership = config.Membership{Version: int64(x.version)}
		tr := tree.New(tree.Options{})
		tr.Apply(&proto.Txn{TxnHeader: proto.TxnHeader{Zxid: last, Type: proto.OpError}}, nil)
		s.showMembership(tr)
		if tr.LastZxid() != last {
			t.Errorf("version %s: the last zxid is %s and was %s", x.version, tr.LastZxid(), last)
		}
		n, ok := tr.Lookup([]byte(configPath))
		if st := tr.Stat(n); !ok || st.Mzxid != x.mzxid || string(tr.Data(n)) != s.cfg.Ensemble.Membership.String() {
			t.Errorf("version %s: %t, %+v, %q", x.version, ok, st, tr.Data(n))
		}
	}
}
