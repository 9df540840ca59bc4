package admin

import (
	"net/http"
	"net/http/pprof"
	"runtime"
	"strconv"
	"sync"
)

const pprofURL = "/debug/pprof/"

// handleProfiles serves the profiles of net/http/pprof. Those of mutexes and of blocking cost time as long as they are
// taken, so that is only while somebody asks for one, with seconds=N.
func handleProfiles(mux *http.ServeMux) {
	mux.HandleFunc("GET "+pprofURL, pprof.Index)
	mux.HandleFunc("GET "+pprofURL+"cmdline", pprof.Cmdline)
	mux.HandleFunc("GET "+pprofURL+"profile", pprof.Profile)
	mux.HandleFunc("GET "+pprofURL+"symbol", pprof.Symbol)
	mux.HandleFunc("POST "+pprofURL+"symbol", pprof.Symbol)
	mux.HandleFunc("GET "+pprofURL+"trace", pprof.Trace)
	// One in 10 contended locks; one blocking in 10 microseconds of them. The rates are the process's, and so is the
	// state that they are off again.
	mux.Handle("GET "+pprofURL+"mutex", &whileAsked{set: func(rate int) { runtime.SetMutexProfileFraction(rate) }, rate: 10})
	mux.Handle("GET "+pprofURL+"block", &whileAsked{set: runtime.SetBlockProfileRate, rate: 10_000})
}

// whileAsked serves a profile that is taken only while somebody waits for it.
type whileAsked struct {
	set  func(rate int) // 0: off
	rate int            // unless the request says another

	mu    sync.Mutex
	taken int // requests that wait for it
}

func (p *whileAsked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rate := p.rate
	if text := r.FormValue("rate"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			http.Error(w, "rate="+text+": a number from 1 on; 1 takes everything", http.StatusBadRequest)
			return
		}
		rate = n
	}
	seconds, err := strconv.Atoi(r.FormValue("seconds"))
	if err != nil || seconds < 1 {
		http.Error(w, "this profile is taken while you wait: say for how long, as in seconds=10", http.StatusBadRequest)
		return
	}
	p.begin(rate)
	defer p.end()
	pprof.Index(w, r)
}

// begin turns the profile on. Whoever comes while it is on has the rate of the last.
func (p *whileAsked) begin(rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken++
	p.set(rate)
}

// end turns it off if nobody else waits for it.
func (p *whileAsked) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken--; p.taken == 0 {
		p.set(0)
	}
}
