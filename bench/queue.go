package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"gamekeeper/bench/report"
	"gamekeeper/proto"
)

// The figures of queue.
const (
	figureItems     = "items"
	figureItemP50   = "item p50"
	figureItemP99   = "item p99"
	figureLostRaces = "lost races per item"
)

// itemNumberBytes begin the value of an item: its number.
const itemNumberBytes = 8

func queueWorkload() workload {
	return workload{
		name:  "queue",
		about: "fill and empty a queue by the recipe: sequential znodes, which consumers list, get and delete in contention",
		figures: []report.Figure{
			{Name: figureItems, Unit: report.PerSecond, Better: report.Higher},
			{Name: figureItemP50, Unit: report.Duration, Better: report.Lower},
			{Name: figureItemP99, Unit: report.Duration, Better: report.Lower},
			{Name: figureLostRaces, Unit: report.Count},
		},
		flags: []string{"connections", "consumers", "backlog", "size", "duration", "requests", "warmup", "threads"},
		run: func(ctx context.Context, o Options, p Progress) (*report.Run, error) {
			return runStorm(ctx, o, p, measureQueue)
		},
	}
}

// ledger knows every item of a queue, to see that each is consumed once.
type ledger struct {
	mu     sync.Mutex
	limit  int     // items in the queue
	made   []int64 // when each item was asked for, on the swarm's clock; 0 once it was consumed
	there  int     // items not consumed
	doubts map[uint64]doubt
	parked []*producer
	races  int64         // lost to another consumer
	sealed bool          // no more items are made
	empty  chan struct{} // closed when the queue is sealed and empty
}

// newLedger is for a queue that holds so many items at most.
func newLedger(limit int) *ledger {
	return &ledger{limit: limit, doubts: map[uint64]doubt{}, empty: make(chan struct{})}
}

// doubt says what is not known of an item, as the connection was lost that it depends on.
type doubt struct {
	copies  int  // times that its creation was repeated: it may be in the queue as often besides
	deleted bool // its deletion was repeated, and it was gone: this consumer had deleted it, or another was first
}

// repeat notes that the creation of an item is repeated.
func (l *ledger) repeat(number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.doubts[uint64(number)]
	d.copies++
	l.doubts[uint64(number)] = d
}

// doubted reports whether there was anything that is not known.
func (l *ledger) doubted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.doubts) > 0
}

// gone notes that an item was gone when its deletion was repeated. If nobody else has consumed it, this consumer did.
func (l *ledger) gone(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if number >= uint64(len(l.made)) || l.made[number] == 0 {
		return
	}
	d := l.doubts[number]
	d.deleted = true
	l.doubts[number] = d
	l.made[number] = 0
	l.there--
	l.checkEmpty()
}

// explained reports whether an item may be consumed that was consumed before. The caller holds mu.
func (l *ledger) explained(number uint64) bool {
	d := l.doubts[number]
	switch {
	case d.deleted:
		d.deleted = false
	case d.copies > 0:
		d.copies--
	default:
		return false
	}
	l.doubts[number] = d
	return true
}

// enter gives a new item its number. When there are too many it returns false, and the producer is parked until there
// is room.
func (l *ledger) enter(p *producer, now int64) (number int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.there >= l.limit {
		l.parked = append(l.parked, p)
		return 0, false
	}
	l.there++
	l.made = append(l.made, now)
	return len(l.made) - 1, true
}

// consume notes that an item was consumed, and returns when it was made; 0 if that does not count, as it was noted before
// and there is a reason.
func (l *ledger) consume(number uint64) (made int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if number >= uint64(len(l.made)) {
		return 0, fmt.Errorf("an item with number %d was consumed, and only %d were made", number, len(l.made))
	}
	if made = l.made[number]; made == 0 {
		if l.explained(number) {
			return 0, nil
		}
		return 0, fmt.Errorf("item %d was consumed twice", number)
	}
	l.made[number] = 0
	l.there--
	l.checkEmpty()
	return made, nil
}

// unpark lets a parked producer go on, if there is one.
func (l *ledger) unpark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := len(l.parked) - 1
	if last < 0 {
		return
	}
	p := l.parked[last]
	l.parked = l.parked[:last]
	p.agent.home.post(p.unpark)
}

