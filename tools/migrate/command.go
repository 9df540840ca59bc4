package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"gamekeeper/server/config"
	"gamekeeper/tools/apache"
	"gamekeeper/tools/progress"
	"gamekeeper/tree"
)

// usageError is an error of the arguments.
type usageError struct{ error }

// ExitCode returns the code that the process shall end with.
func (usageError) ExitCode() int { return 2 }

// failure is any other error.
type failure struct{ error }

// ExitCode returns the code that the process shall end with.
func (failure) ExitCode() int { return 1 }

func (e failure) Unwrap() error { return e.error }

// PlaceOf returns the place that a configuration names.
func PlaceOf(cfg *config.Config) Place {
	return Place{Data: cfg.Storage.DataDir, Log: cfg.Storage.DataLogDir,
		SkipDigest: !cfg.Tree.Digest, TrustEmpty: cfg.Storage.TrustEmpty,
		Tree: tree.Options{ExtendedTypes: cfg.Tree.ExtendedTypes, Emulate353: cfg.Tree.Emulate353TTL}}
}

// run runs a command: a signal ends its context, and a second one the process at once.
func run(fn func(ctx context.Context, cmd *cobra.Command) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		cmd.SilenceUsage = true
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		context.AfterFunc(ctx, stop)
		err := fn(ctx, cmd)
		var wrong usageError
		switch {
		case err == nil || errors.As(err, &wrong):
			return err
		case errors.Is(err, context.Canceled):
			return failure{errInterrupted}
		}
		return failure{err}
	}
}

var errInterrupted = errors.New("interrupted; what it was building is removed, nothing else is changed, and it can be run again")

// flags that both commands have.
type flags struct {
	config      string
	set         []string
	json, quiet bool
}

func (f *flags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.config, "config", "", "`zoo.cfg` of this server, for its directories and extendedTypesEnabled")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "a configuration key that counts before the file's, as `key=value`; may be repeated")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the result as JSON")
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "no progress on stderr")
	_ = cmd.MarkFlagFilename("config", "cfg")
}

func (f *flags) place() (Place, error) {
	cfg, _, err := config.Load(f.config, f.set)
	if err != nil {
		return Place{}, usageError{err}
	}
	return PlaceOf(&cfg), nil
}

// progress returns what prints progress.
func (f *flags) progress(cmd *cobra.Command) func(progress.Report) {
	if f.quiet {
		return nil
	}
	return progress.Lines(cmd.ErrOrStderr())
}

// print prints the result as JSON, or its notes and then what text says.
func (f *flags) print(cmd *cobra.Command, result any, notes []string, text func(w io.Writer)) error {
	if f.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(result)
	}
	for _, note := range notes {
		fmt.Fprintln(cmd.ErrOrStderr(), "note:", note)
	}
	text(cmd.OutOrStdout())
	return nil
}

// ImportCommand returns `gamekeeper import`.
func ImportCommand() *cobra.Command {
	var f flags
	var dirs apache.Dirs
	var acceptFuzzy bool
	cmd := &cobra.Command{
		Use:   "import --from DIR",
		Short: "Build a data directory from the files of an Apache ZooKeeper",
		Long: `Build a data directory from the dataDir of an Apache ZooKeeper that is stopped: its newest snapshot that is
whole, and the logs behind it. Checksums and digests are compared. Nothing is changed there, and nothing is
overwritten here. If it is interrupted, it can be run again.

A server does the same by itself when it starts with a dataDir in which it finds nothing but Apache's data.

Exit codes: 0 imported, 1 failed or interrupted and nothing was imported, 2 wrong arguments.`,
		Example: "  gamekeeper import --from /var/lib/zookeeper --set dataDir=/var/lib/gamekeeper",
		Args:    cobra.NoArgs,
		RunE: run(func(ctx context.Context, cmd *cobra.Command) error {
			if dirs.Data == "" {
				return usageError{errors.New("--from is missing: name the dataDir of the Apache server")}
			}
			to, err := f.place()
			if err != nil {
				return err
			}
			to.AcceptFuzzy = acceptFuzzy
			res, err := Import(ctx, dirs, to, Options{Progress: f.progress(cmd)})
			if err != nil {
				return err
			}
			return f.print(cmd, res, res.Notes, func(w io.Writer) {
				fmt.Fprintf(w, "imported %d znodes and %d sessions as of zxid %s into %s\n", res.Znodes, res.Sessions, res.Zxid, to.Data)
			})
		}),
	}
	cmd.Flags().StringVar(&dirs.Data, "from", "", "dataDir of the Apache `directory`, or its version-2")
	cmd.Flags().BoolVar(&acceptFuzzy, "accept-fuzzy", false, "take a snapshot whose logs are missing; its znodes are then of different times")
	cmd.Flags().StringVar(&dirs.Log, "from-log", "", "its dataLogDir, if that is another `directory`")
	_ = cmd.MarkFlagDirname("from")
	_ = cmd.MarkFlagDirname("from-log")
	f.add(cmd)
	return cmd
}

// ExportCommand returns `gamekeeper export`.
func ExportCommand() *cobra.Command {
	var f flags
	var to string
	var gz bool
	cmd := &cobra.Command{
		Use:   "export --to DIR",
		Short: "Write files that an Apache ZooKeeper starts from",
		Long: `Write a snapshot that an Apache ZooKeeper of 3.6 or later starts from, with DIR as its dataDir, from the data
directory of a server that is stopped. Nothing is overwritten. If it is interrupted, it can be run again.

If znodes have a time to live, the Apache server has to be started with zookeeper.extendedTypesEnabled=true: a
note says so.

Exit codes: 0 exported, 1 failed or interrupted and nothing was exported, 2 wrong arguments.`,
		Example: "  gamekeeper export --config zoo.cfg --to /var/lib/zookeeper",
		Args:    cobra.NoArgs,
		RunE: run(func(ctx context.Context, cmd *cobra.Command) error {
			if to == "" {
				return usageError{errors.New("--to is missing: name a directory")}
			}
			from, err := f.place()
			if err != nil {
				return err
			}
			opts := apache.ExportOptions{Progress: f.progress(cmd)}
			if gz {
				opts.Compression = apache.Gzip
			}
			x, err := Export(ctx, from, to, opts)
			if err != nil {
				return err
			}
			return f.print(cmd, x, x.Notes, func(w io.Writer) {
				for _, file := range x.Files {
					fmt.Fprintln(w, file)
				}
			})
		}),
	}
	cmd.Flags().StringVar(&to, "to", "", "dataDir for the Apache server: a `directory`")
	cmd.Flags().BoolVar(&gz, "gzip", false, "compress the snapshot, as snapshot.compression.method=gz does")
	_ = cmd.MarkFlagDirname("to")
	f.add(cmd)
	return cmd
}
