package config

import (
	"slices"
	"strings"
)

// status says what setting a key does.
type status int

const (
	works    status = iota // it has its effect
	later                  // it is read and checked, and has no effect yet
	noEffect               // it steers something that only Apache's implementation has
)

// String returns the status as the document shows it.
func (s status) String() string {
	return [...]string{works: "works", later: "later", noEffect: "no effect here"}[s]
}

// key is one row of the table.
type key struct {
	// name is the key in zoo.cfg. The last part may be N or NAME, which stands for a number or any name.
	name   string
	kind   kind
	status status
	// def is the default in the file's notation, read like a value from the file; derived is shown
	// instead when the default follows from other keys.
	def, derived string
	example      string // a good value for messages; def when empty
	text         string // one line for the document
	secret       bool   // the value must not be shown
	// quiet keys of status later earn no warning: they are refused when that matters.
	quiet bool
}

// sample returns an assignment for messages, or an empty string when there is no good one.
func (k key) sample() string {
	switch {
	case k.example != "":
		return k.name + "=" + k.example
	case k.def != "" && !k.secret:
		return k.name + "=" + k.def
	}
	return ""
}

// prefix returns what keys of a family start with, an empty string for a row that is no family.
func (k key) prefix() string {
	for _, wild := range []string{".N", ".NAME"} {
		if p, found := strings.CutSuffix(k.name, wild); found {
			return p + "."
		}
	}
	return ""
}

// section is a part of the table under one heading of the document.
type section struct {
	title, intro string
	keys         []key
}

// sections returns the table, its kinds bound to the fields of d.
func sections(d *draft) []section {
	return []section{
		{title: "Client port", keys: clientKeys(d)},
		{title: "Limits", keys: limitKeys(d)},
		{title: "Sessions and time", keys: sessionKeys(d)},
		{title: "Storage", keys: storageKeys(d)},
		{title: "Backups", keys: backupKeys(d)},
		{title: "Znodes and transactions", keys: treeKeys(d)},
		{title: "Authentication and access control", keys: authKeys(d)},
		{title: "SASL and Kerberos", keys: saslKeys(d)},
		{title: "TLS", keys: tlsKeys(d)},
		{title: "Four-letter words, metrics, audit", keys: operationKeys(d)},
		{title: "Admin server", keys: adminKeys(d)},
		{
			title: "Ensemble", keys: ensembleKeys(d),
			intro: "A standalone server ignores these keys.",
		},
		{title: "Ensemble: synchronisation and elections", keys: quorumKeys(d)},
		{
			title: "Java internals", keys: javaKeys(),
			intro: "These tune threads, buffers and caches of Apache's implementation. They are accepted, their values are not looked at.",
		},
	}
}

// table finds rows by key.
type table struct {
	rows     map[string]key
	families []key
}

func newTable(all []section) table {
	t := table{rows: make(map[string]key)}
	for _, s := range all {
		for _, k := range s.keys {
			if k.prefix() != "" {
				t.families = append(t.families, k)
			} else {
				t.rows[k.name] = k
			}
		}
	}
	return t
}

// find returns the row of a key, which may be a member of a family.
func (t table) find(name string) (key, bool) {
	if k, ok := t.rows[name]; ok {
		return k, true
	}
	i := slices.IndexFunc(t.families, func(k key) bool {
		p := k.prefix()
		return strings.HasPrefix(name, p) && len(name) > len(p)
	})
	if i < 0 {
		return key{}, false
	}
	return t.families[i], true
}

// otherNames maps names that are not read, by which Apache's guide or people call a key, to the key.
func otherNames() map[string]string {
	return map[string]string{
		"maxConnections":              "maxCnxns",
		"maxClientConnections":        "maxClientCnxns",
		"maxConcurrentSnapSyncs":      "leader.maxConcurrentSnapSyncs",
		"maxConcurrentDiffSyncs":      "leader.maxConcurrentDiffSyncs",
		"maxTimeToWaitForEpoch":       "leader.maxTimeToWaitForEpoch",
		"connectionMaxTokens":         "connection_throttle_tokens",
		"connectionTokenFillTime":     "connection_throttle_fill_time",
		"connectionTokenFillCount":    "connection_throttle_fill_count",
		"connectionFreezeTime":        "connection_throttle_freeze_time",
		"connectionDropIncrease":      "connection_throttle_drop_increase",
		"connectionDropDecrease":      "connection_throttle_drop_decrease",
		"connectionDecreaseRatio":     "connection_throttle_decrease_ratio",
		"requestThrottleLimit":        "request_throttle_max_requests",
		"requestThrottleStallTime":    "request_throttle_stall_time",
		"requestThrottleDropStale":    "request_throttle_drop_stale",
		"requestStaleLatencyCheck":    "request_stale_latency_check",
		"requestStaleConnectionCheck": "request_stale_connection_check",
		"throttledOpWaitTime":         "throttled_op_wait_time",
		"advancedFlowControlEnabled":  "netty.advancedFlowControl.enabled",
		"outstandingHandshake.limit":  "netty.server.outstandingHandshake.limit",
	}
}

// suggest returns the key that was probably meant, or an empty string.
func (t table) suggest(name string) string {
	if k, ok := otherNames()[name]; ok {
		return k
	}
	best, bestDistance := "", max(1, len(name)/3)+1
	for candidate := range t.rows {
		d := distance(strings.ToLower(name), strings.ToLower(candidate), bestDistance+1)
		if d < bestDistance || (d == bestDistance && best != "" && candidate < best) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the number of single-byte edits between a and b, or some number >= limit when it is
// at least that.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	previous := make([]int, len(b)+1)
	current := make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := range len(a) {
		current[0] = i + 1
		for j := range len(b) {
			substitution := previous[j]
			if a[i] != b[j] {
				substitution++
			}
			current[j+1] = min(substitution, previous[j+1]+1, current[j]+1)
		}
		previous, current = current, previous
	}
	return previous[len(b)]
}
