package apache

import (
	"errors"
	"fmt"
)

// ErrDamaged is the class of errors about files that do not hold what they should.
var ErrDamaged = errors.New("damaged file")

// DamageError says what is wrong with a file, and where. It is of class ErrDamaged.
type DamageError struct {
	File   string
	Offset int64 // of a compressed file, in what it holds
	Err    error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s: offset %d: %v", e.File, e.Offset, e.Err)
}

// Unwrap makes the error one of class ErrDamaged and of its cause's.
func (e *DamageError) Unwrap() []error { return []error{ErrDamaged, e.Err} }
