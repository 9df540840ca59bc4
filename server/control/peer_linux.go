package control

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// checkPeer refuses everybody but the server's own user and root.
func checkPeer(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	switch {
	case err != nil:
		return err
	case credErr != nil:
		return credErr
	case cred.Uid != 0 && int(cred.Uid) != os.Geteuid():
		return fmt.Errorf("user %d may not control the server of user %d", cred.Uid, os.Geteuid())
	}
	return nil
}
