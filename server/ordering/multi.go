package ordering

import "gamekeeper/proto"

// multi checks several writes as one: later ones see the effect of earlier ones, and the first that fails
// takes everything back. The transaction then names the failure and applies nothing.
func (o *Orderer) multi(dst []byte, r *Request) ([]byte, proto.Code) {
	if !o.decodeMulti(r.Body) {
		return dst, proto.MarshallingError
	}
	digest, touches := o.digest, len(o.inFlight.touches)
	o.inFlight.inMulti, o.inFlight.undo = true, o.inFlight.undo[:0]

	o.results = o.results[:0]
	failed := false
	for i := range o.subs {
		if failed {
			o.results = append(o.results, proto.TxnBody{Type: proto.OpError, Err: proto.RuntimeInconsistency})
			continue
		}
		t, code := o.one(&o.subs[i], r)
		if code != proto.OK {
			failed = true
			t = proto.TxnBody{Type: proto.OpError, Err: code}
		}
		o.results = append(o.results, t)
	}
	if failed {
		o.inFlight.rollback()
		o.inFlight.touches = o.inFlight.touches[:touches]
		o.digest = digest
	}
	o.inFlight.inMulti = false
	clear(o.inFlight.undo)

	dst = proto.BeginMultiTxn(dst, len(o.results))
	for i := range o.results {
		dst = proto.AppendSubTxn(dst, &o.results[i])
	}
	clear(o.results)
	clear(o.subs)
	if cap(o.subs) > subsKeepMax {
		o.subs, o.results, o.inFlight.undo = nil, nil, nil
	}
	return dst, proto.OK
}

// subsKeepMax is the number of operations above which a multi's memory is not used again.
const subsKeepMax = 1 << 12

// decodeMulti reads the whole request into o.subs before any of it is checked.
func (o *Orderer) decodeMulti(body []byte) bool {
	o.subs = o.subs[:0]
	d := proto.NewDecoder(body)
	for {
		s, more, ok := nextOfMulti(&d)
		if !more {
			return ok
		}
		o.subs = append(o.subs, s)
	}
}

// nextOfMulti reads the next operation. more is false at the end of the request; ok then says whether it was
// well formed.
func nextOfMulti(d *proto.Decoder) (s subRequest, more, ok bool) {
	h := d.MultiHeader()
	if d.Err() != nil || h.Done {
		return s, false, d.Err() == nil
	}
	s.op = h.Op
	if h.Op == proto.OpSetACL || h.Op == proto.OpDeleteCont || !s.read(d) || !s.fitMulti() {
		return s, false, false
	}
	return s, true, true
}

// fitMulti applies what is special about creates inside a multi, and refuses what Apache's decoder refuses
// there.
func (s *subRequest) fitMulti() bool {
	c := &s.create
	switch s.op {
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateCont:
		if !c.Mode.Valid() || c.Mode.IsTTL() || c.ACL == nil {
			return false
		}
		if c.Mode == proto.Container {
			s.op = proto.OpCreateCont
		}
	case proto.OpCreateTTL:
		if !c.Mode.IsTTL() {
			s.op, c.TTL = proto.OpCreate, -1
		}
		if c.Mode == proto.Container {
			s.op = proto.OpCreateCont
		}
	}
	return s.create.Path != nil || s.set.Path != nil || s.target.Path != nil
}
