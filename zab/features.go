package zab

import (
	"encoding/binary"

	"gamekeeper/proto"
)

// Two servers of this kind tell each other so behind the data of FOLLOWERINFO or OBSERVERINFO and of LEADERINFO:
// Apache's servers read what they know and ignore what follows. Between the two,
//
//   - an ACK stands for every proposal up to its zxid, and a COMMIT too;
//   - a snapshot is sent as FormatOwn;
//   - TRUNC may go back to an epoch before that of the learner's last zxid;
//   - a learner that is busy with a snapshot sends PINGs, so that its leader waits for it however long it takes.
const (
	featureMagic = "gkp\x01"
	featureBytes = len(featureMagic) + 4
	// featuresAll are those above. A later version may add others, and still has to offer these.
	featuresAll uint32 = 1
)

// appendFeatures appends what this version can do.
func appendFeatures(b []byte) []byte {
	return binary.BigEndian.AppendUint32(append(b, featureMagic...), featuresAll)
}

// hasFeatures says whether data, whose known part is of so many bytes, tells of a server of this kind.
func hasFeatures(data []byte, known int) bool {
	if len(data) < known+featureBytes || string(data[known:known+len(featureMagic)]) != featureMagic {
		return false
	}
	return binary.BigEndian.Uint32(data[known+len(featureMagic):])&featuresAll == featuresAll
}

// Sizes of the part of the data that Apache's servers know.
const (
	learnerInfoBytes = 20
	leaderInfoBytes  = 4
	ackEpochBytes    = 4
)

// promisedBefore in ACKEPOCH says that the learner had promised the epoch before, and is not to be counted. A learner
// that may have lost what it had says so too: it may have forgotten promises and acknowledgements.
const promisedBefore int32 = -1

// epochOf reads the data of ACKEPOCH.
func epochOf(data []byte) (epoch int32, ok bool) {
	d := proto.NewDecoder(data)
	epoch = d.Int32()
	return epoch, d.Err() == nil
}
