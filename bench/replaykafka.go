package bench

import (
	"context"
	"fmt"
	"sync/atomic"

	"gamekeeper/proto"
)

// The model of Kafka, version 2.6, in ZooKeeper mode.
//
// The tree: /brokers/topics/T/partitions/P/state, of which --keys exist, ten to a topic; /controller_epoch;
// /isr_change_notification; /brokers/ids, with an ephemeral of each broker. A state is JSON of some 90 bytes.
//
// The controller, one session: for a partition after the other it reads the state and then writes it, under the
// version it has read, in a multi that first checks the version of /controller_epoch, as it does when it elects
// leaders. One of its threads also lists the notifications, with a watch, reads each and deletes it.
//
// A broker, every other session: it writes the state of a partition that it leads some times, under the version that it
// knows, as it does when a replica falls behind or catches up; it notifies of these changes by a sequential znode for every 20 of
// them; and for every 50 it reads what it looks at now and then: /controller, the list of brokers.
//
// Every thread has partitions of its own, so that versions never conflict, which they seldom do in Kafka.

const (
	kafkaPerTopic      = 10
	kafkaStateBytes    = 90
	kafkaChanges       = 10 // of a partition in a row
	kafkaNotifyEach    = 20
	kafkaLookEach      = 50
	kafkaNotifications = 500 // that may wait for the controller
	kafkaReadAtOnce    = 20
)

// kafka is what the sessions of one cluster share.
type kafka struct {
	root       string
	partitions int
	actors     int          // of all connections
	made       atomic.Int64 // actors so far
	waiting    atomic.Int64 // notifications, about
	state      []byte
}

func prepareKafka(ctx context.Context, r *runner, root string) (func(conn, actors int) []*actor, error) {
	o := r.options
	if o.Keys < o.Connections*o.Outstanding {
		return nil, usageError("--keys %d: %d connections x %d outstanding need a partition each", o.Keys, o.Connections, o.Outstanding)
	}
	k := &kafka{root: root, partitions: o.Keys, actors: o.Connections * o.Outstanding, state: filler(kafkaStateBytes)}
	r.progress.stage("creating %d partitions", o.Keys)
	levels := [][]string{
		{root + "/brokers", root + "/controller_epoch", root + "/controller", root + "/isr_change_notification"},
		{root + "/brokers/ids", root + "/brokers/topics"},
		nil, nil, nil, nil,
	}
	for conn := range o.Connections {
		levels[2] = append(levels[2], fmt.Sprintf("%s/brokers/ids/%d", root, 1000+conn))
	}
	for p := 0; p < o.Keys; p += kafkaPerTopic {
		topic := fmt.Sprintf("%s/brokers/topics/topic-%06d", root, p/kafkaPerTopic)
		levels[2] = append(levels[2], topic)
		levels[3] = append(levels[3], topic+"/partitions")
	}
	for p := range o.Keys {
		state := string(k.appendState(nil, p))
		levels[4] = append(levels[4], state[:len(state)-len("/state")])
		levels[5] = append(levels[5], state)
	}
	for _, paths := range levels {
		if err := r.growPaths(ctx, paths); err != nil {
			return nil, err
		}
	}
	return k.session, nil
}

// appendState appends the path of the state of partition n.
func (k *kafka) appendState(b []byte, n int) []byte {
	b = append(append(b, k.root...), "/brokers/topics/topic-"...)
	b = append(appendDigits(b, n/kafkaPerTopic, 6), "/partitions/"...)
	return append(appendDigits(b, n%kafkaPerTopic, 1), "/state"...)
}

// session returns the threads of a process: the first is the controller.
func (k *kafka) session(conn, n int) []*actor {
	actors := make([]*actor, n)
	for i := range actors {
		first := int(k.made.Add(1)) - 1
		switch {
		case conn > 0:
			actors[i] = k.broker(first)
		default:
			actors[i] = k.controller(first, i == 0)
		}
	}
	return actors
}

// kafkaThread is the state of an actor: the partition it works on, of those that are its own.
type kafkaThread struct {
	*kafka
	actor     *actor
	partition int
	version   int32 // of the partition's state
	changes   int
	names     [][]byte // notifications to handle
	path      []byte
}

// advance goes on to the next partition of the thread's own.
func (t *kafkaThread) advance() {
	if t.partition += t.actors; t.partition >= t.partitions {
		t.partition %= t.actors
	}
}

func (t *kafkaThread) statePath() []byte {
	t.path = t.appendState(t.path[:0], t.partition)
	return t.path
}

