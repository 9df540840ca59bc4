package target

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options say how targets are started. The zero value will do for Gamekeeper.
type Options struct {
	Dir        string           // the servers have their data below it; "" is the system's place for temporary files
	Lines      []string         // of zoo.cfg, key=value, for every server that is started; they win over the usual ones
	Gamekeeper string           // the program; "" is the one that runs
	Jars       string           // folder with the jars of Apache ZooKeeper and of what it needs
	Java       string           // the program; "" is that of JAVA_HOME, or java
	Heap       string           // of each Java VM, as -Xmx takes it; "" is 2g
	JVM        []string         // further options of the Java VM
	PIDs       map[string][]int // by name of a target whose servers run on this machine: their processes, in order
	Patience   time.Duration    // until all servers serve; 0 is a minute
}

// ParsePIDs reads what says which processes the servers of running targets are: NAME=PID[,PID...], each.
func ParsePIDs(flags []string) (map[string][]int, error) {
	pids := map[string][]int{}
	for _, f := range flags {
		name, list, ok := strings.Cut(f, "=")
		if !ok || name == "" {
			return nil, usageError("--pid %q is not NAME=PID[,PID...], with the name of a target", f)
		}
		for field := range strings.SplitSeq(list, ",") {
			pid, err := strconv.Atoi(field)
			if err != nil || pid <= 0 {
				return nil, usageError("--pid %s: %q is not the number of a process", f, field)
			}
			pids[name] = append(pids[name], pid)
		}
	}
	return pids, nil
}

// Check tells what is wrong with targets, options and faults that belong together, before anything is started.
func Check(specs []Spec, o Options, faults []Fault) error {
	seen := map[string]bool{}
	for _, s := range specs {
		if seen[s.Name] {
			return usageError("two targets are called %s: name them, as in before=%s", s.Name, strings.TrimPrefix(s.String(), s.Name+"="))
		}
		seen[s.Name] = true
		for _, f := range faults {
			if err := f.fits(s); err != nil {
				return err
			}
		}
		if s.Kind == Gamekeeper {
			if _, err := o.of(s).gamekeeper(); err != nil {
				return err
			}
		}
		if s.Kind == Apache {
			if _, err := o.of(s).classpath(); err != nil {
				return err
			}
			if _, err := o.java(); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.PIDs)) {
		i := slices.IndexFunc(specs, func(s Spec) bool { return s.Name == name })
		switch {
		case i < 0:
			return usageError("--pid %s=... names no target", name)
		case specs[i].Starts():
			return usageError("--pid %s=...: the processes of a target that is started are known", name)
		case len(o.PIDs[name]) > specs[i].size():
			return usageError("--pid %s=... has %d processes, and the target %d servers", name, len(o.PIDs[name]), specs[i].size())
		}
	}
	return checkLines(o.Lines)
}

// of is o for the servers of a target, which may be of another program.
func (o Options) of(s Spec) *Options {
	switch {
	case s.Program == "":
	case s.Kind == Gamekeeper:
		o.Gamekeeper = s.Program
	case s.Kind == Apache:
		o.Jars = s.Program
	}
	return &o
}

func (o *Options) patience() time.Duration {
	if o.Patience > 0 {
		return o.Patience
	}
	return time.Minute
}

// gamekeeper is the path of the program.
func (o *Options) gamekeeper() (string, error) {
	if o.Gamekeeper == "" {
		return os.Executable()
	}
	path, err := exec.LookPath(o.Gamekeeper)
	if here, herr := exec.LookPath("." + string(filepath.Separator) + o.Gamekeeper); err != nil && herr == nil {
		path, err = here, nil // what is written like a file is one, also without a ./
	}
	if err != nil {
		return "", usageError("no program of Gamekeeper: %v", err)
	}
	return filepath.Abs(path)
}

// java is the path of the Java VM.
func (o *Options) java() (string, error) {
	java := o.Java
	if java == "" {
		java = "java"
		if home := os.Getenv("JAVA_HOME"); home != "" {
			java = filepath.Join(home, "bin", "java")
		}
	}
	path, err := exec.LookPath(java)
	if err != nil {
		return "", usageError("Apache ZooKeeper needs Java 8 or later, and %v: Debian has it as default-jre-headless", err)
	}
	return filepath.Abs(path)
}

// classpath names the jars of Apache ZooKeeper.
func (o *Options) classpath() (string, error) {
	const fetch = "bench/fetch-apache DIR puts them into a folder"
	if o.Jars == "" {
		return "", usageError("Apache ZooKeeper needs its jars: %s, which is given with --jars", fetch)
	}
	jars, err := filepath.Glob(filepath.Join(o.Jars, "*.jar"))
	if err != nil {
		return "", usageError("--jars %s: %v", o.Jars, err)
	}
	server := func(jar string) bool {
		version, ok := strings.CutPrefix(filepath.Base(jar), "zookeeper-")
		return ok && version[0] >= '0' && version[0] <= '9'
	}
	if !slices.ContainsFunc(jars, server) {
		return "", usageError("--jars %s: no zookeeper-VERSION.jar there: %s", o.Jars, fetch)
	}
	for i, jar := range jars {
		if jars[i], err = filepath.Abs(jar); err != nil {
			return "", err
		}
	}
	return strings.Join(jars, string(os.PathListSeparator)), nil
}

func (o *Options) heap() string {
	if o.Heap == "" {
		return "2g"
	}
	return o.Heap
}
