package bench

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"gamekeeper/proto"
)

// Every flag is in a group of the help.
func TestFlagsAreGrouped(t *testing.T) {
	groups := grouped(Command("test").LocalFlags())
	groups[len(groups)-1].flags.VisitAll(func(f *pflag.Flag) {
		t.Errorf("--%s is in no group of the help", f.Name)
	})
	for _, g := range flagGroups() {
		for _, name := range strings.Fields(g.names) {
			if Command("test").Flags().Lookup(name) == nil {
				t.Errorf("there is no flag --%s for %q", name, g.title)
			}
		}
	}
}

func TestBadArguments(t *testing.T) {
	for args, want := range map[string]string{
		"--workload dance":                 "--workload dance is unknown",
		"--connections 0":                  "--connections 0 is out of range",
		"--outstanding 0":                  "--outstanding 0 is out of range",
		"--reads 101":                      "--reads 101 is out of range",
		"--keys 0":                         "--keys 0 is out of range",
		"--duration 0s":                    "--duration 0s is too short",
		"--warmup -1s":                     "--warmup -1s is negative",
		"--path bench":                     "is not a path below the root",
		"--path /":                         "is not a path below the root",
		"--path /a//b":                     "is not a path below the root",
		"--path /zookeeper/x":              "belongs to the server",
		"--servers a:b:c":                  "is not host:port",
		"--servers=":                       "a server without a name",
		"extra":                            "takes no argument",
		"--servers a --target b":           "say the same",
		"--target=":                        "a server without a name",
		"--target a --against a":           "two targets are called a:2181",
		"--target gamekeeper:0":            "1 to 9 voters",
		"--against apache --jars /nowhere": "no zookeeper-VERSION.jar there",
		"--rounds -1":                      "--rounds -1",
		"--rounds 0":                       "--rounds 0",
		"--preheat -1s":                    "--preheat -1s is negative",
		"--rest -1s":                       "--rest -1s is negative",
		"--workload set,set":               "two scenarios are called set",
		"--workload set --suite short":     "say the same",
		"--suite dance":                    "--suite dance is unknown: it is one of comparison, short",
		"--fault 1s:kill-leader":           "127.0.0.1:2181",
		"--fault 1s:hug":                   "hug",
		"--scenario :":                     "names no workload",
		"--scenario dance":                 "--workload dance is unknown",
		"--pid x=1":                        "--pid x=... names no target",
		"sessions --count 0":               "--count 0 is out of range",
		"sessions --timeout 1ms":           "--timeout 1ms",
		"sessions --sockets -1":            "--sockets -1 is negative",
		"sessions extra":                   "takes no argument",
		"sessions --count 4000000":         "open files",
		"--compressible 2":                 "--compressible 2 is no share",
		"--key-choice odd":                 "--key-choice \"odd\" is not one of uniform, zipf, hot",
		"--zipf-s 0":                       "--zipf-s 0 is out of range",
		"--shape round":                    "--shape \"round\" is not one of two-level, wide, deep",
		"--depth 0":                        "--depth 0 is out of range",
		"--mix get=1":                      "--mix is for --workload mixed, not set",
		"--workload mixed --mix got=1":     "\"got\" is not one of set, get",
		"--rate -1":                        "--rate -1 is out of range",
		"--rate 5 --find-rate 1s":          "give one of them",
		"--find-rate -1s":                  "--find-rate -1s bounds no latency",
		"--find-rate 1s --requests 5":      "--find-rate needs load without an end",
		"--find-rate 1s --workload delete": "--find-rate needs load without an end",
		"--find-rate 1s --step 1ms":        "--step 1ms is too short",
		"--arrivals late":                  "--arrivals \"late\" is not one of even, poisson",
		"--workload watchers --rate 5":     "--rate is for workloads of plain load",
		"--session-timeout 1ms":            "--session-timeout 1ms is below a second",
	} {
		t.Run(args, func(t *testing.T) {
			if err := execute(args); exitCode(err) != 2 || !strings.Contains(err.Error(), want) {
				t.Errorf("exit code %d, error %v", exitCode(err), err)
			}
		})
	}
}

// execute runs the command without showing anything.
func execute(args string) error {
	cmd := Command("test")
	cmd.SetArgs(strings.Fields(args))
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	return cmd.Execute()
}

// exitCode is what main makes of err; -1 when err does not say.
func exitCode(err error) int {
	var coded interface{ ExitCode() int }
	switch {
	case err == nil:
		return 0
	case errors.As(err, &coded):
		return coded.ExitCode()
	}
	return -1
}

func TestExitCodes(t *testing.T) {
	f := startFake(t, func(f *fakeServer) {
		f.refuse = func(h proto.RequestHeader) proto.Code {
			if h.Op == proto.OpExists {
				return proto.NoAuth
			}
			return proto.OK
		}
	})
	few := " --connections 2 --outstanding 3 --requests 100 --warmup 0s --keys 10"
	for args, want := range map[string]int{
		"--servers 127.0.0.1:1":                                                               1, // nothing listens
		"--servers " + f.addr + few:                                                           0,
		"--workload exists --servers " + f.addr + few:                                         1, // replies hold errors
		"--servers " + f.addr + few + " --json --path /z":                                     0,
		"--target a=127.0.0.1:1 --against b=" + f.addr:                                        1,
		"--workload get,set --rounds 1 --target a=" + f.addr + " --against b=" + f.addr + few: 0,
		"sessions --servers 127.0.0.1:1":                                                      1,
		"--help":                                                                              0,
	} {
		if err := execute(args); exitCode(err) != want {
			t.Errorf("%s: exit code %d, error %v", args, exitCode(err), err)
		}
	}
}

// The command end to end, as main runs it.
func TestCommandRuns(t *testing.T) {
	f := startFake(t, nil)
	cmd := Command("test")
	var out, progress strings.Builder
	cmd.SetOut(&out)
	cmd.SetErr(&progress)
	cmd.SetArgs(strings.Fields("--servers " + f.addr + " --connections 2 --outstanding 3 --requests 100 --warmup 0s --keys 10 --workload get"))
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"get, 2 connections x 3 outstanding, 128 bytes", "p99.9", "ops/s", "client CPU per request "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if !strings.Contains(progress.String(), "measuring\n") {
		t.Errorf("progress:\n%s", &progress)
	}
}
