package bench

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gamekeeper/bench/target"
)

const (
	usualServer  = "127.0.0.1:2181"
	usualRounds  = 5 // of a comparison
	targetsHelp  = "host:port[,host:port...] of servers that run, or gamekeeper, apache, gamekeeper:3, apache:3+2 to start them; NAME= in front names it"
	compareTitle = "Targets that are compared meet every scenario in turn, round by round, in a changing order. The first, --target, is what\n" +
		"the others are held against: a ratio is that of two runs in one round, and its mean over the rounds has an interval in\n" +
		"which it lies with a confidence of 95 %."
)

// Command returns the command "bench" of a version of the program, with its subcommands. Every error they return, other
// than those of reading flags, has a method ExitCode: 1 when the run failed or replies held errors, 2 when the arguments make no sense.
func Command(version string) *cobra.Command {
	b := benchFlags{options: DefaultOptions(), version: version}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure servers that speak the ZooKeeper client protocol, and compare them",
		Long: loadHelp + "\n" + compareTitle + `

Servers that are started keep their data in a temporary directory, and are gone in the end. All of them sync every
write to disk before they acknowledge it. Apache ZooKeeper needs Java and its jars: bench/fetch-apache DIR brings them.

Workloads:

` + workloadHelp() + "\nSuites:\n\n" + suiteHelp(),
		Example: `  gamekeeper bench --target gamekeeper --workload set,get
  gamekeeper bench --workload mixed --reads 90
  gamekeeper bench --workload set --rate 20000
  gamekeeper bench --workload mixed --find-rate 20ms
  gamekeeper bench --target zk1:2181,zk2:2181,zk3:2181 --workload create --json > create.json
  gamekeeper bench --target apache --against gamekeeper --jars DIR --suite comparison --html comparison.html
  gamekeeper bench --target before=gamekeeper@old/gamekeeper --against after=gamekeeper --workload set,get
  gamekeeper bench --target gamekeeper:3 --workload set --rate 5000 --duration 30s --fault 10s:kill-leader
  gamekeeper bench --target gamekeeper:3 --suite recipes --duration 20s --fault 5s:kill-leader
  gamekeeper bench --target gamekeeper --scenario "small: set size=16" --scenario "large: set size=65536"`,
		Args: noArguments,
		RunE: coded(func(cmd *cobra.Command, _ []string) error { return b.run(cmd) }),
	}
	quietly(cmd)
	b.flags(cmd.Flags())
	completions(cmd)
	groupFlags(cmd)
	cmd.AddCommand(sessionsCommand(version), reportCommand())
	return cmd
}

// benchFlags is what a user asks for.
type benchFlags struct {
	version         string
	options         Options
	target          targetFlags
	against, faults []string
	cases           []string
	suite, workload string
	experiment      Experiment
	out             output
}

func (b *benchFlags) flags(f *pflag.FlagSet) {
	b.target.flags(f)
	f.StringArrayVar(&b.against, "against", nil, "another target, measured in turn with the first; once for each")
	f.StringVar(&b.workload, "workload", "set", "what to do: one or more of the workloads above, separated by commas")
	f.StringArrayVar(&b.cases, "scenario", nil, `instead of --workload: "[NAME:] WORKLOAD [FLAG=VALUE...]", once for each`)
	f.StringVar(&b.suite, "suite", "", "instead of --workload: scenarios under a name")
	f.IntVar(&b.experiment.Rounds, "rounds", 0, "times to measure everything; 0 is once, or 5 times with --against")
	f.DurationVar(&b.experiment.Preheat, "preheat", 0, "load of each kind for each target before the first round, which does not count: Java VMs compile what runs often")
	f.DurationVar(&b.experiment.Rest, "rest", 0, "time before each run in which a target may end what it does for the one before, such as a snapshot of what that wrote")
	f.StringArrayVar(&b.faults, "fault", nil, "while measuring, to targets that are started; once for each: "+target.FaultsHelp)
	f.StringVar(&b.experiment.Title, "title", "", "title of the report")
	f.BoolVar(&b.experiment.KeepLogs, "keep-logs", false, "leave the logs of servers that were started")
	loadFlags(f, &b.options)
	runFlags(f, &b.options)
	b.experiment.Start.Flags(f)
	b.out.flags(f)
}

// complete makes the experiment of what the flags say; changed tells which of them were given.
func (b *benchFlags) complete(changed func(flag string) bool) error {
	e := &b.experiment
	e.Version = b.version
	first, err := b.target.spec(changed)
	if err != nil {
		return err
	}
	e.Targets = append(e.Targets, first)
	for _, text := range b.against {
		spec, err := target.Parse(text)
		if err != nil {
			return err
		}
		e.Targets = append(e.Targets, spec)
	}
	for _, text := range b.faults {
		fault, err := target.ParseFault(text)
		if err != nil {
			return err
		}
		e.Faults = append(e.Faults, fault)
	}
	if e.Rounds == 0 && !changed("rounds") {
		e.Rounds = 1
		if len(b.against) > 0 {
			e.Rounds = usualRounds
		}
	}
	return b.scenarios(changed)
}

func (b *benchFlags) scenarios(changed func(flag string) bool) (err error) {
	given := 0
	for _, flag := range []string{"workload", "scenario", "suite"} {
		if changed(flag) {
			given++
		}
	}
	e := &b.experiment
	switch {
	case given > 1:
		return usageError("--workload, --scenario and --suite say the same: give one of them")
	case b.suite != "":
		e.Scenarios, err = findSuite(b.suite, b.options)
	case len(b.cases) > 0:
		e.Scenarios, err = parseCases(b.cases, b.options)
	default:
		for name := range strings.SplitSeq(b.workload, ",") {
			o := b.options
			o.Workload = name
			e.Scenarios = append(e.Scenarios, Case{Name: name, Options: o})
		}
	}
	return err
}

func (b *benchFlags) run(cmd *cobra.Command) error {
	if err := b.complete(cmd.Flags().Changed); err != nil {
		return err
	}
	if err := b.out.check(); err != nil {
		return err
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	live := b.out.live(cmd.ErrOrStderr())
	r, err := b.experiment.Run(ctx, live.progress())
	live.done()
	if r != nil {
		err = errors.Join(err, b.out.write(cmd.OutOrStdout(), r))
	}
	if err != nil {
		return err
	}
	return b.experiment.failures(r)
}

// completions gives shells the workloads and the suites, with what they are.
func completions(cmd *cobra.Command) {
	var workloads, named []string
	for _, w := range allWorkloads() {
		workloads = append(workloads, cobra.CompletionWithDesc(w.name, w.about))
	}
	for _, s := range suites() {
		named = append(named, cobra.CompletionWithDesc(s.name, s.about))
	}
	for flag, values := range map[string][]string{"workload": workloads, "suite": named} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
}

// quietly leaves printing errors to main.
func quietly(cmd *cobra.Command) {
	cmd.SilenceUsage = true
	cmd.SilenceErrors = true
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("%s takes no argument %q: see %[1]s --help", cmd.CommandPath(), args[0])
	}
	return nil
}
