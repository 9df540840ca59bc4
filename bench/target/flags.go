package target

import "github.com/spf13/pflag"

// Flags adds what a user may say of o to the flags of a command.
func (o *Options) Flags(f *pflag.FlagSet) {
	f.StringVar(&o.Dir, "data-dir", o.Dir, "where servers that are started have their data while they run (default the system's temporary directory)")
	f.StringArrayVar(&o.Lines, "set", o.Lines, "line of zoo.cfg, key=value, for the servers that are started; once for each")
	f.StringVar(&o.Gamekeeper, "gamekeeper", o.Gamekeeper, "program of the Gamekeeper servers that are started (default this one)")
	f.StringVar(&o.Jars, "jars", o.Jars, "folder with the jars of Apache ZooKeeper, as bench/fetch-apache makes it")
	f.StringVar(&o.Java, "java", o.Java, "Java VM for Apache ZooKeeper (default that of JAVA_HOME, or java)")
	f.StringVar(&o.Heap, "heap", o.heap(), "heap of each Java VM")
	f.StringArrayVar(&o.JVM, "jvm", o.JVM, "further option of the Java VM; once for each")
	f.Var(&pidsFlag{pids: &o.PIDs}, "pid", "name=process[,process...] of a target whose servers run on this machine, to show what they use")
	f.DurationVar(&o.Patience, "start-patience", o.patience(), "time that servers have to start and to elect a leader")
}

// pidsFlag is the flag of Options.PIDs.
type pidsFlag struct {
	pids *map[string][]int
	all  []string
}

func (p *pidsFlag) Set(s string) error {
	pids, err := ParsePIDs(append(p.all, s))
	if err != nil {
		return err
	}
	p.all = append(p.all, s)
	*p.pids = pids
	return nil
}

func (p *pidsFlag) Type() string { return "name=pid,..." }

func (p *pidsFlag) String() string { return "" }
