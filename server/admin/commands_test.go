package admin

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestCommands runs testdata/commands. Its commands:
//
//	server role=ROLE    a new server
//	metrics             values for two summaries and a counter
//	get NAME ...        performs commands
//	post NAME
func TestCommands(t *testing.T) {
	datadriven.Walk(t, "testdata/commands", func(t *testing.T, path string) {
		var fake *fakeSource
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			method := http.MethodGet
			switch d.Cmd {
			case "server":
				var role string
				d.ScanArgs(t, "role", &role)
				fake = newSource(role)
				return ""
			case "metrics":
				recordSamples(fake.metrics)
				return ""
			case "post":
				method = http.MethodPost
			case "get":
			default:
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			c := newCommands(fake)
			c.files = func() (open, limit int64) { return 42, 1048576 }
			out := ""
			for _, arg := range d.CmdArgs {
				w := httptest.NewRecorder()
				c.answer(w, httptest.NewRequest(method, "/", nil), arg.Key)
				if w.Code == http.StatusOK && !json.Valid(w.Body.Bytes()) {
					t.Errorf("%s is no JSON", arg.Key)
				}
				out += w.Result().Status + "\n" + w.Body.String()
			}
			return out
		})
	})
}
