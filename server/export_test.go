package server

import "time"

// WithGreetMax makes the server close connections sooner that do not begin a session.
func WithGreetMax(o Options, d time.Duration) Options {
	o.greetMax = d
	return o
}

// MetricsAddr is where a server serves its metrics.
func MetricsAddr(s *Server) string { return s.exporter.Addr().String() }

// ConsoleAddr is where a server serves administrators, "" if it does not.
func ConsoleAddr(s *Server) string {
	if s.console == nil {
		return ""
	}
	return s.console.Addr().String()
}
