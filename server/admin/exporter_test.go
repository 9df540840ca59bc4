package admin

import (
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	dto "github.com/prometheus/client_model/go"
)

func serve(t *testing.T, src Source) *Exporter {
	t.Helper()
	e, err := ServeMetrics(ExporterOptions{Host: "127.0.0.1", Source: src})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

func request(t *testing.T, e *Exporter, method, path string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+e.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// TestScrape reads the metrics with Prometheus's own parser.
func TestScrape(t *testing.T) {
	src := newSource("leader")
	recordSamples(src.metrics)
	recorder := src.metrics.NewRecorder(2)
	recorder.Lane(1).UpdatedBatch(1, 3*time.Millisecond)
	recorder.Lane(1).Received(2, 88)
	src.metrics.Set().NewCounter(`loop_batches{loop="1"}`).Add(12)
	src.stats.Traffic = recorder.Traffic()
	e := serve(t, src)

	resp, body := request(t, e, http.MethodGet, "/metrics")
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("status %d, content type %q", resp.StatusCode, got)
	}
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	for name, want := range map[string]float64{
		"avg_latency": 3, "znode_count": 5, "packets_received": 2, "num_alive_connections": 1, "uptime": 1500,
		"quorum_size": 3, "learners": 2, "min_client_response_size": -1, "quota_count": 9,
	} {
		f := families[name]
		if f == nil || f.GetType() != dto.MetricType_GAUGE || f.GetMetric()[0].GetGauge().GetValue() != want {
			t.Errorf("%s is %v, want the gauge %v", name, f, want)
		}
	}
	for name, want := range map[string]float64{"connection_rejected": 3, "bytes_received_count": 88, "loop_batches": 12} {
		f := families[name]
		if f == nil || f.GetType() != dto.MetricType_COUNTER || f.GetMetric()[0].GetCounter().GetValue() != want {
			t.Errorf("%s is %v, want the counter %v", name, f, want)
		}
	}
	checkSummary(t, families["fsynctime"], 3, 23.5, 0.5)
	checkSummary(t, families["updatelatency"], 1, 3, 0.5, 0.9, 0.99)
	checkSummary(t, families["readlatency"], 0, 0, 0.5, 0.9, 0.99)
	for _, name := range []string{
		"open_file_descriptor_count", "max_file_descriptor_count", "process_open_fds",
		"process_resident_memory_bytes", "go_goroutines",
	} {
		if families[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}

func checkSummary(t *testing.T, f *dto.MetricFamily, n uint64, sum float64, quantiles ...float64) {
	t.Helper()
	if f.GetType() != dto.MetricType_SUMMARY {
		t.Errorf("%v is no summary", f)
		return
	}
	s := f.GetMetric()[0].GetSummary()
	if s.GetSampleCount() != n || math.Abs(s.GetSampleSum()-sum) > 1e-9 || len(s.GetQuantile()) != len(quantiles) {
		t.Errorf("%s is %v, want count %d, sum %v, quantiles %v", f.GetName(), s, n, sum, quantiles)
		return
	}
	for i, q := range s.GetQuantile() {
		if q.GetQuantile() != quantiles[i] || math.IsNaN(q.GetValue()) != (n == 0) {
			t.Errorf("%s has quantile %v, want %v of %d values", f.GetName(), q, quantiles[i], n)
		}
	}
}

func TestScrapeWithoutMetrics(t *testing.T) {
	src := newSource("down")
	src.metrics = nil
	e := serve(t, src)
	if resp, body := request(t, e, http.MethodGet, "/metrics"); resp.StatusCode != http.StatusOK || !strings.Contains(body, "\nznode_count 0\n") {
		t.Errorf("status %d:\n%s", resp.StatusCode, body)
	}
}

func TestExporterRefuses(t *testing.T) {
	e := serve(t, newSource("standalone"))
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/", http.StatusNotFound},
		{http.MethodGet, "/metrics/x", http.StatusNotFound},
		{http.MethodPost, "/metrics", http.StatusMethodNotAllowed},
		{http.MethodHead, "/metrics", http.StatusOK},
	} {
		if resp, _ := request(t, e, c.method, c.path); resp.StatusCode != c.want {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, resp.StatusCode, c.want)
		}
	}
}

func TestTakenPort(t *testing.T) {
	e := serve(t, newSource("standalone"))
	port := e.Addr().(*net.TCPAddr).Port
	_, err := ServeMetrics(ExporterOptions{Host: "127.0.0.1", Port: port, Source: newSource("standalone")})
	if err == nil || !strings.Contains(err.Error(), "metricsProvider.httpPort=") {
		t.Errorf("error %v does not name metricsProvider.httpPort", err)
	}
}

// TestShutdownFreesPort takes the same port again.
func TestShutdownFreesPort(t *testing.T) {
	src := newSource("standalone")
	e, err := ServeMetrics(ExporterOptions{Host: "127.0.0.1", Source: src})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := ServeMetrics(ExporterOptions{Host: "127.0.0.1", Port: e.Addr().(*net.TCPAddr).Port, Source: src})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}
