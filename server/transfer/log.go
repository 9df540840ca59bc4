package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gamekeeper/proto"
	"gamekeeper/wal"
)

// writeBytes is how much is gathered for one write. A larger record is one of its own.
const writeBytes = 256 << 10

// ErrGap says that the log lacks a transaction that should have been sent.
var ErrGap = errors.New("the log has a gap")

// UnreadableError says that the log cannot be read on: a record is damaged, or the disk does not give it.
type UnreadableError struct {
	After proto.Zxid // the last transaction that could be read
	Err   error
}

func (e *UnreadableError) Error() string { return fmt.Sprintf("behind zxid %s: %v", e.After, e.Err) }

// Unwrap returns what package wal said.
func (e *UnreadableError) Unwrap() error { return e.Err }

// Part says which transactions are sent to whom.
type Part struct {
	After, UpTo proto.Zxid
	Committed   proto.Zxid
	Observer    bool
	// NoDigestUpTo is the last zxid whose transaction is sent without the tree's digest: a learner of Apache's kind
	// that was sent a fuzzy snapshot would compare digests too soon, and complain.
	NoDigestUpTo proto.Zxid
}

// Log writes the transactions of log after one zxid and up to another, as far as the log has them or will have
// them: PROPOSAL for each, and COMMIT behind each that is not above Committed; for an observer INFORM for each
// that is not above Committed, and nothing for the others. It waits for records that are not durable yet, having
// written all before them, and ends with ctx.
//
// The zxids of an epoch must follow each other without a gap, the first one after by one unless an epoch begins,
// and UpTo must be among them: a learner would refuse anything else. The error is of class ErrGap if not. What has
// become unreadable is told by an *UnreadableError. Other errors of package wal, and those of w, come as they are.
func Log(ctx context.Context, w io.Writer, log *wal.Log, p Part) error {
	upTo, observer := p.UpTo, p.Observer
	end := upTo
	if observer {
		end = min(upTo, p.Committed)
	}
	if end <= p.After {
		return nil
	}
	r, err := log.NewReader(p.After)
	if err != nil {
		return err
	}
	defer r.Close()
	b := make([]byte, 0, writeBytes+writeBytes/4)
	for last := p.After; last < end; {
		zxid, txn, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			if err := flush(w, &b); err != nil {
				return err
			}
			if err := r.Wait(ctx, last+1); err != nil {
				return err
			}
			continue
		case errors.Is(err, wal.ErrMissing) || errors.Is(err, wal.ErrTruncated):
			return err
		case err != nil:
			return &UnreadableError{After: last, Err: err}
		case zxid > end && observer && zxid <= upTo: // the commit point need not be a transaction of this log
			return flush(w, &b)
		case zxid > upTo:
			return fmt.Errorf("%w: %s follows %s, and %s was to be sent", ErrGap, zxid, last, upTo)
		case zxid != last+1 && zxid.Epoch() == last.Epoch():
			return fmt.Errorf("%w: %s follows %s", ErrGap, zxid, last)
		}
		last = zxid
		b = appendTxn(b, zxid, txn, &p)
		if len(b) >= writeBytes {
			if err := flush(w, &b); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return flush(w, &b)
}

// appendTxn appends the packets of one transaction.
func appendTxn(b []byte, zxid proto.Zxid, txn []byte, part *Part) []byte {
	if zxid <= part.NoDigestUpTo {
		txn = withoutDigest(txn)
	}
	p := proto.QuorumPacket{Type: proto.PacketProposal, Zxid: zxid, Data: txn}
	if part.Observer {
		p.Type = proto.PacketInform
		return proto.AppendQuorumPacket(b, &p)
	}
	b = proto.AppendQuorumPacket(b, &p)
	if zxid <= part.Committed {
		p.Type, p.Data = proto.PacketCommit, nil
		b = proto.AppendQuorumPacket(b, &p)
	}
	return b
}

// withoutDigest returns a transaction's bytes up to the digest, which is their end if there is one.
func withoutDigest(txn []byte) []byte {
	if t, err := proto.DecodeTxn(txn); err == nil && t.HasDigest {
		return txn[:len(txn)-proto.TxnDigestBytes]
	}
	return txn
}

// flush writes what has gathered.
func flush(w io.Writer, b *[]byte) error {
	if len(*b) == 0 {
		return nil
	}
	_, err := w.Write(*b)
	*b = (*b)[:0]
	return err
}
