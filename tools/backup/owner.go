package backup

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// giveTo makes everything below path belong to the owner of dir, if we are root and that is somebody else: an
// operator who restores as root shall not leave a directory that the server cannot write to.
func giveTo(dir, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	st, err := os.Stat(dir)
	if err != nil {
		return ioError(err)
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || sys.Uid == 0 {
		return nil
	}
	err = filepath.WalkDir(path, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(p, int(sys.Uid), int(sys.Gid))
	})
	if err != nil {
		return ioError(err)
	}
	return nil
}
