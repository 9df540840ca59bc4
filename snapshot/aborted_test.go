package snapshot

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
	"gamekeeper/tree"
)

// TestLoadAfterAbortedRound loads from a store that is still open after a round that ended in the midst: what that
// round has written is there, and the mark must say so.
func TestLoadAfterAbortedRound(t *testing.T) {
	s := mustOpen(t, testOptions(vfs.NewMem(), "s"))
	defer mustClose(t, s)
	tr := tree.New(tree.Options{Track: true})
	grow(t, tr, 0, 1000, []byte("before"))
	flush(t, s, tr)
	marked := tr.LastZxid()
	for i := range 500 {
		apply(t, tr, proto.OpSetData, leaf(i), []byte("after"))
	}
	enough, steps := errors.New("enough"), 0
	_, err := s.Round(Source{
		Tree: tr, Lock: &sync.Mutex{}, ReplayAfter: tr.LastZxid(), Time: time.UnixMilli(0),
		Changes: []*tree.Changes{tr.TakeChanges(nil)}, StepNodes: 10,
		Pause: func() error {
			if steps++; steps == 25 {
				return enough
			}
			return nil
		},
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	last := tr.LastZxid()
	mark, _ := s.Mark()
	if mark.ReplayAfter != marked || mark.FuzzyUntil != last || mark.Round != 1 {
		t.Errorf("mark %+v, want the first round's, fuzzy until %s", mark, last)
	}
	got, _, err := s.Load(tree.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 500 { // the log after the mark
		apply(t, got, proto.OpSetData, leaf(i), []byte("after"))
	}
	if err := mark.Verify(got); err != nil {
		t.Error(err)
	}
	sameTree(t, got, tr)
}
