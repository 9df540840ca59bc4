//go:build unix && !linux

package target

import "syscall"

// withParent can do no more here than to give a process a group of its own: a program that is killed leaves its
// servers behind.
func withParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
