package server

import (
	"sync"

	"gamekeeper/proto"
	"gamekeeper/zab/transport"
)

// inbox carries what happens in elections and on links to the core. Votes are apart: they are taken even while the
// log is full, when links have to wait.
type inbox struct {
	poke func()

	mu     sync.Mutex
	votes  []ballot
	events []linkEvent
	closed bool
}

// ballot is a vote, or news of an election link.
type ballot struct {
	from proto.ServerID
	vote proto.Vote
	link bool // no vote: there is a link, or there is none any more
	up   bool
}

// linkEvent is something that happened on a link between a leader and a learner.
type linkEvent struct {
	kind    linkEventKind
	link    *transport.Link
	batch   *transport.Batch
	attempt uint64 // eventConnected, eventUnconnected: of Host.Connect
	err     error
	got     *receivedState // eventReceived
}

type linkEventKind uint8

const (
	eventAccepted    linkEventKind = iota // a learner has connected
	eventConnected                        // there is a connection to the leader
	eventUnconnected                      // there will be none
	eventBatch                            // packets have come
	eventClosed                           // the link has ended
	eventReceived                         // a snapshot has come
)

func (b *inbox) putBallot(v ballot) {
	b.mu.Lock()
	wake := len(b.votes) == 0 && !b.closed
	if !b.closed {
		b.votes = append(b.votes, v)
	}
	b.mu.Unlock()
	if wake {
		b.poke()
	}
}

// put adds an event; when the core is gone it gives back what the event holds.
func (b *inbox) put(e linkEvent) {
	b.mu.Lock()
	closed := b.closed
	wake := len(b.events) == 0 && !closed
	if !closed {
		b.events = append(b.events, e)
	}
	b.mu.Unlock()
	switch {
	case wake:
		b.poke()
	case closed:
		e.dispose()
	}
}

// dispose gives back what an event holds that nobody looks at.
func (e *linkEvent) dispose() {
	switch e.kind {
	case eventBatch:
		e.batch.Release()
	case eventAccepted, eventConnected:
		e.link.Close(nil)
	case eventReceived:
		e.got.taken <- false
	}
}

// take swaps what has gathered against empty slices.
func (b *inbox) take(votes []ballot, events []linkEvent) ([]ballot, []linkEvent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v, e := b.votes, b.events
	b.votes, b.events = votes, events
	return v, e
}

// close ends the inbox: what comes later is disposed of.
func (b *inbox) close() {
	b.mu.Lock()
	b.closed = true
	rest := b.events
	b.votes, b.events = nil, nil
	b.mu.Unlock()
	for i := range rest {
		rest[i].dispose()
	}
}
