package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"gamekeeper/proto"
)

// TestFellLateChildren deletes a directory in which znodes appear whenever it is to be deleted, as those do that a
// session asked for before it gave up.
func TestFellLateChildren(t *testing.T) {
	late := 5
	f := startFake(t, func(f *fakeServer) {
		f.refuse = func(h proto.RequestHeader) proto.Code {
			if h.Op == proto.OpDelete && late > 0 {
				late--
				f.create(fmt.Sprintf("/dir/late%d", late), nil, 0)
			}
			return proto.OK
		}
	})
	c, err := newClient(context.Background(), &dialer{SessionTimeout: time.Second, Patience: time.Minute}, f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.create([]byte("/dir"), nil, proto.Persistent); err != nil {
		t.Fatal(err)
	}
	g := &grove{control: c}
	if err := g.fell("/dir"); err != nil {
		t.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes["/dir"] != nil || late > 0 {
		t.Errorf("left behind: %v", f.nodes["/dir"])
	}
}
