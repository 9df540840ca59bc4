package roundtrip

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/server/servertest"
	"gamekeeper/tools/apache"
)

// members is how many servers the ensembles here have.
const members = 3

// ensemble is one of Apache servers, numbered from 1, each with its files in home/N/data.
type ensemble struct {
	home  string
	addrs []string
}

// command runs compat/apache for each member, at the same time: they answer when there is a leader.
func (e *ensemble) command(t *testing.T, verb string, args func(i int) []string) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range members {
		wg.Go(func() {
			cmd := exec.Command("./apache", append([]string{verb, filepath.Join(e.home, fmt.Sprint(i+1))}, args(i)...)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s member %d: %v\n%s", verb, i+1, err, out)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// startEnsemble starts an ensemble of which every member has the same state.
func startEnsemble(t *testing.T, state *apache.State) *ensemble {
	e := &ensemble{home: t.TempDir()}
	ports := freePorts(t, 3*members)
	lines := []string{"tickTime=500", "initLimit=40", "syncLimit=20", "maxSessionTimeout=40000", "4lw.commands.whitelist=*",
		"extendedTypesEnabled=true"}
	for i := range members {
		own := *state
		own.MyID, own.HasMyID = proto.ServerID(i+1), true
		if _, err := apache.Export(t.Context(), &own, filepath.Join(e.home, fmt.Sprint(i+1), "data"), apache.ExportOptions{}); err != nil {
			t.Fatal(err)
		}
		e.addrs = append(e.addrs, fmt.Sprint("127.0.0.1:", ports[i]))
		lines = append(lines, fmt.Sprintf("server.%d=127.0.0.1:%d:%d", i+1, ports[members+2*i], ports[members+2*i+1]))
	}
	t.Cleanup(func() { e.command(t, "kill", func(int) []string { return nil }) })
	e.command(t, "start", func(i int) []string { return append([]string{fmt.Sprint(ports[i])}, lines...) })
	return e
}

func freePorts(t *testing.T, n int) (ports []int) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all at the end, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// TestEnsemble starts an ensemble on the state of a server that was alone, and another one on the state of
// one of its members.
func TestEnsemble(t *testing.T) {
	server(t, "apache")
	alone := filepath.Join(t.TempDir(), "plain")
	if err := os.CopyFS(alone, os.DirFS("../tools/apache/testdata/apache/plain")); err != nil {
		t.Fatal(err)
	}
	state := importFrom(t, alone)
	state.Epochs = &apache.Epochs{}
	want := dumpTree(state.Tree)
	for epoch := proto.Epoch(1); epoch <= 2; epoch++ {
		e := startEnsemble(t, state)
		path := fmt.Sprintf("/of-epoch-%d", epoch)
		for i, addr := range e.addrs {
			c, err := servertest.Connect(addr, sessionTimeout)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				if _, err := c.Do(proto.OpCreate, servertest.Create(path, nil, proto.Persistent)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.Do(proto.OpSync, servertest.Path("/")); err != nil {
				t.Fatal(err)
			}
			got := dumpServer(t, c)
			if got[path] == "" {
				t.Fatalf("member %d has no %s", i+1, path)
			}
			for _, p := range []string{"/", path, "/zookeeper/config"} { // changed just now
				want[p] = got[p]
			}
			same(t, fmt.Sprintf("member %d in epoch %d", i+1, epoch), got, want)
			if _, err := c.Do(proto.OpCloseSession, nil); err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
		}
		e.command(t, "stop", func(int) []string { return nil })
		for i := range members {
			state = importFrom(t, filepath.Join(e.home, fmt.Sprint(i+1), "data"))
			if state.Epochs == nil || state.Epochs.Current != epoch || state.Epochs.Accepted != epoch || state.Zxid.Epoch() != epoch ||
				state.MyID != proto.ServerID(i+1) {
				t.Fatalf("member %d: epochs %+v, last transaction %s, myid %d; want epoch %d", i+1, state.Epochs, state.Zxid, state.MyID, epoch)
			}
			got := dumpTree(state.Tree)
			want["/zookeeper/config"] = got["/zookeeper/config"] // each has the time of its own start there
			same(t, fmt.Sprintf("imported from member %d in epoch %d", i+1, epoch), got, want)
		}
	}
}
