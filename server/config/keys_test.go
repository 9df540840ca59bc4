package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

const document = "../../docs/configuration.md"

// TestApacheKeysAreKnown holds the table against every key that Apache's server reads.
func TestApacheKeysAreKnown(t *testing.T) {
	list, err := os.ReadFile("testdata/apache-keys")
	if err != nil {
		t.Fatal(err)
	}
	d := newDraft()
	for line := range strings.Lines(string(list)) {
		name := strings.TrimSpace(line)
		if strings.HasPrefix(name, "#") {
			continue
		}
		if _, _, known := d.find(name); !known {
			t.Errorf("%s is unknown", name)
		}
		if _, _, known := d.find("zookeeper." + name); !known {
			t.Errorf("zookeeper.%s is unknown", name)
		}
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sections(newDraft()) {
		for _, k := range s.keys {
			if seen[k.name] {
				t.Errorf("%s has two rows", k.name)
			}
			seen[k.name] = true
			if k.text == "" || k.kind.name == "" || !strings.HasSuffix(k.text, ".") {
				t.Errorf("%s: text %q, kind %q", k.name, k.text, k.kind.name)
			}
			if k.example != "" {
				if err := k.kind.read(k.example); err != nil {
					t.Errorf("%s: example %s: %v", k.name, k.example, err)
				}
			}
			if k.status == works && k.def == "" && k.derived == "" {
				t.Errorf("%s: no default", k.name)
			}
		}
	}
	for label, name := range otherNames() {
		if !seen[name] || seen[label] {
			t.Errorf("label %s of %s", label, name)
		}
	}
}

func TestSuggest(t *testing.T) {
	table := newTable(sections(newDraft()))
	for name, want := range map[string]string{
		"tick_time":                  "tickTime",
		"DATADIR":                    "dataDir",
		"maxClientConnections":       "maxClientCnxns",
		"jute.maxBuffer":             "jute.maxbuffer",
		"4lw.command.whitelist":      "4lw.commands.whitelist",
		"autopurge.snapRetainCounts": "autopurge.snapRetainCount",
		"ssl.keystore.location":      "ssl.keyStore.location",
		"connectionMaxTokens":        "connection_throttle_tokens",
		"bogusKey":                   "",
		"x":                          "",
	} {
		if got := table.suggest(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b  string
		limit int
		want  int
	}{
		{"", "", 3, 0}, {"abc", "abc", 3, 0}, {"abc", "abd", 3, 1}, {"abc", "ac", 3, 1},
		{"kitten", "sitting", 9, 3}, {"a", "abcdef", 3, 3},
	} {
		if got := distance(test.a, test.b, test.limit); got != test.want {
			t.Errorf("distance(%q, %q, %d) = %d, want %d", test.a, test.b, test.limit, got, test.want)
		}
	}
}

// TestDocument keeps docs/configuration.md what the table says; -update writes it.
func TestDocument(t *testing.T) {
	want := writeDocument()
	if *update {
		if err := os.WriteFile(document, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the table of keys says; run go test ./server/config -run TestDocument -update", document)
	}
}

// writeDocument renders the text before the table, then the table.
func writeDocument() []byte {
	intro, err := os.ReadFile("testdata/configuration-intro.md")
	if err != nil {
		panic(err)
	}
	b := bytes.NewBuffer(intro)
	for _, s := range sections(newDraft()) {
		fmt.Fprintf(b, "\n## %s\n\n", s.title)
		if s.intro != "" {
			fmt.Fprintf(b, "%s\n\n", s.intro)
		}
		b.WriteString("| Key | Value | Default | Status | Meaning |\n|---|---|---|---|---|\n")
		for _, k := range s.keys {
			def := k.derived
			if def == "" && k.def != "" {
				def = "`" + k.def + "`"
			}
			row := fmt.Sprintf("| `%s` | %s | %s | %s | %s |", k.name, cell(k.kind.name), def, k.status, cell(k.text))
			b.WriteString(strings.ReplaceAll(row, "|  |", "| |") + "\n")
		}
	}
	return b.Bytes()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
