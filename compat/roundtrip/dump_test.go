package roundtrip

import (
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gamekeeper/proto"
	"gamekeeper/server/servertest"
	"gamekeeper/tree"
)

// dump is what is known of each znode, by path.
type dump map[string]string

func line(stat proto.Stat, data []byte, acl proto.ACLs) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%+v data=%t:", stat, data != nil)
	if len(data) < 100 {
		fmt.Fprintf(&b, "%q acl=", data)
	} else {
		fmt.Fprintf(&b, "crc32:%08x acl=", crc32.ChecksumIEEE(data))
	}
	for a := range acl.All() {
		fmt.Fprintf(&b, " %d:%s:%s", a.Perms, a.Scheme, a.ID)
	}
	return b.String()
}

// dumpServer asks a server for everything, in the name of who may see the lists of access control.
func dumpServer(t *testing.T, c *servertest.Client) dump {
	t.Helper()
	c.SendXid(proto.XidAuth, proto.OpAuth, servertest.Auth("digest", "keeper:secret"))
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if f, err := c.Read(); err != nil || f.Err != proto.OK {
		t.Fatalf("auth: %+v, %v", f, err)
	}
	all := dump{}
	var visit func(path string) error
	visit = func(path string) error {
		f, err := c.Do(proto.OpGetData, servertest.Watch(path, false))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		d := f.Decoder()
		data, stat := d.Buffer(), d.Stat()
		if f, err = c.Do(proto.OpGetACL, servertest.Path(path)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all[path] = line(stat, data, f.Decoder().ACLs())
		if stat.NumChildren == 0 {
			return nil
		}
		if f, err = c.Do(proto.OpGetChildren, servertest.Watch(path, false)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		var errs []error
		for _, name := range servertest.Children(f.Decoder()) {
			errs = append(errs, visit(strings.TrimSuffix(path, "/")+"/"+name))
		}
		return errors.Join(errs...)
	}
	if err := visit("/"); err != nil {
		t.Fatal(err)
	}
	return all
}

// dumpTree is dumpServer for a tree.
func dumpTree(t *tree.Tree) dump {
	all := dump{}
	var visit func(path string)
	visit = func(path string) {
		n, _ := t.Lookup([]byte(path))
		all[path] = line(t.Stat(n), t.Data(n), t.ACL(n))
		for name := range t.Children(n) {
			visit(strings.TrimSuffix(path, "/") + "/" + string(name))
		}
	}
	visit("/")
	return all
}

func same(t *testing.T, what string, got, want dump) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		if len(diff) > 4000 {
			diff = diff[:4000]
		}
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}
