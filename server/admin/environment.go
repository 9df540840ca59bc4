package admin

import (
	"os"
	"os/user"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
)

// unknown is what Apache prints for a property that has no value.
const unknown = "<NA>"

// environment is what envi prints: Apache's keys in Apache's order, so that whatever reads them finds
// them, with values that are true here. There is no Java: its keys say <NA>, as they do in Apache when a
// property is missing, and keys of Go follow at the end.
type environment struct {
	// before and after are the lines around the memory sizes; they do not change in a process's life.
	before, after []byte
}

// readEnvironment asks the system once, so that an answer on an event loop needs no system call.
func readEnvironment() environment {
	orUnknown := func(v string, err error) string {
		if err != nil || v == "" {
			return unknown
		}
		return v
	}
	userName := unknown
	if u, err := user.Current(); err == nil {
		userName = u.Username
	}
	osName, osVersion := operatingSystem()
	var e environment
	for _, kv := range [][2]string{
		{"host.name", orUnknown(os.Hostname())},
		{"java.version", unknown},
		{"java.vendor", unknown},
		{"java.home", unknown},
		{"java.class.path", unknown},
		{"java.library.path", unknown},
		{"java.io.tmpdir", os.TempDir()},
		{"java.compiler", unknown},
		{"os.name", osName},
		{"os.arch", runtime.GOARCH},
		{"os.version", osVersion},
		{"user.name", userName},
		{"user.home", orUnknown(os.UserHomeDir())},
		{"user.dir", orUnknown(os.Getwd())},
	} {
		e.before = append(append(append(append(e.before, kv[0]...), '='), kv[1]...), '\n')
	}
	e.after = []byte("go.version=" + runtime.Version() + "\ngo.maxprocs=" + strconv.Itoa(runtime.GOMAXPROCS(0)) + "\n")
	return e
}

func (e *environment) append(b []byte, version string) []byte {
	b = append(b, "Environment:\nzookeeper.version="...)
	b = append(append(b, version...), '\n')
	b = append(b, e.before...)
	free, limit, total := memory()
	for _, m := range []struct {
		key   string
		bytes uint64
	}{{"os.memory.free=", free}, {"os.memory.max=", limit}, {"os.memory.total=", total}} {
		b = append(strconv.AppendUint(append(b, m.key...), m.bytes>>20, 10), "MB\n"...)
	}
	return append(b, e.after...)
}

// memory returns what comes nearest to the JVM's free, maximal and total heap: heap that is idle, the
// limit of memory (GOMEMLIMIT; without one, the machine's memory), and memory taken from the system.
func memory() (free, limit, total uint64) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	free = samples[0].Value.Uint64()
	total = samples[1].Value.Uint64() - samples[2].Value.Uint64()
	limit = uint64(debug.SetMemoryLimit(-1))
	if machine := machineMemory(); machine != 0 {
		limit = min(limit, machine)
	}
	return free, limit, total
}
