package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"

	dto "github.com/prometheus/client_model/go"

	"gamekeeper/bench/report"
)

// stageFamily is the metric in which a server of ours tells how long requests take, stage by stage.
const stageFamily = "gamekeeper_stage_seconds"

const (
	scrapeTimeout  = 10 * time.Second
	scrapeBytesMax = 16 << 20
)

// stageCounts is what a server had counted at one time, by kind of request and stage, as in "write log". It is empty for
// a server that does not tell: Apache's, or an older one of ours.
type stageCounts map[string]stageCount

// stageCount is a distribution.
type stageCount struct {
	count   int64
	seconds float64     // all together
	upTo    []stageUpTo // by rising bounds; what is above the last is in count alone
}

// stageUpTo says how many took no longer than a bound.
type stageUpTo struct {
	seconds float64
	count   int64
}

// scrapeStages asks a server's metrics, at a URL such as http://127.0.0.1:7000/metrics. Without a URL the result is
// empty.
func scrapeStages(ctx context.Context, url string) (stageCounts, error) {
	if url == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	req.Close = true // the next scrape may be minutes away
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("metrics: %s answers %s", url, resp.Status)
	}
	counts, err := parseStages(io.LimitReader(resp.Body, scrapeBytesMax))
	if err != nil {
		return nil, fmt.Errorf("metrics of %s: %w", url, err)
	}
	return counts, nil
}

// parseStages reads Prometheus's text format. What is no distribution of a stage is skipped.
func parseStages(r io.Reader) (stageCounts, error) {
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return nil, err
	}
	counts := stageCounts{}
	for _, m := range families[stageFamily].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if h := m.GetHistogram(); h != nil && labels["stage"] != "" {
			counts[strings.TrimSpace(labels["kind"]+" "+labels["stage"])] = countStage(h)
		}
	}
	return counts, nil
}

// countStage takes what can be true of a histogram: counts that rise with bounds that do.
func countStage(h *dto.Histogram) stageCount {
	s := stageCount{count: whole(h.GetSampleCount())}
	if sum := h.GetSampleSum(); sum > 0 && !math.IsInf(sum, 0) {
		s.seconds = sum
	}
	for _, b := range h.GetBucket() {
		const boundMax = 1e6
		if bound := b.GetUpperBound(); bound > 0 && bound <= boundMax {
			s.upTo = append(s.upTo, stageUpTo{bound, min(whole(b.GetCumulativeCount()), s.count)})
		}
	}
	slices.SortFunc(s.upTo, func(a, b stageUpTo) int { return cmp.Compare(a.seconds, b.seconds) })
	for i := 1; i < len(s.upTo); i++ {
		s.upTo[i].count = max(s.upTo[i].count, s.upTo[i-1].count)
	}
	return s
}

// whole keeps counts where sums of them stay numbers.
func whole(n uint64) int64 { return int64(min(n, 1<<53)) }

// since returns how long the stages have taken since before, for those that were gone through, in the order of a
// request's way. Counts that went back are those of a server that was started anew in between: they are taken whole.
// Server is left empty. Mean is exact; quantiles are interpolated between bounds that are a factor of two apart, and Max
// is the bound above the longest.
func (after stageCounts) since(before stageCounts) []report.Stage {
	var stages []report.Stage
	for name, s := range after {
		if s = s.since(before[name]); s.count > 0 {
			stages = append(stages, report.Stage{Name: name, Latency: s.latency()})
		}
	}
	slices.SortFunc(stages, func(a, b report.Stage) int {
		return cmp.Or(cmp.Compare(stageRank(a.Name), stageRank(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return stages
}

// stageRank is a stage's place on the way of a request: writes first, and stages that are not known last.
func stageRank(name string) int {
	way := []string{
		"write decode", "write queue", "write order", "write forward", "write log", "write quorum", "write apply",
		"write reply", "write total",
		"read decode", "read queue", "read wait", "read read", "read reply", "read total",
	}
	if i := slices.Index(way, name); i >= 0 {
		return i
	}
	return len(way)
}

// since takes away what was there before.
func (s stageCount) since(before stageCount) stageCount {
	same := slices.EqualFunc(s.upTo, before.upTo, func(a, b stageUpTo) bool { return a.seconds == b.seconds && a.count >= b.count })
	if !same || s.count < before.count || s.seconds < before.seconds {
		return s
	}
	d := stageCount{count: s.count - before.count, seconds: s.seconds - before.seconds}
	last := int64(0)
	for i, u := range s.upTo {
		last = min(max(u.count-before.upTo[i].count, last), d.count)
		d.upTo = append(d.upTo, stageUpTo{u.seconds, last})
	}
	return d
}

func (s stageCount) latency() report.Latency {
	return report.Latency{Count: s.count, Mean: duration(s.seconds / float64(s.count)), P50: s.quantile(0.5), P90: s.quantile(0.9),
		P99: s.quantile(0.99), P999: s.quantile(0.999), Max: s.quantile(1)}
}

// quantile is the time within which a share of all stayed. What is above the last bound is taken to be there.
func (s stageCount) quantile(q float64) time.Duration {
	rank := q * float64(s.count)
	var below stageUpTo
	for _, u := range s.upTo {
		if u.count > below.count && float64(u.count) >= rank {
			part := (rank - float64(below.count)) / float64(u.count-below.count)
			return duration(below.seconds + part*(u.seconds-below.seconds))
		}
		below = u
	}
	return duration(below.seconds)
}

// duration is that of seconds, as far as it can be written.
func duration(seconds float64) time.Duration {
	return time.Duration(min(seconds*1e9, float64(math.MaxInt64/2)))
}
