package server

import (
	"fmt"

	"gamekeeper/proto"
	"gamekeeper/server/session"
	"gamekeeper/snapshot"
	"gamekeeper/tree"
)

// step finishes an entry. The core holds the gate.
func (k *core) step(e *entry) {
	switch e.kind {
	case entryTxn:
		k.apply(e)
	case entryRead:
		k.answerRead(e)
	case entryAuthenticated:
		out := k.begin(e.c)
		before := len(out)
		out = k.s.appendAuthReply(out, e.xid, e.op, proto.OK)
		k.end(e.c, out)
		k.answered(e, 0, len(out)-before)
	case entryRefuse:
		if !e.c.dead.Load() {
			k.reply(e, proto.ReplyHeader{Xid: e.xid, Err: e.code})
			k.hangUp(e.c, true)
		}
	case entryRenewed:
		k.welcome(e)
	case entryUnknown:
		k.turnAway(e)
	case entryGone:
		k.forget(e.c)
	case entrySync:
		k.answerSync(e)
	case entryEndLocal:
		k.endLocal(e)
	}
}

// answerRead executes a request that stood behind a write of its connection, or answers a write whose body
// was no record of its type.
func (k *core) answerRead(e *entry) {
	c := e.c
	if c.dead.Load() {
		return
	}
	zxid := k.tree.LastZxid()
	if e.code != proto.OK {
		k.reply(e, proto.ReplyHeader{Xid: e.xid, Zxid: zxid, Err: e.code})
		return
	}
	if kindOf(e.op) == kindRead {
		k.times.wait.Record(1, k.now-e.taken)
	}
	out := k.begin(c)
	before := len(out)
	out, ok := k.s.execute(out, c, e.xid, e.op, e.bytes)
	k.end(c, out)
	k.answered(e, zxid, len(out)-before)
	if !ok {
		k.hangUp(c, true)
	}
}

// apply applies a transaction to the tree, tells the watchers, and answers.
func (k *core) apply(e *entry) {
	txn := &k.txn // a local one would be allocated for each transaction
	var err error
	if *txn, err = proto.DecodeTxn(e.bytes); err != nil {
		if k.member != nil && !k.member.ordered(e.zxid) {
			k.member.fail("a transaction of the leader's cannot be read: start a version that knows it", err)
			return
		}
		panic(fmt.Sprintf("server: transaction that was just encoded does not decode: %v", err))
	}
	k.node, k.multi = 0, k.multi[:0]
	k.tree.ApplyHinted(txn, e.hint, k)
	if k.s.cfg.Tree.Digest && (k.member == nil || k.member.digests.known(txn.Zxid)) {
		k.s.digestLog.applied(txn.Zxid, k.tree.Digest())
	}
	if k.member != nil && e.c == nil {
		k.member.compare(txn)
		k.appliedInEnsemble(e, txn)
		return
	}
	k.answerTxn(e, txn)
}

// answerTxn does what a transaction that was applied means for sessions, and answers e.
func (k *core) answerTxn(e *entry, txn *proto.Txn) {
	switch txn.Type {
	case proto.OpCreateSession:
		k.flushing.begun = append(k.flushing.begun, snapshot.Session{ID: txn.Session, Timeout: txn.Body.Timeout})
		k.welcome(e)
		return
	case proto.OpCloseSession:
		k.endSession(e, txn.Session)
		return
	}
	if e.c == nil || e.c.dead.Load() {
		return
	}
	if txn.Type == proto.OpError && txn.Body.Err == proto.SessionMoved {
		k.hangUp(e.c, false) // the client is at another server by now
		return
	}
	out := k.begin(e.c)
	before := len(out)
	out = k.appendWriteReply(out, e, txn)
	k.end(e.c, out)
	k.answered(e, txn.Zxid, len(out)-before)
}

// Step implements tree.Sink: it notes what the reply needs, as it is right after the step.
func (k *core) Step(_ int, op *proto.TxnBody, n tree.NodeID, code proto.Code) {
	k.node = n
	if code != proto.OK && op.Type != proto.OpError && (k.member == nil || k.member.ordered(k.txn.Zxid)) {
		panic(fmt.Sprintf("server: checked operation %s on %q fails at zxid %s: %s", op.Type, op.Path, k.txn.Zxid, code))
	}
	if k.txn.Type == proto.OpMulti {
		k.multi = k.appendSubResult(k.multi, op, n)
	}
}

