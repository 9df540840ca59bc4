package ordering

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/server/auth"
	"gamekeeper/tree"
)

// bench is a tree with an orderer before it, and the transactions between the two.
type bench struct {
	tree  *tree.Tree
	order *Orderer
	plain *tree.Tree // is given no hints
	queue []ordered
	// prepares says that requests are looked at beforehand, as the server's loops do.
	prepares bool
}

// ordered is a transaction that was not applied yet.
type ordered struct {
	txn  []byte
	hint tree.Hint
}

func newBench(tb testing.TB, opts Options) *bench {
	tb.Helper()
	registry, err := auth.New(auth.Config{DigestEnabled: true})
	if err != nil {
		tb.Fatal(err)
	}
	o := tree.Options{ExtendedTypes: opts.ExtendedTypes}
	b := &bench{tree: tree.New(o), plain: tree.New(o)}
	opts.Tree, opts.Auth = b.tree, registry
	b.order = New(opts)
	return b
}

// send orders r and returns the transaction's bytes, nil when there is none.
func (b *bench) send(r *Request) ([]byte, proto.Code) {
	request := *r
	if b.prepares {
		request.Prepared = Prepare(r.Op, r.Body)
	}
	txn, code := b.order.Order(nil, &request)
	if code != proto.OK {
		return nil, code
	}
	b.queue = append(b.queue, ordered{txn, b.order.Hint()})
	return txn, code
}

// apply applies the oldest n transactions, and says what is wrong.
func (b *bench) apply(n int) error {
	for i := range b.queue[:n] {
		if err := b.applyOne(&b.queue[i]); err != nil {
			return err
		}
	}
	b.queue = slices.Delete(b.queue, 0, n)
	b.order.Applied(b.tree.LastZxid())
	return b.order.inFlight.check()
}

func (b *bench) applyOne(o *ordered) error {
	txn, err := proto.DecodeTxn(o.txn)
	if err != nil {
		return err
	}
	var sink firstError
	b.tree.ApplyHinted(&txn, o.hint, &sink)
	b.plain.Apply(&txn, nil)
	if sink.err != nil {
		return fmt.Errorf("%s %s: %w", txn.Zxid, txn.Type, sink.err)
	}
	if b.tree.Digest() != b.plain.Digest() || b.tree.Count() != b.plain.Count() || b.tree.DataSize() != b.plain.DataSize() {
		return fmt.Errorf("%s %s %q: the hint %+v leads elsewhere", txn.Zxid, txn.Type, txn.Body.Path, o.hint)
	}
	if txn.HasDigest && txn.Digest.Digest != b.tree.Digest() {
		return fmt.Errorf("%s %s %q: the digest is %d and not %d", txn.Zxid, txn.Type, txn.Body.Path,
			b.tree.Digest(), txn.Digest.Digest)
	}
	if !txn.HasDigest && txn.Type != proto.OpError && !b.order.NoDigest && !b.order.NoClosePaths {
		return fmt.Errorf("%s %s: no digest", txn.Zxid, txn.Type)
	}
	return nil
}

// firstError is a sink that keeps the first failure of a checked operation.
type firstError struct{ err error }

func (f *firstError) Step(i int, op *proto.TxnBody, _ tree.NodeID, code proto.Code) {
	if code != proto.OK && op.Type != proto.OpError && f.err == nil {
		f.err = fmt.Errorf("step %d, %s of %q: %s", i, op.Type, op.Path, code)
	}
}

func (f *firstError) Changed(proto.EventType, []byte, proto.ACLs, proto.ACLs) {}

