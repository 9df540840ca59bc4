package simulation

// event is something that happens at a time. If it belongs to a server it is dropped when that server has crashed
// since, and waits while the server is paused.
type event struct {
	at  int64 // microseconds of virtual time
	srv *server
	inc int // incarnation of srv
	do  func()
}

// eventHeap is a binary heap by time; events of the same time come in the order in which they were added. The
// events lie beside the heap, so that what is moved holds no pointers.
type eventHeap struct {
	heap []place
	all  []event
	free []int32
	seq  uint64
}

type place struct {
	at   int64
	seq  uint64
	slot int32
}

func (p *place) before(o *place) bool { return p.at < o.at || p.at == o.at && p.seq < o.seq }

// next is the time of the first event, if there is one.
func (q *eventHeap) next() (at int64, ok bool) {
	if len(q.heap) == 0 {
		return 0, false
	}
	return q.heap[0].at, true
}

func (q *eventHeap) push(e event) {
	var slot int32
	if n := len(q.free); n > 0 {
		slot = q.free[n-1]
		q.free = q.free[:n-1]
		q.all[slot] = e
	} else {
		slot = int32(len(q.all))
		q.all = append(q.all, e)
	}
	q.seq++
	q.heap = append(q.heap, place{e.at, q.seq, slot})
	i := len(q.heap) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !q.heap[i].before(&q.heap[up]) {
			break
		}
		q.heap[i], q.heap[up] = q.heap[up], q.heap[i]
		i = up
	}
}

func (q *eventHeap) pop() event {
	slot := q.heap[0].slot
	e := q.all[slot]
	q.all[slot] = event{}
	q.free = append(q.free, slot)
	n := len(q.heap) - 1
	q.heap[0] = q.heap[n]
	q.heap = q.heap[:n]
	for i := 0; ; {
		least := i
		for _, c := range [2]int{2*i + 1, 2*i + 2} {
			if c < n && q.heap[c].before(&q.heap[least]) {
				least = c
			}
		}
		if least == i {
			return e
		}
		q.heap[i], q.heap[least] = q.heap[least], q.heap[i]
		i = least
	}
}
