package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"gamekeeper/tools/progress"
)

// A backup as one file:
//
//	zstd: tar: manifest.json, files/<checksum>..., log/<chunk>... in the order of the manifest
//	skippable frame of zstd: magic 0x184d2a5c, length 40, "gkbackup", SHA-256 of all before it
//
// So `zstd -d | tar t` shows it, and a flipped bit that zstd would not notice is noticed.
const (
	sealMagic    = "gkbackup"
	sealFrame    = 0x184d2a5c
	sealBytes    = 8 + len(sealMagic) + sha256.Size
	manifestName = "manifest.json"
	manifestMax  = 256 << 20
	filesDir     = "files/"
	logDir       = "log/"
)

// seal is what ends a file.
func seal(sum []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, sealFrame)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(sealMagic)+sha256.Size))
	return append(append(b, sealMagic...), sum...)
}

// pack writes the backup m of a folder into a new file, and returns its size.
func pack(ctx context.Context, f *folder, m *Manifest, path string, meter *progress.Meter) (size int64, err error) {
	temp := path + tempSuffix
	out, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return 0, ioError(err)
	}
	defer func() {
		if err != nil {
			_ = out.Close()
			_ = os.Remove(temp)
		}
	}()
	h := sha256.New()
	z, err := zstd.NewWriter(io.MultiWriter(out, h), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	if err := packEntries(ctx, f, m, tar.NewWriter(z), meter); err != nil {
		return 0, errors.Join(err, z.Close())
	}
	if err := z.Close(); err != nil {
		return 0, ioError(err)
	}
	if _, err := out.Write(seal(h.Sum(nil))); err != nil {
		return 0, ioError(err)
	}
	if err := out.Sync(); err != nil {
		return 0, ioError(err)
	}
	st, err := out.Stat()
	if err != nil {
		return 0, ioError(err)
	}
	if err := out.Close(); err != nil {
		return 0, ioError(err)
	}
	if err := giveName(temp, path, os.Link); err != nil {
		return 0, err
	}
	return st.Size(), syncDir(filepath.Dir(path))
}

// giveName makes the file temp the new file path. A link does not replace a file that somebody else made meanwhile, as
// a rename would; where a file system has none, as those of USB sticks and of object stores, that much must do.
func giveName(temp, path string, link func(from, to string) error) error {
	err := link(temp, path)
	switch {
	case err == nil:
		return remove(temp)
	case errors.Is(err, fs.ErrExist):
		return ioError(err)
	}
	if _, serr := os.Lstat(path); !errors.Is(serr, fs.ErrNotExist) {
		return ioError(err)
	}
	if err := os.Rename(temp, path); err != nil {
		return ioError(err)
	}
	return nil
}

func packEntries(ctx context.Context, f *folder, m *Manifest, t *tar.Writer, meter *progress.Meter) error {
	b, err := os.ReadFile(f.manifest(m.ID))
	if err != nil {
		return ioError(err)
	}
	meter.Begin("writing the file", "bytes", m.Bytes())
	add := func(name string, size int64, r io.Reader) error {
		err := t.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644, Typeflag: tar.TypeReg})
		if err != nil {
			return ioError(err)
		}
		_, _, err = copyHashed(ctx, t, r, meter.Add)
		return err
	}
	addFile := func(name, path string, size int64) error {
		r, err := os.Open(path)
		if err != nil {
			return ioError(err)
		}
		defer r.Close()
		return add(name, size, r)
	}
	if err := add(manifestName, int64(len(b)), bytes.NewReader(b)); err != nil {
		return err
	}
	done := map[string]bool{}
	for _, file := range m.Files {
		if !done[file.SHA256] {
			done[file.SHA256] = true
			if err := addFile(filesDir+file.SHA256, f.file(file.SHA256), file.Bytes); err != nil {
				return err
			}
		}
	}
	for _, c := range m.Log {
		if err := addFile(logDir+c.name(), f.chunk(m.Series, &c), c.Bytes); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return ioError(err)
	}
	return nil
}

// archive is a file that is being read.
type archive struct {
	path string
	file *os.File
	size int64
	tar  *tar.Reader
	zstd *zstd.Decoder
	in   io.Reader // what the decoder reads, which goes into hash as well
	hash interface{ Sum([]byte) []byte }
	m    *Manifest
}

// isArchive says whether path is a file rather than a folder.
func isArchive(path string) (bool, error) {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("%w: there is no file or folder %s", ErrNoBackup, path)
	}
	if err != nil {
		return false, ioError(err)
	}
	return !st.IsDir(), nil
}

