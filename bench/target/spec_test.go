package target

import (
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Spec{
		"localhost:2181":                {Name: "localhost:2181", Kind: Running, Servers: []string{"localhost:2181"}},
		"zk":                            {Name: "zk:2181", Kind: Running, Servers: []string{"zk:2181"}},
		"a=:1,[::1]:2,c":                {Name: "a", Kind: Running, Servers: []string{":1", "[::1]:2", "c:2181"}},
		"apache:2181,gamekeeper:2181":   {Name: "apache:2181", Kind: Running, Servers: []string{"apache:2181", "gamekeeper:2181"}},
		"gamekeeper.:2181":              {Name: "gamekeeper.:2181", Kind: Running, Servers: []string{"gamekeeper.:2181"}},
		"gamekeepers:3":                 {Name: "gamekeepers:3", Kind: Running, Servers: []string{"gamekeepers:3"}},
		"gamekeeper":                    {Name: "gamekeeper", Kind: Gamekeeper, Voters: 1},
		"gamekeeper:1":                  {Name: "gamekeeper", Kind: Gamekeeper, Voters: 1},
		"gamekeeper:3":                  {Name: "gamekeeper", Kind: Gamekeeper, Voters: 3},
		"now=gamekeeper:3+2":            {Name: "now", Kind: Gamekeeper, Voters: 3, Observers: 2},
		"apache":                        {Name: "apache", Kind: Apache, Voters: 1},
		"apache:9+9":                    {Name: "apache", Kind: Apache, Voters: 9, Observers: 9},
		"before=gamekeeper@/old/gk":     {Name: "before", Kind: Gamekeeper, Voters: 1, Program: "/old/gk"},
		"before=gamekeeper@C:/old:gk:3": {Name: "before", Kind: Gamekeeper, Voters: 3, Program: "C:/old:gk"},
		"3.8=apache@jars:3+1":           {Name: "3.8", Kind: Apache, Voters: 3, Observers: 1, Program: "jars"},
	} {
		got, err := Parse(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, error %v", text, got, err)
		}
		again, err := Parse(got.String())
		if err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%s: written as %s, which is %+v, error %v", text, got, again, err)
		}
	}
	for text, want := range map[string]string{
		"":                 "host:port",
		"a=":               "host:port",
		"=gamekeeper":      "name",
		"a b=gamekeeper":   "name",
		"a,b=gamekeeper":   "name",
		"a:b:c":            "host:port",
		"a:1,,b:1":         "host:port",
		"gamekeeper:0":     "1 to 9 voters",
		"gamekeeper:":      "1 to 9 voters",
		"gamekeeper:2181":  "gamekeeper.:PORT",
		"apache:3+":        "up to 9 observers",
		"apache:3+10":      "up to 9 observers",
		"apache:3+-1":      "up to 9 observers",
		"apache:1+1":       "two voters or more",
		"gamekeeper@":      "nothing follows @",
		"gamekeeper@:3":    "nothing follows @",
		"gamekeeper@/gk:0": "1 to 9 voters",
	} {
		spec, err := Parse(text)
		wantUsage(t, text, err, want)
		if err == nil {
			t.Errorf("%s: %+v", text, spec)
		}
	}
}

// wantUsage checks that an error is the user's, and says something.
func wantUsage(t *testing.T, what string, err error, want string) {
	t.Helper()
	coded, ok := err.(interface{ ExitCode() int })
	if !ok || coded.ExitCode() != 2 || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: error %v, without %q", what, err, want)
	}
}

func TestParseFault(t *testing.T) {
	for text, want := range map[string]string{
		"10s:kill-leader":        "10s:kill-leader:5s",
		"10s:kill-leader:3s":     "10s:kill-leader:3s",
		"0s:restart-follower":    "0s:restart-follower:0s",
		"1m:restart-follower:1s": "1m0s:restart-follower:1s",
		"1s:pause-leader":        "1s:pause-leader:5s",
		"1s:pause-follower:0s":   "1s:pause-follower:0s",
		"1.5s:backup":            "1.5s:backup",
	} {
		f, err := ParseFault(text)
		if err != nil || f.String() != want {
			t.Errorf("%s: %v, error %v", text, f, err)
		}
		if again, err := ParseFault(f.String()); err != nil || again != f {
			t.Errorf("%s: %v, error %v", f, again, err)
		}
	}
	for text, want := range map[string]string{
		"":                    "no time",
		"10:backup":           "no time",
		"-1s:backup":          "no time",
		"1s":                  "no kind",
		"1s:kill":             "kill-leader",
		"1s:backup:3s":        "leave out",
		"1s:kill-leader:x":    "no duration",
		"1s:kill-leader:-1s":  "no duration",
		"1s:kill-leader:1s:2": "no duration",
	} {
		_, err := ParseFault(text)
		wantUsage(t, text, err, want)
	}
}

func TestParsePIDs(t *testing.T) {
	pids, err := ParsePIDs([]string{"a=1,2", "b=3", "a=4"})
	if want := (map[string][]int{"a": {1, 2, 4}, "b": {3}}); err != nil || !reflect.DeepEqual(pids, want) {
		t.Errorf("%v, error %v", pids, err)
	}
	for _, text := range []string{"1", "=1", "a=", "a=x", "a=0", "a=1,"} {
		_, err := ParsePIDs([]string{text})
		wantUsage(t, text, err, "--pid")
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"zk":         "zk:2181",
		"zk:1":       "zk:1",
		":2182":      ":2182",
		"[::1]:2181": "[::1]:2181",
		"10.0.0.1":   "10.0.0.1:2181",
	} {
		if got, err := Address(in); err != nil || got != want {
			t.Errorf("%q: %q, error %v", in, got, err)
		}
	}
}
