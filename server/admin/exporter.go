package admin

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	vm "github.com/VictoriaMetrics/metrics"
)

// ExporterOptions says where metrics are served.
type ExporterOptions struct {
	Host   string // metricsProvider.httpHost; "" means all addresses
	Port   int    // metricsProvider.httpPort; 0 takes a free one
	Source Source
	Logger *slog.Logger // nil: nothing is logged
}

// Exporter serves metrics over HTTP. It listens on Addr until Shutdown, which waits for scrapes under way.
type Exporter struct {
	webServer
	source Source
	log    *slog.Logger
}

// ServeMetrics listens at once and serves GET /metrics in the Prometheus text format 0.0.4 from
// goroutines of its own, until Shutdown. The error names the key to change.
func ServeMetrics(opts ExporterOptions) (*Exporter, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(opts.Host, strconv.Itoa(opts.Port)))
	if err != nil {
		return nil, fmt.Errorf("metrics cannot be served with metricsProvider.httpHost=%s and metricsProvider.httpPort=%d: set others, or remove the lines: %w",
			opts.Host, opts.Port, err)
	}
	// Prometheus agents that know a metric's type only from its TYPE line would otherwise skip it.
	vm.ExposeMetadata(true)
	e := &Exporter{source: opts.Source, log: orDiscard(opts.Logger)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", e.metrics)
	e.serve(listener, webOptions{what: "metrics", handler: mux, write: 30 * time.Second, idle: 2 * time.Minute, log: e.log})
	return e, nil
}

// metrics answers a scrape. The text is made before any of it is sent, so that a slow reader holds
// nothing but its own buffer.
func (e *Exporter) metrics(w http.ResponseWriter, r *http.Request) {
	var text bytes.Buffer
	st := e.source.Stats()
	open, limit := fileDescriptors()
	st.gauges(open, limit, func(name string, v value) {
		if !v.isFloat {
			v.f = float64(v.n)
		}
		vm.WriteGaugeFloat64(&text, name, v.f)
	})
	e.source.Metrics().writePrometheus(&text)
	vm.WriteProcessMetrics(&text)
	vm.WriteFDMetrics(&text)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	if _, err := w.Write(text.Bytes()); err != nil {
		e.log.Debug("scrape was not read to its end", "client", r.RemoteAddr, "error", err)
	}
}
