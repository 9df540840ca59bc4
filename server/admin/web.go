package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// webServer answers HTTP requests on one address, from goroutines of its own, until Shutdown.
type webServer struct {
	server   http.Server
	listener net.Listener
	done     chan struct{} // closed when the serving goroutine ends
}

// webOptions are what webServers differ in.
type webOptions struct {
	what    string // is served, for the log: a plural
	handler http.Handler
	write   time.Duration // how long an answer may take
	idle    time.Duration // how long a connection may be idle; 0: as long as its client likes
	log     *slog.Logger
}

// serve begins to answer what comes in at a listener.
func (s *webServer) serve(l net.Listener, o webOptions) {
	s.listener, s.done = l, make(chan struct{})
	s.server = http.Server{
		Handler:           o.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      o.write,
		IdleTimeout:       o.idle,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(o.log.Handler(), slog.LevelDebug),
	}
	if o.idle == 0 {
		s.server.IdleTimeout = -1 // 0 would be ReadTimeout
	}
	go func() {
		defer close(s.done)
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.log.Error(o.what+" are no longer served", "address", l.Addr(), "error", err)
		}
	}()
}

// Addr returns the address that is listened on.
func (s *webServer) Addr() net.Addr { return s.listener.Addr() }

// Shutdown stops listening and waits for requests under way, but not longer than ctx.
func (s *webServer) Shutdown(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		s.server.Close()
	}
	<-s.done
	return err
}

// orDiscard returns a logger that may be used.
func orDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
