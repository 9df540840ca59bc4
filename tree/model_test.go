package tree

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"gamekeeper/proto"
	"gamekeeper/tree/treetest"
)

// compare checks everything that tr says against m. It leaves out the text of quota stats unless they are
// all kept.
func compare(t rapid.TB, m *treetest.Model, tr *Tree) {
	t.Helper()
	if got, want := tr.Count(), len(m.Nodes); got != want {
		t.Fatalf("count %d, want %d", got, want)
	}
	if got, want := tr.Digest(), m.Digest(); got != want {
		t.Errorf("digest %d, want %d", got, want)
	}
	if tr.LastZxid() != m.Zxid {
		t.Errorf("last zxid %s, want %s", tr.LastZxid(), m.Zxid)
	}
	sessions := map[proto.SessionID][]string{}
	reapable := map[string]bool{}
	for path, n := range m.Nodes {
		if n.IsSession {
			sessions[proto.SessionID(n.Owner)] = append(sessions[proto.SessionID(n.Owner)], path)
		}
		if n.IsContainer || n.HasTTL {
			reapable[path] = true
		}
		if strings.HasSuffix(path, "/"+statsName) {
			// The tree keeps the count; the model makes it.
			q := path[len(quotaRoot) : len(path)-len("/"+statsName)]
			if m.Quotas[q] {
				count, size := m.Subtree(q)
				n.Data = fmt.Appendf(nil, "count=%d,bytes=%d", count, size)
			} else if id, ok := tr.Lookup([]byte(path)); ok {
				n.Data = slices.Clone(tr.Data(id)) // no longer kept
			}
		}
		compareNode(t, m, tr, path, n)
	}
	if got, want := tr.DataSize(), m.DataSize(); got != want {
		t.Errorf("data size %d, want %d", got, want)
	}
	ephemerals := 0
	for s, want := range sessions {
		var got []string
		for n := range tr.Ephemerals(s) {
			got = append(got, string(tr.AppendPath(nil, n)))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("ephemerals of %s: %q, want %q", s, got, want)
		}
		ephemerals += len(want)
	}
	for s, n := range tr.EphemeralSessions() {
		if n != len(sessions[s]) {
			t.Errorf("session %s has %d ephemerals, want %d", s, n, len(sessions[s]))
		}
	}
	if tr.EphemeralCount() != ephemerals {
		t.Errorf("%d ephemerals, want %d", tr.EphemeralCount(), ephemerals)
	}
	if got := tr.ContainerCount() + tr.TTLCount(); got != len(reapable) {
		t.Errorf("%d containers and TTL znodes, want %d", got, len(reapable))
	}
	quotas := map[string]bool{}
	for q := range tr.Quotas() {
		quotas[q.Path] = true
	}
	if !maps.Equal(quotas, m.Quotas) {
		t.Errorf("quotas %v, want %v", quotas, m.Quotas)
	}
	checkInvariants(t, tr)
}

