package report

import "time"

const (
	dipBefore = 10 * time.Second // that say what was usual before an event
	dipAfter  = 15 * time.Second // in which an event may show
	dipBack   = 0.9              // of what was usual is back to normal
)

// dip is how an event shows in the rate of replies.
type dip struct {
	usual  float64       // rate before
	lowest float64       // rate of the worst second
	gap    time.Duration // longest without a reply; 0 when it is not known
	worst  time.Duration // longest latency
	back   time.Duration // from the event until the rate was back; 0 when it was not, or was never away
	away   bool          // the rate fell below what counts as usual
}

// dip looks at the seconds around event i, up to the next event. It reports false when there are none.
func (r *Run) dip(i int) (dip, bool) {
	e := r.Events[i]
	until := e.At + e.Took + dipAfter
	for _, other := range r.Events {
		if other.At > e.At {
			until = min(until, other.At)
		}
	}
	var before []float64
	var during []Second
	for _, s := range r.Seconds {
		switch {
		case s.At <= e.At && s.At > e.At-dipBefore:
			before = append(before, s.Rate)
		case s.At > e.At && s.At-s.Span < until:
			during = append(during, s)
		}
	}
	if len(during) == 0 {
		return dip{}, false
	}
	d := dip{lowest: during[0].Rate}
	if len(before) > 0 {
		d.usual = Median(before)
	}
	var lowestAt, silent, gap time.Duration
	for _, s := range during {
		if s.Rate <= d.lowest {
			d.lowest, lowestAt = s.Rate, s.At
		}
		silent += s.Span
		if s.Rate > 0 {
			silent = 0
		}
		gap, d.gap, d.worst = max(gap, s.Gap), max(d.gap, silent), max(d.worst, s.Max)
	}
	if gap > 0 { // files of older versions have seconds alone
		d.gap = gap
	}
	d.away = d.lowest < d.usual*dipBack
	if !d.away {
		return d, true
	}
	for _, s := range r.Seconds { // it may be back later than what the event's own time is
		if s.At > lowestAt && s.Rate >= d.usual*dipBack {
			d.back = s.At - s.Span - e.At
			break
		}
	}
	return d, true
}
