package roundtrip

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/server/servertest"
)

// loader sends requests and keeps the first error.
type loader struct {
	t *testing.T
	c *servertest.Client
}

func (l loader) do(op proto.Op, body []byte) servertest.Frame {
	l.t.Helper()
	f, err := l.c.Do(op, body)
	if err != nil {
		l.t.Fatal(err)
	}
	return f
}

func (l loader) create(path string, data []byte, acl proto.ACLs, mode proto.CreateMode) {
	l.t.Helper()
	op, r := proto.OpCreate2, &proto.CreateRequest{Path: []byte(path), Data: data, ACL: acl, Mode: mode}
	switch {
	case mode == proto.Container:
		op = proto.OpCreateCont
	case mode.IsTTL():
		op, r.TTL = proto.OpCreateTTL, 3_600_000
	}
	l.do(op, proto.AppendCreateRequest(nil, op, r))
}

func (l loader) set(path string, data []byte) {
	l.t.Helper()
	l.do(proto.OpSetData, servertest.Set(path, data, -1))
}

func (l loader) remove(path string) {
	l.t.Helper()
	l.do(proto.OpDelete, servertest.Versioned(path, -1))
}

func list(entries ...proto.ACL) proto.ACLs { return proto.NewACLs(entries...) }

func entry(perms int32, scheme, id string) proto.ACL {
	return proto.ACL{Perms: perms, Identity: proto.Identity{Scheme: []byte(scheme), ID: []byte(id)}}
}

// everyKind makes znodes of every kind there is. The owner of the ephemerals is l's session.
func (l loader) everyKind() {
	open := proto.OpenACL
	l.do(proto.OpAuth, servertest.Auth("digest", "keeper:secret"))
	l.create("/kinds", nil, open, proto.Persistent)
	l.create("/kinds/null", nil, open, proto.Persistent)
	l.create("/kinds/empty", []byte{}, open, proto.Persistent)
	l.create("/kinds/großes Gehölz 森", []byte("text"), open, proto.Persistent)
	l.create("/kinds/large", bytes.Repeat([]byte("0123456789"), 7_000), open, proto.Persistent)
	l.create("/kinds/set", []byte("a"), open, proto.Persistent)
	for _, data := range [][]byte{[]byte("bb"), nil, {}, []byte("last")} {
		l.set("/kinds/set", data)
	}
	l.create("/kinds/ephemeral", []byte("e"), open, proto.Ephemeral)
	l.create("/kinds/queue", nil, open, proto.Persistent)
	for range 5 {
		l.create("/kinds/queue/s-", []byte("s"), open, proto.PersistentSequential)
		l.create("/kinds/queue/e-", nil, open, proto.EphemeralSequential)
	}
	l.remove("/kinds/queue/s-0000000004")
	l.create("/kinds/container", nil, open, proto.Container)
	l.create("/kinds/container/child", nil, open, proto.Persistent)
	l.create("/kinds/container never used", []byte("c"), open, proto.Container)
	l.create("/kinds/ttl", []byte("t"), open, proto.PersistentTTL)
	l.create("/kinds/ttl-", nil, open, proto.PersistentSeqTTL)

	read := entry(proto.PermRead, "world", "anyone")
	all := entry(proto.PermAll, "ip", "127.0.0.1")
	l.create("/acl", nil, open, proto.Persistent)
	l.create("/acl/digest", nil, list(read, entry(proto.PermAll, "digest", "keeper:fVdK2HwI35pFaNBBBjXpQ3fU3iQ=")), proto.Persistent)
	l.create("/acl/auth", nil, list(read, entry(proto.PermAll, "auth", "")), proto.Persistent)
	l.create("/acl/order1", nil, list(read, all), proto.Persistent)
	l.create("/acl/order2", nil, list(all, read), proto.Persistent)
	l.create("/acl/changed", nil, list(read, all), proto.Persistent)
	for _, acl := range []proto.ACLs{open, list(all, read), list(all)} {
		l.do(proto.OpSetACL, proto.AppendSetACL(nil, &proto.SetACL{Path: []byte("/acl/changed"), ACL: acl, Version: -1}))
	}

	l.create("/quota", nil, open, proto.Persistent)
	l.create("/zookeeper/quota/quota", nil, open, proto.Persistent)
	l.create("/zookeeper/quota/quota/zookeeper_limits", []byte("count=100,bytes=-1"), open, proto.Persistent)
	l.create("/zookeeper/quota/quota/zookeeper_stats", []byte("count=1,bytes=0"), open, proto.Persistent)
	for i := range 7 {
		l.create(fmt.Sprintf("/quota/%d", i), bytes.Repeat([]byte("q"), i), open, proto.Persistent)
	}
	l.remove("/quota/3")
	l.set("/quota/5", nil)
}

