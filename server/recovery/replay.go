package recovery

import (
	"errors"
	"fmt"
	"math"

	"gamekeeper/proto"
)

// Log is the transaction log. Replay calls fn for every record with a zxid above after, in order; the record is
// valid during the call only.
type Log interface {
	Replay(after proto.Zxid, fn func(zxid proto.Zxid, record []byte) error) error
}

// Everything is above every zxid.
const Everything proto.Zxid = math.MaxInt64

const (
	batchTxns  = 256
	batchBytes = 128 << 10
	batches    = 4
)

// batch is some transactions. What they refer to is in buf.
type batch struct {
	buf   []byte
	txns  []proto.Txn
	bytes int64 // of the records
	err   error // why there are no more
}

// errFarEnough ends a replay, and so does errUnwanted.
var (
	errFarEnough = errors.New("the log is replayed as far as was asked for")
	errUnwanted  = errors.New("the replay failed")
)

// Replay applies the records of log after Mark.ReplayAfter, up to a zxid. A goroutine that ends with it reads and
// decodes ahead; the tree is warmed for the transactions of a batch before they are applied. Progress, if not nil,
// is called now and then with the last zxid that was applied.
func (r *Recovery) Replay(log Log, upTo proto.Zxid, progress func(zxid proto.Zxid)) error {
	full, free := make(chan *batch), make(chan *batch, batches)
	for range batches {
		free <- &batch{buf: make([]byte, 0, batchBytes), txns: make([]proto.Txn, 0, batchTxns)}
	}
	stop := make(chan struct{})
	go decode(log, r.Mark.ReplayAfter, upTo, full, free, stop)
	var failed error
	for b := range full {
		if failed != nil {
			continue
		}
		if failed = r.applyBatch(b); failed != nil {
			close(stop)
			continue
		}
		if progress != nil {
			progress(r.Tree.LastZxid())
		}
		free <- b
	}
	return failed
}

// decode reads the log into batches, which it sends; the last one has an error or errFarEnough, or the log ends.
func decode(log Log, after, upTo proto.Zxid, full chan<- *batch, free <-chan *batch, stop <-chan struct{}) {
	defer close(full)
	var b *batch
	take := func() bool {
		select {
		case b = <-free:
			b.buf, b.txns, b.bytes = b.buf[:0], b.txns[:0], 0
			return true
		case <-stop:
			return false
		}
	}
	if !take() {
		return
	}
	err := log.Replay(after, func(zxid proto.Zxid, record []byte) error {
		if zxid > upTo {
			return errFarEnough
		}
		if len(b.txns) == batchTxns || len(b.txns) > 0 && len(b.buf)+len(record) > batchBytes {
			full <- b
			if !take() {
				return errUnwanted
			}
		}
		return b.add(zxid, record)
	})
	if errors.Is(err, errUnwanted) {
		return
	}
	if !errors.Is(err, errFarEnough) {
		b.err = err
	}
	full <- b
}

// add decodes a record.
func (b *batch) add(zxid proto.Zxid, record []byte) error {
	at := len(b.buf)
	b.buf = append(b.buf, record...)
	txn, err := proto.DecodeTxn(b.buf[at:])
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if txn.Zxid != zxid {
		return fmt.Errorf("replay: log record %s holds transaction %s", zxid, txn.Zxid)
	}
	b.txns = append(b.txns, txn)
	b.bytes += int64(len(record))
	return nil
}

// applyBatch applies the transactions of b, and returns its error then.
func (r *Recovery) applyBatch(b *batch) error {
	r.paths = r.paths[:0]
	for i := range b.txns {
		if p := b.txns[i].Body.Path; len(p) > 0 {
			r.paths = append(r.paths, p)
		}
	}
	r.Tree.WarmApply(r.paths, nil)
	r.Bytes += b.bytes
	for i := range b.txns {
		if err := r.apply(&b.txns[i]); err != nil {
			return err
		}
	}
	return b.err
}
