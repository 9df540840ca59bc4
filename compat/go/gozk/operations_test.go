package gozk

import (
	"errors"
	"fmt"
	"reflect"
	"sort"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

func TestOperations(t *testing.T) {
	c := connect(t, 30*time.Second)
	root := must(c.Create("/ops", []byte("root"), 0, world))
	path := must(c.Create("/ops/a", []byte("1"), 0, world))
	if path != "/ops/a" {
		t.Errorf("created %s", path)
	}
	data, stat, err := c.Get(path)
	if err != nil || string(data) != "1" || stat.Version != 0 || stat.DataLength != 1 || stat.Czxid != stat.Mzxid {
		t.Errorf("get: %q %+v %v", data, stat, err)
	}
	if stat := must(c.Set(path, []byte("22"), 0)); stat.Version != 1 || stat.Mzxid <= stat.Czxid {
		t.Errorf("set: %+v", stat)
	}
	if found, _, err := c.Exists(root + "/none"); found || err != nil {
		t.Errorf("exists of a missing node: %v %v", found, err)
	}
	for i, want := range []string{"/ops/s-0000000001", "/ops/s-0000000002"} {
		if got := must(c.Create("/ops/s-", nil, []int32{zk.FlagSequence, zk.FlagSequence | zk.FlagEphemeral}[i], world)); got != want {
			t.Errorf("sequential create: %s, want %s", got, want)
		}
	}
	if got := must(c.CreateContainer("/ops/container", nil, zk.FlagContainer, world)); got != "/ops/container" {
		t.Errorf("container: %s", got)
	}
	if got := must(c.CreateTTL("/ops/ttl", nil, zk.FlagTTL, world, time.Hour)); got != "/ops/ttl" {
		t.Errorf("TTL: %s", got)
	}
	children, stat, err := c.Children(root)
	sort.Strings(children)
	want := []string{"a", "container", "s-0000000001", "s-0000000002", "ttl"}
	if err != nil || !reflect.DeepEqual(children, want) || stat.NumChildren != 5 || stat.Cversion != 5 {
		t.Errorf("children: %v %+v %v", children, stat, err)
	}
	protected := must(c.CreateProtectedEphemeralSequential("/ops/lock-", nil, world))
	if _, stat, err := c.Get(protected); err != nil || stat.EphemeralOwner != c.SessionID() {
		t.Errorf("protected: %+v %v", stat, err)
	}
	if got := must(c.Sync(root)); got != root {
		t.Errorf("sync: %s", got)
	}
	if err := c.Delete(path, 1); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func TestErrors(t *testing.T) {
	c := connect(t, 30*time.Second)
	must(c.Create("/err", nil, 0, world))
	must(c.Create("/err/a", nil, 0, world))
	must(c.Create("/err/e", nil, zk.FlagEphemeral, world))
	must(c.Create("/err/locked", nil, 0, zk.DigestACL(zk.PermAll, "ann", "pw")))
	create := func(path string, acl []zk.ACL) error {
		_, err := c.Create(path, nil, 0, acl)
		return err
	}
	get := func(path string) error {
		_, _, err := c.Get(path)
		return err
	}
	set := func(path string, version int32) error {
		_, err := c.Set(path, nil, version)
		return err
	}
	for name, tc := range map[string]struct{ got, want error }{
		"create, exists":             {create("/err/a", world), zk.ErrNodeExists},
		"create, no parent":          {create("/err/x/y", world), zk.ErrNoNode},
		"create, below ephemeral":    {create("/err/e/x", world), zk.ErrNoChildrenForEphemerals},
		"create, no ACL":             {create("/err/x", nil), zk.ErrInvalidACL},
		"create, auth, no identity":  {create("/err/x", zk.AuthACL(zk.PermAll)), zk.ErrInvalidACL},
		"create, no permission":      {create("/err/locked/x", world), zk.ErrNoAuth},
		"get, missing":               {get("/err/x"), zk.ErrNoNode},
		"get, no permission":         {get("/err/locked"), zk.ErrNoAuth},
		"set, missing":               {set("/err/x", -1), zk.ErrNoNode},
		"set, version":               {set("/err/a", 3), zk.ErrBadVersion},
		"set, no permission":         {set("/err/locked", -1), zk.ErrNoAuth},
		"delete, missing":            {c.Delete("/err/x", -1), zk.ErrNoNode},
		"delete, version":            {c.Delete("/err/a", 3), zk.ErrBadVersion},
		"delete, has children":       {c.Delete("/err", -1), zk.ErrNotEmpty},
		"delete of a reserved node":  {c.Delete("/zookeeper", -1), zk.ErrBadArguments},
		"reconfig, which is not on":  {second(c.IncrementalReconfig([]string{"server.2=h:1:2;3"}, nil, -1)), zk.ErrReconfigDisabled},
		"create, path with a NUL":    {create("/err/a\x00", world), zk.ErrInvalidPath},
		"create of the root, by raw": {create("/", world), zk.ErrNodeExists},
	} {
		if !errors.Is(tc.got, tc.want) {
			t.Errorf("%s: %v, want %v", name, tc.got, tc.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestACL(t *testing.T) {
	c, other := connect(t, 30*time.Second), connect(t, 10*time.Second)
	if err := c.AddAuth("digest", []byte("ann:pw")); err != nil {
		t.Fatal(err)
	}
	must(c.Create("/acl", []byte("secret"), 0, zk.AuthACL(zk.PermAll)))
	acl, _, err := c.GetACL("/acl")
	if want := zk.DigestACL(zk.PermAll, "ann", "pw"); err != nil || !reflect.DeepEqual(acl, want) {
		t.Errorf("ACL %v, want %v (%v)", acl, want, err)
	}
	if _, _, err := other.Get("/acl"); !errors.Is(err, zk.ErrNoAuth) {
		t.Errorf("without the identity: %v", err)
	}
	if err := other.AddAuth("digest", []byte("ann:pw")); err != nil {
		t.Fatal(err)
	}
	if data, _, err := other.Get("/acl"); err != nil || string(data) != "secret" {
		t.Errorf("with the identity: %q %v", data, err)
	}
	// The client authenticates again after each reconnect.
	other.cut()
	other.waitState(zk.StateHasSession)
	eventually(t, "read after reconnecting", func() (bool, error) {
		_, _, err := other.Get("/acl")
		return err == nil, err
	})
	if stat := must(c.SetACL("/acl", zk.WorldACL(zk.PermRead|zk.PermAdmin), 0)); stat.Aversion != 1 {
		t.Errorf("setACL: %+v", stat)
	}
	if _, err := c.SetACL("/acl", world, 0); !errors.Is(err, zk.ErrBadVersion) {
		t.Errorf("setACL with an old version: %v", err)
	}
}

func TestMulti(t *testing.T) {
	c := connect(t, 30*time.Second)
	must(c.Create("/multi", nil, 0, world))
	res, err := c.Multi(
		&zk.CreateRequest{Path: "/multi/a", Data: []byte("x"), Acl: world},
		&zk.CreateRequest{Path: "/multi/s-", Acl: world, Flags: zk.FlagSequence},
		&zk.SetDataRequest{Path: "/multi/a", Data: []byte("y"), Version: 0},
		&zk.CheckVersionRequest{Path: "/multi/a", Version: 1},
		&zk.DeleteRequest{Path: "/multi/a", Version: 1},
	)
	if err != nil || len(res) != 5 || res[1].String != "/multi/s-0000000001" || res[2].Stat.Version != 1 {
		t.Errorf("multi: %+v %v", res, err)
	}
	res, err = c.Multi(
		&zk.CreateRequest{Path: "/multi/b", Acl: world},
		&zk.CheckVersionRequest{Path: "/multi/none", Version: 1},
		&zk.DeleteRequest{Path: "/multi", Version: -1},
	)
	if !errors.Is(err, zk.ErrNoNode) || len(res) != 3 || res[0].Error != nil || !errors.Is(res[1].Error, zk.ErrNoNode) {
		t.Errorf("failing multi: %+v %v", res, err)
	}
	if found, _, _ := c.Exists("/multi/b"); found {
		t.Error("a failed multi left a node")
	}
}

func TestLargeData(t *testing.T) {
	c := connect(t, 30*time.Second)
	big := make([]byte, 1000*1000)
	for i := range big {
		big[i] = byte(i * 7)
	}
	must(c.Create("/big", big, 0, world))
	if data, _, err := c.Get("/big"); err != nil || !reflect.DeepEqual(data, big) {
		t.Errorf("got %d bytes back, %v", len(data), err)
	}
	must(c.Create("/many", nil, 0, world))
	for i := range 2000 {
		must(c.Create(fmt.Sprintf("/many/a-rather-long-name-%05d", i), nil, 0, world))
	}
	if children, _, err := c.Children("/many"); err != nil || len(children) != 2000 {
		t.Errorf("%d children, %v", len(children), err)
	}
	must(c.Set("/big", nil, -1))
}
