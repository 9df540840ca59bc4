package tree

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"gamekeeper/proto"
)

// TestApacheDigests applies transactions that Apache ZooKeeper 3.9.5 applied too, and expects its codes,
// digests and counts after each. testdata/apache/Digests.java says how the file was made.
func TestApacheDigests(t *testing.T) {
	f, err := os.Open("testdata/apache/digests.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var tr *Tree
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if lines.Text() == "new" {
			tr = New(Options{ExtendedTypes: true})
			continue
		}
		b, want, _ := strings.Cut(lines.Text(), " ")
		raw, err := hex.DecodeString(b)
		if err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		txn, err := proto.DecodeTxn(raw)
		if err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		code := tr.Apply(&txn, nil)
		got := fmt.Sprint(int32(code), tr.Digest(), tr.Count()+1, tr.EphemeralCount())
		if got != want {
			t.Fatalf("line %d: code, digest and counts %s, want %s", n, got, want)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}