// lose counts an item that another consumer was faster to take.
func (l *ledger) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.races++
}

// seal says that no item is made any more.
func (l *ledger) seal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealed = true
	l.checkEmpty()
}

// checkEmpty closes empty when the queue is. The caller holds mu.
func (l *ledger) checkEmpty() {
	if l.sealed && l.there == 0 {
		close(l.empty)
	}
}

// lostRaces returns how many races there were for an item.
func (l *ledger) lostRaces() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return float64(l.races) / float64(max(len(l.made), 1))
}

// producer is the part of a session that makes items, one after the other.
type producer struct {
	shift  *shift
	ledger *ledger
	agent  *agent
	prefix []byte // of the paths of items
	values values
	value  []byte
	number int // of the item that is being made
	stage  producerStage
}

// producerStage says what a producer waits for.
type producerStage uint8

const (
	producerIdle   producerStage = iota // for a connection
	producerMaking                      // for a reply
	producerParked                      // for room in the queue
	producerStopped
)

func (p *producer) opened(a *agent) {
	p.agent = a
	a.served()
}

func (p *producer) work(a *agent) {
	if p.shift.over.Load() {
		p.stage = producerStopped
		p.shift.stopped()
		p.ledger.unpark() // to stop, too
		return
	}
	number, ok := p.ledger.enter(p, max(a.home.swarm.clock(), 1))
	if !ok {
		p.stage = producerParked
		return
	}
	p.stage, p.number = producerMaking, number
	p.value = binary.BigEndian.AppendUint64(p.value[:0], uint64(number))
	p.value = append(p.value, p.values.next()...)
	a.create(p.prefix, p.value, proto.PersistentSequential, p.created)
}

func (p *producer) created(a *agent, r *reply) {
	if a.fine(r, "creating an item") {
		p.stage = producerIdle
		p.work(a)
	}
}

// unpark is called when there is room.
func (p *producer) unpark() {
	p.stage = producerIdle
	if p.agent.stage == stagePresent {
		p.work(p.agent)
		p.agent.flush()
	}
}

func (*producer) interrupted(*agent) {}

// resumed makes an item again of which it is not known whether it was made, as users do who would rather have it twice
// than not at all.
func (p *producer) resumed(a *agent, _ bool) {
	switch p.stage {
	case producerIdle:
		p.work(a)
	case producerMaking:
		p.ledger.repeat(p.number)
		a.create(p.prefix, p.value, proto.PersistentSequential, p.created)
	}
}

func (*producer) event(*agent, proto.WatcherEvent) {}

// consumer is the part of a session that takes items: it lists the queue, tries each item in turn, and lists it again.
// When there is nothing it waits until it is told of a change.
type consumer struct {
	shift  *shift
	ledger *ledger
	dir    []byte

	names   []byte // of the items still to be tried, in order, each as long as the others
	path    []byte // of the item that is being tried
	number  uint64 // of that item
	told    bool   // of a change since the queue was listed
	waiting bool   // to be told
	removes bool   // the item, and has no reply
	repeats bool   // that
}

// The names of items are equally long.
const (
	itemPrefix    = "item-"
	itemNameBytes = len(itemPrefix) + seqDigits
)

func (*consumer) opened(a *agent) { a.served() }

func (c *consumer) work(a *agent) {
	c.told, c.waiting, c.removes, c.repeats = false, false, false, false
	a.children(c.dir, true, c.listed)
}

func (*consumer) interrupted(*agent) {}

func (c *consumer) resumed(a *agent, _ bool) {
	if !c.removes {
		c.work(a)
		return
	}
	c.names, c.repeats = c.names[:0], true // what was listed is out of date
	a.remove(c.path, c.removed)
}

func (c *consumer) event(a *agent, e proto.WatcherEvent) {
	if e.Type != proto.NodeChildrenChanged || !bytes.Equal(e.Path, c.dir) {
		a.unwatched(e)
		return
	}
	c.told = true
	if c.waiting {
		c.work(a)
	}
}

