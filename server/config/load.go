package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// overrideSource stands for the file in messages about overrides.
const overrideSource = "--set"

const prometheusProvider = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider"

func metricsClasses() []string {
	return []string{
		prometheusProvider,
		"org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
		"org.apache.zookeeper.metrics.impl.NullMetricsProvider",
	}
}

// Default returns the configuration of a server that was given no file: standalone, with clients on port 2181
// and its data in the directory data.
func Default() Config {
	d := newDraft()
	d.useDefaults()
	d.derive()
	return d.Config
}

// Load reads the configuration from the file at path, or starts from Default when path is empty, and then from
// overrides of the form key=value, which win over the file, a later one over an earlier. It also reads
// what the file refers to: the dynamic configuration file and, when there are servers, dataDir/myid.
//
// The warnings are for the log, in the order of the file. An error is one line for the operator that names
// file, line, key and value; most are an *Error. Warnings found up to it are returned beside it.
func Load(path string, overrides []string) (Config, []Warning, error) {
	d := newDraft()
	d.File = path
	if err := d.load(overrides); err != nil {
		return Config{}, d.warnings, d.locate(err)
	}
	return d.Config, d.warnings, nil
}

// draft is a configuration while it is read: the Config, what is needed only to finish it, and where
// everything came from.
type draft struct {
	Config
	table    table
	set      map[string]assignment // by the table's name of the key
	warnings []Warning
	meant    map[string]property // unknown keys, by the key that was probably meant

	syncEnabled, observerSyncEnabled bool
	enforceAuth                      bool
	enforceSchemes                   []string
	requireSASL                      bool
	quorumTLS                        bool
	quorumSASL                       bool
	learnerSASL, serverSASL          bool
	metricsClass                     string
}

// assignment is a property and the file it came from.
type assignment struct {
	property
	file string
	row  key
}

// newDraft returns a draft in which every key of the table has its default.
func newDraft() *draft {
	d := &draft{set: make(map[string]assignment), meant: make(map[string]property)}
	all := sections(d)
	d.table = newTable(all)
	d.Client.Port = Unset
	d.Ensemble.MyID = Unset
	for _, s := range all {
		for _, k := range s.keys {
			if k.def == "" {
				continue
			}
			if err := k.kind.read(k.def); err != nil {
				panic(fmt.Sprintf("config: default of %s: %v", k.name, err))
			}
		}
	}
	return d
}

// useDefaults sets what a file must say and a server without a file needs.
func (d *draft) useDefaults() {
	d.Client.Port = 2181
	d.Storage.DataDir = "data"
}

func (d *draft) load(overrides []string) error {
	if d.File == "" {
		d.useDefaults()
	} else {
		props, err := readProperties(d.File)
		if err != nil {
			return err
		}
		if err := d.assign(d.File, props); err != nil {
			return err
		}
	}
	props, err := parseOverrides(overrides)
	if err != nil {
		return err
	}
	if err := d.assign(overrideSource, props); err != nil {
		return err
	}
	if err := d.readMembership(); err != nil {
		return err
	}
	if err := d.readMyID(); err != nil {
		return err
	}
	if err := d.finish(); err != nil {
		return err
	}
	return d.Validate()
}

func readProperties(file string) ([]property, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	props, err := parseProperties(data)
	if e := (*Error)(nil); errors.As(err, &e) {
		e.File = file
	}
	return props, err
}

func parseOverrides(overrides []string) ([]property, error) {
	var props []property
	for _, o := range overrides {
		key, value, found := strings.Cut(o, "=")
		if !found || trim(key) == "" {
			return nil, &Error{File: overrideSource, Text: fmt.Sprintf("%q is not of the form key=value", o)}
		}
		props = append(props, property{key: trim(key), value: trim(value)})
	}
	return props, nil
}

