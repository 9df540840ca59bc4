package bench

import (
	"slices"
	"strconv"
	"strings"
)

// mix is kinds of request, by shares.
type mix struct {
	kinds  []Kind
	bounds []uint64 // see the function bounds
}

// mixable returns the kinds that --mix may name.
func mixable() []Kind {
	return []Kind{
		KindSet, KindGet, KindCreate, KindDelete, KindExists, KindChildren, KindMulti, KindSync, KindACL, KindMultiread,
	}
}

// onlyKind is the mix of one kind.
func onlyKind(k Kind) *mix { return newMix([]Kind{k}, []float64{1}) }

// newMix returns kinds in proportion to weights, which are 0 or more, and not all 0.
func newMix(kinds []Kind, weights []float64) *mix { return &mix{kinds, bounds(weights)} }

// parseMix reads what --mix may be: "get=70,set=30", which need not add up to a hundred.
func parseMix(text string) (*mix, error) {
	var kinds []Kind
	var weights []float64
	for part := range strings.SplitSeq(text, ",") {
		name, share, _ := strings.Cut(part, "=")
		i := slices.IndexFunc(mixable(), func(k Kind) bool { return k.String() == name })
		if i < 0 {
			return nil, usageError("--mix: %q is not one of %s", name, mixableNames())
		}
		kind := mixable()[i]
		if slices.Contains(kinds, kind) {
			return nil, usageError("--mix: %s comes twice", name)
		}
		weight, err := strconv.ParseFloat(share, 64)
		if err != nil || !(weight > 0 && weight < 1e9) {
			return nil, usageError("--mix: %q is not a kind of request and its share, as in get=70", part)
		}
		kinds = append(kinds, kind)
		weights = append(weights, weight)
	}
	return newMix(kinds, weights), nil
}

func mixableNames() string {
	var names []string
	for _, k := range mixable() {
		names = append(names, k.String())
	}
	return strings.Join(names, ", ")
}

// pick returns a kind for 32 random bits.
func (m *mix) pick(random uint64) Kind {
	for i, bound := range m.bounds {
		if random < bound {
			return m.kinds[i]
		}
	}
	return m.kinds[len(m.kinds)-1]
}

// has reports whether the mix holds a kind.
func (m *mix) has(k Kind) bool { return slices.Contains(m.kinds, k) }

// news reports whether requests of the mix create and delete znodes.
func (m *mix) news() bool { return m.has(KindCreate) || m.has(KindDelete) }
