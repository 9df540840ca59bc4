//go:build !linux

package control

import "net"

// checkPeer relies on the mode of the socket.
func checkPeer(*net.UnixConn) error { return nil }
