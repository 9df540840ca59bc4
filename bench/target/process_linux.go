package target

import "syscall"

// withParent has the system end a process when the thread that started it ends, and so at the latest with the program.
func withParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
