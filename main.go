// Gamekeeper is a coordination server that takes the place of Apache ZooKeeper. This is its one binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"gamekeeper/bench"
	"gamekeeper/server"
	"gamekeeper/server/admin"
	"gamekeeper/server/config"
	"gamekeeper/server/control"
	"gamekeeper/tools/apache"
	"gamekeeper/tools/backup"
	"gamekeeper/tools/inspect"
	"gamekeeper/tools/migrate"
	"gamekeeper/tools/progress"
)

// Set by the build.
var (
	version = "devel"
	built   = "" // RFC 3339
)

func main() {
	if err := rootCommand().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "gamekeeper:", err)
		os.Exit(exitCode(err))
	}
}

// rootCommand returns `gamekeeper` with all its commands.
func rootCommand() *cobra.Command {
	date, _ := time.Parse(time.RFC3339, built)
	full := admin.FullVersion(version, date)
	root := &cobra.Command{
		Use:           "gamekeeper",
		Short:         "A coordination server in place of Apache ZooKeeper",
		Version:       fmt.Sprintf("%s (ZooKeeper version: %s)", version, full),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.AddCommand(
		server.Command(full, server.Around{Prepare: prepare, Locked: clearScratch, Backups: scheduleBackups}),
		backup.Command(), backup.RestoreCommand(),
		inspect.SnapshotCommand(), inspect.LogCommand(),
		migrate.ImportCommand(), migrate.ExportCommand(),
		bench.Command(full), versionCommand(root.Version))
	strict(root)
	return root
}

// clearScratch clears away what a backup that was killed has left in the data directory.
func clearScratch(cfg *config.Config, logger *slog.Logger) {
	if err := backup.RemoveScratch(cfg.Storage.DataDir); err != nil {
		logger.Warn("what an interrupted backup left could not be removed", "error", err)
	}
}

// prepare fills an empty data directory from the data of an Apache server that lies in it, and refuses one into which
// a restore or an import was interrupted.
func prepare(ctx context.Context, cfg *config.Config, logger *slog.Logger) error {
	if err := backup.RefuseUnfinished(backup.Dirs{Data: cfg.Storage.DataDir, Log: cfg.Storage.DataLogDir}); err != nil {
		return err
	}
	place := migrate.PlaceOf(cfg)
	dirs := apache.Dirs{Data: cfg.Storage.DataDir, Log: cfg.Storage.DataLogDir}
	if has, err := place.HasData(); err != nil || has {
		return nil // the server says what is wrong with its directory
	}
	switch present, err := apache.Present(dirs); {
	case err != nil:
		return nil
	case !present:
		return place.RefuseUnfinished() // what is present is imported once more
	}
	logger.Info("importing the data of Apache ZooKeeper; its files stay as they are", "dir", dirs.Data)
	res, err := migrate.Import(ctx, dirs, place, migrate.Options{Logger: logger, Progress: func(r progress.Report) { logger.Info(r.String()) }})
	if err != nil {
		return fmt.Errorf("import the data of Apache ZooKeeper: %w", err)
	}
	logger.Info("imported", "zxid", res.Zxid, "znodes", res.Znodes, "sessions", res.Sessions)
	return nil
}

// scheduleBackups takes the backups that the configuration asks for.
func scheduleBackups(ctx context.Context, cfg *config.Config, source control.Handler, logger *slog.Logger) {
	if cfg.Backup.Interval == 0 {
		return
	}
	s := backup.Schedule{Every: cfg.Backup.Interval, Folder: cfg.Backup.Folder, Source: source, Logger: logger,
		Retain: backup.Retention{Last: cfg.Backup.Retain}}
	s.Run(ctx)
}

// exitCode is what a command wants, or 2 for arguments that make no sense.
func exitCode(err error) int {
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return 2
}

func versionCommand(text string) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), "gamekeeper", text)
		},
	}
}
