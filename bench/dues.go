package bench

import (
	"math/rand/v2"
	"slices"
)

// dues is a queue of the times at which requests were due. Once it has grown it allocates nothing.
type dues struct {
	at   []int64
	from int // where the first is
}

func (d *dues) count() int { return len(d.at) - d.from }

// first returns the longest due; there must be one.
func (d *dues) first() int64 { return d.at[d.from] }

// drop removes the first.
func (d *dues) drop() {
	if d.from++; d.from == len(d.at) {
		d.clear()
	}
}

func (d *dues) add(at int64) {
	if len(d.at) == cap(d.at) && d.from > len(d.at)/2 {
		d.at = slices.Delete(d.at, 0, d.from)
		d.from = 0
	}
	d.at = append(d.at, at)
}

func (d *dues) clear() { d.at, d.from = d.at[:0], 0 }

// pace says when requests are due, whatever the server does: that is an open loop.
type pace struct {
	rate    float64 // requests a second, of all loops together; 0 is a closed loop
	poisson bool    // arrivals are independent of each other, instead of evenly spread
}

// schedule is the part of one loop in a pace.
type schedule struct {
	next    float64 // when the next request is due, on the loop's clock once begun
	gap     float64 // nanoseconds between two, on average
	poisson bool
	random  *rand.Rand
}

// of returns the part of loop number i of so many that has some of all connections. The loops take turns when each has
// as many.
func (p pace) of(i, loops int, part float64) *schedule {
	if p.rate == 0 {
		return nil
	}
	s := &schedule{gap: 1e9 / (p.rate * part), poisson: p.poisson, random: rand.New(rand.NewPCG(rand.Uint64(), uint64(i)))}
	s.next = s.gap * float64(i) / float64(loops)
	if p.poisson {
		s.next = 0
		s.advance()
	}
	return s
}

// begin says that the schedule begins now. Nil, it does nothing.
func (s *schedule) begin(now int64) {
	if s != nil {
		s.next += float64(now)
	}
}

// advance goes on to the next request.
func (s *schedule) advance() {
	if s.poisson {
		s.next += s.gap * s.random.ExpFloat64()
		return
	}
	s.next += s.gap
}
