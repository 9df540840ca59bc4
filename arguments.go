package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// strict makes cmd and all commands below it refuse arguments that make no sense with one line that says where help is.
// By itself cobra shows help, and succeeds, where a command that has nothing but subcommands is given one that there is not.
func strict(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(flagError)
	if cmd.HasParent() && cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.Args = noSuchCommand
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		cmd.SetUsageTemplate(strings.Replace(cmd.UsageTemplate(), "{{if .Runnable}}", "{{if not .HasSubCommands}}", 1))
	}
	if accepted := cmd.Args; accepted != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return pointToHelp(cmd, accepted(cmd, args)) }
	}
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
}

// noSuchCommand refuses every argument of a command that has nothing but subcommands.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("%s has no command %q", cmd.CommandPath(), args[0])
	cmd.SuggestionsMinimumDistance = 2
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		text += "; did you mean " + strings.Join(like, " or ") + "?"
	}
	return errors.New(text)
}

// flagError says what a flag takes in place of what Go's parser did not like.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		cause := invalid.Unwrap()
		takes := map[string]string{"int": "a whole number", "int64": "a whole number", "float64": "a number",
			"bool": "true or false", "duration": "a time such as 500ms, 10s or 5m"}
		if text, ok := takes[invalid.GetFlag().Value.Type()]; ok {
			cause = errors.New("give " + text)
		}
		if errors.Is(invalid.Unwrap(), strconv.ErrRange) {
			cause = errors.New("the number is too large")
		}
		err = fmt.Errorf("--%s=%s: %w", invalid.GetFlag().Name, invalid.GetValue(), cause)
	}
	return pointToHelp(cmd, err)
}

// pointToHelp adds to an error, if it is one, where help is.
func pointToHelp(cmd *cobra.Command, err error) error {
	if err == nil || strings.Contains(err.Error(), "--help") {
		return err
	}
	return fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())
}
