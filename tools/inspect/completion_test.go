package inspect

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestCompletion: shells complete directories, backup files where they are taken, and no files in place of znodes.
func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		args string // the last one is "", what is to be completed
		want string
	}{
		{"snapshot ls", ":8\ngkb"},
		{"snapshot ls dir", ":4"},
		{"snapshot get", ":8\ngkb"},
		{"snapshot get dir", ":4"},
		{"snapshot stat", ":8\ngkb"},
		{"snapshot stat dir", ":4"},
		{"snapshot diff", ":8\ngkb"},
		{"snapshot diff a", ":8\ngkb"},
		{"snapshot diff a b", ":4"},
		{"snapshot ls --replay --log", ":16"},
		{"log dump", ":16"},
		{"log dump dir", ":4"},
		{"log verify", ":16"},
		{"log stat", ":16"},
	} {
		var out bytes.Buffer
		root := &cobra.Command{Use: "gamekeeper"}
		root.AddCommand(SnapshotCommand(), LogCommand())
		root.SetArgs(append(append([]string{cobra.ShellCompNoDescRequestCmd}, strings.Fields(c.args)...), ""))
		root.SetOut(&out)
		root.SetErr(new(bytes.Buffer))
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		lines := strings.Fields(out.String())
		directive, values := lines[len(lines)-1], lines[:len(lines)-1]
		if got := strings.Join(append([]string{directive}, values...), "\n"); got != c.want {
			t.Errorf("%s: %q, want %q", c.args, got, c.want)
		}
	}
}
