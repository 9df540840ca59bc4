// Package wal is the transaction log: records of opaque bytes, each under a zxid, that are on stable
// storage before anything is acknowledged. It knows neither transactions nor the tree.
//
// # What the caller does
//
//	log, err := wal.Open(wal.Options{Dir: dir, Notify: wakeCore})
//	err = log.Replay(mark, apply)       // before the first Append
//	for each batch {
//		log.Append(zxid, record)    // any number, zxids rising; copied, never blocks on the disk
//		log.Submit()                // once per batch; or Commit, which waits for the disk
//	}
//	// on Notify: acknowledge everything up to log.Durable(), stop the server if log.Err() != nil,
//	// go on appending if !log.Full()
//	err = log.Close()
//
// Append, Submit, Commit, Full, TruncateAfter and Reset belong to one goroutine, the owner. Durable, Err,
// LastZxid, Base, Segments, Runs, BytesAfter, Purge, NewReader, Replay, WaitDurable and SyncWritten may be called from
// any goroutine. A *Reader belongs to whoever made it.
//
// # Following the log
//
// A Reader gives what is durable, and io.EOF behind it. Whoever follows the log then waits for a zxid that is to
// come, or was given to Append, and goes on:
//
//	r, err := log.NewReader(after)
//	for last < upTo {
//		z, record, err := r.Next()
//		if err == io.EOF {
//			err = r.Wait(ctx, last+1) // or WaitDurable
//		}
//	}
//	r.Close()
//
// TruncateAfter and Reset may be called while there are readers and waiters: they end with ErrTruncated, and
// none of them gives a removed record after the call has returned. Both wait until the writer goroutine is
// idle, block on the disk, and leave Durable and LastZxid at the new end, where the next Append goes on.
//
// # Goroutines and memory
//
// Append frames a record in the gather buffer. The writer goroutine, woken by Submit, swaps that buffer
// for its own, completes the checksums, and does one write and one sync for all of it; what gathers
// meanwhile is the next batch. It also rolls to the next segment, which a short-lived goroutine has
// prepared ahead: allocated, of full size, its directory entry synced. So a sync moves data and no
// metadata, and a roll waits for one extra sync of a 4 KiB header and nothing else.
//
// Commit does the same in the owner's goroutine while the writer has nothing to do: the owner waits for the disk,
// but nobody has to wake up.
//
// The buffers grow to what load demands and are kept. Options.BufferBytesMax bounds them, if the owner
// asks Full before it appends.
//
// # On disk
//
// A log is a directory of segments named gk-<16 hexadecimal digits>.wal, numbered without gaps; the
// numbers of the oldest are dropped as they are purged. All integers are little-endian.
//
// The zxids of a segment's records are a run: one epoch, each the one before plus one. Where a run ends the
// writer rolls, as if the segment were full. So the headers, with the first record of each segment, tell which
// zxids the log holds (Runs). Segments of older programs may hold several runs; they lack bit 1 of the flags.
//
//	segment:  | header, 4096 bytes | record | record | ... | zeros up to Options.SegmentBytes |
//
//	header:    0  magic            8   "gkwalseg"
//	           8  format version   4   1; only ever raised
//	          12  flags            4   bit 0: the file held nothing but zeros before its first record;
//	                                   bit 1: the zxids of the records are a run
//	          16  log id           8   random, the same in all segments of a log
//	          24  segment id       8   random, drawn anew for each segment
//	          32  sequence         8   as in the name
//	          40  previous id      8   segment id of the predecessor, 0 if there never was one
//	          48  previous end     8   offset at which the predecessor's last record ends
//	          56  base zxid        8   last zxid before this segment
//	              zeros
//	        4092  checksum         4   CRC32C of all bytes before it
//
//	record:    0  header checksum  4   CRC32C of bytes 4 to 23, seeded with the segment id
//	           4  length           4   of the payload
//	           8  zxid             8
//	          16  synced           4   offset in this segment that was on stable storage when the write that
//	                                   carries this record was issued
//	          20  payload checksum 4   CRC32C of payload and padding
//	          24  payload
//	              padding, 1 to 8 bytes of 0xff, up to a multiple of 8
//
// The length is believed only after the header checksum. The padding means that a whole record never ends
// in a zero byte and that no record header has less than 8 bytes in a sector. The seed means that a record
// left over in a file that was used before, or copied in from another log, is not taken for a live one, so
// the format allows files to be recycled.
//
// A successor's header is written only after the last record of its predecessor was synced, and is itself
// synced before its first record. So the chain of headers names the exact end of every segment but the
// last, and a lost or exchanged segment is noticed.
//
// # A torn tail and damage
//
// After a power cut, the sectors of the one write that was not yet synced have reached the disk in any
// combination: there may be holes with good records behind them. None of it was acknowledged, and Open cuts
// the log at the first hole. A hole in what had been synced is damage: something acknowledged is
// unreadable, and Open, Replay and Next refuse with a *CorruptError. The two are told apart by proof of a
// sync, never by a guess about lengths:
//
//   - In every segment but the last, all up to the end named by the successor had been synced.
//   - In the last segment, a hole at offset X had been synced if any good record header behind it says
//     "synced" greater than X. A record of the torn write itself cannot say so: its write was issued while
//     X was not yet synced.
//   - Only in the last write of the log can there be no such proof. There, what a torn write leaves is
//     known, because the file held zeros before: a record is torn only if at least one of its sectors
//     still is zero or nothing but zeros follows some point inside it. Anything else is damage too.
//
// What remains undetectable by one server alone: the last synced write reads back as zeros where the disk
// lost a whole sector of it, and the loss of the last segment together with its prepared successor. Peers,
// and the mark of the snapshot, know better.
//
// Cutting overwrites what follows the cut with zeros and syncs, before anything is appended. The records
// of the last write are written and synced again as they are: after a failed sync and a restart, the page
// cache may hold what the disk never got.
//
// TruncateAfter and Reset remove whole segments from the newest back, each removal synced before the next,
// and replace the segment that holds the cut by a shortened copy through a rename. So at each moment the
// directory holds a gapless beginning of the old log or the finished result.
//
// # Failure
//
// The first write or sync that fails ends the log: Err reports it, Notify is called, nothing more is
// written or reported durable. After a failed sync the page cache cannot be believed, so no retry is sound;
// the server must stop, and Open decides afresh what the disk holds. If only the preparation of the next
// segment found no space, the log goes on until it needs that segment and tries once more.
package wal