// read is the step that reads the state.
func (t *kafkaThread) read() step {
	return step{kind: KindGet, op: proto.OpGetData, body: func(b []byte) []byte { return appendRead(b, t.statePath(), false) }, then: func(d *proto.Decoder) {
		d.Buffer()
		t.version = d.Stat().Version
	}}
}

// look is the step that reads something that seldom changes.
func (t *kafkaThread) look(kind Kind, op proto.Op, path string) step {
	p := []byte(t.root + path)
	return step{kind: kind, op: op, body: func(b []byte) []byte { return appendRead(b, p, true) }}
}

// controller elects leaders, and handles notifications when it is told to.
func (k *kafka) controller(first int, notified bool) *actor {
	t := &kafkaThread{kafka: k, actor: &actor{}, partition: first}
	epoch := []byte(k.root + "/controller_epoch")
	elect := step{kind: KindMulti, op: proto.OpMulti, body: func(b []byte) []byte {
		b = appendPart(b, proto.OpCheck)
		b = proto.AppendPathVersion(b, proto.PathVersion{Path: epoch, Version: 0})
		b = appendPart(b, proto.OpSetData)
		b = appendSet(b, t.statePath(), k.state, t.version)
		return proto.AppendMultiHeader(b, proto.MultiEnd)
	}, then: func(*proto.Decoder) { t.advance() }}
	t.actor.steps = []step{t.read(), elect}
	if notified {
		t.actor.steps = append(t.actor.steps, t.handle()...)
		t.actor.fresh = func() { t.names = t.names[:0] }
	}
	return t.actor
}

// handle is the steps that take the notifications: list them, and read and delete one after the other.
func (t *kafkaThread) handle() []step {
	const list = 2 // after the two of an election
	dir := []byte(t.root + "/isr_change_notification")
	one := func() []byte {
		t.path = append(append(append(t.path[:0], dir...), '/'), t.names[len(t.names)-1]...)
		return t.path
	}
	return []step{
		{kind: KindChildren, op: proto.OpGetChildren2, body: func(b []byte) []byte { return appendRead(b, dir, true) }, then: func(d *proto.Decoder) {
			for i := range min(d.Count(4), kafkaReadAtOnce) {
				name := d.Buffer()
				if i == len(t.names) && i < cap(t.names) {
					t.names = t.names[:i+1]
				} else {
					t.names = append(t.names, nil)
				}
				t.names[i] = append(t.names[i][:0], name...)
			}
			if len(t.names) == 0 {
				t.actor.at = 0
			}
		}},
		{kind: KindGet, op: proto.OpGetData, body: func(b []byte) []byte { return appendRead(b, one(), false) }},
		{kind: KindDelete, op: proto.OpDelete, body: func(b []byte) []byte { return appendDelete(b, one()) }, then: func(*proto.Decoder) {
			t.waiting.Add(-1)
			t.names = t.names[:len(t.names)-1]
			if len(t.names) > 0 {
				t.actor.at = list + 1
			}
		}},
	}
}

// broker changes the in-sync replicas of its partitions.
func (k *kafka) broker(first int) *actor {
	t := &kafkaThread{kafka: k, actor: &actor{}, partition: first}
	notification := []byte(k.root + "/isr_change_notification/isr_change_")
	const notify, look = 2, 3
	t.actor.steps = []step{
		t.read(),
		{kind: KindSet, op: proto.OpSetData, body: func(b []byte) []byte { return appendSet(b, t.statePath(), k.state, t.version) }, then: func(d *proto.Decoder) {
			t.version = d.Stat().Version
			t.changes++
			t.actor.at = 1
			if t.changes%kafkaChanges == 0 {
				t.advance()
				t.actor.at = 0
			}
			switch {
			case t.changes%kafkaLookEach == 0:
				t.actor.at = look
			case t.changes%kafkaNotifyEach == 0 && t.waiting.Load() < kafkaNotifications:
				t.waiting.Add(1)
				t.actor.at = notify
			}
		}},
		{kind: KindCreate, op: proto.OpCreate, body: func(b []byte) []byte {
			return appendCreate(b, notification, k.state, proto.PersistentSequential)
		}, then: func(*proto.Decoder) { t.actor.at = 0 }},
		t.look(KindGet, proto.OpGetData, "/controller"),
		t.look(KindChildren, proto.OpGetChildren2, "/brokers/ids"),
	}
	return t.actor
}
