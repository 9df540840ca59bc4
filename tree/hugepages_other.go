//go:build !linux

package tree

// adviseHugePages does nothing: other systems choose for themselves.
func adviseHugePages(at, n uintptr) {}
