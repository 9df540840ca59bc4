package admin

import (
	"os"

	"golang.org/x/sys/unix"
)

// fileDescriptors returns how many file descriptors the process has open, and how many it may have.
func fileDescriptors() (open, limit int64) {
	const dir = "/proc/self/fd"
	// Since Linux 6.2 the size of the directory is the number of descriptors. Before, it is 0, and
	// counting a hundred thousand names takes long enough to be second choice.
	if info, err := os.Stat(dir); err == nil && info.Size() > 0 {
		open = info.Size()
	} else if f, err := os.Open(dir); err == nil {
		names, err := f.Readdirnames(-1)
		if err == nil {
			open = int64(len(names)) - 1 // without the one that reads the directory
		}
		f.Close()
	}
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err == nil {
		limit = int64(r.Cur)
	}
	return open, limit
}

// machineMemory returns the memory of the machine in bytes, 0 if unknown.
func machineMemory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return uint64(info.Totalram) * uint64(info.Unit)
}

// operatingSystem returns the name and version of the system as Java names them.
func operatingSystem() (name, version string) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "Linux", unknown
	}
	return "Linux", unix.ByteSliceToString(u.Release[:])
}
