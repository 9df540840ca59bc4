package proto

import "encoding/binary"

// AppendInt32 appends v.
func AppendInt32(b []byte, v int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }

// AppendInt64 appends v.
func AppendInt64(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }

// AppendBool appends v as one byte, 0 or 1.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendBuffer appends v with its length; nil is null and differs from empty.
func AppendBuffer(b, v []byte) []byte {
	if v == nil {
		return AppendInt32(b, -1)
	}
	b = AppendInt32(b, int32(len(v)))
	return append(b, v...)
}

// AppendString appends v with its length. It cannot express null; AppendBuffer can.
func AppendString(b []byte, v string) []byte {
	b = AppendInt32(b, int32(len(v)))
	return append(b, v...)
}

// AppendStrings appends a vector of strings; nil is the null vector.
func AppendStrings(b []byte, v [][]byte) []byte {
	if v == nil {
		return AppendInt32(b, -1)
	}
	b = AppendInt32(b, int32(len(v)))
	for _, s := range v {
		b = AppendBuffer(b, s)
	}
	return b
}

// BeginFrame reserves the length of a frame at the end of b. EndFrame, called with the returned
// position after the frame's content was appended, fills it in.
func BeginFrame(b []byte) (frame []byte, at int) { return append(b, 0, 0, 0, 0), len(b) }

// EndFrame writes the length of the frame begun at position at.
func EndFrame(b []byte, at int) []byte {
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}
