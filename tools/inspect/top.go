package inspect

import "slices"

// top keeps the largest of what it is given. Of equal ones the first stay.
type top[T any] struct {
	most    int
	compare func(a, b T) int
	items   []T // the largest first
}

func newTop[T any](most int, compare func(a, b T) int) *top[T] {
	return &top[T]{most: most, compare: compare}
}

// wants says whether add would keep x.
func (t *top[T]) wants(x T) bool {
	return t.most > 0 && (len(t.items) < t.most || t.compare(x, t.items[len(t.items)-1]) > 0)
}

func (t *top[T]) add(x T) {
	if !t.wants(x) {
		return
	}
	i, _ := slices.BinarySearchFunc(t.items, x, func(a, x T) int {
		if t.compare(a, x) >= 0 {
			return -1 // x comes behind its equals
		}
		return 1
	})
	t.items = slices.Insert(t.items, i, x)
	if len(t.items) > t.most {
		t.items = t.items[:t.most]
	}
}

func (t *top[T]) list() []T { return t.items }