// openArchive opens a file and reads its manifest. The caller closes it.
func openArchive(path string) (*archive, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, ioError(err)
	}
	a := &archive{path: path, file: file}
	if err := a.open(); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *archive) open() error {
	st, err := a.file.Stat()
	if err != nil {
		return ioError(err)
	}
	a.size = st.Size() - int64(sealBytes)
	var end [sealBytes]byte
	if a.size < 0 {
		return damaged(a.path, "it is cut short, or no backup")
	}
	if _, err := a.file.ReadAt(end[:], a.size); err != nil {
		return ioError(err)
	}
	if !bytes.HasPrefix(end[:], seal(nil)) {
		return damaged(a.path, "offset %d: it does not end as a backup does: it is cut short, or no backup", a.size)
	}
	h := sha256.New()
	a.hash = h
	a.in = io.TeeReader(bufio.NewReaderSize(io.NewSectionReader(a.file, 0, a.size), copyBytes), h)
	if a.zstd, err = zstd.NewReader(a.in); err != nil {
		return damaged(a.path, "%w", err)
	}
	a.tar = tar.NewReader(a.zstd)
	e, err := a.tar.Next()
	if err != nil {
		return a.damaged(err)
	}
	if e.Name != manifestName || e.Size > manifestMax {
		return damaged(a.path, "it does not begin with a manifest")
	}
	b, err := io.ReadAll(a.tar)
	if err != nil {
		return a.damaged(err)
	}
	a.m, err = DecodeManifest(a.path+": "+manifestName, b)
	return err
}

func (a *archive) damaged(err error) error {
	return damaged(a.path, "%w", err)
}

func (a *archive) close() {
	if a.zstd != nil {
		a.zstd.Close()
	}
	_ = a.file.Close() // was only read
}

// read goes through the rest of the file and checks everything. If to is not nil, it becomes a folder that
// holds the backup.
func (a *archive) read(ctx context.Context, to *folder, meter *progress.Meter) error {
	files, chunks := map[string]File{}, map[string]Chunk{}
	for _, f := range a.m.Files {
		files[filesDir+f.SHA256] = f
	}
	for _, c := range a.m.Log {
		chunks[logDir+c.name()] = c
	}
	if to != nil {
		for _, d := range []string{to.backups(), to.files(), to.log(a.m.Series)} {
			if err := makeDir(d); err != nil {
				return err
			}
		}
	}
	meter.Begin("reading "+a.path, "bytes", a.m.Bytes())
	for {
		e, err := a.tar.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return a.damaged(err)
		}
		if f, ok := files[e.Name]; ok {
			delete(files, e.Name)
			err = a.readTable(ctx, f, to, meter)
		} else if c, ok := chunks[e.Name]; ok {
			delete(chunks, e.Name)
			err = a.readChunk(c, to, meter)
		} else {
			err = damaged(a.path, "it holds %q, which its manifest does not name", e.Name)
		}
		if err != nil {
			return err
		}
	}
	for name := range files {
		return damaged(a.path, "%s is missing", name)
	}
	for name := range chunks {
		return damaged(a.path, "%s is missing", name)
	}
	return a.end(to)
}

func (a *archive) readTable(ctx context.Context, f File, to *folder, meter *progress.Meter) error {
	var n int64
	var sum string
	var err error
	if to == nil {
		n, sum, err = copyHashed(ctx, io.Discard, a.tar, meter.Add)
	} else {
		n, sum, err = copyFile(ctx, to.file(f.SHA256), a.tar, meter.Add)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%s: %s: %w", a.path, f.Name, err)
	case n != f.Bytes || sum != f.SHA256:
		return damaged(a.path, "%s: its checksum does not fit", f.Name)
	}
	return nil
}

func (a *archive) readChunk(c Chunk, to *folder, meter *progress.Meter) error {
	b, err := io.ReadAll(io.LimitReader(a.tar, c.Bytes+1))
	if err != nil {
		return a.damaged(err)
	}
	meter.Add(int64(len(b)))
	if _, err := DecodeChunk(a.path+": "+c.name(), c, b, nil); err != nil {
		return err
	}
	if to == nil {
		return nil
	}
	return writeFile(to.chunk(a.m.Series, &c), b)
}

// end checks the seal, and writes the manifest into the folder.
func (a *archive) end(to *folder) error {
	if _, err := io.Copy(io.Discard, a.zstd); err != nil {
		return a.damaged(err)
	}
	if _, err := io.Copy(io.Discard, a.in); err != nil {
		return ioError(err)
	}
	var end [sealBytes]byte
	if _, err := a.file.ReadAt(end[:], a.size); err != nil {
		return ioError(err)
	}
	if !bytes.Equal(end[:], seal(a.hash.Sum(nil))) {
		return damaged(a.path, "the checksum of the whole file does not fit")
	}
	if to == nil {
		return nil
	}
	b, err := a.m.encode()
	if err != nil {
		return err
	}
	return writeFile(to.manifest(a.m.ID), b)
}

// openBackup opens a backup for reading, be it a folder or a file. A file is unpacked into the directory that
// scratch makes; the folder's manifests are those of it.
func openBackup(ctx context.Context, path string, scratch func() (string, error), meter *progress.Meter) (*folder, error) {
	file, err := isArchive(path)
	if err != nil {
		return nil, err
	}
	if !file {
		return openFolder(strings.TrimRight(path, "/"))
	}
	a, err := openArchive(path)
	if err != nil {
		return nil, err
	}
	defer a.close()
	dir, err := scratch()
	if err != nil {
		return nil, err
	}
	f := &folder{path: dir}
	return f, a.read(ctx, f, meter)
}
