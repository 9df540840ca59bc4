package transport

import (
	"net"
	"time"
)

// An election connection may be silent for as long as a leader reigns. A peer whose host died or was cut off sends
// no reset, so the kernel has to find out. What is sent and not acknowledged, be it a vote or a probe, ends the
// connection after deadAfter.
const deadAfter = 8 * time.Second

// How a silent connection is probed: a dead peer is noticed after 8 s if it matters, and otherwise after 20.
const (
	eagerIdle, eagerInterval = 3 * time.Second, time.Second
	lazyIdle, lazyInterval   = 15 * time.Second, 5 * time.Second
	probes                   = 5
)

// tuneElection sets a connection up to notice a dead peer. What cannot be set is left: the link works without.
func tuneElection(c net.Conn, eager bool) {
	tcp := tcpOf(c)
	if tcp == nil {
		return
	}
	setUserTimeout(tcp, deadAfter)
	probe := net.KeepAliveConfig{Enable: true, Idle: lazyIdle, Interval: lazyInterval, Count: probes}
	if eager {
		probe.Idle, probe.Interval = eagerIdle, eagerInterval
	}
	_ = tcp.SetKeepAliveConfig(probe)
}
