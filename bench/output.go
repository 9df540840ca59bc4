package bench

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"gamekeeper/bench/report"
	"gamekeeper/bench/target"
)

// output says how results are written.
type output struct {
	json, quiet bool
	save, page  string
}

func (o *output) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.json, "json", false, "write the result as JSON")
	f.BoolVar(&o.quiet, "quiet", false, "show nothing while running")
	f.StringVar(&o.save, "save", "", "file to write the result to as JSON, besides the table")
	f.StringVar(&o.page, "html", "", "file to write a page with charts to")
}

// check says before anything is measured that a file cannot be written.
func (o *output) check() error {
	for _, name := range []string{o.save, o.page} {
		if name == "" {
			continue
		}
		_, missing := os.Stat(name)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			return usageError("the result cannot be written: %w", err)
		}
		if err := f.Close(); err != nil {
			return err
		}
		if missing != nil {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// live returns where progress goes.
func (o *output) live(w io.Writer) *live {
	if o.json || o.quiet {
		w = io.Discard
	}
	return newLive(w)
}

// write shows a report in all the ways that were asked for.
func (o *output) write(w io.Writer, r *report.Report) error {
	var errs []error
	if o.save != "" {
		errs = append(errs, saveReport(o.save, r))
	}
	if o.page != "" {
		errs = append(errs, writePage(o.page, r))
	}
	if o.json {
		errs = append(errs, r.WriteJSON(w))
	} else {
		errs = append(errs, report.Table(w, r))
	}
	return errors.Join(errs...)
}

// saveReport writes a report as JSON to a file.
func saveReport(name string, r *report.Report) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(r.WriteJSON(f), f.Close())
}

// targetFlags say what is measured.
type targetFlags struct {
	target  string
	servers []string
}

func (t *targetFlags) flags(f *pflag.FlagSet) {
	f.StringVar(&t.target, "target", usualServer, "what to measure: "+targetsHelp)
	f.StringSliceVar(&t.servers, "servers", nil, "the same as --target for servers that run")
}

// spec returns the target; changed tells which flags were given.
func (t *targetFlags) spec(changed func(flag string) bool) (target.Spec, error) {
	if !changed("servers") {
		return target.Parse(t.target)
	}
	if changed("target") {
		return target.Spec{}, usageError("--servers and --target say the same: give one of them")
	}
	return target.Parse(strings.Join(t.servers, ","))
}

// interruptible ends the context at the first SIGINT or SIGTERM; the second ends the process.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
