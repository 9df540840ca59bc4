package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/go-zookeeper/zk"

	"gamekeeper/compat/client"
)

// libraryWorker works through go-zookeeper/zk, which looks for servers and sessions by itself.
type libraryWorker struct {
	id     int
	round  *round
	rng    *rand.Rand
	conn   *zk.Conn
	serial int
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func (w *libraryWorker) run(ctx context.Context) {
	conn, _, err := zk.Connect(w.round.addrs, 2*time.Second, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		return
	}
	defer conn.Close()
	w.conn = conn
	for ctx.Err() == nil {
		w.step()
		pace(ctx, time.Duration(w.rng.IntN(6000))*time.Microsecond)
	}
}

// step does one thing. The library may hold a request back while it has no server, but returns in time.
func (w *libraryWorker) step() {
	if w.conn.State() != zk.StateHasSession {
		return
	}
	o := operation{client: w.id, session: w.conn.SessionID(), path: w.round.key(w.rng), want: -1}
	w.serial++
	value := strconv.Itoa(w.id) + "-" + strconv.Itoa(w.serial)
	switch n := w.rng.IntN(10); {
	case n < 4:
		o.kind, o.value = opSet, value
	case n < 5:
		o.kind, o.value = opCreate, value
	case n < 6:
		o.kind = opDelete
	default:
		o.kind = opSyncGet
	}
	w.do(w.round.history.begin(o))
}

func (w *libraryWorker) do(o *operation) {
	var err error
	var stat *zk.Stat
	switch o.kind {
	case opSet:
		if stat, err = w.conn.Set(o.path, []byte(o.value), o.want); err == nil {
			o.zxid = stat.Mzxid
		}
	case opCreate:
		_, err = w.conn.Create(o.path, []byte(o.value), 0, zk.WorldACL(zk.PermAll))
	case opDelete:
		err = w.conn.Delete(o.path, o.want)
	case opSyncGet:
		var data []byte
		if _, err = w.conn.Sync(o.path); err == nil {
			data, stat, err = w.conn.Get(o.path)
			o.value = string(data)
		} else {
			err = client.ErrLost
		}
	}
	if err == nil && stat != nil {
		o.stat = client.Stat{Version: stat.Version, Mzxid: stat.Mzxid, Czxid: stat.Czxid}
	}
	for mine, theirs := range map[client.Code]error{client.CodeNoNode: zk.ErrNoNode, client.CodeNodeExists: zk.ErrNodeExists,
		client.CodeBadVersion: zk.ErrBadVersion} {
		if errors.Is(err, theirs) {
			err = mine
		}
	}
	o.finish(w.round.history.now(), err)
}
