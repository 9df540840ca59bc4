package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gamekeeper/bench/report"
)

func reportCommand() *cobra.Command {
	var page string
	var quiet bool
	cmd := &cobra.Command{
		Use:   "report FILE...",
		Short: "Show what was measured: the JSON of one or more runs, as a table or as a page",
		Long: `Show what was measured: the JSON that "bench --json" writes, as a table, and with --html as one page
with charts that needs no network and can be mailed.

Of several files scenarios of one name are shown together. The first file is what the others are held
against: a target against the one that has the same name there, over all rounds, as runs of different files
have no rounds in common.`,
		Example: `  gamekeeper bench report set.json
  gamekeeper bench report before.json after.json --html change.html`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("%s needs the file of a report: \"gamekeeper bench --json > FILE\" writes one", cmd.CommandPath())
			}
			return nil
		},
		RunE: coded(func(cmd *cobra.Command, args []string) error {
			reports := make([]*report.Report, len(args))
			for i, name := range args {
				r, err := readReport(name)
				if err != nil {
					return err
				}
				reports[i] = r
			}
			if page != "" {
				if err := writePage(page, reports...); err != nil {
					return err
				}
			}
			if quiet {
				return nil
			}
			return report.Table(cmd.OutOrStdout(), reports...)
		}),
	}
	quietly(cmd)
	cmd.Flags().StringVar(&page, "html", "", "file to write a page with charts to")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "print no table")
	return cmd
}

// readReport reads a report whose error names the file. One without a title gets the file's name.
func readReport(name string) (*report.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := report.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if r.Title == "" {
		r.Title = filepath.Base(name)
	}
	return r, nil
}

// writePage writes a page with charts.
func writePage(name string, reports ...*report.Report) error {
	var b bytes.Buffer // no file is spoilt by a report that cannot be shown
	if err := report.HTML(&b, reports...); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}
