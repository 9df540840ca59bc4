package crashtest

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"gamekeeper/proto"
	"gamekeeper/server"
	"gamekeeper/server/config"
	"gamekeeper/server/servertest"
	"gamekeeper/wal/waltest"
)

// lines sends what a server logs.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default:
	}
	return len(b), nil
}

// TestPowerCutWithoutSync: with forceSync=no a power cut loses writes, and what it leaves is a state that was: a snapshot
// that reaches further than the log could not be used.
func TestPowerCutWithoutSync(t *testing.T) {
	t.Parallel()
	cfg, _, err := config.Load("", []string{"clientPort=0", "clientPortAddress=127.0.0.1", "dataDir=" + t.TempDir(),
		"forceSync=no", "snapCount=20", "snapMinIntervalMs=0", "preAllocSize=256"})
	if err != nil {
		t.Fatal(err)
	}
	disk, said := waltest.New(), make(lines, 1000)
	s, err := server.Start(cfg, server.Options{FS: disk, Loops: 1,
		Logger: slog.New(slog.NewTextHandler(said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	c, err := servertest.Connect(s.Addr(), sessionTimeout)
	if err != nil {
		t.Fatal(err)
	}
	for i, found := 0, false; !found; i++ {
		f, _, err := c.Call(proto.OpCreate, servertest.Create(fmt.Sprintf("/n%d", i), nil, proto.Persistent))
		if err != nil || f.Err != proto.OK {
			t.Fatal(err, f.Err)
		}
		select {
		case line := <-said:
			found = strings.Contains(line, "msg=snapshot ")
		default:
		}
	}
	const cuts = 20
	var after []*waltest.Disk
	for seed := range uint64(cuts) {
		after = append(after, disk.Crash(rand.New(rand.NewPCG(seed, 1))))
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, d := range after {
		s, err := server.Start(cfg, server.Options{FS: d, Loops: 1})
		if err != nil {
			t.Fatal("after a power cut:", err)
		}
		if err := s.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}
