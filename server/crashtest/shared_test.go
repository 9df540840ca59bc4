package crashtest

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"gamekeeper/proto"
	"gamekeeper/server/servertest"
)

const sharedPath = "/shared"

// shared is the znode that all workers set, without looking at its version. The order of their sets is the
// server's choice, which it shows in zxids.
type shared struct {
	mu        sync.Mutex
	base      int32 // version after the last crash
	sent      int32 // sets since then
	answered  int32
	newest    proto.Zxid // of the answered ones
	newestSet string
	last      map[string]int // last value sent, by worker
}

// next returns a value for a worker to set.
func (s *shared) next(worker string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	s.last[worker]++
	return worker + " " + strconv.Itoa(s.last[worker])
}

func (s *shared) ack(zxid proto.Zxid, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered++
	if zxid > s.newest {
		s.newest, s.newestSet = zxid, value
	}
}

// check looks at the znode after a crash, and begins a new round.
func (s *shared) check(c *servertest.Client) error {
	f, _, err := c.Call(proto.OpGetData, servertest.Watch(sharedPath, false))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Err == proto.NoNode && s.answered == 0 && s.base == 0 {
		_, _, err := c.Call(proto.OpCreate, servertest.Create(sharedPath, nil, proto.Persistent))
		s.sent = 0
		return err
	}
	if f.Err != proto.OK {
		return fmt.Errorf("%s after %d answered sets: %w", sharedPath, s.answered, f.Err)
	}
	d := f.Decoder()
	value, st := string(d.Buffer()), d.Stat()
	if st.Version < s.base+s.answered || st.Version > s.base+s.sent {
		return fmt.Errorf("%s has version %d; it had %d, %d sets were answered, %d sent",
			sharedPath, st.Version, s.base, s.answered, s.sent)
	}
	if st.Mzxid < s.newest || st.Mzxid == s.newest && value != s.newestSet {
		return fmt.Errorf("%s was set to %q at %s, and %q at %s was answered",
			sharedPath, value, st.Mzxid, s.newestSet, s.newest)
	}
	if worker, number, ok := strings.Cut(value, " "); ok {
		if n, err := strconv.Atoi(number); err != nil || n > s.last[worker] {
			return fmt.Errorf("%s was set to %q, which nobody sent", sharedPath, value)
		}
	} else if st.Version > 0 {
		return fmt.Errorf("%s was set to %q, which nobody sent", sharedPath, value)
	}
	s.base, s.sent, s.answered = st.Version, 0, 0
	s.newest, s.newestSet = st.Mzxid, value
	return nil
}
