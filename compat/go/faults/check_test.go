package main

import (
	"strings"
	"testing"
	"time"

	"gamekeeper/compat/client"
)

// op makes an operation on the key "/k" that begins and ends at the given times.
func op(k kind, value string, called, returned time.Duration, zxid int64, version int32) *operation {
	return &operation{session: 1, kind: k, path: "/k", value: value, want: -1, called: called, returned: returned,
		result: succeeded, zxid: zxid, stat: client.Stat{Version: version, Mzxid: zxid, Czxid: zxid}}
}

// read makes a read that finds what a write of zxid has left.
func read(k kind, value string, called, returned time.Duration, zxid, mzxid int64, version int32) *operation {
	o := op(k, value, called, returned, zxid, version)
	o.stat.Mzxid = mzxid
	return o
}

func with(o *operation, change func(*operation)) *operation {
	change(o)
	return o
}

// TestCheckHistory shows that each check finds what it is for, and nothing in a history that is right.
func TestCheckHistory(t *testing.T) {
	create := op(opCreate, "a", 1, 2, 1, 0)
	other := func(o *operation) { o.session = 2 }
	open := func(o *operation) { o.result = unknown }
	for _, tc := range []struct {
		name string
		ops  []*operation
		weak bool
		want string // part of the error; empty for none
	}{
		{name: "right", ops: []*operation{create, op(opSet, "b", 3, 4, 2, 1), read(opSyncGet, "b", 5, 6, 2, 2, 1)}},
		{name: "an unknown write that happens late", ops: []*operation{create, with(op(opSet, "b", 3, 4, 0, 0), open),
			read(opSyncGet, "a", 5, 6, 1, 1, 0), read(opSyncGet, "b", 7, 8, 2, 2, 1)}},
		{name: "an unknown write that never happens", ops: []*operation{create, with(op(opSet, "b", 3, 4, 0, 0), open), op(opSet, "c", 5, 6, 3, 1)}},
		{name: "a lost write", want: "not linearizable", ops: []*operation{create, op(opSet, "b", 3, 4, 2, 1), op(opSet, "c", 5, 6, 3, 1)}},
		{name: "an old read after a sync", want: "not linearizable", ops: []*operation{create, op(opSet, "b", 3, 4, 2, 1),
			with(read(opSyncGet, "a", 5, 6, 2, 1, 0), other)}},
		{name: "an old read after a weak sync", weak: true, ops: []*operation{create, op(opSet, "b", 3, 4, 2, 1),
			with(read(opSyncGet, "a", 5, 6, 1, 1, 0), other)}},
		{name: "a server behind after a sync", want: "not after it", ops: []*operation{create, with(read(opSyncGet, "a", 3, 4, 1, 1, 0), other),
			op(opAppend, "", 5, 6, 9, 0), with(read(opSyncGet, "a", 7, 8, 8, 1, 0), other)}},
		{name: "a write that comes before an earlier one", want: "not after it", ops: []*operation{op(opAppend, "", 1, 2, 5, 0),
			with(op(opAppend, "", 3, 4, 4, 0), other)}},
		{name: "one zxid for two writes", want: "one zxid", ops: []*operation{op(opAppend, "", 1, 2, 5, 0), op(opAppend, "", 1, 3, 5, 0)}},
		{name: "a session that goes back", want: "went back", ops: []*operation{create, read(opGet, "a", 3, 4, 7, 1, 0), read(opGet, "a", 5, 6, 6, 1, 0)}},
		{name: "a session's writes in another order", want: "another order", ops: []*operation{op(opAppend, "", 1, 9, 5, 0), op(opAppend, "", 2, 9, 5, 0)}},
		{name: "a value of nobody", want: "nobody wrote", ops: []*operation{create, read(opGet, "x", 3, 4, 1, 1, 0)}},
		{name: "a value of a refused write", want: "did not happen", ops: []*operation{create,
			with(op(opSet, "b", 3, 4, 0, 0), func(o *operation) { o.result, o.code = refused, client.CodeBadVersion }), read(opGet, "b", 5, 6, 2, 2, 1)}},
		{name: "a value before it was written", want: "not been written yet", ops: []*operation{create, read(opGet, "b", 3, 4, 2, 2, 1), op(opSet, "b", 5, 6, 2, 1)}},
		{name: "a wrong refusal", want: "not linearizable", ops: []*operation{create,
			with(op(opDelete, "", 3, 4, 0, 0), func(o *operation) { o.result, o.code = refused, client.CodeNoNode })}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := checkHistory(tc.ops, tc.weak)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("found %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("found %v, want %q", err, tc.want)
			}
		})
	}
}

func TestCheckAppended(t *testing.T) {
	appended := func(path string, r result, zxid int64) *operation {
		return &operation{kind: opAppend, path: path, result: r, zxid: zxid}
	}
	tree := func(paths ...string) map[string]client.Node {
		m := map[string]client.Node{}
		for i, path := range paths {
			m[path] = client.Node{Stat: client.Stat{Czxid: int64(i + 1)}}
		}
		return m
	}
	for _, tc := range []struct {
		name string
		ops  []*operation
		tree map[string]client.Node
		want string
	}{
		{name: "right", ops: []*operation{appended("/a", succeeded, 1), appended("/b", unknown, 0), appended("/c", unknown, 0)}, tree: tree("/a", "/b")},
		{name: "lost", ops: []*operation{appended("/a", succeeded, 1)}, tree: tree(), want: "lost"},
		{name: "a gap", ops: []*operation{appended("/a", unknown, 0), appended("/b", unknown, 0)}, tree: tree("/b"), want: "the first has not"},
		{name: "order", ops: []*operation{appended("/a", unknown, 0), appended("/b", unknown, 0)}, tree: tree("/b", "/a"), want: "another order"},
		{name: "never sent", ops: []*operation{appended("/a", unsent, 0)}, tree: tree("/a"), want: "never sent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := checkAppended(tc.ops, tc.tree)
			if got := err != nil; got != (tc.want != "") || got && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("found %v, want %q", err, tc.want)
			}
		})
	}
}

// TestWatcher shows that two leaders of one epoch are found.
func TestWatcher(t *testing.T) {
	w := &watcher{leaders: map[int32][]int{}}
	w.saw(1, 1)
	w.saw(2, 3)
	w.saw(1, 1)
	if err := w.check(); err != nil {
		t.Error(err)
	}
	w.saw(2, 1)
	if w.check() == nil {
		t.Error("two leaders in epoch 2 are not found")
	}
}
