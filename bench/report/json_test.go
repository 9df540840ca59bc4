package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	want := sampleReport("both ways", 1, 2)
	var b bytes.Buffer
	if err := want.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{``, "not a report"},
		{`hello`, "not a report"},
		{`[1]`, "not a report"},
		{`{"options": {}}`, "it has no format"},
		{`{"format": 0}`, "format 0 never was"},
		{`{"format": 99, "targets": "new"}`, "format 99, and this version reads up to 1"},
		{`{"format": 1, "targets": 5}`, "damaged"},
		{`{"format": 1}`, "names no target"},
		{`{"format": 1, "targets": [{}], "scenarios": [{"name": "a"}, {"name": "a"}]}`, "two scenarios are called a"},
		{`{"format": 1, "targets": [{}], "scenarios": [{"name": "a", "runs": [{"target": 1}]}]}`, "target 1 of 1"},
		{`{"format": 1, "targets": [{}]} {}`, "not a report"},
	} {
		_, err := Read(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.text, err, c.want)
		}
	}
}
