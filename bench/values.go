package bench

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// valueBytesMax bounds the size of a value. Servers refuse more than about a megabyte unless told otherwise.
const valueBytesMax = 64 << 20

// sizes is how large values are: one size, sizes between two, or some sizes by shares.
type sizes struct {
	text      string // as the flag --size has it
	low, high int    // the smallest and the largest
	shares    []size // empty when every size from low to high is equally frequent
}

// size is a size of values that comes up until a draw of 32 bits reaches its bound.
type size struct {
	bytes int
	until uint64
}

// fixedSize is the same size for every value.
func fixedSize(n int) sizes { return sizes{text: strconv.Itoa(n), low: n, high: n} }

// Set, String and Type make sizes a flag.
func (s *sizes) Set(text string) (err error) {
	*s, err = parseSizes(text)
	return err
}

func (s *sizes) String() string { return s.text }
func (s *sizes) Type() string   { return "size" }

// parseSizes reads what --size may be: "128", "100-1000", or "90:128,9:1024,1:65536", which are shares and sizes.
func parseSizes(text string) (sizes, error) {
	wrong := func() (sizes, error) {
		return sizes{}, fmt.Errorf("%q is not a number of bytes up to %d, nor two as in 100-1000, nor shares as in 90:128,10:1024", text, valueBytesMax)
	}
	if !strings.Contains(text, ":") {
		from, to, between := strings.Cut(text, "-")
		if !between {
			to = from
		}
		low, lowOK := parseBytes(from)
		high, highOK := parseBytes(to)
		if !lowOK || !highOK || low > high {
			return wrong()
		}
		return sizes{text: text, low: low, high: high}, nil
	}
	s := sizes{text: text, low: valueBytesMax}
	var weights []float64
	for part := range strings.SplitSeq(text, ",") {
		share, bytes, _ := strings.Cut(part, ":")
		weight, err := strconv.ParseFloat(share, 64)
		n, ok := parseBytes(bytes)
		if err != nil || !ok || !(weight > 0 && weight < 1e9) {
			return wrong()
		}
		weights = append(weights, weight)
		s.shares = append(s.shares, size{bytes: n})
		s.low, s.high = min(s.low, n), max(s.high, n)
	}
	for i, bound := range bounds(weights) {
		s.shares[i].until = bound
	}
	return s, nil
}

func parseBytes(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 63)
	return int(n), err == nil && n <= valueBytesMax
}

// bounds divides the numbers of 32 bits in proportion to weights: part i ends before the bound i.
func bounds(weights []float64) []uint64 {
	var sum, so float64
	for _, w := range weights {
		sum += w
	}
	b := make([]uint64, len(weights))
	for i, w := range weights {
		so += w
		b[i] = uint64(so / sum * (1 << 32))
	}
	b[len(b)-1] = 1 << 32
	return b
}

// less returns the sizes that leave room for n bytes more.
func (s sizes) less(n int) sizes {
	s.low, s.high = max(s.low-n, 0), max(s.high-n, 0)
	s.shares = slices.Clone(s.shares)
	for i := range s.shares {
		s.shares[i].bytes = max(s.shares[i].bytes-n, 0)
	}
	return s
}

// pick returns a size for 32 random bits.
func (s *sizes) pick(random uint64) int {
	if len(s.shares) == 0 {
		return s.low + int(random*uint64(s.high-s.low+1)>>32)
	}
	for i := range s.shares {
		if random < s.shares[i].until {
			return s.shares[i].bytes
		}
	}
	return s.high
}

// values gives the values that a run writes: each is a part of a pool of bytes, from another place on. So making one
// costs next to nothing, and none compresses beside others; in itself as far as it was asked for.
type values struct {
	pool  []byte
	sizes sizes
	at    uint64
}

const (
	valuePlaceBits = 20 // places in the pool are the high bits of at
	valueGrain     = 64 // bytes of the pool of which a share is compressible
)

// newValues returns values of such sizes, of which a share from 0 to 1 is the same byte again and again.
func newValues(s sizes, compressible float64) values {
	pool := make([]byte, s.high+1<<valuePlaceBits)
	var seed [32]byte
	binary.NativeEndian.PutUint64(seed[:], rand.Uint64())
	_, _ = rand.NewChaCha8(seed).Read(pool) // never fails
	same := int(compressible * valueGrain)
	for at := 0; at < len(pool) && same > 0; at += valueGrain {
		clear(pool[at:min(at+same, len(pool))])
	}
	return values{pool: pool, sizes: s}
}

// another returns values of the same pool in another order, for another source.
func (v values) another() values {
	v.at = rand.Uint64()
	return v
}

// next returns a value, which must not be changed. The zero values are all null.
func (v *values) next() []byte {
	if v.sizes.high == 0 {
		return v.pool[:0]
	}
	v.at = v.at*6364136223846793005 + 1442695040888963407
	from := int(v.at >> (64 - valuePlaceBits))
	n := v.sizes.low
	if v.sizes.high > n {
		n = v.sizes.pick(v.at >> (32 - valuePlaceBits) & (1<<32 - 1))
	}
	return v.pool[from : from+n]
}
