//go:build !linux

package transport

import (
	"net"
	"time"
)

// setUserTimeout does nothing: the write deadline has to do.
func setUserTimeout(*net.TCPConn, time.Duration) {}
