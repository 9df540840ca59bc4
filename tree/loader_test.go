package tree

import (
	"errors"
	"strings"
	"testing"
)

func TestLoaderRefuses(t *testing.T) {
	tr := New(Options{})
	n, _ := tr.Lookup([]byte("/zookeeper/config"))
	config := string(tr.AppendRecord(nil, n))
	root := string(tr.AppendRecord(nil, rootID))
	owned := string(AppendStored(nil, &Stored{Meta: Meta{Owner: 5}}))
	for _, test := range []struct {
		name  string
		nodes [][2]string
		want  string
	}{
		{"no root", nil, "no root"},
		{"root late", [][2]string{{"/a", root}}, "/a comes before the root"},
		{"root with an owner", [][2]string{{"/", owned}}, "the root has owner 0x5"},
		{"root twice", [][2]string{{"/", root}, {"/", root}}, "/ after /"},
		{"twice", [][2]string{{"/", root}, {"/a", root}, {"/a", root}}, "/a after /a"},
		{"paths fall", [][2]string{{"/", root}, {"/b", root}, {"/a", root}}, "/a after /b"},
		{"depth falls", [][2]string{{"/", root}, {"/a", root}, {"/a/b", root}, {"/b", root}}, "/b after /a/b"},
		{"no parent", [][2]string{{"/", root}, {"/a", root}, {"/b/c", root}}, "/b/c has no parent"},
		{"empty path", [][2]string{{"", root}}, "cannot be a path"},
		{"no slash", [][2]string{{"a/b", root}}, "cannot be a path"},
		{"ends in a slash", [][2]string{{"/a/", root}}, "cannot be a path"},
		{"empty record", [][2]string{{"/", ""}}, "ends early"},
		{"short record", [][2]string{{"/", root[:4]}}, "ends early"},
		{"version", [][2]string{{"/", "\xf0" + root[1:]}}, "format version 15"},
		{"null with data", [][2]string{{"/", string(rune(root[0]|storedNull)) + root[1:] + "x"}}, "too long"},
		{"acl", [][2]string{{"/", root}, {"/a", strings.Replace(config, "\x05world", "\x7fworld", 1)}}, "acl"},
		{"version of data", [][2]string{{"/", root[:6] + "\xff\xff\xff\xff\xff\x01" + root[7:]}}, "out of range"},
	} {
		l := NewLoader(Options{}, false)
		var err error
		for _, n := range test.nodes {
			if err == nil {
				err = l.Add([]byte(n[0]), []byte(n[1]))
			}
		}
		if err == nil {
			_, err = l.Finish(0)
		}
		if !errors.Is(err, ErrLoad) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}

// TestLenientLoader leaves out what has no parent, and remembers it as removed.
func TestLenientLoader(t *testing.T) {
	tr := New(Options{})
	root := tr.AppendRecord(nil, rootID)
	l := NewLoader(Options{Track: true}, true)
	for _, p := range []string{"/", "/a", "/a/b", "/x/y", "/a/b/c", "/x/y/z"} {
		if err := l.Add([]byte(p), root); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.Finish(9)
	if err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, got)
	if got.Count() != 4 || l.Dropped() != 2 || got.LastZxid() != 9 {
		t.Errorf("%d znodes, %d dropped, last zxid %s", got.Count(), l.Dropped(), got.LastZxid())
	}
	removed := map[string]NodeID{}
	got.TakeChanges(nil).Next(got, 10, func(path []byte, n NodeID) bool {
		removed[string(path)] = n
		return true
	})
	if n, ok := removed["/x/y"]; len(removed) != 2 || !ok || n != 0 {
		t.Errorf("changes are %v", removed)
	}
}

// FuzzDecodeRecord wants no panic, and what decodes to be what a Loader takes and gives back.
func FuzzDecodeRecord(f *testing.F) {
	tr := New(Options{})
	root := tr.AppendRecord(nil, rootID)
	f.Add(root)
	n, _ := tr.Lookup([]byte("/zookeeper/config"))
	f.Add(tr.AppendRecord(nil, n))
	f.Add([]byte{storedVersion<<4 | storedOwner | storedNull, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0})
	f.Add(AppendStored(nil, &Stored{Meta: Meta{Owner: 5}}))
	f.Fuzz(func(t *testing.T, rec []byte) {
		s, err := DecodeRecord(rec)
		for _, path := range []string{"/", "/a"} {
			l := NewLoader(Options{ExtendedTypes: true}, false)
			if path != "/" {
				if err := l.Add([]byte("/"), root); err != nil {
					t.Fatal(err)
				}
			}
			good := err == nil && (path != "/" || s.Owner == 0) // the root has no owner
			if err2 := l.Add([]byte(path), rec); good != (err2 == nil) {
				t.Fatalf("%s: decoding says %v, loading %v", path, err, err2)
			}
			if !good {
				continue
			}
			tr, err := l.Finish(0)
			if err != nil {
				t.Fatal(err)
			}
			checkInvariants(t, tr)
			n, _ := tr.Lookup([]byte(path))
			m := tr.Meta(n)
			m.ACL, m.PathDataCRC = 0, 0
			if m != s.Meta || string(tr.ACL(n)) != string(s.ACLs) || string(tr.Data(n)) != string(s.Data) {
				t.Fatalf("%s: decoded %+v, loaded %+v", path, s, m)
			}
			again, err := DecodeRecord(tr.AppendRecord(nil, n))
			if err != nil || again.Meta != s.Meta {
				t.Fatalf("%s: again %+v, %v, want %+v", path, again, err, s)
			}
		}
	})
}
