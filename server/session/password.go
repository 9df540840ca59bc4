package session

import (
	"bytes"
	"encoding/binary"

	"gamekeeper/proto"
)

// passwordSecret is ZooKeeperServer's superSecret. It is in every copy of Apache's source.
const passwordSecret = 0xB3415C00

// Constants of java.util.Random, a linear congruential generator modulo 2^48.
const (
	randomMultiplier = 0x5DEECE66D
	randomIncrement  = 0xB
	randomMask       = 1<<48 - 1
)

// Password returns the password of a session. It is a checksum, not a secret: any server derives it
// from the id alone, so a client may renew its session anywhere, on an Apache server too.
func Password(id proto.SessionID) [proto.PasswordBytes]byte {
	var p [proto.PasswordBytes]byte
	state := (uint64(id) ^ passwordSecret ^ randomMultiplier) & randomMask
	for i := 0; i < proto.PasswordBytes; i += 4 {
		state = (state*randomMultiplier + randomIncrement) & randomMask
		binary.LittleEndian.PutUint32(p[i:], uint32(state>>16))
	}
	return p
}

// CheckPassword says whether password is that of session id. No password fits id 0, which is no session.
func CheckPassword(id proto.SessionID, password []byte) bool {
	want := Password(id)
	return id != 0 && bytes.Equal(want[:], password)
}
