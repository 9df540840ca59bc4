package bench

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// flagGroup is what the help shows together.
type flagGroup struct{ title, names string }

// flagGroups are those of the command; a flag that none has stands in the last.
func flagGroups() []flagGroup {
	return []flagGroup{
		{"What is measured", "target servers against workload scenario suite rounds preheat rest fault title"},
		{"Load", "connections outstanding duration requests warmup rate arrivals find-rate rate-from step reconnect threads patience"},
		{"Requests, keys and values", "reads mix batch size compressible keys key-choice zipf-s hot-share shape depth parents path keep clean reuse"},
		{"Storms and recipes, each for the workload that it names", "session-timeout at-once hold persistent per-session probe lock-count hold-time consumers backlog observers"},
		{"Servers that are started", "data-dir set gamekeeper jars java heap jvm start-patience keep-logs pid"},
		{"Results", "json quiet save html"},
	}
}

// groupFlags has a command show its flags in groups. Its subcommands show theirs as usual.
func groupFlags(cmd *cobra.Command) {
	usual := (&cobra.Command{}).UsageFunc()
	cmd.SetUsageFunc(func(c *cobra.Command) error {
		if c != cmd {
			return usual(c)
		}
		out := c.OutOrStderr()
		fmt.Fprintf(out, "Usage:\n  %s [flags]\n  %[1]s [command]\n\nExamples:\n%s\n\nAvailable Commands:\n", c.CommandPath(), c.Example)
		for _, sub := range c.Commands() {
			fmt.Fprintf(out, "  %-10s %s\n", sub.Name(), sub.Short)
		}
		for _, g := range grouped(c.LocalFlags()) {
			if !g.flags.HasFlags() {
				continue
			}
			fmt.Fprintf(out, "\n%s:\n%s", g.title, g.flags.FlagUsagesWrapped(helpWidth()))
		}
		_, err := fmt.Fprintf(out, "\nUse \"%s [command] --help\" for more information about a command.\n", c.CommandPath())
		return err
	})
}

type groupOfFlags struct {
	title string
	flags *pflag.FlagSet
}

func grouped(all *pflag.FlagSet) []groupOfFlags {
	var list []groupOfFlags
	seen := map[string]bool{}
	add := func(title string, names []string) {
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		set.SortFlags = false
		for _, name := range names {
			if f := all.Lookup(name); f != nil {
				set.AddFlag(f)
				seen[name] = true
			}
		}
		list = append(list, groupOfFlags{title, set})
	}
	for _, g := range flagGroups() {
		add(g.title, strings.Fields(g.names))
	}
	var others []string
	all.VisitAll(func(f *pflag.Flag) {
		if !seen[f.Name] && f.Name != "help" {
			others = append(others, f.Name)
		}
	})
	add("Others", others)
	return list
}

// helpWidth is how wide lines of the help may be.
func helpWidth() int {
	if columns, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && columns > 40 {
		return columns
	}
	return 120
}
