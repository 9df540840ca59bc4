//go:build long

package crashtest

import "testing"

// The tests of the same names with 200 crashes each.
func TestLongKill(t *testing.T) { testKill(t, rounds(200)) }

func TestLongPowerCut(t *testing.T) { testPowerCut(t, rounds(200)) }

func TestLongLostWrites(t *testing.T) { testLostWrites(t, rounds(200)) }
