package inspect

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/spf13/cobra"

	"gamekeeper/proto"
)

// runCommand runs a command line as main does, and returns the exit code.
func runCommand(stdout, stderr io.Writer, args ...string) int {
	root := &cobra.Command{Use: "gamekeeper", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(LogCommand(), SnapshotCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "gamekeeper:", err)
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return 2
}

// What depends on Pebble, and on whether the next segment of a log is ready yet.
var (
	onDisk    = regexp.MustCompile(`(on disk +).*|("file_bytes":)\d+,"files":\d+`)
	prepared  = regexp.MustCompile(`(?m)^.*(  prepared|"state":"prepared".*)$\n`)
	tableName = regexp.MustCompile(`(/\d+\.sst).*`)
)

// TestCommands runs the commands on files of servers:
//
//	server dir=NAME          begins or goes on with a server whose files are in $DIR/NAME; the lines of input
//	                         are its transactions
//	round-begin, round-end   of a flush round
//	purge through=ZXID       drops old segments
//	stop                     closes its files
//	flip file=NAME offset=N  inverts a byte of a file, which may be named by a pattern
//	rm file=NAME             removes a file
//	run                      runs the command line of the input
func TestCommands(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		dir := t.TempDir()
		servers := map[string]*testServer{}
		var s *testServer
		defer func() {
			for _, s := range servers {
				s.close()
			}
		}()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var name, to string
			file := func(key string) string {
				var f string
				d.ScanArgs(t, key, &f)
				return filepath.Join(dir, f)
			}
			switch d.Cmd {
			case "server":
				d.ScanArgs(t, "dir", &name)
				if servers[name] == nil {
					servers[name] = newTestServer(t, filepath.Join(dir, name))
				}
				s = servers[name]
				d.MaybeScanArgs(t, "pace", &s.pace)
				for line := range strings.Lines(d.Input) {
					s.do(strings.TrimSpace(line))
				}
			case "round-begin":
				s.begin()
			case "round-end":
				s.end()
			case "purge":
				d.ScanArgs(t, "through", &to)
				z, err := proto.ParseZxid(to)
				if err != nil {
					t.Fatal(err)
				}
				n, err := s.log.Purge(z)
				if err != nil {
					t.Fatal(err)
				}
				return fmt.Sprintln(n, "segments")
			case "stop":
				for name, x := range servers {
					if x == s {
						delete(servers, name)
					}
				}
				s.close()
			case "flip":
				var at int
				d.ScanArgs(t, "offset", &at)
				flip(t, file("file"), at)
			case "rm":
				if err := os.Remove(file("file")); err != nil {
					t.Fatal(err)
				}
			case "run":
				return run(dir, strings.Fields(strings.ReplaceAll(d.Input, "$DIR", dir)))
			default:
				d.Fatalf(t, "unknown command")
			}
			return ""
		})
	})
}

func run(dir string, args []string) string {
	var stdout, stderr bytes.Buffer
	code := runCommand(&stdout, &stderr, args...)
	out := stdout.String()
	if len(out) > 0 && !strings.HasSuffix(out, "\n") {
		out += "\n(no end of line)\n"
	}
	for line := range strings.Lines(stderr.String()) {
		out += "stderr: " + line
	}
	if code != 0 {
		out += fmt.Sprintln("exit", code)
	}
	out = onDisk.ReplaceAllString(out, "$1$2...")
	out = prepared.ReplaceAllString(out, "")
	out = tableName.ReplaceAllString(out, "/N.sst ...")
	return strings.ReplaceAll(out, dir, "$DIR")
}

func flip(t testing.TB, path string, at int) {
	t.Helper()
	found, err := filepath.Glob(path)
	if err != nil || len(found) == 0 {
		t.Fatalf("no file %s: %v", path, err)
	}
	path = found[0]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 0xff
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// closedPipe is a pipe that nobody reads.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
}

func TestBrokenPipe(t *testing.T) {
	s := newTestServer(t, t.TempDir())
	s.do("create /a " + strings.Repeat("x", 70<<10))
	s.do("create /b y")
	s.end()
	s.close()
	for _, args := range [][]string{
		{"log", "dump", "--data", s.dir}, {"log", "verify", s.dir}, {"log", "stat", "--json", s.dir},
		{"snapshot", "ls", "-r", s.dir}, {"snapshot", "get", s.dir, "/a"}, {"snapshot", "stat", s.dir},
	} {
		var stderr bytes.Buffer
		if code := runCommand(closedPipe{}, &stderr, args...); code != 0 || stderr.Len() > 0 {
			t.Errorf("%v: exit %d, %s", args, code, &stderr)
		}
	}
}

