package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"gamekeeper/server/config"
	"gamekeeper/server/control"
)

// Exit codes of `gamekeeper server`, those of Apache ZooKeeper where it has one.
const (
	exitFailed  = 1
	exitConfig  = 2
	exitDataDir = 3
	exitAdmin   = 4
)

// exitError is an error that ends the process with a code.
type exitError struct {
	error
	code int
}

// ExitCode returns the code that the process shall end with.
func (e exitError) ExitCode() int { return e.code }

func (e exitError) Unwrap() error { return e.error }

// flags of the command.
type flags struct {
	around              Around
	logLevel, logFormat string
	set                 []string
	loops               int
}

// Around is what a server process does besides serving, with packages that this one must not know.
type Around struct {
	// Prepare, if not nil, is called before the server starts. It may fill an empty data directory, and ends soon after ctx.
	Prepare func(ctx context.Context, cfg *config.Config, logger *slog.Logger) error
	// Locked, if not nil, is called when the data directory is this server's alone, and no command reaches it yet.
	Locked func(cfg *config.Config, logger *slog.Logger)
	// Backups, if not nil, runs from when the server serves until ctx ends.
	Backups func(ctx context.Context, cfg *config.Config, source control.Handler, logger *slog.Logger)
}

// Command returns `gamekeeper server`. version is the text that srvr prints.
func Command(version string, around Around) *cobra.Command {
	f := flags{around: around}
	cmd := &cobra.Command{
		Use:   "server [zoo.cfg]",
		Short: "Run a server",
		Long: `Run a server with the configuration of a zoo.cfg, as Apache ZooKeeper reads it.

Without a file: standalone, clients on port 2181, data in ./data.

SIGTERM and SIGINT end it cleanly. Exit codes: 0 stopped, 1 failed, 2 configuration refused,
3 data directory unusable, 4 no admin server.`,
		Example: `  gamekeeper server
  gamekeeper server /etc/zookeeper/zoo.cfg
  gamekeeper server --set clientPort=2182 --set dataDir=/tmp/two --log-level debug`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			file := ""
			if len(args) == 1 {
				file = args[0]
			}
			return f.run(cmd.Context(), cmd.ErrOrStderr(), file, version)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"cfg"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.Flags().StringVar(&f.logLevel, "log-level", "info", "least level that is logged: debug, info, warn or error")
	cmd.Flags().StringVar(&f.logFormat, "log-format", "text", "format of the log: text or json")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "a configuration key that counts before the file's, as `key=value`; may be repeated")
	cmd.Flags().IntVar(&f.loops, "loops", 0, "event loops, 1024 at most; 0 is one for each processor but one")
	for flag, values := range map[string][]string{"log-level": {"debug", "info", "warn", "error"}, "log-format": {"text", "json"}} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

// newLogger makes the logger that the flags ask for.
func (f *flags) newLogger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level=%s: use debug, info, warn or error", f.logLevel)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch f.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("--log-format=%s: use text or json", f.logFormat)
}

// loopsMax is more event loops than any machine has a use for.
const loopsMax = 1024

func (f *flags) run(ctx context.Context, stderr io.Writer, file, version string) error {
	logger, err := f.newLogger(stderr)
	if err != nil {
		return exitError{err, exitConfig}
	}
	if f.loops < 0 || f.loops > loopsMax {
		return exitError{fmt.Errorf("--loops=%d: give a number from 1 to %d, or 0 for one less than there are processors", f.loops, loopsMax), exitConfig}
	}
	cfg, warnings, err := config.Load(file, f.set)
	if err != nil {
		return exitError{err, exitConfig}
	}
	for _, w := range warnings {
		args := []any{"key", w.Key}
		if w.Line > 0 {
			args = append(args, "line", w.Line)
		}
		logger.Warn("configuration: "+w.Text, args...)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	tuneMemory()
	tuneScheduler()
	if f.around.Prepare != nil {
		switch err := f.around.Prepare(ctx, &cfg, logger); {
		case err != nil && ctx.Err() != nil:
			logger.Info("stopped before the start was complete")
			return nil
		case err != nil:
			return exitError{err, exitDataDir}
		}
	}
	opts := Options{Version: version, Logger: logger, Loops: f.loops, Cancel: ctx.Done()}
	if f.around.Locked != nil {
		opts.Locked = func() { f.around.Locked(&cfg, logger) }
	}
	s, err := Start(cfg, opts)
	switch {
	case errors.Is(err, ErrDataDir):
		return exitError{err, exitDataDir}
	case errors.Is(err, ErrAdmin):
		return exitError{err, exitAdmin}
	case err != nil:
		return exitError{err, exitFailed}
	}
	backups, stopBackups := context.WithCancel(ctx)
	defer stopBackups()
	var background sync.WaitGroup
	if f.around.Backups != nil {
		background.Go(func() { f.around.Backups(backups, &cfg, s.Control(), logger) })
	}
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-s.Failed():
	}
	stopBackups()
	background.Wait()
	const stopMax = 10 * time.Second
	closing, cancel := context.WithTimeout(context.Background(), stopMax)
	defer cancel()
	if err := cmp.Or(failure, s.Close(closing)); err != nil { // after a failure, closing ends with the same
		return exitError{err, exitFailed}
	}
	return nil
}