func compareNode(t rapid.TB, m *treetest.Model, tr *Tree, path string, n *treetest.Node) {
	t.Helper()
	id, ok := tr.Lookup([]byte(path))
	if !ok {
		t.Fatalf("%s is missing", path)
	}
	names := m.Children(path)
	want := proto.Stat{
		Czxid: n.Czxid, Mzxid: n.Mzxid, Ctime: n.Ctime, Mtime: n.Mtime, Version: n.Version,
		Cversion: 2*n.Cversion - int32(len(names)), Aversion: n.Aversion,
		DataLength: int32(len(n.Data)), NumChildren: int32(len(names)), Pzxid: n.Pzxid,
	}
	if n.IsSession {
		want.EphemeralOwner = proto.SessionID(n.Owner)
	}
	if got := tr.Stat(id); got != want {
		t.Errorf("%s: stat\n %+v, want\n %+v", path, got, want)
	}
	if got := tr.AppendStat([]byte("x"), id); string(got) != string(proto.AppendStat([]byte("x"), &want)) {
		t.Errorf("%s: encoded stat differs", path)
	}
	if got := tr.Data(id); string(got) != string(n.Data) || (got == nil) != (n.Data == nil) {
		t.Errorf("%s: data %q (nil: %t), want %q", path, got, got == nil, n.Data)
	}
	acl := n.ACL
	if acl == nil {
		acl = proto.OpenACL
	}
	if string(tr.ACL(id)) != string(acl) {
		t.Errorf("%s: acl %q, want %q", path, tr.ACL(id), acl)
	}
	var got []string
	for name := range tr.Children(id) {
		got = append(got, string(name))
	}
	d := proto.NewDecoder(tr.AppendChildren(nil, id))
	for i, name := range d.Strings() {
		if got[i] != string(name) {
			t.Errorf("%s: encoded children differ", path)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, names) {
		t.Errorf("%s: children %q, want %q", path, got, names)
	}
	if s := string(tr.AppendPath([]byte("x"), id)); s != "x"+path {
		t.Errorf("path of %s is %s", path, s)
	}
	count, _ := m.Subtree(path)
	if path == "/" {
		count = int64(len(m.Nodes))
	}
	if got := tr.Descendants(id); int64(got) != count-1 {
		t.Errorf("%s: %d descendants, want %d", path, got, count-1)
	}
}

// checkInvariants checks the structures below the interface against each other.
func checkInvariants(t rapid.TB, tr *Tree) {
	t.Helper()
	live, digest, payload := 0, uint64(0), int64(0)
	acls := map[ACLID]uint32{}
	blocks := map[uint32]int{}
	large := 0
	tr.walk(rootID, func(r *record) {
		live++
		digest += r.digest()
		payload += int64(len(tr.name(r)) + len(tr.data(r)))
		if id := r.aclID(); id != OpenACLID {
			acls[id]++
		}
		if r.acl&largeBit != 0 {
			large++
		} else {
			blocks[r.block/slabUnits]++
		}
	})
	if live != tr.count || digest != tr.digest || payload != tr.payload {
		t.Errorf("walk finds %d znodes, digest %d, payload %d; kept are %d, %d, %d",
			live, digest, payload, tr.count, tr.digest, tr.payload)
	}
	free := 0
	for n := tr.records.freed; n != 0; n = tr.records.at(n).parent {
		free++
	}
	if int(tr.records.used) != live+free {
		t.Errorf("%d records: %d in use, %d free", tr.records.used, live, free)
	}
	for i, s := range tr.arena.slabs {
		if int(s.live) != blocks[uint32(i)] {
			t.Errorf("slab %d counts %d blocks, has %d", i, s.live, blocks[uint32(i)])
		}
	}
	if n := len(tr.large.blocks) - len(tr.large.freed); n != large {
		t.Errorf("%d large blocks, %d in use", n, large)
	}
	for id := range tr.acls.lists {
		if tr.acls.refs[id] != acls[ACLID(id)] {
			t.Errorf("acl %d counts %d uses, has %d", id, tr.acls.refs[id], acls[ACLID(id)])
		}
	}
	if len(tr.acls.byBytes) != len(acls) {
		t.Errorf("%d lists interned, %d in use", len(tr.acls.byBytes), len(acls))
	}
	indexed := 0
	seen := map[*segment]bool{}
	for i, s := range tr.index.segs {
		if &tr.index.dir[i][0] != &s.slots[0] {
			t.Errorf("entry %d of the directory is another segment's", i)
		}
		if seen[s] {
			continue
		}
		seen[s] = true
		used := 0
		for _, e := range s.slots {
			if e.node != 0 {
				used++
			}
		}
		if used != s.used {
			t.Errorf("a segment counts %d entries, has %d", s.used, used)
		}
		indexed += used
	}
	if indexed != live-1 || len(seen) != tr.index.segments {
		t.Errorf("index has %d entries in %d segments, want %d in %d", indexed, len(seen), live-1, tr.index.segments)
	}
	if n := tr.owners.ephemerals + tr.owners.containers + tr.owners.ttls; len(tr.owners.links) != n {
		t.Errorf("%d owner links, want %d", len(tr.owners.links), n)
	}
}
