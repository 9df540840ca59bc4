package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The seal is a small file beside Pebble's. It holds the number of the last round whose end is known to be
// on stable storage. Pebble takes a damaged record of its manifest for the torn end of it, and goes back to
// what was before; then the mark is of an earlier round than the seal, which Open notices.
const (
	sealName  = "SEAL"
	sealBytes = 8 + 8 + 4
)

var (
	sealMagic  = []byte("gksnapsl")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// writeSeal replaces the seal in dir.
func writeSeal(f vfs.FS, dir string, round uint64) error {
	b := binary.BigEndian.AppendUint64(bytes.Clone(sealMagic), round)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	path := f.PathJoin(dir, sealName)
	file, err := f.Create(path+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("snapshot: seal: %w", err)
	}
	_, err = file.Write(b)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("snapshot: seal: %w", err)
	}
	if err := f.Rename(path+".new", path); err != nil {
		return fmt.Errorf("snapshot: seal: %w", err)
	}
	return syncDir(f, dir)
}

// readSeal returns the round that the seal in dir names, 0 if there is none.
func readSeal(f vfs.FS, dir string) (round uint64, err error) {
	path := f.PathJoin(dir, sealName)
	file, err := f.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("snapshot: seal: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, sealBytes+1))
	if err != nil {
		return 0, fmt.Errorf("snapshot: seal: %w", err)
	}
	if len(b) != sealBytes || !bytes.HasPrefix(b, sealMagic) ||
		binary.BigEndian.Uint32(b[16:]) != crc32.Checksum(b[:16], castagnoli) {
		return 0, fmt.Errorf("%w: %s is not a seal", ErrCorrupt, path)
	}
	return binary.BigEndian.Uint64(b[8:]), nil
}
