package bench

import (
	"bytes"
	"fmt"

	"gamekeeper/proto"
)

// line is a session's place in a line of waiting sessions, which the recipes for locks and for leader election share:
// each makes an ephemeral sequential znode in a directory, and watches the one before its own, so that an end of a
// place wakes one session alone. The name has the session in it, so that a session whose connection was lost while it
// joined finds out whether it has a place.
type line struct {
	dir    []byte
	placed func(a *agent) // the place is known, and somebody is ahead
	first  func(a *agent) // nobody is ahead any more

	stage  lineStage
	left   func(a *agent) // when leaving
	prefix []byte         // of the path of the session's znode
	own    []byte         // path of the session's znode
	ahead  []byte         // path of the one that it watches
}

// lineStage says what a session does with a line.
type lineStage uint8

const (
	lineAway lineStage = iota
	lineJoining
	lineIn
	lineLeaving
)

func (l *line) join(a *agent) {
	l.stage = lineJoining
	l.prefix = fmt.Appendf(l.prefix[:0], "%s/n-%016x-", l.dir, uint64(a.session.id))
	l.ahead = l.ahead[:0]
	a.create(l.prefix, nil, proto.EphemeralSequential, l.joined)
}

func (l *line) joined(a *agent, r *reply) {
	if a.fine(r, "joining a line") {
		l.own = append(l.own[:0], r.body.Buffer()...)
		l.stage = lineIn
		l.look(a)
	}
}

// look finds out who is ahead.
func (l *line) look(a *agent) { a.children(l.dir, false, l.listed) }

// number returns the part of a place's name, or path, by which places are ordered.
func (l *line) number(name []byte) []byte { return name[max(0, len(name)-seqDigits):] }

func (l *line) listed(a *agent, r *reply) {
	if !a.fine(r, "listing a line") {
		return
	}
	names := r.body.Strings()
	if l.stage == lineJoining && !l.find(a, names) {
		l.join(a)
		return
	}
	own := l.number(l.own)
	var ahead []byte
	found := false
	for _, name := range names {
		switch c := bytes.Compare(l.number(name), own); {
		case c == 0:
			found = true
		case c < 0 && (ahead == nil || bytes.Compare(l.number(name), l.number(ahead)) > 0):
			ahead = name
		}
	}
	switch {
	case !found:
		a.home.swarm.fail(fmt.Errorf("%s: %s is not there, and its session is", a.serverName(), l.own))
	case ahead == nil:
		l.first(a)
	default:
		l.ahead = append(append(append(l.ahead[:0], l.dir...), '/'), ahead...)
		a.get(l.ahead, true, l.watched)
	}
}

// find looks for the place of a session that does not know whether it has joined.
func (l *line) find(a *agent, names [][]byte) bool {
	for _, name := range names {
		if bytes.HasPrefix(name, l.prefix[len(l.dir)+1:]) {
			l.own = append(append(append(l.own[:0], l.dir...), '/'), name...)
			l.stage = lineIn
			return true
		}
	}
	return false
}

func (l *line) watched(a *agent, r *reply) {
	switch {
	case r.code == proto.NoNode: // gone meanwhile
		l.look(a)
	case a.fine(r, "watching who is ahead in a line"):
		l.placed(a)
	}
}

// event looks again when the one ahead has gone: it may have left the line without having been first.
func (l *line) event(a *agent, e proto.WatcherEvent) {
	if e.Type != proto.NodeDeleted || !bytes.Equal(e.Path, l.ahead) {
		a.unwatched(e)
		return
	}
	l.look(a)
}

// leave gives the place up, and then calls then.
func (l *line) leave(a *agent, then func(a *agent)) {
	l.stage, l.left = lineLeaving, then
	a.remove(l.own, func(a *agent, r *reply) {
		if a.fine(r, "leaving a line") {
			l.gone(a)
		}
	})
}

func (l *line) gone(a *agent) {
	l.stage = lineAway
	l.left(a)
}

// resume goes on after the connection was lost: with the place that there is, or with another one in a new session.
func (l *line) resume(a *agent, same bool) {
	switch {
	case l.stage == lineAway:
	case l.stage == lineLeaving && same:
		a.remove(l.own, func(a *agent, r *reply) {
			if a.fineOr(r, proto.NoNode, "leaving a line") { // it was left before
				l.gone(a)
			}
		})
	case l.stage == lineLeaving:
		l.gone(a)
	case same:
		// The server may not have what the last one had, or what was on its way.
		a.sync(l.dir, func(a *agent, r *reply) {
			if a.fine(r, "syncing") {
				l.look(a)
			}
		})
	default:
		l.join(a)
	}
}