// bulk makes n znodes below /bulk, many at a time.
func (l loader) bulk(n int) {
	l.create("/bulk", nil, proto.OpenACL, proto.Persistent)
	for i := 0; i < n; {
		sent := 0
		for ; i < n && sent < 500; i, sent = i+1, sent+1 {
			l.c.Send(proto.OpCreate, servertest.Create(bulkPath(i), fmt.Appendf(nil, "%0100d", i), proto.Persistent))
		}
		l.answers(sent)
	}
}

func bulkPath(i int) string { return fmt.Sprintf("/bulk/%06d", i) }

func (l loader) answers(n int) {
	l.t.Helper()
	if err := l.c.Flush(); err != nil {
		l.t.Error(err)
		return
	}
	for range n {
		if _, err := l.c.Read(); err != nil {
			l.t.Error(err)
			return
		}
	}
}

// churn sends requests that change few paths again and again, some of which fail.
func (l loader) churn(seed uint64, requests, bulk int) {
	r := rand.New(rand.NewPCG(seed, 0))
	lists := []proto.ACLs{proto.OpenACL, list(entry(proto.PermAll, "world", "anyone"), entry(proto.PermRead, "ip", fmt.Sprintf("10.0.0.%d", seed))),
		list(entry(proto.PermAll, "world", "anyone"), entry(proto.PermRead, "ip", fmt.Sprintf("10.1.0.%d", seed)))}
	name := func() string { return fmt.Sprintf("%s/%d", bulkPath(r.IntN(8)), r.IntN(6)) }
	for sent := 0; sent < requests; {
		batch := 0
		for ; batch < 50; batch++ {
			path := name()
			switch r.IntN(12) {
			case 0, 1, 2:
				op := []proto.Op{proto.OpCreate, proto.OpCreate2}[r.IntN(2)]
				l.c.Send(op, proto.AppendCreateRequest(nil, op, &proto.CreateRequest{
					Path: []byte(path), Data: fmt.Append(nil, sent), ACL: lists[r.IntN(3)],
					Mode: []proto.CreateMode{proto.Persistent, proto.Ephemeral}[r.IntN(2)],
				}))
			case 3, 4:
				l.c.Send(proto.OpDelete, servertest.Versioned(path, -1))
			case 5:
				l.c.Send(proto.OpSetACL, proto.AppendSetACL(nil, &proto.SetACL{Path: []byte(path), ACL: lists[r.IntN(3)], Version: -1}))
			case 6:
				l.c.Send(proto.OpMulti, servertest.Multi(
					servertest.Sub{Op: proto.OpSetData, Body: servertest.Set(bulkPath(r.IntN(bulk)), fmt.Append(nil, "multi", sent), -1)},
					servertest.Sub{Op: proto.OpCheck, Body: servertest.Versioned("/bulk", -1)},
					servertest.Sub{Op: proto.OpCreate, Body: servertest.Create(path, nil, proto.Persistent)},
				))
			case 7:
				l.c.Send(proto.OpMulti, servertest.Multi(
					servertest.Sub{Op: proto.OpDelete, Body: servertest.Versioned(path, -1)},
					servertest.Sub{Op: proto.OpCreate2, Body: servertest.Create(path, []byte("again"), proto.Ephemeral)},
				))
			default:
				l.c.Send(proto.OpSetData, servertest.Set(bulkPath(r.IntN(bulk)), fmt.Append(nil, "set", sent), -1))
			}
		}
		l.answers(batch)
		sent += batch
	}
}

// load is a mixed load. The sessions of the clients that it returns are alive, and own ephemerals.
func load(t *testing.T, s underTest, bulk, requests int) []*servertest.Client {
	keeper := s.connect(t)
	l := loader{t, keeper}
	l.everyKind()
	l.bulk(bulk)
	clients := []*servertest.Client{keeper}
	var wg sync.WaitGroup
	for i := range 3 {
		c := s.connect(t)
		loader{t, c}.create(fmt.Sprintf("/kinds/queue/of-%d", i), nil, proto.OpenACL, proto.Ephemeral)
		clients = append(clients, c)
		wg.Go(func() { loader{t, c}.churn(uint64(i), requests/3, bulk) })
	}
	wg.Wait()
	if _, err := clients[3].Do(proto.OpCloseSession, nil); err != nil {
		t.Fatal(err)
	}
	if t.Failed() {
		t.FailNow()
	}
	return clients[:3]
}
