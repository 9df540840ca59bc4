package target

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"gamekeeper/bench/report"
)

// Machine describes this machine, with the file system of a directory; "" is that for temporary files. What the system
// does not tell stays empty.
func Machine(dir string) report.Machine {
	if dir == "" {
		dir = os.TempDir()
	}
	m := report.Machine{System: runtime.GOOS + " " + runtime.GOARCH, Processors: runtime.NumCPU(), Disk: fileSystem(dir)}
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		m.System = strings.Join([]string{unix.ByteSliceToString(name.Sysname[:]), unix.ByteSliceToString(name.Release[:]),
			unix.ByteSliceToString(name.Machine[:])}, " ")
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.Processor = parseProcessor(string(text))
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		if kilobytes, err := parseField(string(text), "MemTotal"); err == nil {
			m.Memory = kilobytes << 10
		}
	}
	return m
}

// parseProcessor finds the name of the processor in what /proc/cpuinfo holds; architectures call it differently.
func parseProcessor(text string) string {
	names := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		if key = strings.TrimSpace(key); names[key] == "" {
			names[key] = strings.TrimSpace(value)
		}
	}
	for _, key := range []string{"model name", "Model", "cpu model", "cpu", "Hardware"} {
		if names[key] != "" {
			return names[key]
		}
	}
	return ""
}

// fileSystem is the kind of the file system of a directory, and the device it is on.
func fileSystem(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	var best, found string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		point, kind := parseMount(lines.Text())
		if point != "" && below(dir, point) && len(point) >= len(best) {
			best, found = point, kind
		}
	}
	return found
}

// parseMount reads a line of /proc/self/mountinfo: where something is mounted, and what.
func parseMount(line string) (point, kind string) {
	front, back, ok := strings.Cut(line, " - ")
	of, on := strings.Fields(front), strings.Fields(back)
	if !ok || len(of) < 5 || len(on) < 2 {
		return "", ""
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	kind = on[0]
	if strings.HasPrefix(on[1], "/") {
		kind += " on " + unescape.Replace(on[1])
	}
	return unescape.Replace(of[4]), kind
}

// below tells whether dir is a directory or lies below it.
func below(dir, parent string) bool {
	return parent == "/" || dir == parent || strings.HasPrefix(dir, parent+"/")
}