// appendWriteReply appends the reply to a write that was applied.
func (k *core) appendWriteReply(b []byte, e *entry, txn *proto.Txn) []byte {
	h := proto.ReplyHeader{Xid: e.xid, Zxid: txn.Zxid}
	if txn.Type == proto.OpError {
		h.Err = txn.Body.Err
		return proto.AppendReply(b, h)
	}
	b, at := proto.BeginFrame(b)
	b = proto.AppendReplyHeader(b, h)
	switch txn.Type {
	case proto.OpCreate:
		b = proto.AppendBuffer(b, txn.Body.Path)
	case proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL:
		b = k.tree.AppendStat(proto.AppendBuffer(b, txn.Body.Path), k.node)
	case proto.OpSetData, proto.OpSetACL:
		b = k.tree.AppendStat(b, k.node)
	case proto.OpMulti:
		b = proto.AppendMultiHeader(append(b, k.multi...), proto.MultiEnd)
	}
	return proto.EndFrame(b, at)
}

// appendSubResult appends the result of one operation of a multi. When the multi failed, every operation is
// an error here: OK before the one that failed, its own code, and after it that they were not looked at.
func (k *core) appendSubResult(b []byte, op *proto.TxnBody, n tree.NodeID) []byte {
	h := proto.MultiHeader{Op: op.Type}
	switch op.Type {
	case proto.OpError:
		return appendSubError(b, op.Err)
	case proto.OpCreate:
		return proto.AppendBuffer(proto.AppendMultiHeader(b, h), op.Path)
	case proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL:
		h.Op = proto.OpCreate2 // clients know no other type of result
		b = proto.AppendBuffer(proto.AppendMultiHeader(b, h), op.Path)
		return k.tree.AppendStat(b, n)
	case proto.OpSetData:
		return k.tree.AppendStat(proto.AppendMultiHeader(b, h), n)
	}
	return proto.AppendMultiHeader(b, h)
}

// reply answers e with a frame that has no body.
func (k *core) reply(e *entry, h proto.ReplyHeader) {
	k.end(e.c, proto.AppendReply(k.begin(e.c), h))
	k.answered(e, h.Zxid, 4+proto.ReplyHeaderBytes)
}

// endSession forgets a session whose ephemerals are gone now. A client that asked for it gets a reply; one
// that was not heard from finds its connection closed.
func (k *core) endSession(e *entry, id proto.SessionID) {
	k.flushing.ended = append(k.flushing.ended, id)
	sess := k.tracker.Get(id)
	k.tracker.Remove(id)
	if sess == nil {
		return
	}
	if c := e.c; c != nil && !c.dead.Load() {
		k.reply(e, proto.ReplyHeader{Xid: e.xid, Zxid: k.txn.Zxid})
		k.hangUp(c, true)
	}
	if c := sess.Owner.conn; c != nil && c != e.c {
		k.hangUp(c, false)
	}
	sess.Owner = owner{}
}

// forget gives up what belongs to a connection that is closed.
func (k *core) forget(c *conn) {
	k.s.watches.RemoveAll(c)
	if sess := c.session.Load(); sess != nil && sess.Owner.conn == c {
		sess.Owner = owner{}
	}
}

// greet answers the handshake of e; without a session it says that the session is no more.
func (k *core) greet(e *entry, sess *clientSession) {
	out := k.begin(e.c)
	before := len(out)
	out = sessionReply(out, sess, e.withReadOnly, k.member != nil && k.member.readOnly)
	k.end(e.c, out)
	k.answered(e, k.tree.LastZxid(), len(out)-before)
}

// sessionReply appends the frame that answers a handshake.
func sessionReply(b []byte, sess *clientSession, withReadOnly, readOnly bool) []byte {
	r := proto.ConnectResponse{Password: make([]byte, proto.PasswordBytes), HasReadOnly: withReadOnly}
	if sess != nil {
		r.ReadOnly = readOnly
		password := session.Password(sess.ID)
		r.Timeout, r.Session, r.Password = sess.Timeout(), sess.ID, password[:]
	}
	b, at := proto.BeginFrame(b)
	return proto.EndFrame(proto.AppendConnectResponse(b, &r), at)
}
