package target

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStartEnsemble(t *testing.T) {
	target := startFake(t, "us=gamekeeper:3+1", Options{Lines: []string{"forceSync=no", "tickTime=500"}})
	got := modes(t, target)
	if want := []string{leading, following, following, "observer"}; !slices.Equal(got, want) {
		t.Errorf("modes are %v", got)
	}
	r := target.Report()
	if r.Name != "us" || r.Version != "3.9.9-fake" || !r.Started || !slices.Equal(r.Servers, target.Servers()) || len(r.Servers) != 4 {
		t.Errorf("the report has %+v", r)
	}
	for _, want := range []string{"tickTime=500", "forceSync=no", "snapCount=100000 (default)", "maxClientCnxns=0"} {
		if !slices.Contains(r.Settings, want) {
			t.Errorf("settings without %s: %q", want, r.Settings)
		}
	}
	for i, p := range target.Processes() {
		if p.Name != target.spec.member(i+1) || p.PID <= 0 {
			t.Errorf("process %d is %+v", i, p)
		}
	}
	if m := target.Metrics(); len(m) != 4 || m[3].Server != "us-4" || !strings.HasPrefix(m[3].URL, "http://127.0.0.1:") {
		t.Errorf("metrics are %v", m)
	}
	checkConfig(t, target.servers[3], "peerType=observer", "forceSync=no", "tickTime=500", "metricsProvider.httpHost=127.0.0.1")
	dir := target.Dir()
	if err := target.Stop(false); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
	if p := target.Processes(); len(p) > 0 {
		t.Errorf("%v still run", p)
	}
}

// checkConfig checks that a zoo.cfg has lines, and no key twice.
func checkConfig(t *testing.T, s *server, want ...string) {
	t.Helper()
	text, err := os.ReadFile(s.config())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	keys := map[string]bool{}
	for _, line := range lines {
		if keys[keyOf(line)] {
			t.Errorf("%s is there twice", keyOf(line))
		}
		keys[keyOf(line)] = true
	}
	for _, line := range want {
		if !slices.Contains(lines, line) {
			t.Errorf("%s is missing in %q", line, lines)
		}
	}
}

func TestStartApache(t *testing.T) {
	t.Setenv("JDK_JAVA_OPTIONS", "-Da=b")
	target := startFake(t, "apache", Options{Jars: jars(t), Heap: "64m", JVM: []string{"-XX:+UseZGC"}, Lines: []string{"jute.maxbuffer=99"}})
	for _, want := range []string{
		"java -Xms64m -Xmx64m -XX:+UseZGC -Djute.maxbuffer=99", "OpenJDK Runtime Environment (build 17.0.99+1)",
		"environment JDK_JAVA_OPTIONS=-Da=b", "forceSync=yes (default)",
	} {
		if !slices.Contains(target.Report().Settings, want) {
			t.Errorf("settings without %s: %q", want, target.Report().Settings)
		}
	}
	if m := target.Metrics(); len(m) > 0 {
		t.Errorf("metrics are %v", m)
	}
	argv := strings.Join(target.servers[0].argv, " ")
	for _, want := range []string{"zookeeper-3.9.9.jar", "slf4j.jar", "logback.configurationFile=" + target.Dir()} {
		if !strings.Contains(argv, want) {
			t.Errorf("the command is without %s: %s", want, argv)
		}
	}
	checkConfig(t, target.servers[0], "admin.enableServer=false", "jute.maxbuffer=99")
}

func TestStartFails(t *testing.T) {
	tests := []struct {
		name, line string
		want       []string
	}{
		{"ended", "fake.fail=1", []string{"bad-", "has ended", "the fake was told to fail", "log"}},
		{"deaf", "fake.deaf=1", []string{"bad-", "does not serve after"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			o := Options{Dir: dir, Lines: []string{test.line}, Patience: time.Second}
			_, err := Spec{Name: "bad", Kind: Gamekeeper, Voters: 3}.Start(t.Context(), o)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error without %q: %v", want, err)
				}
			}
			if logs, _ := filepath.Glob(filepath.Join(dir, "*", "*", "log")); len(logs) == 0 {
				t.Error("no logs are left")
			}
			if data, _ := filepath.Glob(filepath.Join(dir, "*", "*", "data")); len(data) > 0 {
				t.Errorf("%v are left", data)
			}
		})
	}
}

func TestStartIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		// The fake has a log as soon as it was launched.
		poll(t.Context(), func() bool {
			logs, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*", "1", "log"))
			return len(logs) > 0
		})
	}()
	t.Setenv("TMPDIR", t.TempDir())
	_, err := Spec{Name: "bad", Kind: Gamekeeper, Voters: 1}.Start(ctx, Options{Lines: []string{"fake.deaf=1"}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestRunningTarget(t *testing.T) {
	servers := startFake(t, "gamekeeper:2", Options{}).Servers()
	spec := Spec{Name: "there", Kind: Running, Servers: servers}
	target, err := spec.Start(t.Context(), Options{PIDs: map[string][]int{"there": {os.Getpid()}}})
	if err != nil {
		t.Fatal(err)
	}
	r := target.Report()
	if r.Started || r.Version != "3.9.9-fake" || !slices.Equal(r.Servers, servers) || len(r.Settings) > 0 {
		t.Errorf("the report has %+v", r)
	}
	if p := target.Processes(); !slices.Equal(p, []Process{{"there-1", os.Getpid()}}) {
		t.Errorf("processes are %v", p)
	}
	_, err = target.Play(t.Context(), []Fault{{What: KillLeader}}, time.Now())
	wantUsage(t, "kill", err, "runs already")
	if err := errors.Join(target.Mend(t.Context()), target.Stop(false)); err != nil {
		t.Error(err)
	}
	if ask(t.Context(), servers[0]).mode == "" {
		t.Error("the server has gone")
	}
}

func TestStopKills(t *testing.T) {
	target := startFake(t, "gamekeeper", Options{Lines: []string{"fake.stubborn=1"}})
	target.grace = 10 * time.Millisecond
	if err := target.Stop(true); err != nil {
		t.Error(err)
	}
	if p := target.Processes(); len(p) > 0 {
		t.Errorf("%v still run", p)
	}
	if _, err := os.Stat(target.servers[0].log()); err != nil {
		t.Error(err)
	}
}

func TestServerThatEndedByItself(t *testing.T) {
	target := startFake(t, "gamekeeper:3", Options{})
	end := func() {
		target.mu.Lock()
		defer target.mu.Unlock()
		if err := target.servers[1].process.signal(9); err != nil {
			t.Fatal(err)
		}
	}
	for range deathsMax {
		end()
		within(t, "the server ends", func() bool { return target.died(target.servers[1]) })
		if err := target.Mend(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := modes(t, target); !slices.Equal(got, []string{leading, following, following}) {
			t.Errorf("modes are %v", got)
		}
	}
	end()
	within(t, "the server ends", func() bool { return target.died(target.servers[1]) })
	if err := target.Mend(t.Context()); err == nil || !strings.Contains(err.Error(), "again and again") {
		t.Errorf("error %v", err)
	}
	if err := target.Stop(false); err == nil || !strings.Contains(err.Error(), "gamekeeper-2 had ended by itself") {
		t.Errorf("error %v", err)
	}
}

// TestServersEndWithTheProgram kills a program that has started servers.
func TestServersEndWithTheProgram(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends servers with the program")
	}
	cmd := exec.Command(os.Args[0], "orphans")
	cmd.Env = append(os.Environ(), "FAKE_DIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err := errors.Join(err, cmd.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for address := range strings.SplitSeq(strings.TrimSpace(line), ",") {
		within(t, address+" has gone", func() bool { return ask(t.Context(), address) == status{} })
	}
}

func TestMachine(t *testing.T) {
	m := Machine("")
	if m.System == "" || m.Processors < 1 {
		t.Errorf("%+v", m)
	}
	if runtime.GOOS == "linux" && (m.Memory == 0 || m.Disk == "") {
		t.Errorf("%+v", m)
	}
	for line, want := range map[string]string{
		`29 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw`: "/|ext4 on /dev/sda1",
		`40 29 0:33 / /my\040data rw - tmpfs tmpfs rw`:          "/my data|tmpfs",
		"nonsense": "|",
	} {
		if point, kind := parseMount(line); point+"|"+kind != want {
			t.Errorf("%s: %s|%s", line, point, kind)
		}
	}
	for text, want := range map[string]string{
		"processor\t: 0\nmodel name\t: Fast CPU\nprocessor\t: 1\n": "Fast CPU",
		"processor : 0\nHardware : Board\n":                        "Board",
		"":                                                         "",
	} {
		if got := parseProcessor(text); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
	if got := parseJavaVersion("openjdk version \"1.8\"\n"); got != `openjdk version "1.8"` {
		t.Error(got)
	}
}
