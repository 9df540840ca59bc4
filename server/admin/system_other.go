//go:build !linux

package admin

import "runtime"

// fileDescriptors returns zeros: only Linux tells a process cheaply.
func fileDescriptors() (open, limit int64) { return 0, 0 }

func machineMemory() uint64 { return 0 }

func operatingSystem() (name, version string) { return runtime.GOOS, unknown }
