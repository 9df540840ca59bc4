package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestLoad runs the files of testdata/load, each in a directory of its own:
//
//	file name=PATH            write a file
//	remove name=PATH          remove it again
//	load [set=(KEY=VALUE,..)] write zoo.cfg and load it; [none] loads without a file
//
// It shows the error or the fields that differ from the defaults, and the warnings.
func TestLoad(t *testing.T) {
	testdata, err := filepath.Abs("testdata/load")
	if err != nil {
		t.Fatal(err)
	}
	datadriven.Walk(t, testdata, func(t *testing.T, path string) {
		t.Chdir(t.TempDir())
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return runLoad(t, d)
		})
	})
}

func runLoad(t *testing.T, d *datadriven.TestData) string {
	var name string
	switch d.Cmd {
	case "file":
		d.ScanArgs(t, "name", &name)
		writeFile(t, name, d.Input)
		return ""
	case "remove":
		d.ScanArgs(t, "name", &name)
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		return ""
	case "load":
		file := "zoo.cfg"
		if d.HasArg("none") {
			file = ""
		} else {
			writeFile(t, file, d.Input)
		}
		var overrides []string
		for _, a := range d.CmdArgs {
			if a.Key == "set" {
				overrides = a.Vals
			}
		}
		return loaded(Load(file, overrides))
	}
	t.Fatalf("unknown command %s", d.Cmd)
	return ""
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// loaded shows what Load returned.
func loaded(c Config, warnings []Warning, err error) string {
	var b strings.Builder
	for _, w := range warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	if err != nil {
		fmt.Fprintf(&b, "error: %v\n", err)
		return b.String()
	}
	d := newDraft()
	d.derive()
	differences(&b, "", reflect.ValueOf(d.Config), reflect.ValueOf(c))
	fmt.Fprintf(&b, "Distributed=%v\n", c.Distributed())
	return b.String()
}

// differences writes the fields of got that are not as in base.
func differences(b *strings.Builder, path string, base, got reflect.Value) {
	switch got.Interface().(type) {
	case Membership:
		for line := range strings.Lines(got.Interface().(Membership).String()) {
			if line != "version=0" {
				fmt.Fprintf(b, "%s %s\n", path, strings.TrimSpace(line))
			}
		}
		return
	}
	if got.Kind() == reflect.Struct {
		for i := range got.NumField() {
			differences(b, strings.TrimPrefix(path+"."+got.Type().Field(i).Name, "."), base.Field(i), got.Field(i))
		}
		return
	}
	if !reflect.DeepEqual(base.Interface(), got.Interface()) && path != "File" {
		fmt.Fprintf(b, "%s=%v\n", path, got.Interface())
	}
}

func TestDefault(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	loaded, warnings, err := Load("", nil)
	if err != nil || len(warnings) > 0 || !reflect.DeepEqual(loaded, c) {
		t.Errorf("Load without a file: %+v, %v, %v", loaded, warnings, err)
	}
	switch {
	case c.Client.ListenAddress() != ":2181", c.Storage.DataDir != "data", c.Storage.DataLogDir != "data",
		c.Session != Session{3 * time.Second, 6 * time.Second, 60 * time.Second},
		c.Limits != Limits{PerAddress: 60, FrameBytes: 1048575}, c.Metrics.Enabled, c.Distributed():
		t.Errorf("defaults: %+v", c)
	}
}

func TestMissingFile(t *testing.T) {
	_, _, err := Load(filepath.Join(t.TempDir(), "zoo.cfg"), nil)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestFourLetterAllowed(t *testing.T) {
	for _, test := range []struct{ whitelist, allowed, refused string }{
		{"", "srvr", "ruok isro stat"},
		{"ruok, stat ,,ruok", "srvr ruok stat", "conf isro"},
		{"ruok,*,nonsense", "srvr ruok stat hash isro wchp", "none RUOK"},
	} {
		c, _, err := Load("", []string{"4lw.commands.whitelist=" + test.whitelist})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range strings.Fields(test.allowed) {
			if !c.FourLetterAllowed(w) {
				t.Errorf("%q: %s refused", test.whitelist, w)
			}
		}
		for _, w := range strings.Fields(test.refused) {
			if c.FourLetterAllowed(w) {
				t.Errorf("%q: %s allowed", test.whitelist, w)
			}
		}
	}
	c := Default()
	c.Ensemble.ReadOnlyMode = true
	if !c.FourLetterAllowed("isro") {
		t.Error("isro refused in read-only mode")
	}
}

// TestValidateAlone shows the message of a Config that came from no file.
func TestValidateAlone(t *testing.T) {
	c := Default()
	c.Session.MaxTimeout = time.Second
	err := c.Validate()
	const want = "maxSessionTimeout: the longest session timeout, 1000 ms, is below the shortest, 6000 ms; raise maxSessionTimeout or lower minSessionTimeout (by default 20 and 2 x tickTime)"
	if err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
}

// FuzzLoad loads any bytes as zoo.cfg: no panic, one line of error, and a result that is valid.
func FuzzLoad(f *testing.F) {
	f.Add("dataDir=x\nclientPort=2181\ntickTime=2000\n")
	f.Add("dataDir=x\nserver.1=a:1:2|[::1]:3:4:observer;5;6\ngroup.1=1:2\nweight.1=3\nstandaloneEnabled=false")
	f.Add("dataDir=x\nautopurge.purgeInterval=5d\n4lw.commands.whitelist=*\nsnapshotSizeFactor=1e3")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "dynamicConfigFile") {
			t.Skip("it may name any file")
		}
		props, err := parseProperties([]byte(text))
		if err != nil {
			return
		}
		d := newDraft()
		if err = d.assign("zoo.cfg", props); err == nil {
			d.Storage.DataDir = filepath.Join(dir, "none")
			if err = d.readMembership(); err == nil {
				if err = d.finish(); err == nil {
					err = d.Validate()
				}
			}
		}
		for _, w := range d.warnings {
			if strings.ContainsAny(w.String(), "\n\r") {
				t.Errorf("%q: warning of several lines %q", text, w)
			}
		}
		if err == nil {
			_ = d.Ensemble.Membership.String()
			return
		}
		if message := d.locate(err).Error(); strings.ContainsAny(message, "\n\r") || message == "" {
			t.Errorf("%q: error %q", text, message)
		}
	})
}
