package proto

import (
	"fmt"
	"strconv"
	"strings"
)

// Zxid is a transaction id: the epoch in the high 32 bits, a counter that starts at 1 in the low 32.
// Its order is the order of all writes.
type Zxid int64

// MakeZxid joins an epoch and a counter.
func MakeZxid(e Epoch, counter uint32) Zxid { return Zxid(int64(e)<<32 | int64(counter)) }

// Epoch returns the epoch of the leader that issued z. The shift is arithmetic, as Apache's.
func (z Zxid) Epoch() Epoch { return Epoch(z >> 32) }

// Counter returns the position of z within its epoch.
func (z Zxid) Counter() uint32 { return uint32(z) }

// String returns z as ZooKeeper prints it: 0x and lower-case hexadecimal.
func (z Zxid) String() string { return "0x" + strconv.FormatUint(uint64(z), 16) }

// ParseZxid reads a zxid as people write it: hexadecimal with 0x, decimal without. The error is made to be shown.
func ParseZxid(s string) (Zxid, error) {
	digits, base := s, 10
	if hex, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		digits, base = hex, 16
	}
	v, err := strconv.ParseUint(digits, base, 63)
	if err != nil {
		return 0, fmt.Errorf("%q is no zxid: give it like 0x100000003, or in decimal", s)
	}
	return Zxid(v), nil
}

// Epoch numbers the reigns of leaders.
type Epoch int64

// SessionID names a client's session, across reconnects and servers.
type SessionID int64

// String returns the id as ZooKeeper prints it.
func (s SessionID) String() string { return "0x" + strconv.FormatUint(uint64(s), 16) }

// ServerID is the number of a server in the ensemble (myid).
type ServerID int64
