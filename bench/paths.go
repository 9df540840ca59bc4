package bench

import (
	"bytes"
	"strconv"
)

// keysPerDir is the number of keys under one directory. With two decimal digits below and six above, a
// run has room for a hundred million keys.
const (
	keysPerDir  = 100
	dirDigits   = 6
	keysMax     = 100_000_000
	keyDigits   = 8
	seqDigits   = 10
	connDigits  = 5
	parentDigit = 4
)

// shape is what the tree of the keys looks like.
type shape string

const (
	shapeTwoLevel shape = "two-level" // directories of keys
	shapeWide     shape = "wide"      // all keys are children of one znode
	shapeDeep     shape = "deep"      // directories in directories in directories of keys
)

// keyPaths names the keys of a run: a fixed prefix that ends with a slash, directories, a name. Every key has the same
// length, so that every request costs the same.
type keyPaths struct {
	prefix []byte
	shape  shape
	depth  int // of the deep shape: directories above a key
}

// newKeyPaths returns the paths of keys below root.
func newKeyPaths(root string, s shape, depth int) keyPaths {
	// Runs that reuse the keys of others find them by this name.
	top := "keys"
	switch s {
	case shapeWide:
		top = "wide"
	case shapeDeep:
		top = "deep-" + strconv.Itoa(depth)
	}
	return keyPaths{prefix: []byte(root + "/" + top + "/"), shape: s, depth: depth}
}

// top is the directory of everything.
func (p keyPaths) top() []byte { return bytes.TrimSuffix(p.prefix, []byte("/")) }

// dirs is how many directories so many keys need, on each level.
func (p keyPaths) dirs(keys int) int {
	if p.shape == shapeWide {
		return 0
	}
	return (keys + keysPerDir - 1) / keysPerDir
}

// levels is how many levels of directories there are below the top.
func (p keyPaths) levels() int {
	switch p.shape {
	case shapeWide:
		return 0
	case shapeDeep:
		return p.depth
	}
	return 1
}

// level returns the paths of the directories on a level, from 0.
func (p keyPaths) level(level int) appendPath {
	return func(b []byte, n int) []byte {
		b = appendDigits(append(b, p.prefix...), n, dirDigits)
		for range level {
			b = append(b, "/d"...)
		}
		return b
	}
}

// appendDir appends the path of the directory that key n is in.
func (p keyPaths) appendDir(b []byte, n int) []byte {
	if p.shape == shapeWide {
		return append(b, p.top()...)
	}
	b = appendDigits(append(b, p.prefix...), n/keysPerDir, dirDigits)
	for range p.levels() - 1 {
		b = append(b, "/d"...)
	}
	return b
}

// appendKey appends the path of key n.
func (p keyPaths) appendKey(b []byte, n int) []byte {
	if p.shape == shapeWide {
		return appendDigits(append(b, p.prefix...), n, keyDigits)
	}
	return appendDigits(append(p.appendDir(b, n), '/'), n%keysPerDir, 2)
}

// number returns the number of the key with a path; false when no key has it.
func (p keyPaths) number(path []byte) (int, bool) {
	name, ok := bytes.CutPrefix(path, p.prefix)
	digits := string(name)
	if p.shape != shapeWide && len(name) > dirDigits+2 {
		digits = string(name[:dirDigits]) + string(name[len(name)-2:])
	}
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0 && bytes.Equal(p.appendKey(nil, n), path)
}

// newPaths names the znodes that a create workload makes: a fixed prefix that ends with a slash, one of
// so many parents, the number of the connection and of the create.
type newPaths struct {
	prefix  []byte
	parents int
}

// appendParent appends the path of parent n.
func (p newPaths) appendParent(b []byte, n int) []byte {
	return appendDigits(append(b, p.prefix...), n, parentDigit)
}

// of returns the paths of one connection. Its creates go round the parents, from one of its own.
func (p newPaths) of(conn int) appendPath {
	return func(b []byte, n int) []byte {
		b = append(p.appendParent(b, (conn+n)%p.parents), '/')
		b = appendDigits(b, conn, connDigits)
		return appendDigits(b, n, seqDigits)
	}
}

// appendDigits appends n in decimal, with zeros in front to a width of its last digits.
func appendDigits(b []byte, n, width int) []byte {
	const zeros = "0000000000"
	b = append(b, zeros[:width]...)
	for i := len(b) - 1; n > 0 && width > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
		width--
	}
	return b
}
