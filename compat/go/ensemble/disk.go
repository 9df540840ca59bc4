package ensemble

import (
	"fmt"
	"os"
	"syscall"
)

// mountDisk gives a server a disk of so many bytes, in memory, for its data. It needs Sandbox.
func (s *Server) mountDisk(bytes int64) error {
	if err := os.MkdirAll(s.Data(), 0o755); err != nil {
		return err
	}
	return s.mount(0, bytes)
}

func (s *Server) mount(flags uintptr, bytes int64) error {
	if err := syscall.Mount("tmpfs", s.Data(), "tmpfs", flags, fmt.Sprintf("size=%d", bytes)); err != nil {
		return fmt.Errorf("a disk of %d bytes for %s: %w", bytes, s, err)
	}
	return nil
}

// FillDisk leaves no room on the server's disk, which Options.Disk must have given it. What the server has reserved
// in its files before stays its own.
func (s *Server) FillDisk() error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.Data(), &st); err != nil {
		return fmt.Errorf("the disk of %s: %w", s, err)
	}
	const spare = 16 // blocks that the server may take until the disk has shrunk
	return s.mount(syscall.MS_REMOUNT, (int64(st.Blocks-st.Bfree)+spare)*st.Bsize)
}

// FreeDisk undoes FillDisk.
func (s *Server) FreeDisk() error { return s.mount(syscall.MS_REMOUNT, s.disk) }
