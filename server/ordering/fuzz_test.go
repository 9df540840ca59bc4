package ordering

import (
	"testing"

	"gamekeeper/proto"
)

// FuzzOrder orders what a client may send, twice, before and after it is applied: whatever it is, nothing
// panics, the transaction decodes, and the tree takes it with the digest foretold.
func FuzzOrder(f *testing.F) {
	for _, c := range multiCases() {
		f.Add(int32(proto.OpMulti), multiBody(c.subs...))
	}
	f.Add(int32(proto.OpCreate), createBody(proto.OpCreate, "/a-", nil, proto.OpenACL, proto.EphemeralSequential, -1))
	f.Add(int32(proto.OpCreateTTL), createBody(proto.OpCreateTTL, "/a", []byte("x"), proto.OpenACL, proto.PersistentTTL, 9))
	f.Add(int32(proto.OpDelete), pathVersion("/a", -1))
	f.Add(int32(proto.OpDeleteCont), proto.AppendString(nil, "/a"))
	f.Add(int32(proto.OpSetData), setData("/", []byte("x"), -1))
	f.Add(int32(proto.OpSetACL), setACL("/", proto.ReadACL, -1))
	f.Add(int32(proto.OpCreateSession), proto.AppendInt32(nil, 30000))
	f.Add(int32(proto.OpCloseSession), []byte(nil))
	f.Add(int32(proto.OpReconfig), []byte(nil))
	f.Fuzz(func(t *testing.T, op int32, body []byte) {
		o := proto.Op(op)
		if o.Class() != proto.ClassWrite && o != proto.OpCreateSession && o != proto.OpDeleteCont {
			return
		}
		b := newBench(t, Options{ExtendedTypes: len(body)%2 == 0})
		for range 2 {
			for range 2 {
				b.send(&Request{Session: 5, Op: o, Body: body, Time: 1, Identities: identities(1)})
			}
			if err := b.order.inFlight.check(); err != nil {
				t.Fatal(err)
			}
			if err := b.apply(len(b.queue)); err != nil {
				t.Fatal(err)
			}
		}
		if b.order.InFlight() != 0 {
			t.Fatal("all is applied, and something is in flight")
		}
	})
}
