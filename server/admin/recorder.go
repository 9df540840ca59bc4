package admin

import (
	"math"
	"sync/atomic"
	"time"
)

// Recorder counts what happens per packet and per request. It has a number of lanes, one for each
// goroutine that records, such as an event loop; reading sums them up.
type Recorder struct {
	lanes          []*Lane
	reads, updates *Summary
	// What was received and sent up to the last reset.
	receivedBase, sentBase atomic.Int64
}

// Lane is the part of a Recorder that one goroutine at a time writes. Lanes are apart in memory: one
// costs a few nanoseconds and no other processor's time. They may be shared for a while, which is slower
// but right.
type Lane struct {
	_             [128]byte
	received      atomic.Int64
	receivedBytes atomic.Int64
	sent          atomic.Int64
	sentBytes     atomic.Int64
	// Sizes of replies plus 1, so that zero means none; minimum as in histogram.
	lastReply, maxReply, replyRoom atomic.Int64
	reads, updates                 histogram
	_                              [128]byte
}

// NewRecorder registers Apache's readlatency, updatelatency, bytes_received_count and response_bytes and
// returns a recorder of them with lanes numbered from 0. A Metrics has one recorder.
func (m *Metrics) NewRecorder(lanes int) *Recorder {
	r := &Recorder{
		reads:   &Summary{name: "readlatency", detail: Advanced, unit: 1e6},
		updates: &Summary{name: "updatelatency", detail: Advanced, unit: 1e6},
	}
	for range lanes {
		l := &Lane{}
		r.lanes = append(r.lanes, l)
		r.reads.parts = append(r.reads.parts, &l.reads)
		r.updates.parts = append(r.updates.parts, &l.updates)
	}
	m.addSummary(r.reads)
	m.addSummary(r.updates)
	m.CounterFunc("bytes_received_count", func() int64 {
		return r.sum(func(l *Lane) int64 { return l.receivedBytes.Load() })
	})
	m.CounterFunc("response_bytes", func() int64 {
		return r.sum(func(l *Lane) int64 { return l.sentBytes.Load() })
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recorders = append(m.recorders, r)
	return r
}

// Lane returns lane i.
func (r *Recorder) Lane(i int) *Lane { return r.lanes[i] }

// Received counts packets that came in, of so many bytes together. Four-letter words and pings are
// packets.
func (l *Lane) Received(packets, bytes int) {
	l.received.Add(int64(packets))
	l.receivedBytes.Add(int64(bytes))
}

// Sent counts packets that went out, of so many bytes together. Watch events are packets.
func (l *Lane) Sent(packets, bytes int) {
	l.sent.Add(int64(packets))
	l.sentBytes.Add(int64(bytes))
}

// Replied notes the size of one reply in bytes, for last_, max_ and min_client_response_size.
func (l *Lane) Replied(bytes int) {
	size := int64(bytes) + 1
	if l.lastReply.Load() != size {
		l.lastReply.Store(size)
	}
	raise(&l.maxReply, size)
	raise(&l.replyRoom, math.MaxInt64-size)
}

// ReadBatch records n requests that read and took equally long, from their arrival to their replies.
func (l *Lane) ReadBatch(n int, latency time.Duration) { l.reads.recordMany(n, int64(latency)) }

// UpdatedBatch records n requests that wrote and took equally long, from their arrival to their replies.
func (l *Lane) UpdatedBatch(n int, latency time.Duration) { l.updates.recordMany(n, int64(latency)) }

func (r *Recorder) sum(of func(*Lane) int64) (n int64) {
	for _, l := range r.lanes {
		n += of(l)
	}
	return n
}

func (r *Recorder) received() int64 { return r.sum(func(l *Lane) int64 { return l.received.Load() }) }
func (r *Recorder) sent() int64     { return r.sum(func(l *Lane) int64 { return l.sent.Load() }) }

// Traffic returns what was recorded since the last Metrics.Reset, for Stats.
func (r *Recorder) Traffic() Traffic {
	reads, updates := r.reads.sinceReset(), r.updates.sinceReset()
	all := reads
	all.n += updates.n
	all.sum += updates.sum
	if updates.some {
		all.extend(updates.min, updates.max)
	}
	low, high := r.reads.extremes(&all)
	// The bases first: a reset in between must not make the difference negative.
	receivedBase, sentBase := r.receivedBase.Load(), r.sentBase.Load()
	return Traffic{
		PacketsReceived: r.received() - receivedBase,
		PacketsSent:     r.sent() - sentBase,
		Latency:         Latency{Min: low, Max: high, Avg: round4(all.average() / r.reads.unit)},
		Responses:       r.responses(),
	}
}

// responses returns the sizes of replies; the last is that of some lane.
func (r *Recorder) responses() Sizes {
	s := Sizes{Last: -1, Min: -1, Max: -1}
	for _, l := range r.lanes {
		last := l.lastReply.Load()
		if last == 0 {
			continue
		}
		s.Last = last - 1
		s.Max = max(s.Max, l.maxReply.Load()-1)
		if low := math.MaxInt64 - l.replyRoom.Load() - 1; s.Min < 0 || low < s.Min {
			s.Min = low
		}
	}
	return s
}

// reset starts Traffic anew. Metrics resets the two summaries itself.
func (r *Recorder) reset() {
	r.receivedBase.Store(r.received())
	r.sentBase.Store(r.sent())
	for _, l := range r.lanes {
		l.lastReply.Store(0)
		l.maxReply.Store(0)
		l.replyRoom.Store(0)
	}
}
