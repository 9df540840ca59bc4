package raw

import (
	"fmt"
	"testing"
)

// Replies come in the order of the requests, whatever their kind, and each
// read sees the session's writes before it and none after it.
func TestPipelinedOrder(t *testing.T) {
	c := client(t)
	c.create("/fifo", "", persistent)
	c.create("/fifo/n", "", persistent)
	const rounds = 300
	for i := range rounds {
		c.send(opSetData, setData("/fifo/n", fmt.Append(nil, i), int32(i)))
		c.send(opGetData, pathWatch("/fifo/n", false))
		c.send(opCreate, create(fmt.Sprintf("/fifo/%d", i), nil, open, 0))
		c.send(opExists, pathWatch(fmt.Sprintf("/fifo/%d", i), false))
		c.send(opGetData, pathWatch("/fifo/none", false))
		c.send(opDelete, pathVersion(fmt.Sprintf("/fifo/%d", i), -1))
		c.send(opExists, pathWatch(fmt.Sprintf("/fifo/%d", i), false))
		c.send(opSetData, setData("/fifo/n", nil, 1<<30))
		c.sendXid(xidPing, opPing, nil)
		c.send(opMulti, multi(sub{opCheck, pathVersion("/fifo/n", int32(i+1))}))
		c.send(opSync, onlyPath("/fifo"))
	}
	xid := c.xid - rounds*10
	var newest int64
	for i := range rounds {
		for j, want := range []int32{ok, ok, ok, ok, errNoNode, ok, errNoNode, errBadVersion, ok, ok, ok} {
			r := c.read()
			wantXid := int32(xidPing)
			if j != 8 {
				xid++
				wantXid = xid
			}
			if r.xid != wantXid || r.err != want {
				t.Fatalf("round %d, request %d: xid %d, error %d; want %d, %d", i, j, r.xid, r.err, wantXid, want)
			}
			if r.zxid < newest {
				t.Fatalf("round %d, request %d: zxid %d after %d", i, j, r.zxid, newest)
			}
			newest = r.zxid
			if j == 1 {
				if got := string(r.buf()); got != fmt.Sprint(i) {
					t.Fatalf("round %d: read %q", i, got)
				}
			}
			if j == 9 {
				if res := r.multiResults(); len(res) != 1 || res[0].err != ok {
					t.Fatalf("round %d: check said %+v", i, res)
				}
			}
		}
	}
}

// A connection hears of a change before it can read it.
func TestEventBeforeNewState(t *testing.T) {
	writer, reader := client(t), client(t)
	writer.create("/ebn", "0", persistent)
	for i := 1; i <= 200; i++ {
		reader.watch("data", "/ebn")
		writer.send(opSetData, setData("/ebn", fmt.Append(nil, i), -1))
		seen := false
		for data := ""; data != fmt.Sprint(i); {
			r, events := reader.callEvents(opGetData, pathWatch("/ebn", false))
			data = string(r.buf())
			seen = seen || len(events) == 1
			if seen != (data == fmt.Sprint(i)) && data == fmt.Sprint(i) {
				t.Fatalf("write %d: read before the event", i)
			}
		}
		if r := writer.read(); r.err != ok {
			t.Fatalf("error %d", r.err)
		}
	}
}

// What one session has been answered, another reads: on a stand-alone server
// even without sync.
func TestOthersReadAnsweredWrites(t *testing.T) {
	writer, reader := client(t), client(t)
	writer.create("/orw", "", persistent)
	for i := range 200 {
		writer.set("/orw", fmt.Sprint(i))
		r := reader.must(opGetData, pathWatch("/orw", false))
		if got := string(r.buf()); got != fmt.Sprint(i) {
			t.Fatalf("wrote %d, read %s", i, got)
		}
	}
}

// Requests sent before the connection goes away are executed or not, but in
// order and without a gap.
func TestPipelineCutShort(t *testing.T) {
	c, observer := client(t), client(t)
	c.create("/cut", "", persistent)
	for i := range 200 {
		c.send(opCreate, create(fmt.Sprintf("/cut/%03d", i), nil, open, 0))
	}
	c.Close()
	c.endSessionElsewhere()
	n := len(observer.children("/cut"))
	for i := range n {
		observer.stat(fmt.Sprintf("/cut/%03d", i))
	}
}
