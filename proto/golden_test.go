package proto

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestGolden decodes bytes that real Apache servers and clients have sent (testdata/README.md tells how
// they were taken), compares with the text beside them, and encodes them again to the same bytes.
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			b := unhex(t, td.Input)
			c := goldenCodec(t, td)
			d := NewDecoder(b)
			v := c.decode(&d)
			if d.Err() != nil {
				return fmt.Sprintf("error: %v\n", d.Err())
			}
			if d.Len() != 0 {
				return fmt.Sprintf("error: %d bytes left of %s\n", d.Len(), show(v))
			}
			if again := c.encode(nil, v); string(again) != string(b) {
				return fmt.Sprintf("error: encodes as %x: %s\n", again, show(v))
			}
			return goldenText(v)
		})
	})
}

func goldenCodec(t testing.TB, td *datadriven.TestData) codec {
	op := 0
	if td.HasArg("op") {
		td.ScanArgs(t.(*testing.T), "op", &op)
	}
	c, ok := codecByName(td.Cmd, Op(op))
	if !ok {
		td.Fatalf(t, "unknown record %q", td.Cmd)
	}
	return c
}

func codecByName(name string, op Op) (codec, bool) {
	switch name {
	case "connect-request":
		return byPointer((*Decoder).ConnectRequest, AppendConnectRequest), true
	case "connect-response":
		return byPointer((*Decoder).ConnectResponse, AppendConnectResponse), true
	case "request":
		return requestCodec, true
	case "reply":
		return replyCodec(op), true
	case "event":
		return eventCodec, true
	case "txn":
		return txnCodec, true
	case "packet":
		return packetCodec, true
	case "snapshot":
		return snapshotCodec, true
	case "initial-message":
		return byPointer((*Decoder).InitialMessage, AppendInitialMessage), true
	case "vote":
		return byPointer((*Decoder).Vote, AppendVote), true
	case "quorum-auth":
		return byValue((*Decoder).QuorumAuthPacket, AppendQuorumAuthPacket), true
	}
	return codec{}, false
}

// goldenText puts the parts of a record on lines of their own.
func goldenText(v any) string {
	switch v := v.(type) {
	case framed:
		s := show(v.Header) + "\n"
		if items, ok := v.Body.([]multiItem); ok {
			for _, it := range items {
				s += "  " + show(it.MultiHeader) + " " + show(it.Body) + "\n"
			}
		} else if v.Body != nil {
			s += "  " + show(v.Body) + "\n"
		}
		return s
	case snapshotText:
		var b strings.Builder
		for _, r := range v.Sessions {
			fmt.Fprintln(&b, "session", show(r))
		}
		for _, r := range v.ACLs {
			fmt.Fprintln(&b, "acl", show(r))
		}
		for _, r := range v.Nodes {
			fmt.Fprintln(&b, "node", show(r))
		}
		return b.String() + "end " + show(v.End) + "\n"
	}
	return show(v) + "\n"
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// addGolden gives a fuzz target the golden records of the named kinds, by way of add.
func addGolden(f *testing.F, add func(b []byte, op Op), kinds ...string) {
	err := filepath.WalkDir("testdata/golden", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		datadriven.RunTestAny(f, path, func(t testing.TB, td *datadriven.TestData) string {
			for _, k := range kinds {
				if td.Cmd == k {
					op := 0
					for _, a := range td.CmdArgs {
						if a.Key == "op" {
							fmt.Sscan(a.Vals[0], &op)
						}
					}
					add(unhex(t, td.Input), Op(op))
				}
			}
			return td.Expected
		})
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
}
