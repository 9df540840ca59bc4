package inspect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// grow makes a tree with names that sort differently with and without a slash behind them.
func grow(s *testServer, rng *rand.Rand, n int) []string {
	paths := []string{"/"}
	for range n {
		parent := paths[rng.IntN(len(paths))]
		name := strings.Repeat([]string{"a", "-", "b", "a-", "a.b", "a0"}[rng.IntN(6)], 1+rng.IntN(2))
		path := strings.TrimSuffix(parent, "/") + "/" + name
		if name != "." && !slices.Contains(paths, path) {
			paths = append(paths, path)
			s.do(fmt.Sprintf("create %s bytes:%d", path, rng.IntN(20)))
		}
	}
	return paths
}

func visits(t *testing.T, walk func(func(path []byte, n tree.Stored) bool) error) []string {
	t.Helper()
	var list []string
	err := walk(func(path []byte, n tree.Stored) bool {
		list = append(list, fmt.Sprintf("%s %v %d %v", path, n.Czxid, len(n.Data), n.ACLs))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestSourcesAgree wants a tree to show its znodes as a store of it does.
func TestSourcesAgree(t *testing.T) {
	for seed := range uint64(3) {
		s := newTestServer(t, t.TempDir())
		paths := grow(s, rand.New(rand.NewPCG(seed, 0)), 150)
		s.end()
		sources := []source{s.store, treeSource{s.tree}}
		for _, p := range paths {
			path := []byte(p)
			for name, walk := range map[string]func(s source) func(func([]byte, tree.Stored) bool) error{
				"nodes": func(s source) func(func([]byte, tree.Stored) bool) error {
					return func(v func([]byte, tree.Stored) bool) error { return s.Nodes(path, v) }
				},
				"children": func(s source) func(func([]byte, tree.Stored) bool) error {
					return func(v func([]byte, tree.Stored) bool) error { return s.Children(path, v) }
				},
			} {
				a, b := visits(t, walk(sources[0])), visits(t, walk(sources[1]))
				if !slices.Equal(a, b) {
					t.Fatalf("seed %d: %s of %s: the store has\n%s\nand the tree\n%s", seed, name, p,
						strings.Join(a, "\n"), strings.Join(b, "\n"))
				}
			}
		}
		all := visits(t, func(v func([]byte, tree.Stored) bool) error { return s.store.Nodes([]byte("/"), v) })
		if !slices.IsSortedFunc(all, func(a, b string) int {
			pa, _, _ := strings.Cut(a, " ")
			pb, _, _ := strings.Cut(b, " ")
			return comparePaths([]byte(pa), []byte(pb))
		}) {
			t.Errorf("not in the order of comparePaths: %v", all)
		}
		s.close()
	}
}

// TestSubtrees compares with counting every prefix, and forgets small ones without losing large ones.
func TestSubtrees(t *testing.T) {
	s := newTestServer(t, t.TempDir())
	defer s.close()
	paths := append(grow(s, rand.New(rand.NewPCG(7, 0)), 400), "/zookeeper", "/zookeeper/config", "/zookeeper/quota")
	src := treeSource{s.tree}
	want := map[string]int64{}
	for _, p := range paths {
		for _, prefix := range paths {
			if d := depth([]byte(prefix)); d >= 1 && d <= 3 && below([]byte(p), []byte(prefix)) {
				want[prefix]++
			}
		}
	}
	for _, most := range []int{subtreesMax, 12} {
		c := newSubtrees(src, 3)
		c.most = most
		err := src.Nodes([]byte("/"), func(path []byte, n tree.Stored) bool {
			if err := c.add(path, &n); err != nil {
				t.Fatal(err)
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(c.known) > most {
			t.Errorf("%d subtrees are kept, more than %d", len(c.known), most)
		}
		got := c.largest(1000, func(t *subtree) int64 { return t.nodes })
		for _, x := range got {
			if x.nodes > want[x.path] || x.nodes < want[x.path]-c.missing*int64(most) {
				t.Errorf("%s: %d znodes, want %d", x.path, x.nodes, want[x.path])
			}
			if c.missing == 0 && x.nodes != want[x.path] {
				t.Errorf("%s: %d znodes, want %d", x.path, x.nodes, want[x.path])
			}
		}
		if most == subtreesMax {
			n := 0
			for _, w := range want {
				if w > 1 {
					n++
				}
			}
			if len(got) != n || c.missing != 0 {
				t.Errorf("%d subtrees, want %d", len(got), n)
			}
		} else if c.missing == 0 {
			t.Error("nothing was forgotten")
		}
	}
}

func TestTop(t *testing.T) {
	x := newTop(3, func(a, b string) int { return len(a) - len(b) })
	for _, s := range strings.Fields("a bbb cc ddd e ffff gg hhh") {
		x.add(s)
	}
	if got := strings.Join(x.list(), " "); got != "ffff bbb ddd" {
		t.Errorf("kept %q", got)
	}
	if none := newTop(0, strings.Compare); none.wants("a") {
		t.Error("wants one of none")
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n": `"plain\ttext\n"`, "größe": `"größe"`, "\x00": "base64:AA==", "\xff\xfe": "base64://4=", "": `""`,
		"\ufffd": "\"\ufffd\"",
	} {
		if got := valueText([]byte(in)); got != want {
			t.Errorf("%q is written %s, want %s", in, got, want)
		}
	}
	if got := valueText(nil); got != "null" {
		t.Errorf("null is written %s", got)
	}
	if got := quotePath("/a\nb"); got != `"/a\nb"` {
		t.Errorf("a path that breaks the line is written %s", got)
	}
	if got := proto.OpenACL.String(); aclText(string(proto.OpenACL)) != got {
		t.Errorf("acl %s", got)
	}
}
