package admin

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"gamekeeper/proto"
)

// appendWatches appends what wchs (a summary), wchc (by session) or wchp (by path) prints. Apache lists
// in the order of a hash table; here sessions and paths are sorted.
func appendWatches(b []byte, word uint32, l WatchLister) []byte {
	paths := map[string][]proto.SessionID{}
	sessions := map[proto.SessionID][]string{}
	total := int64(0)
	for session, path := range l.DataWatches {
		paths[path] = append(paths[path], session)
		sessions[session] = append(sessions[session], path)
		total++
	}
	switch word {
	case wordWchs:
		b = strconv.AppendInt(b, int64(len(sessions)), 10)
		b = strconv.AppendInt(append(b, " connections watching "...), int64(len(paths)), 10)
		b = strconv.AppendInt(append(b, " paths\nTotal watches:"...), total, 10)
	case wordWchp:
		for _, path := range slices.Sorted(maps.Keys(paths)) {
			b = append(append(b, path...), '\n')
			slices.Sort(paths[path])
			for _, id := range paths[path] {
				b = append(appendID(append(b, '\t'), id), '\n')
			}
		}
	default:
		b = appendPathsBySession(b, sessions, "\n")
	}
	return append(b, '\n')
}

// appendPathsBySession appends each session, sorted, with end behind it, and its paths, sorted and
// indented.
func appendPathsBySession(b []byte, sessions map[proto.SessionID][]string, end string) []byte {
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		b = append(appendID(b, id), end...)
		slices.Sort(sessions[id])
		for _, path := range sessions[id] {
			b = append(append(append(b, '\t'), path...), '\n')
		}
	}
	return b
}

// expiry is one line of a bucket in a dump.
type expiry struct {
	at   time.Time
	line []byte
}

// appendDump appends what dump prints on a standalone server or a leader: sessions by expiry, ephemeral
// znodes by session, connections by expiry.
func appendDump(b []byte, l SessionLister, connections func(func(*ConnInfo) bool)) []byte {
	var expiries []expiry
	for id, at := range l.Sessions {
		expiries = append(expiries, expiry{at, appendID(nil, id)})
	}
	b = append(b, "SessionTracker dump:\n"...)
	b = appendBuckets(b, "Session Sets", expiries)

	owners := map[proto.SessionID][]string{}
	for owner, path := range l.Ephemerals {
		owners[owner] = append(owners[owner], path)
	}
	b = append(b, "ephemeral nodes dump:\nSessions with Ephemerals ("...)
	b = append(strconv.AppendInt(b, int64(len(owners)), 10), "):\n"...)
	b = appendPathsBySession(b, owners, ":\n")

	expiries = expiries[:0]
	for c := range connections {
		line := appendAddr([]byte("ip: "), c.Remote)
		expiries = append(expiries, expiry{c.Expires, appendID(append(line, " sessionId: "...), c.Session)})
	}
	b = append(b, "Connections dump:\n"...)
	return appendBuckets(b, "Connections Sets", expiries)
}

// appendBuckets appends expiries in sets of the same second, which is as fine as the text is.
func appendBuckets(b []byte, title string, expiries []expiry) []byte {
	second := func(e expiry) int64 { return e.at.Unix() }
	slices.SortStableFunc(expiries, func(x, y expiry) int { return cmp.Compare(second(x), second(y)) })
	sets := int64(0)
	for i, e := range expiries {
		if i == 0 || second(e) != second(expiries[i-1]) {
			sets++
		}
	}
	b = strconv.AppendInt(append(append(b, title...), " ("...), sets, 10)
	b = strconv.AppendInt(append(b, ")/("...), int64(len(expiries)), 10)
	b = append(b, "):\n"...)
	for len(expiries) > 0 {
		n := 1
		for n < len(expiries) && second(expiries[n]) == second(expiries[0]) {
			n++
		}
		b = append(strconv.AppendInt(b, int64(n), 10), " expire at "...)
		b = append(expiries[0].at.AppendFormat(b, javaDate), ":\n"...)
		for _, e := range expiries[:n] {
			b = append(append(append(b, '\t'), e.line...), '\n')
		}
		expiries = expiries[n:]
	}
	return b
}
