package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gamekeeper/server/config"
	"gamekeeper/tools/progress"
	"gamekeeper/tree"
)

// Exit codes of the commands.
const (
	exitFailed = 1
	exitUsage  = 2
)

// exitError is an error that ends the process with a code.
type exitError struct {
	error
	code int
}

// ExitCode returns the code that the process shall end with.
func (e exitError) ExitCode() int { return e.code }

func (e exitError) Unwrap() error { return e.error }

func usage(format string, args ...any) error {
	return exitError{fmt.Errorf(format, args...), exitUsage}
}

// Command returns `gamekeeper backup`.
func Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Take backups of a server, and look after them",
		Long: `Take backups of a server, running or stopped, and look after them.

A folder gathers backups: each adds only tables that changed and log that is new, and every point between
the first one and the last can be restored. A file holds one backup.

Exit codes: 0 done, 1 failed or damaged, 2 wrong arguments.`,
	}
	cmd.AddCommand(saveCommand(), listCommand(), verifyCommand(), showCommand(), pruneCommand())
	return cmd
}

// run runs a command: errors that are not of usage end with exitFailed, and a signal ends the context.
func run(fn func(ctx context.Context, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cmd.SilenceUsage = true
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		err := fn(ctx, cmd, args)
		var coded exitError
		if err == nil || errors.As(err, &coded) {
			return err
		}
		switch {
		case ctx.Err() != nil:
			err = errors.New("interrupted; nothing that was there before is changed")
		case errors.Is(err, ErrDamaged) && cmd.Name() != "verify":
			err = fmt.Errorf("%w; %s", err, wayOut)
		}
		return exitError{err, exitFailed}
	}
}

// serverFlags name the directories of a server.
type serverFlags struct{ config, data, log string }

func (f *serverFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.config, "config", "", "the server's zoo.cfg")
	cmd.Flags().StringVar(&f.data, "data-dir", "", "the server's data directory (dataDir), in place of --config")
	cmd.Flags().StringVar(&f.log, "data-log-dir", "", "the server's log directory (dataLogDir), if it is another one")
	_ = cmd.MarkFlagFilename("config", "cfg")
	_ = cmd.MarkFlagDirname("data-dir")
	_ = cmd.MarkFlagDirname("data-log-dir")
}

func (f *serverFlags) dirs() (Dirs, error) {
	switch {
	case f.config != "" && (f.data != "" || f.log != ""):
		return Dirs{}, usage("give either --config or --data-dir")
	case f.config != "":
		cfg, _, err := config.Load(f.config, nil)
		if err != nil {
			return Dirs{}, exitError{err, exitUsage}
		}
		return Dirs{
			Data: cfg.Storage.DataDir, Log: cfg.Storage.DataLogDir,
			Tree: tree.Options{ExtendedTypes: cfg.Tree.ExtendedTypes, Emulate353: cfg.Tree.Emulate353TTL},
		}, nil
	case f.data == "":
		return Dirs{}, usage("which server? give its zoo.cfg with --config, or its data directory with --data-dir")
	}
	return Dirs{Data: f.data, Log: f.log}, nil
}

// fromFlag names a backup folder or file, as a flag or as the argument.
type fromFlag struct{ from string }

func (f *fromFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.from, "from", "", "the backup folder or file, in place of the argument")
}

func (f *fromFlag) path(args []string) (string, error) {
	switch {
	case len(args) == 1 && f.from == "":
		return args[0], nil
	case len(args) == 0 && f.from != "":
		return f.from, nil
	}
	return "", usage("which backup? give one folder or file")
}

// outputFlags say how results are printed.
type outputFlags struct{ json, quiet bool }

func (f *outputFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "print the result as JSON")
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no progress on stderr")
}

// progress returns what prints progress.
func (f *outputFlags) progress(w io.Writer) func(progress.Report) {
	if f.quiet {
		return nil
	}
	return progress.Lines(w)
}

// print prints v as JSON, or as text does.
func (f *outputFlags) print(w io.Writer, v any, text func(w io.Writer)) error {
	if !f.json {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		text(t)
		return t.Flush()
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// number is a number of things for people.
func number(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// clock is a time for people; a dash if it is not known.
func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.RFC3339)
}
