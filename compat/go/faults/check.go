package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"gamekeeper/compat/client"
)

// decision is how long porcupine may think about one key.
const decision = 30 * time.Second

// checkHistory checks everything that can be seen from the operations alone. weak says that a sync does not make a
// read linearizable.
func checkHistory(ops []*operation, weak bool) error {
	return errors.Join(checkRealTime(ops, weak), checkSessions(ops), checkValues(ops), checkKeys(ops, weak))
}

// checkRealTime holds zxids against the clock, over all keys: each write must come after what was acknowledged before
// it was sent, and a read after a sync must see all of that.
func checkRealTime(ops []*operation, weak bool) error {
	var writes, later []*operation
	for _, o := range ops {
		if o.result != succeeded || o.zxid == 0 {
			continue
		}
		if o.kind.writes() {
			writes = append(writes, o)
			later = append(later, o)
		} else if o.kind == opSyncGet && !weak {
			later = append(later, o)
		}
	}
	byZxid := map[int64]*operation{}
	for _, o := range writes {
		if other := byZxid[o.zxid]; other != nil {
			return fmt.Errorf("two writes with one zxid:\n%v\n%v", other, o)
		}
		byZxid[o.zxid] = o
	}
	slices.SortFunc(writes, func(a, b *operation) int { return cmp.Compare(a.returned, b.returned) })
	slices.SortFunc(later, func(a, b *operation) int { return cmp.Compare(a.called, b.called) })
	var newest *operation
	for _, o := range later {
		for len(writes) > 0 && writes[0].returned < o.called {
			if newest == nil || writes[0].zxid > newest.zxid {
				newest = writes[0]
			}
			writes = writes[1:]
		}
		if newest == nil || o.zxid > newest.zxid || !o.kind.writes() && o.zxid == newest.zxid {
			continue
		}
		return fmt.Errorf("the second of these began after the first had been acknowledged, and is not after it:\n%v\n%v", newest, o)
	}
	return nil
}

// checkSessions checks that no session goes back: the zxids of its replies never fall, those of its writes rise.
func checkSessions(ops []*operation) error {
	last, lastWrite := map[int64]*operation{}, map[int64]*operation{}
	for _, o := range ops { // each session's in the order in which it sent them
		if o.result != succeeded || o.zxid == 0 {
			continue
		}
		if before := last[o.session]; before != nil && o.zxid < before.zxid {
			return fmt.Errorf("a session went back:\n%v\n%v", before, o)
		}
		last[o.session] = o
		if o.kind.writes() {
			if before := lastWrite[o.session]; before != nil && o.zxid <= before.zxid {
				return fmt.Errorf("two writes of a session happened in another order:\n%v\n%v", before, o)
			}
			lastWrite[o.session] = o
		}
	}
	return nil
}

// checkValues checks that what is read has been written, by a write that was sent before, was not refused, and
// happened when the read says.
func checkValues(ops []*operation) error {
	writers := map[string]*operation{}
	for _, o := range ops {
		if (o.kind == opSet || o.kind == opCreate) && o.value != "" {
			writers[o.path+" "+o.value] = o
		}
	}
	seen := map[*operation]int64{}
	for _, o := range ops {
		if o.kind.writes() || o.result != succeeded {
			continue
		}
		writer := writers[o.path+" "+o.value]
		switch {
		case writer == nil:
			return fmt.Errorf("nobody wrote what was read:\n%v", o)
		case writer.result == refused || writer.result == unsent:
			return fmt.Errorf("what was read is of a write that did not happen:\n%v\n%v", writer, o)
		case o.returned < writer.called:
			return fmt.Errorf("what was read had not been written yet:\n%v\n%v", writer, o)
		case writer.result == succeeded && writer.zxid != 0 && writer.zxid != o.stat.Mzxid:
			return fmt.Errorf("a read tells another zxid than the write:\n%v\n%v", writer, o)
		}
		if before, ok := seen[writer]; ok && before != o.stat.Mzxid {
			return fmt.Errorf("two reads tell different zxids, one of them %#x:\n%v\n%v", before, writer, o)
		}
		seen[writer] = o.stat.Mzxid
	}
	return nil
}

// register is the state of a key.
type register struct {
	exists  bool
	value   string
	version int32
}

// apply is what an operation does to a key, and whether its outcome fits. An unknown outcome always fits: if it never
// happened, it may as well have happened after everything else.
func (r register) apply(o *operation) (bool, register) {
	code, next := client.Code(0), r
	switch {
	case o.kind == opCreate && r.exists:
		code = client.CodeNodeExists
	case o.kind == opCreate:
		next = register{exists: true, value: o.value}
	case !r.exists:
		code = client.CodeNoNode
	case o.want >= 0 && o.want != r.version:
		code = client.CodeBadVersion
	case o.kind == opSet:
		next.value = o.value
		next.version++
	case o.kind == opDelete:
		next = register{}
	}
	switch o.result {
	case unknown:
		return true, next
	case refused:
		return o.code == code, next
	}
	switch {
	case code != 0:
		return false, next
	case o.kind == opDelete || o.kind == opCreate: // not every client tells the version
		return true, next
	case o.kind == opSet:
		return o.stat.Version == next.version, next
	}
	return o.value == r.value && o.stat.Version == r.version, next
}

// model is a key for porcupine.
var model = porcupine.Model{
	Init:              func() any { return register{} },
	Step:              func(state, input, _ any) (bool, any) { return state.(register).apply(input.(*operation)) },
	DescribeOperation: func(input, _ any) string { return input.(*operation).String() },
	DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
}

// checkKeys gives each key's operations to porcupine.
func checkKeys(ops []*operation, weak bool) error {
	keys := map[string][]porcupine.Operation{}
	for _, o := range ops {
		switch {
		case o.result == unsent, o.kind == opAppend, o.kind == opGet:
			continue
		case o.kind == opSyncGet && (weak || o.result == unknown):
			continue
		}
		returned := int64(o.returned)
		if o.result == unknown {
			returned = math.MaxInt64
		}
		keys[o.path] = append(keys[o.path], porcupine.Operation{ClientId: o.client, Input: o, Call: int64(o.called), Return: returned})
	}
	for key, history := range keys {
		switch porcupine.CheckOperationsTimeout(model, history, decision) {
		case porcupine.Illegal:
			return fmt.Errorf("the history of %s is not linearizable", key)
		case porcupine.Unknown:
			return fmt.Errorf("the history of %s, %d operations, could not be decided within %v", key, len(history), decision)
		}
	}
	return nil
}
