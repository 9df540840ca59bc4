package bench

import (
	"strings"

	"github.com/spf13/pflag"
)

// rateOf begins a value of the flag rate that is the rate which another case finds.
const rateOf = "@"

// parseCase reads a scenario: [NAME:] WORKLOAD [FLAG=VALUE...]. Flags are those that say what is measured, without their
// dashes; what is not said is as in o. There is figure besides, the figure that counts if it is not the usual one. The
// rate may be that which another case finds, as in rate=@NAME, with the spaces of the name, and then comes last.
func parseCase(text string, o Options) (Case, error) {
	name, load, named := strings.Cut(text, ":")
	if !named || strings.Contains(name, "=") {
		name, load = "", text
	}
	c := Case{Name: strings.TrimSpace(name), Options: o}
	if before, rate, ok := strings.Cut(load, "rate="+rateOf); ok {
		load, c.RateOf = before, strings.TrimSpace(rate)
	}
	words := strings.Fields(load)
	if len(words) == 0 {
		return Case{}, usageError("scenario %q names no workload: it is [NAME:] WORKLOAD [FLAG=VALUE...]", text)
	}
	c.Options.Workload = words[0]
	if c.Name == "" {
		c.Name = c.Options.Workload
	}
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	loadFlags(f, &c.Options)
	for _, word := range words[1:] {
		flag, value, ok := strings.Cut(word, "=")
		if !ok {
			return Case{}, usageError("scenario %q: %s is not FLAG=VALUE", text, word)
		}
		if flag == "figure" {
			c.Figure = value
			continue
		}
		if f.Lookup(flag) == nil {
			return Case{}, usageError("scenario %q: there is no flag --%s that says what is measured", text, flag)
		}
		if err := f.Set(flag, value); err != nil {
			return Case{}, usageError("scenario %q: %w", text, err)
		}
	}
	return c, nil
}
