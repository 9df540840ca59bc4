package target

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// OwnCPU is the processor time that this process has used, in all.
func OwnCPU() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// CPU is the processor time that a process has used, in all; Linux alone tells.
func CPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return 0, fmt.Errorf("cannot tell the processor time of process %d: %w", pid, err)
	}
	return parseStat(string(stat))
}

// Memory is what a process holds, in bytes; Linux alone tells.
func Memory(pid int) (resident int64, err error) {
	status, err := os.ReadFile(procFile(pid, "status"))
	if err != nil {
		return 0, fmt.Errorf("cannot tell the memory of process %d: %w", pid, err)
	}
	resident, err = parseField(string(status), "VmRSS")
	return resident << 10, err
}

// diskUse is what a process had the disk do, in bytes. Writes count when the process makes them, be it that the disk
// sees them later. Linux adds to a process what its children have done that ended, so this one, whose children are
// servers, is the sum of its threads.
func diskUse(pid int) (read, written int64, err error) {
	files := []string{procFile(pid, "io")}
	if pid == os.Getpid() {
		if files, err = filepath.Glob(procFile(pid, "task/*/io")); err != nil {
			return 0, 0, err
		}
	}
	for _, file := range files {
		io, err := os.ReadFile(file)
		if len(files) > 1 && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)) {
			continue // the thread has ended
		}
		if err != nil {
			return 0, 0, err
		}
		r, errRead := parseField(string(io), "read_bytes")
		w, errWritten := parseField(string(io), "write_bytes")
		if err := errors.Join(errRead, errWritten); err != nil {
			return 0, 0, err
		}
		read, written = read+r, written+w
	}
	return read, written, nil
}

func procFile(pid int, name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }

// clockTick is the unit in which Linux tells the processor time of another process: USER_HZ, which is 100 on
// every architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// parseStat reads the processor time in what /proc/PID/stat holds. The second field is a name in parentheses, which
// may hold spaces and parentheses.
func parseStat(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const user, system = 14 - 3, 15 - 3 // the numbers of proc(5), less those in front
	if len(fields) <= system {
		return 0, fmt.Errorf("process status %q is too short", stat)
	}
	var ticks int64
	for _, field := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("process status %q: %w", stat, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// parseField finds a number in lines of the form "key: number unit"; 0 if there is no such line.
func parseField(text, key string) (int64, error) {
	for line := range strings.Lines(text) {
		k, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if strings.TrimSpace(k) != key || len(fields) == 0 {
			continue
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s is %s: %w", key, fields[0], err)
		}
		return n, nil
	}
	return 0, nil
}
