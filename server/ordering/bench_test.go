package ordering

import (
	"fmt"
	"testing"

	"gamekeeper/proto"
)

// inFlightUsual is how many transactions wait for the log while the benchmarks order the next ones.
const inFlightUsual = 4096

// lagging orders requests and applies each transaction when inFlightUsual younger ones are ordered.
type lagging struct {
	*bench
	ring [inFlightUsual]ordered
	n    int
	txn  proto.Txn
}

func (l *lagging) step(b *testing.B, r *Request) {
	at := l.n % inFlightUsual
	if old := &l.ring[at]; len(old.txn) > 0 {
		var err error
		if l.txn, err = proto.DecodeTxn(old.txn); err != nil {
			b.Fatal(err)
		}
		l.tree.ApplyHinted(&l.txn, old.hint, nil)
		l.order.Applied(l.txn.Zxid)
	}
	var code proto.Code
	next := &l.ring[at]
	if next.txn, code = l.order.Order(next.txn[:0], r); code != proto.OK {
		b.Fatal(code)
	}
	next.hint = l.order.Hint()
	l.n++
}

// run measures requests, which are sent in turn, again and again.
func run(b *testing.B, requests []Request) {
	l := &lagging{bench: newBench(b, Options{})}
	for i := range 1 << 10 {
		path := fmt.Sprintf("/some/path/of/usual/length-%d", i)
		if i == 0 {
			for _, p := range []string{"/some", "/some/path", "/some/path/of", "/some/path/of/usual"} {
				l.step(b, &Request{Op: proto.OpCreate, Body: createBody(proto.OpCreate, p, nil, proto.OpenACL, 0, -1)})
			}
		}
		l.step(b, &Request{Op: proto.OpCreate, Body: createBody(proto.OpCreate, path, nil, proto.OpenACL, 0, -1)})
	}
	for i := range 4 * inFlightUsual {
		l.step(b, &requests[i%len(requests)])
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.step(b, &requests[i%len(requests)])
	}
}

// Both halves are measured, ordering and applying: the latter is in tree's benchmarks too.

func BenchmarkSetData(b *testing.B) {
	requests := make([]Request, 1<<10)
	for i := range requests {
		requests[i] = Request{Session: 1, Op: proto.OpSetData, Time: 1, Identities: identities(1),
			Body: setData(fmt.Sprintf("/some/path/of/usual/length-%d", i), make([]byte, 100), -1)}
	}
	run(b, requests)
}

func BenchmarkCreateDelete(b *testing.B) {
	requests := make([]Request, 1<<11)
	for i := range requests {
		path := fmt.Sprintf("/some/path/of/usual/new-%d", i/2)
		requests[i] = Request{Session: 1, Op: proto.OpCreate, Time: 1, Identities: identities(1),
			Body: createBody(proto.OpCreate, path, make([]byte, 100), proto.OpenACL, 0, -1)}
		if i%2 == 1 {
			requests[i].Op, requests[i].Body = proto.OpDelete, pathVersion(path, -1)
		}
	}
	run(b, requests)
}

func BenchmarkMulti(b *testing.B) {
	requests := make([]Request, 1<<10)
	for i := range requests {
		path := fmt.Sprintf("/some/path/of/usual/length-%d", i)
		set := sub{proto.OpSetData, setData(path, make([]byte, 100), -1)}
		requests[i] = Request{Session: 1, Op: proto.OpMulti, Time: 1, Identities: identities(1),
			Body: multiBody(sub{proto.OpCheck, pathVersion(path, -1)}, set, set)}
	}
	run(b, requests)
}

// BenchmarkLock is what a lock costs: a sequential ephemeral, and its deletion.
func BenchmarkLock(b *testing.B) {
	l := &lagging{bench: newBench(b, Options{})}
	l.step(b, &Request{Op: proto.OpCreate, Body: createBody(proto.OpCreate, "/lock", nil, proto.OpenACL, 0, -1)})
	create := Request{Session: 1, Op: proto.OpCreate, Time: 1, Identities: identities(1),
		Body: createBody(proto.OpCreate, "/lock/member-", nil, proto.OpenACL, proto.EphemeralSequential, -1)}
	del := Request{Session: 1, Op: proto.OpDelete, Time: 1, Identities: identities(1)}
	b.ReportAllocs()
	name := []byte("/lock/member-")
	for i := int32(0); b.Loop(); i++ {
		l.step(b, &create)
		name = appendCounter(name[:len("/lock/member-")], i)
		del.Body = proto.AppendPathVersion(del.Body[:0], proto.PathVersion{Path: name, Version: -1})
		l.step(b, &del)
	}
}