// check says what is inconsistent in p.
func (p *pending) check() error {
	chained := 0
	for b, s := range p.buckets {
		for ; s >= 0; s = p.records[s].next {
			c := &p.records[s]
			if len(c.path) == 0 || int(c.hash&uint64(len(p.buckets)-1)) != b {
				return fmt.Errorf("record %d (%q) is in the wrong chain", s, c.path)
			}
			if p.find(c.path, c.hash) != s {
				return fmt.Errorf("record %d (%q) is not found, or another is", s, c.path)
			}
			chained++
		}
	}
	free := 0
	for s := p.free; s >= 0; s = p.records[s].next {
		if c := &p.records[s]; len(c.path) != 0 || c.acl != nil || c.owner != 0 {
			return fmt.Errorf("free record %d is not empty", s)
		}
		free++
	}
	if chained != p.used || chained+free != len(p.records) {
		return fmt.Errorf("%d records: %d in chains, %d in use, %d free", len(p.records), chained, p.used, free)
	}
	last := map[int32]proto.Zxid{}
	for _, t := range p.touches[p.first:] {
		last[t.slot] = t.zxid
	}
	owners := map[proto.SessionID]int{}
	for i := range p.records {
		c := &p.records[i]
		if len(c.path) > 0 && last[int32(i)] != c.zxid {
			return fmt.Errorf("record %d (%q) of %s will not be forgotten", i, c.path, c.zxid)
		}
		if c.owner != 0 {
			owners[c.owner]++
		}
	}
	if len(owners) != len(p.owned) {
		return fmt.Errorf("%d sessions own records, %d have a list", len(owners), len(p.owned))
	}
	for s, n := range owners {
		prev := int32(-1)
		for at := p.owned[s]; at >= 0; at = p.records[at].ownNext {
			if c := &p.records[at]; c.owner != s || c.ownPrev != prev || !c.exists {
				return fmt.Errorf("record %d (%q) is wrong on the list of %s", at, c.path, s)
			}
			prev = at
			n--
		}
		if n != 0 {
			return fmt.Errorf("the list of %s is too short by %d", s, n)
		}
	}
	return nil
}

// image is what an orderer remembers, to compare.
func (o *Orderer) image() string {
	var lines []string
	for i := range o.inFlight.records {
		if c := &o.inFlight.records[i]; len(c.path) > 0 {
			lines = append(lines, fmt.Sprintf("%q %s %v %+v %d %x %s\n",
				c.path, c.zxid, c.exists, c.meta, c.digest, c.acl, c.owner))
		}
	}
	slices.Sort(lines)
	return fmt.Sprintf("%v\n%d\n%v", lines, o.digest, o.inFlight.touches[o.inFlight.first:])
}

func TestAppendCounter(t *testing.T) {
	for _, n := range []int32{0, 1, 9, 10, 1234567890, 1<<31 - 1} {
		if got, want := string(appendCounter([]byte("/a-"), n)), fmt.Sprintf("/a-%010d", n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

// Requests.

func createBody(op proto.Op, path string, data []byte, acl proto.ACLs, mode proto.CreateMode, ttl int64) []byte {
	return proto.AppendCreateRequest(nil, op, &proto.CreateRequest{Path: nullable(path), Data: data, ACL: acl, Mode: mode, TTL: ttl})
}

func pathVersion(path string, version int32) []byte {
	return proto.AppendPathVersion(nil, proto.PathVersion{Path: nullable(path), Version: version})
}

func setData(path string, data []byte, version int32) []byte {
	return proto.AppendSetData(nil, &proto.SetData{Path: nullable(path), Data: data, Version: version})
}

func setACL(path string, acl proto.ACLs, version int32) []byte {
	return proto.AppendSetACL(nil, &proto.SetACL{Path: nullable(path), ACL: acl, Version: version})
}

// null is the path that stands for none.
const null = "null"

func nullable(path string) []byte {
	if path == null {
		return nil
	}
	return []byte(path)
}

// sub is an operation of a multi.
type sub struct {
	op   proto.Op
	body []byte
}

func multiBody(subs ...sub) []byte {
	var b bytes.Buffer
	for _, s := range subs {
		b.Write(proto.AppendMultiHeader(nil, proto.MultiHeader{Op: s.op, Err: -1}))
		b.Write(s.body)
	}
	b.Write(proto.AppendMultiHeader(nil, proto.MultiEnd))
	return b.Bytes()
}
