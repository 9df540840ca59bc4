package admin

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"
)

// TestWords runs testdata/words. Its commands:
//
//	server role=ROLE [lists]    a new server; with lists, one that also lists watches and sessions
//	whitelist                   the input is the value of 4lw.commands.whitelist
//	metrics                     values for two summaries and a counter
//	ask WORD ...                asks words; a word that is not four letters is 8 hexadecimal digits
//
// An answer that does not end with a newline is marked so.
func TestWords(t *testing.T) {
	datadriven.Walk(t, "testdata/words", func(t *testing.T, path string) {
		var fake *fakeSource
		var src Source
		whitelist := "*"
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "server":
				var role string
				d.ScanArgs(t, "role", &role)
				fake = newSource(role)
				src = fake
				if d.HasArg("lists") {
					src = listingSource{fake}
				}
			case "whitelist":
				whitelist = d.Input
			case "metrics":
				recordSamples(fake.metrics)
			case "ask":
				w := NewWords(strings.Split(whitelist, ";"), src)
				w.files = func() (open, limit int64) { return 42, 1048576 }
				var out strings.Builder
				for _, arg := range d.CmdArgs {
					out.WriteString(describe(w.Answer(parseWord(t, arg.Key))))
				}
				return out.String()
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			return ""
		})
	})
}

func recordSamples(m *Metrics) {
	s := m.Timer("fsynctime", Basic)
	for _, nanos := range []int64{1_500_000, 2_000_000, 20_000_000} {
		s.Observe(nanos)
	}
	m.Summary("sync_processor_batch_size", Advanced).Observe(7)
	m.Counter("connection_rejected").Add(3)
	m.GaugeFunc("quota_count", func() int64 { return 9 })
}

func parseWord(t *testing.T, s string) uint32 {
	if len(s) == 4 {
		return mustWord(s)
	}
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 4 {
		t.Fatalf("%q is neither four letters nor 8 hexadecimal digits", s)
	}
	return mustWord(string(b))
}

func describe(answer []byte) string {
	switch {
	case answer == nil:
		return "(no answer)\n"
	case strings.HasSuffix(string(answer), "\n"):
		return string(answer)
	}
	return string(answer) + "(no newline)\n"
}

func TestKnown(t *testing.T) {
	for _, name := range []string{
		"conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr", "ruok", "srst",
		"srvr", "stat", "stmk", "wchc", "wchp", "wchs", "\xff\xf4\xff\xfd",
	} {
		if !Known(mustWord(name)) {
			t.Errorf("%q is not known", name)
		}
	}
	for _, name := range []string{"RUOK", "abcd", "ruo\x00", "\x00\x00\x00\x2c", "\xff\xff\xff\xff"} {
		if Known(mustWord(name)) {
			t.Errorf("%q is known", name)
		}
	}
}

// TestAnswerAny asks arbitrary words with arbitrary whitelists: what is no word has no answer, srvr
// always has one, and nothing panics.
func TestAnswerAny(t *testing.T) {
	roles := []string{"standalone", "leader", "follower", "read-only", "down"}
	rapid.Check(t, func(t *rapid.T) {
		src := newSource(rapid.SampledFrom(roles).Draw(t, "role"))
		w := NewWords(rapid.SliceOf(rapid.StringMatching(`[a-z*, ]{0,9}`)).Draw(t, "whitelist"), src)
		word := rapid.OneOf(rapid.Uint32(), rapid.SampledFrom([]uint32{
			wordSrvr, wordMntr, wordStat, wordHash, wordWchs, wordTelnetClose,
		})).Draw(t, "word")
		answer := w.Answer(word)
		if !Known(word) && answer != nil {
			t.Fatalf("%08x is no word but has the answer %q", word, answer)
		}
		if strings.Contains(string(w.Answer(wordSrvr)), "whitelist") {
			t.Fatal("srvr was refused")
		}
	})
}

func TestEnvironment(t *testing.T) {
	src := newSource("standalone")
	text := string(NewWords([]string{"envi"}, src).Answer(wordEnvi))
	want := []string{
		"Environment:", "zookeeper.version", "host.name", "java.version", "java.vendor", "java.home",
		"java.class.path", "java.library.path", "java.io.tmpdir", "java.compiler", "os.name", "os.arch",
		"os.version", "user.name", "user.home", "user.dir", "os.memory.free", "os.memory.max",
		"os.memory.total", "go.version", "go.maxprocs",
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), text)
	}
	for i, line := range lines {
		key, v, found := strings.Cut(line, "=")
		if key != want[i] || found && v == "" {
			t.Errorf("line %d is %q, want a value for %s", i, line, want[i])
		}
	}
}

func TestFileDescriptors(t *testing.T) {
	if open, limit := fileDescriptors(); open < 3 || limit < open {
		t.Errorf("%d open file descriptors of %d", open, limit)
	}
}