func (c *consumer) listed(a *agent, r *reply) {
	if !a.fine(r, "listing the queue") {
		return
	}
	names := r.body.Strings()
	slices.SortFunc(names, bytes.Compare)
	c.names = c.names[:0]
	for _, name := range names {
		if len(name) != itemNameBytes {
			a.home.swarm.fail(fmt.Errorf("%s: the queue has an item called %s, which nobody made", a.serverName(), name))
			return
		}
		c.names = append(c.names, name...)
	}
	if len(names) == 0 && !c.told {
		c.waiting = true
		return
	}
	c.next(a)
}

// next tries the next item.
func (c *consumer) next(a *agent) {
	if len(c.names) == 0 {
		c.work(a)
		return
	}
	c.path = append(append(append(c.path[:0], c.dir...), '/'), c.names[:itemNameBytes]...)
	c.names = c.names[itemNameBytes:]
	a.get(c.path, false, c.got)
}

func (c *consumer) got(a *agent, r *reply) {
	if c.gone(a, r, "reading an item") {
		return
	}
	value := r.body.Buffer()
	if len(value) < itemNumberBytes {
		a.home.swarm.fail(fmt.Errorf("%s: item %s has a value of %d bytes, which nobody wrote", a.serverName(), c.path, len(value)))
		return
	}
	c.number = binary.BigEndian.Uint64(value)
	c.removes = true
	a.remove(c.path, c.removed)
}

func (c *consumer) removed(a *agent, r *reply) {
	c.removes = false
	if c.repeats && r.code == proto.NoNode {
		c.ledger.gone(c.number)
		c.ledger.unpark()
		c.work(a)
		return
	}
	if c.gone(a, r, "deleting an item") {
		return
	}
	made, err := c.ledger.consume(c.number)
	if err != nil {
		a.home.swarm.fail(err)
		return
	}
	if made > 0 {
		a.home.record(KindItem, r.at-made)
		c.shift.did()
	}
	c.ledger.unpark()
	c.next(a)
}

// gone says that there is nothing to go on with: another consumer took the item, or all failed.
func (c *consumer) gone(a *agent, r *reply, what string) bool {
	if r.code == proto.NoNode {
		c.ledger.lose()
		c.next(a)
		return true
	}
	return !a.fine(r, what)
}

func measureQueue(ctx context.Context, st *storm) (*report.Run, error) {
	o := st.options
	consumers := o.Consumers
	if consumers == 0 {
		consumers = o.Connections / 2
	}
	if consumers < 1 || consumers >= o.Connections {
		return nil, usageError("--consumers %d of %d connections: a queue needs both consumers and producers", consumers, o.Connections)
	}
	dir, err := st.mkdir("queue")
	if err != nil {
		return nil, err
	}
	s := newShift(o.Connections - consumers)
	l := newLedger(o.Backlog)
	v := newValues(o.Size.less(itemNumberBytes), o.Compressible)
	err = st.recruit(o.Connections, sessionTimeout, func(i int) part {
		if i < consumers {
			return &consumer{shift: s, ledger: l, dir: dir}
		}
		return &producer{shift: s, ledger: l, prefix: append(slices.Clone(dir), "/"+itemPrefix...), values: v.another()}
	})
	if err == nil {
		err = st.open(ctx)
	}
	if err != nil {
		return nil, err
	}
	return st.measureItems(ctx, s, l, dir)
}

// measureItems lets the queue be filled and emptied, and sees that nothing was lost.
func (st *storm) measureItems(ctx context.Context, s *shift, l *ledger, dir []byte) (*report.Run, error) {
	m, err := st.work(ctx, s, KindItem)
	if err != nil {
		return nil, err
	}
	l.seal()
	st.progress.stage("emptying the queue")
	if err := st.swarm.await(ctx, "emptying the queue", l.empty); err != nil {
		return nil, fmt.Errorf("%w; %d items were made and not consumed", err, l.there)
	}
	if err := st.awaitNone(ctx, dir, "items", l.doubted()); err != nil {
		return nil, err
	}
	item := m.latency(KindItem)
	return st.result(m, map[string]float64{
		figureItems:     m.rate(KindItem),
		figureItemP50:   float64(item.P50),
		figureItemP99:   float64(item.P99),
		figureLostRaces: l.lostRaces(),
	}), nil
}
