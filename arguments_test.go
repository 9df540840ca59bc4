package main

import (
	"bytes"
	"strings"
	"testing"
)

// execute runs the program with arguments and returns what it prints.
func execute(args ...string) (string, error) {
	var out bytes.Buffer
	cmd := rootCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.Execute()
	return out.String(), err
}

func TestWrongArguments(t *testing.T) {
	for args, want := range map[string]string{
		"serve":                       `unknown command "serve"`,
		"--nonsense":                  "unknown flag: --nonsense: see gamekeeper --help",
		"server --nonsense":           "unknown flag: --nonsense: see gamekeeper server --help",
		"server one two":              "accepts at most 1 arg(s), received 2: see gamekeeper server --help",
		"server --loops many":         "--loops=many: give a whole number: see gamekeeper server --help",
		"server --loops -3":           "--loops=-3",
		"backup sav":                  `gamekeeper backup has no command "sav"; did you mean save?: see gamekeeper backup --help`,
		"backup save --nonsense":      "unknown flag: --nonsense: see gamekeeper backup save --help",
		"snapshot nonsense":           `gamekeeper snapshot has no command "nonsense": see gamekeeper snapshot --help`,
		"snapshot stat --top x dir":   "--top=x: give a whole number: see gamekeeper snapshot stat --help",
		"snapshot ls":                 "0 arguments given; usage: gamekeeper snapshot ls DIR [PATH] [flags]",
		"log dump":                    "0 arguments given; usage: gamekeeper log dump DIR [flags]",
		"log dump --nonsense":         "unknown flag: --nonsense: see gamekeeper log dump --help",
		"restore extra":               "see gamekeeper restore --help",
		"import --nonsense":           "unknown flag: --nonsense: see gamekeeper import --help",
		"bench --duration fast":       "--duration=fast: give a time such as 500ms, 10s or 5m: see gamekeeper bench --help",
		"bench --rate 1e99":           "--rate=1e99: give a whole number",
		"bench --rate " + manyDigits:  "the number is too large",
		"bench --hot-share 90":        "--hot-share=90: \"90\" is not two percentages",
		"bench --size -1":             "--size=-1: \"-1\" is not a number of bytes",
		"bench --size 1:":             "nor shares as in",
		"bench --nonsense":            "unknown flag: --nonsense: see gamekeeper bench --help",
		"bench report --page":         "unknown flag: --page: see gamekeeper bench report --help",
		"bench sessions --sockets=1s": "--sockets=1s: give a whole number",
	} {
		t.Run(args, func(t *testing.T) {
			out, err := execute(strings.Fields(args)...)
			if err == nil || exitCode(err) != 2 || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q with code 2", err, want)
			}
			if out != "" {
				t.Errorf("prints %q besides the error", out)
			}
		})
	}
}

const manyDigits = "99999999999999999999"

// TestHelp asks every command for help, and for a version.
func TestHelp(t *testing.T) {
	for _, args := range []string{"", "--help", "backup", "backup --help", "snapshot", "log", "bench --help", "--version", "version"} {
		out, err := execute(strings.Fields(args)...)
		if err != nil || out == "" {
			t.Errorf("%q: %v, prints %q", args, err, out)
		}
		if strings.Contains(out, "backup [flags]") || strings.Contains(out, "snapshot [flags]") || strings.Contains(out, "log [flags]") {
			t.Errorf("%q: says that a command takes flags which does not:\n%s", args, out)
		}
	}
	flag, _ := execute("--version")
	if command, _ := execute("version"); flag != command {
		t.Errorf("--version prints %q, and version %q", flag, command)
	}
}

// TestCompletion asks as a shell does.
func TestCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"backup":                "verify\tCheck",
		"server --log-level":    "warn\n",
		"server --log-format":   "json\n",
		"bench --workload":      "multiread\tread --batch keys",
		"bench --suite":         "comparison\twhat",
		"backup save --config":  "cfg\n",
		"restore --data-dir":    ":16\n", // directories
		"server":                "cfg\n",
		"completion":            "bash\t",
		"snapshot":              "diff\tCompare",
		"bench report nonsense": ":0\n", // files
	} {
		out, err := execute(append(append([]string{"__complete"}, strings.Fields(args)...), "")...)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v, %q does not have %q", args, err, out, want)
		}
	}
}
