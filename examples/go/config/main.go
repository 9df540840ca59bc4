// Config: configuration that running programs follow, and that several people can edit.
//
//	config [ADDRESS]
//
// What it relies on:
//   - A watch is left together with the read of a value, and fires once, on the first change after that
//     read. A program that reads again whenever it fires always ends with the last value. It may skip
//     values in between; so a value has to be complete, and not a step from the one before.
//   - Each znode counts its versions, and a write can name the version that it replaces. If somebody else
//     wrote in the meantime it is refused, and the editor has to look again.
//   - After a lost connection the client leaves its watches again, and hears of what it missed.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

const path = "/examples/config"

// settings is what the programs are configured with.
type settings struct {
	Log     string `json:"log"`
	Workers int    `json:"workers"`
}

func main() {
	log.SetFlags(0)
	address := cmp.Or(append(os.Args[1:], "")[0], os.Getenv("ZK"), "127.0.0.1:2181")
	if err := demonstrate(strings.Split(address, ",")); err != nil {
		log.Fatal("config: ", err)
	}
}

func demonstrate(servers []string) error {
	editor, err := connect(servers)
	if err != nil {
		return err
	}
	defer editor.Close()
	if _, err := editor.Create("/examples", nil, 0, zk.WorldACL(zk.PermAll)); err != nil && !errors.Is(err, zk.ErrNodeExists) {
		return err
	}
	if err := editor.Delete(path, -1); err != nil && !errors.Is(err, zk.ErrNoNode) {
		return err
	}

	// Two programs start before there is any configuration.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	applied := make(chan settings)
	failures := make(chan error, 2)
	for _, name := range []string{"web", "mail"} {
		go func() {
			failures <- follow(ctx, servers, func(s settings, version int32) {
				fmt.Printf("%s: log=%s workers=%d (version %d)\n", name, s.Log, s.Workers, version)
				applied <- s
			})
		}()
	}
	// both waits until both programs have settings.
	both := func(want settings) error {
		for n := 0; n < 2; {
			select {
			case s := <-applied:
				if s == want {
					n++
				}
			case err := <-failures:
				return err
			}
		}
		fmt.Println("both have it")
		return nil
	}

	now := settings{Log: "info", Workers: 4}
	if _, err := editor.Create(path, encode(now), 0, zk.WorldACL(zk.PermAll)); err != nil {
		return err
	}
	if err := both(now); err != nil {
		return err
	}
	_, seen, err := editor.Get(path)
	if err != nil {
		return err
	}
	now.Log = "debug"
	if _, err := editor.Set(path, encode(now), seen.Version); err != nil {
		return err
	}
	if err := both(now); err != nil {
		return err
	}
	// A second editor still has the version before that one on the screen.
	_, err = editor.Set(path, encode(settings{Log: "info", Workers: 8}), seen.Version)
	if !errors.Is(err, zk.ErrBadVersion) {
		return fmt.Errorf("a stale edit was not refused: %w", err)
	}
	fmt.Println("an edit of version", seen.Version, "is refused: there is a newer one")
	now.Workers = 8
	if _, err := editor.Set(path, encode(now), seen.Version+1); err != nil {
		return err
	}
	return both(now)
}

// follow calls apply with the settings, and again whenever they have changed, until the context ends.
func follow(ctx context.Context, servers []string, apply func(settings, int32)) error {
	conn, err := connect(servers)
	if err != nil {
		return err
	}
	defer conn.Close()
	for {
		changed, err := read(conn, apply)
		if lost(err) && ctx.Err() == nil {
			continue // the next request waits for the next connection
		} else if err != nil {
			return err
		}
		select {
		case <-changed: // or the session has ended, and the watch with it: read again in both cases
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read calls apply if there are settings, and returns what tells of the next change.
func read(conn *zk.Conn, apply func(settings, int32)) (<-chan zk.Event, error) {
	data, stat, changed, err := conn.GetW(path)
	if errors.Is(err, zk.ErrNoNode) {
		// Nothing there, so no watch was left. ExistsW leaves one that tells of the creation.
		exists, _, created, err := conn.ExistsW(path)
		if err != nil || !exists {
			return created, err
		}
		return read(conn, apply) // created in between
	} else if err != nil {
		return nil, err
	}
	var s settings
	if err := json.Unmarshal(data, &s); err != nil {
		fmt.Printf("version %d makes no sense, the old settings stay: %v\n", stat.Version, err)
		return changed, nil
	}
	apply(s, stat.Version)
	return changed, nil
}

// lost says whether an operation failed because the connection did, which the client is making anew.
func lost(err error) bool {
	return errors.Is(err, zk.ErrConnectionClosed) || errors.Is(err, zk.ErrNoServer) || errors.Is(err, zk.ErrSessionExpired)
}

func encode(s settings) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // cannot be: a string and a number
	}
	return text
}

func connect(servers []string) (*zk.Conn, error) {
	conn, _, err := zk.Connect(servers, 4*time.Second, zk.WithLogInfo(false))
	return conn, err
}