// assign reads the values of the properties, the last of each key, and remembers where they came from.
func (d *draft) assign(file string, props []property) error {
	last := make(map[string]int) // index of the assignment that counts, by the table's name
	for i, p := range props {
		if name, _, ok := d.find(p.key); ok {
			last[name] = i
		}
	}
	for i, p := range props {
		if p.key == "" {
			d.warn(file, p.line, "="+p.value, "the line has no key and is ignored")
			continue
		}
		name, r, known := d.find(p.key)
		if !known {
			d.warn(file, p.line, p.key, d.unknown(p))
			continue
		}
		a := assignment{property: p, file: file, row: r}
		if last[name] != i {
			if isMembershipKey(name) && file != overrideSource {
				return a.error("set again " + below(props[last[name]]) + "; every server, group and weight has one line")
			}
			d.warn(file, p.line, p.key, fmt.Sprintf("set again %s, which counts", below(props[last[name]])))
			continue
		}
		d.set[name] = a
		if err := r.kind.read(p.value); err != nil {
			return a.error(err.Error())
		}
		d.warnStatus(a)
	}
	return nil
}

func below(p property) string {
	if p.line == 0 {
		return "later"
	}
	return fmt.Sprintf("in line %d", p.line)
}

// find returns the table's name of a key and its row. Apache's system properties start with "zookeeper.",
// so the key may.
func (d *draft) find(name string) (string, key, bool) {
	if r, ok := d.table.find(name); ok {
		return name, r, true
	}
	name = strings.TrimPrefix(name, "zookeeper.")
	r, ok := d.table.find(name)
	return name, r, ok
}

func (d *draft) unknown(p property) string {
	if s := d.table.suggest(strings.TrimPrefix(p.key, "zookeeper.")); s != "" {
		d.meant[s] = p
		return fmt.Sprintf("unknown key, ignored; did you mean %s?", s)
	}
	return "unknown key, ignored"
}

// error returns an error about the assignment, with a good value if the row knows one.
func (a assignment) error(text string) *Error {
	if s := a.row.sample(); s != "" && !strings.Contains(text, "; ") {
		text += "; write for instance " + s
	}
	return &Error{File: a.file, Line: a.line, Key: a.key, Value: a.shown(), Text: text}
}

// shown is the value as messages may show it.
func (a assignment) shown() string {
	if a.row.secret {
		return "***"
	}
	return a.value
}

func (d *draft) warn(file string, line int, key, text string) {
	d.warnings = append(d.warnings, Warning{File: file, Line: line, Key: key, Text: text})
}

// warnAbout warns about a key, at the place where it was set.
func (d *draft) warnAbout(key, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if a, ok := d.set[key]; ok {
		d.warn(a.file, a.line, a.key, text)
		return
	}
	d.warn(d.File, 0, key, text)
}

// warnStatus warns about a key that has no effect, unless it says what would happen anyway.
func (d *draft) warnStatus(a assignment) {
	switch {
	case a.row.status == noEffect:
		d.warn(a.file, a.line, a.key, "has no effect here")
	case a.row.status == later && !a.row.quiet && a.value != "" && !strings.EqualFold(a.value, a.row.def):
		d.warn(a.file, a.line, a.key, "not supported yet and without effect")
	}
}

// isSet reports whether the file or an override sets the key.
func (d *draft) isSet(key string) bool {
	_, ok := d.set[key]
	return ok
}

// locate completes an error that says only which keys take part: it points at the first one that was set,
// or at the file when none was.
func (d *draft) locate(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.File != "" {
		return err
	}
	for _, key := range e.keys {
		if a, ok := d.set[key]; ok {
			return &Error{File: a.file, Line: a.line, Key: a.key, Value: a.shown(), Text: e.Text}
		}
	}
	located := &Error{File: d.File, Key: e.Key, Text: e.Text}
	if p, ok := d.meant[e.Key]; ok {
		where := "there is"
		if p.line > 0 {
			where = fmt.Sprintf("line %d has", p.line)
		}
		located.Text += fmt.Sprintf("; %s %s, which is no key", where, p.key)
	}
	return located
}
