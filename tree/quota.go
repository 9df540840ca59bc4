package tree

import (
	"bytes"
	"iter"
	"strconv"
)

// Quotas are znodes: /zookeeper/quota<path>/zookeeper_limits says what the subtree at path may hold, and
// zookeeper_stats beside it what it does hold. The text of the latter is the counter itself, rewritten in
// place with every change in the subtree, as by Apache.

const (
	quotaRoot  = "/zookeeper/quota"
	limitsName = "zookeeper_limits"
	statsName  = "zookeeper_stats"
)

// Usage is the text of a quota znode: limits, or what is in use. -1 is unset.
type Usage struct {
	Count, Bytes         int64
	CountHard, BytesHard int64
}

// ParseUsage reads the text of a quota znode (Apache's StatsTrack). What cannot be read is unset.
func ParseUsage(text []byte) Usage {
	u := Usage{-1, -1, -1, -1}
	for len(text) > 0 {
		pair := text
		if i := bytes.IndexAny(text, ",;"); i >= 0 {
			pair, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		key, value, _ := bytes.Cut(pair, []byte("="))
		value, _, _ = bytes.Cut(value, []byte("=")) // what follows is for ZooKeeper 3.4 and older
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			continue
		}
		switch string(key) {
		case "count":
			u.Count = n
		case "bytes":
			u.Bytes = n
		case "countHardLimit":
			u.CountHard = n
		case "byteHardLimit":
			u.BytesHard = n
		}
	}
	return u
}

// AppendUsage appends the text of u.
func AppendUsage(b []byte, u Usage) []byte {
	b = strconv.AppendInt(append(b, "count="...), u.Count, 10)
	b = strconv.AppendInt(append(b, ",bytes="...), u.Bytes, 10)
	if u.BytesHard < 0 && u.CountHard < 0 {
		return b
	}
	b = append(b, '=')
	if u.BytesHard >= 0 {
		b = strconv.AppendInt(append(b, ";byteHardLimit="...), u.BytesHard, 10)
	}
	if u.CountHard >= 0 {
		b = strconv.AppendInt(append(b, ";countHardLimit="...), u.CountHard, 10)
	}
	return b
}

// quotaOf returns the deepest prefix of path that has a quota, nil when there is none.
func (t *Tree) quotaOf(path []byte) []byte {
	if len(t.quotas) == 0 {
		return nil
	}
	for end := len(path); end > 0; end = bytes.LastIndexByte(path[:end], '/') {
		if _, ok := t.quotas[string(path[:end])]; ok {
			return path[:end]
		}
	}
	return nil
}

// quotaNode returns the limits or the stats znode of the quota at prefix.
func (t *Tree) quotaNode(buf, prefix []byte, name string) ([]byte, NodeID) {
	buf = append(append(append(append(buf[:0], quotaRoot...), prefix...), '/'), name...)
	return buf, t.find(buf)
}

// quotaAfterCreate registers the quota that a new limits znode sets, counts afresh for a new stats znode,
// and counts what the creation added.
func (t *Tree) quotaAfterCreate(path, name []byte, count, dataLen int) {
	if prefix, ok := quotaPrefix(path); ok {
		switch string(name) {
		case limitsName:
			t.quotas[string(prefix)] = struct{}{}
		case statsName:
			t.recountQuota(prefix)
		}
	}
	t.addUsage(path, int64(count), int64(dataLen))
}

func (t *Tree) quotaAfterDelete(path []byte, dataLen int) {
	if prefix, ok := quotaPrefix(path); ok && bytes.HasSuffix(path, []byte("/"+limitsName)) {
		delete(t.quotas, string(prefix))
	}
	t.addUsage(path, -1, -int64(dataLen))
}

func (t *Tree) quotaAfterSet(path []byte, diff int) { t.addUsage(path, 0, int64(diff)) }

// quotaPrefix returns the path whose quota the znode at path below /zookeeper/quota belongs to.
func quotaPrefix(path []byte) (prefix []byte, ok bool) {
	rest, ok := bytes.CutPrefix(path, []byte(quotaRoot+"/"))
	if !ok {
		return nil, false
	}
	i := bytes.LastIndexByte(rest, '/')
	return path[len(quotaRoot) : len(quotaRoot)+max(i+1, 0)], i > 0
}

// addUsage adds to the counters of the quota that holds path.
func (t *Tree) addUsage(path []byte, count, dataBytes int64) {
	prefix := t.quotaOf(path)
	if prefix == nil {
		return
	}
	var n NodeID
	if t.quotaBuf, n = t.quotaNode(t.quotaBuf, prefix, statsName); n == 0 {
		return
	}
	u := ParseUsage(t.Data(n))
	u.Count += count
	u.Bytes += dataBytes
	t.statsBuf = AppendUsage(t.statsBuf[:0], u)
	t.setRaw(n, t.statsBuf)
}

// recountQuota sets the counters of the quota at prefix to what its subtree holds.
func (t *Tree) recountQuota(prefix []byte) {
	var n NodeID
	if t.quotaBuf, n = t.quotaNode(t.quotaBuf, prefix, statsName); n == 0 {
		return
	}
	u := Usage{0, 0, -1, -1}
	if top := t.find(prefix); top != 0 {
		t.walk(top, func(r *record) {
			u.Count++
			u.Bytes += int64(max(0, r.dataLen))
		})
	}
	t.statsBuf = AppendUsage(t.statsBuf[:0], u)
	t.setRaw(n, t.statsBuf)
}

// QuotaExceeded says whether a change by so many bytes of data and znodes at path would go beyond a hard
// limit. The caller decides whether quotas are enforced at all.
func (t *Tree) QuotaExceeded(path []byte, bytesDiff, countDiff int64) bool {
	prefix := t.quotaOf(path)
	if prefix == nil {
		return false
	}
	buf, limits := t.quotaNode(make([]byte, 0, 256), prefix, limitsName)
	if limits == 0 {
		return false
	}
	limit := ParseUsage(t.Data(limits))
	_, stats := t.quotaNode(buf, prefix, statsName)
	if stats == 0 {
		return false
	}
	used := ParseUsage(t.Data(stats))
	return countDiff != 0 && limit.CountHard > -1 && used.Count+countDiff > limit.CountHard ||
		bytesDiff != 0 && limit.BytesHard > -1 && used.Bytes+bytesDiff > limit.BytesHard
}

// Quota is the quota of a subtree.
type Quota struct {
	Path          string
	Limits, Usage Usage
}

// Quotas yields the quotas, in no order.
func (t *Tree) Quotas() iter.Seq[Quota] {
	return func(yield func(Quota) bool) {
		for path := range t.quotas {
			q := Quota{Path: path}
			for name, u := range map[string]*Usage{limitsName: &q.Limits, statsName: &q.Usage} {
				*u = Usage{-1, -1, -1, -1}
				if _, n := t.quotaNode(nil, []byte(path), name); n != 0 {
					*u = ParseUsage(t.Data(n))
				}
			}
			if !yield(q) {
				return
			}
		}
	}
}
