package admin

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ConsoleOptions say where the HTTP server for administrators listens, and what it has.
type ConsoleOptions struct {
	Host       string        // admin.serverAddress; "" means all addresses
	Port       int           // admin.serverPort; 0 takes a free one
	CommandURL string        // admin.commandURL
	Idle       time.Duration // admin.idleTimeout; 0 is never
	Pprof      bool          // admin.pprof
	Source     Source
	Logger     *slog.Logger // nil: nothing is logged
}

// Console is the HTTP server for administrators: Apache ZooKeeper's AdminServer. It listens on Addr until Shutdown.
type Console struct {
	webServer
}

// profileMax is how long a profile may take: an answer has no more time.
const profileMax = 5 * time.Minute

// ServeConsole listens at once and serves from goroutines of its own, until Shutdown. The error names the key to change.
func ServeConsole(o ConsoleOptions) (*Console, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(o.Host, strconv.Itoa(o.Port)))
	if err != nil {
		return nil, fmt.Errorf("cannot listen with admin.serverAddress=%s and admin.serverPort=%d: set others, or "+
			"admin.enableServer=false: %w", o.Host, o.Port, err)
	}
	mux := http.NewServeMux()
	cmds := newCommands(o.Source)
	prefix := strings.TrimSuffix(o.CommandURL, "/")
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		name, below := strings.CutPrefix(r.URL.Path, prefix)
		switch {
		case below && (name == "" || name == "/"):
			cmds.index(w, prefix)
		case below && name[0] == '/':
			cmds.answer(w, r, name[1:])
		case strings.HasPrefix(r.URL.Path, pprofURL) && !o.Pprof:
			http.Error(w, "profiles are served with admin.pprof=true", http.StatusNotFound)
		default:
			http.NotFound(w, r)
		}
	})
	if o.Pprof {
		handleProfiles(mux)
	}
	c := &Console{}
	c.serve(listener, webOptions{what: "admin pages", handler: mux, write: profileMax, idle: o.Idle, log: orDiscard(o.Logger)})
	return c, nil
}