// TestReadsChangeNothing runs everything on directories in which nothing may be written, and compares them.
func TestReadsChangeNothing(t *testing.T) {
	s := newTestServer(t, t.TempDir())
	s.do("create /a x")
	s.end()
	s.do("create /b y")
	s.close()
	copied := filepath.Join(s.dir, "snapshot", "LOCK")
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	before := contents(t, s.dir)
	for _, args := range [][]string{
		{"log", "dump", s.dir}, {"log", "verify", "--deep", s.dir}, {"log", "stat", s.dir},
		{"snapshot", "ls", s.dir}, {"snapshot", "get", "--replay", s.dir, "/b"}, {"snapshot", "stat", s.dir},
	} {
		var out bytes.Buffer
		if code := runCommand(&out, &out, args...); code != 0 {
			t.Errorf("%v: exit %d, %s", args, code, &out)
		}
	}
	if after := contents(t, s.dir); after != before {
		t.Errorf("the files were\n%s\nand are\n%s", before, after)
	}
}

// contents lists files with their sizes and times.
func contents(t testing.TB, dir string) string {
	var b strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			fmt.Fprintln(&b, path, info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0x100000001", "4294967297", "-1", "0x", "0xffffffffffffffff", "/", "/a/b/", "//", "create,setData"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if z, err := proto.ParseZxid(s); err == nil {
			if z < 0 {
				t.Errorf("%q is zxid %v", s, z)
			}
			if again, err := proto.ParseZxid(z.String()); err != nil || again != z {
				t.Errorf("%q is %v, and that is %v, %v", s, z, again, err)
			}
		}
		if id, err := parseSession(s); err == nil {
			if again, err := parseSession(id.String()); err != nil || again != id {
				t.Errorf("%q is %v, and that is %v, %v", s, id, again, err)
			}
		}
		if p, err := parsePath(s); err == nil {
			if !proto.ValidatePath(p) || !below(p, p) || !below(p, []byte("/")) {
				t.Errorf("%q is path %q", s, p)
			}
			if below(append(p[:len(p):len(p)], 'x'), p) && len(p) > 1 {
				t.Errorf("%qx is below it", p)
			}
		}
		if types, err := parseTypes(strings.Split(s, ",")); err == nil && len(types) == 0 {
			t.Errorf("%q is no type at all", s)
		}
	})
}

// TestKinds compares what owners are taken for with what the tree does.
func TestKinds(t *testing.T) {
	names := map[int]string{0: "persistent", 1: "ephemeral", 2: "container", 3: "ttl"}
	tr := newTestServer(t, t.TempDir())
	defer tr.close()
	for _, owner := range []int64{
		0, 1, -1, 1 << 56, -1 << 56, -1<<56 + 5, -1<<56 + 1<<40 - 1, -1<<56 + 1<<40, -1 << 63, -1<<63 + 1, -2 << 56, 0x7f << 56,
	} {
		kind, _, _ := kindOf(owner)
		if want := names[int(tr.tree.OwnerKind(owner))]; kind != want {
			t.Errorf("%#x is taken for %s, and is %s", owner, kind, want)
		}
	}
}

// TestOtherProcess looks at the files of a server in another process.
func TestOtherProcess(t *testing.T) {
	const variable = "INSPECT_TEST_SERVER"
	if dir := os.Getenv(variable); dir != "" {
		s := newTestServer(t, dir)
		s.do("create /a x")
		s.end()
		s.do("create /b y")
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin) // until the other one is done
		s.close()
		return
	}
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestOtherProcess$")
	child.Env = append(os.Environ(), variable+"="+dir)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Errorf("the server says %q, %v", line, err)
	}
	if got := run(dir, []string{"snapshot", "ls", dir}); !strings.Contains(got, "a server has it open") || !strings.HasSuffix(got, "exit 1\n") {
		t.Errorf("the snapshot of a running server: %s", got)
	}
	if got := run(dir, []string{"log", "verify", "--deep", dir}); !strings.Contains(got, "ok: 2 records") {
		t.Errorf("the log of a running server: %s", got)
	}
	_ = stdin.Close()
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	if got := run(dir, []string{"snapshot", "ls", "--replay", dir}); got != "/a\n/b\n/zookeeper\n" {
		t.Errorf("the snapshot of the stopped server: %s", got)
	}
}
