package target

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// jars makes a folder that looks like one with Apache's jars.
func jars(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{"zookeeper-3.9.9.jar", "slf4j.jar"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCheck(t *testing.T) {
	full, java := jars(t), os.Args[0]
	tests := []struct {
		targets, faults string
		options         Options
		want            string // of the error; "" is none
	}{
		{targets: "gamekeeper a:1", options: Options{PIDs: map[string][]int{"a:1": {1}}}},
		{targets: "gamekeeper:3 x=gamekeeper:3", faults: "1s:backup 1s:restart-follower", options: Options{Lines: []string{"forceSync=no"}}},
		{targets: "apache:3", faults: "1s:kill-leader", options: Options{Jars: full, Java: java}},
		{targets: "old=apache@" + full, options: Options{Java: java}},
		{targets: "gamekeeper gamekeeper:3", want: "two targets are called gamekeeper: name them, as in before=gamekeeper:3"},
		{targets: "apache", options: Options{Java: java}, want: "fetch-apache"},
		{targets: "apache", options: Options{Jars: t.TempDir(), Java: java}, want: "fetch-apache"},
		{targets: "apache", options: Options{Jars: full, Java: filepath.Join(full, "java")}, want: "default-jre-headless"},
		{targets: "gamekeeper@/does/not/exist", want: "/does/not/exist"},
		{targets: "a:1", faults: "1s:kill-leader", want: "runs already"},
		{targets: "apache", faults: "1s:backup", options: Options{Jars: full, Java: java}, want: "no backup"},
		{targets: "gamekeeper", faults: "1s:pause-follower", want: "gamekeeper:3"},
		{targets: "a:1", options: Options{PIDs: map[string][]int{"b": {1}}}, want: "names no target"},
		{targets: "a:1", options: Options{PIDs: map[string][]int{"a:1": {1, 2}}}, want: "2 processes"},
		{targets: "gamekeeper", options: Options{PIDs: map[string][]int{"gamekeeper": {1}}}, want: "are known"},
		{targets: "gamekeeper", options: Options{Lines: []string{"forceSync"}}, want: "key=value"},
		{targets: "gamekeeper", options: Options{Lines: []string{"dataDir=/data"}}, want: "its own dataDir"},
		{targets: "gamekeeper", options: Options{Lines: []string{"server.1=a:1:2"}}, want: "its own server.1"},
	}
	for _, test := range tests {
		var specs []Spec
		for _, text := range strings.Fields(test.targets) {
			s, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			specs = append(specs, s)
		}
		var faults []Fault
		for _, text := range strings.Fields(test.faults) {
			f, err := ParseFault(text)
			if err != nil {
				t.Fatal(err)
			}
			faults = append(faults, f)
		}
		err := Check(specs, test.options, faults)
		if test.want != "" {
			wantUsage(t, test.targets, err, test.want)
		} else if err != nil {
			t.Errorf("%s: %v", test.targets, err)
		}
	}
}

func TestFlags(t *testing.T) {
	var o Options
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	o.Flags(f)
	err := f.Parse([]string{"--jars=j", "--set=a=1,2", "--set=b=3", "--jvm=-XX:+UseZGC", "--pid=a=1,2", "--pid=b=3", "--start-patience=9s"})
	want := Options{Jars: "j", Lines: []string{"a=1,2", "b=3"}, Heap: "2g", JVM: []string{"-XX:+UseZGC"},
		PIDs: map[string][]int{"a": {1, 2}, "b": {3}}, Patience: 9 * time.Second}
	if err != nil || !reflect.DeepEqual(o, want) {
		t.Errorf("%+v, error %v", o, err)
	}
	if err := f.Parse([]string{"--pid=7"}); err == nil {
		t.Error("--pid 7 is taken")
	}
}

// TestListOfJars checks that bench/fetch-apache fetches what compat/server/pom.xml names.
func TestListOfJars(t *testing.T) {
	pom, err := os.ReadFile("../../compat/server/pom.xml")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("../apache-jars.sha256")
	if err != nil {
		t.Fatal(err)
	}
	dependency := regexp.MustCompile(`<groupId>(.+)</groupId>\s*<artifactId>(.+)</artifactId>\s*<version>(.+)</version>\s*</dependency>`)
	all := dependency.FindAllStringSubmatch(string(pom), -1)
	if len(all) == 0 {
		t.Error("no dependencies are found")
	}
	for _, d := range all {
		path := fmt.Sprintf("  %s/%s/%s/%[2]s-%[3]s.jar\n", strings.ReplaceAll(d[1], ".", "/"), d[2], d[3])
		if !strings.Contains(string(list), path) {
			t.Errorf("%s is not in the list of jars", path)
		}
	}
}

// A program that is a file of the working directory needs no ./ in front of it.
func TestProgramInTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("old-gamekeeper", nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"old-gamekeeper", "./old-gamekeeper"} {
		path, err := (&Options{Gamekeeper: name}).gamekeeper()
		if err != nil || !filepath.IsAbs(path) || filepath.Base(path) != "old-gamekeeper" {
			t.Errorf("%s is %q: %v", name, path, err)
		}
	}
	if path, err := (&Options{Gamekeeper: "no-gamekeeper"}).gamekeeper(); err == nil {
		t.Errorf("what is not there is %q", path)
	}
}
