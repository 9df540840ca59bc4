package simulation

import (
	"gamekeeper/proto"
	"gamekeeper/zab"
)

// entry is a transaction in a log. Its data is never changed.
type entry struct {
	zxid   proto.Zxid
	data   []byte
	rotten bool // it cannot be read any more
}

// disk is what a simulated server stores. Of the log, what is behind synced may be lost in a crash; everything
// else is on stable storage as soon as it is set.
type disk struct {
	accepted, current proto.Epoch
	base              proto.Zxid // the log has everything after it
	log               []entry
	synced            int // how many of the log are on stable storage
	snap              *snapshot
	snapRotten        bool // it cannot be read any more

	// received is a snapshot that has come and was not taken over yet. Only a mistake makes it count.
	received *snapshot

	// before is what a server has that behaves as Apache's and has received a snapshot: that is its state only with
	// the epoch of the leader that sent it. Our leaders may send Apache's learners a snapshot that is older than
	// what these have.
	before *disk

	// kept are the epochs that a crash brings back, with the mistake that makes them late.
	keptAccepted, keptCurrent proto.Epoch
}

// last is the last zxid of the log.
func (d *disk) last() proto.Zxid {
	if n := len(d.log); n > 0 {
		return d.log[n-1].zxid
	}
	return d.base
}

// replace makes a received snapshot the state of the server, and its log an empty one behind that.
func (d *disk) replace(snap *snapshot) {
	d.snap, d.snapRotten, d.received = snap, false, nil
	d.log, d.synced, d.base = nil, 0, snap.zxid
}

// newest is the last of the log, if there is one.
func (d *disk) newest() entry {
	if n := len(d.log); n > 0 {
		return d.log[n-1]
	}
	return entry{}
}

// durable is the last zxid up to which everything is on stable storage.
func (d *disk) durable() proto.Zxid {
	if d.synced > 0 {
		return d.log[d.synced-1].zxid
	}
	return d.base
}

// after is the index of the first entry after z.
func (d *disk) after(z proto.Zxid) int {
	lo, hi := 0, len(d.log)
	for lo < hi {
		if m := (lo + hi) / 2; d.log[m].zxid > z {
			hi = m
		} else {
			lo = m + 1
		}
	}
	return lo
}

// holds says whether the transaction z is on stable storage, in the log or in the state from before it.
func (d *disk) holds(z proto.Zxid) bool {
	if z <= d.base || d.before != nil && d.before.holds(z) {
		return true
	}
	i := d.after(z)
	return i > 0 && i <= d.synced && d.log[i-1].zxid == z
}

func (d *disk) truncate(z proto.Zxid) {
	d.log = d.log[:d.after(z):d.after(z)]
	d.synced = len(d.log)
}

func (d *disk) purge(base proto.Zxid) {
	n := d.after(base)
	d.log = append([]entry(nil), d.log[n:]...)
	d.synced = max(0, d.synced-n)
	d.base = max(d.base, base)
}

// history is what the log holds, as a peer is told when it starts.
func (d *disk) history() zab.History {
	h := zab.History{Base: d.base}
	for _, e := range d.log {
		h.Append(e.zxid)
	}
	return h
}
