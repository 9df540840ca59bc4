// Package proto holds the records that ZooKeeper servers and clients exchange and store: client
// requests and replies, transactions, quorum packets, election votes, snapshots. One codec, jute, serves
// all of them; each record has one encoding, here.
//
// # Encoding
//
// Encoders append to a slice and return it, as the built-in append does; they allocate only when the
// slice grows. Integers are big-endian. A buffer or string is a length and its bytes, a vector a count
// and its items; -1 stands for null, which differs from empty and is kept apart from it: in Go, null is
// a nil slice and empty is a slice of length 0 that is not nil.
//
// # Decoding
//
// There is one decoder. It checks every length against the bytes that are there, never panics on any
// input, and never allocates what the sender merely announces. What it returns aliases its input: a
// caller that keeps a path or a value beyond the life of the frame copies it. Errors stick, so a record
// is read field by field and the error is looked at once, at the end. Bytes left over after a record are
// the caller's business: Apache ignores them.
//
// Frames of clients and of the election come with a length before them, which the caller checks against
// its limit. Quorum packets, snapshots and initial messages do not: NewStreamDecoder reads them from what
// has arrived so far, and tells a record that goes on (ErrShort) from one that is broken or larger than
// the limit.
//
// Lists that are compared, interned or passed on stay in their encoding (ACLs, Identities, the operations
// of a multi's transaction); iterators walk them.
//
// # Strings
//
// Strings stay the bytes that were sent. Apache makes UTF-16 of them and back, which shows in two places:
//
//   - Malformed UTF-8 becomes U+FFFD there. No path may contain it, so such a create, setData or setACL is
//     refused with BadArguments and such a read finds no znode. ValidatePath refuses the malformed bytes
//     themselves, and no znode has such a name, so the outcome is the same. What is merely echoed (the path
//     of a sync) or stored (the id of an access control entry) keeps the client's bytes here, where Apache
//     returns U+FFFD.
//   - Characters beyond the BMP leave Apache as two surrogates of three bytes each (CESU-8), not as UTF-8
//     of four. Paths cannot have them: ValidatePath refuses both forms. In ids of access control entries
//     and in users' names they stay as the client wrote them, which is what the client compares with.
//
// In an ensemble the leader's bytes count, whichever server leads.
//
// # Text
//
// Txn, TxnBody, ACLs, Identities and QuorumPacket render themselves on one line without the data they
// carry, for dumps of the log and for error messages.
//
// The package imports nothing of ours and holds no state.
package proto
