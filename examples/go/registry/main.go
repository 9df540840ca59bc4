// Registry: agents announce themselves, and whoever needs them knows at any moment which are there.
//
//	registry [ADDRESS]         starts three agents, watches the list, loses one of them
//	registry ADDRESS NAME      is an agent of that name until its standard input ends
//
// What it relies on:
//   - An ephemeral znode lives as long as the session of the client that created it. An agent that ends
//     its session is gone at once; one that dies without a word is gone when its session times out.
//   - A watch is left together with the read of a list, and fires once, on the first change after that
//     read. To read again and leave the next watch therefore misses no change of membership for good,
//     although several changes in a row may be seen as one.
//   - A client that lost its connection gets its session back if it returns in time, ephemeral znodes
//     included. If it is late it gets a new session without any, and has to register again.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	root    = "/examples/registry"
	timeout = 4 * time.Second // of the sessions; the server may grant longer ones, as its ticks want
)

func main() {
	log.SetFlags(0)
	args := append(os.Args[1:], "", "")
	address := cmp.Or(args[0], os.Getenv("ZK"), "127.0.0.1:2181")
	run := demonstrate
	if name := args[1]; name != "" {
		run = func(address string) error { return agent(address, name) }
	}
	if err := run(address); err != nil {
		log.Fatal("registry: ", err)
	}
}

// agent is in the list until standard input ends.
func agent(address, name string) error {
	conn, events, err := zk.Connect(strings.Split(address, ","), timeout, zk.WithLogInfo(false))
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		conn.Close() // ends the session, and so the events
	}()
	for event := range events {
		if event.State != zk.StateHasSession {
			continue // no connection: nothing to do, the client keeps trying
		}
		// Connected, perhaps with a new session. If the connection is lost again in the middle, the
		// next one brings us back here.
		if err := register(conn, name); err != nil && !lost(err) {
			return err
		}
	}
	return nil
}

// register puts an agent into the list; it can be repeated.
func register(conn *zk.Conn, name string) error {
	if err := ensure(conn, "/examples", root); err != nil {
		return err
	}
	path, where := root+"/"+name, fmt.Appendf(nil, "process %d", os.Getpid())
	for {
		_, err := conn.Create(path, where, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
		if !errors.Is(err, zk.ErrNodeExists) {
			return err
		}
		exists, stat, err := conn.Exists(path)
		if err != nil || exists && stat.EphemeralOwner == conn.SessionID() {
			return err // ours already
		}
		// Left by a session of this agent that has not timed out yet.
		if err := conn.Delete(path, -1); err != nil && !errors.Is(err, zk.ErrNoNode) {
			return err
		}
	}
}

func demonstrate(address string) error {
	conn, _, err := zk.Connect(strings.Split(address, ","), timeout, zk.WithLogInfo(false))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := ensure(conn, "/examples", root); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	lists, failure := make(chan []string), make(chan error, 1)
	go func() { failure <- discover(ctx, conn, lists) }()
	// until prints the list as it changes, until it is the one that is wanted.
	until := func(want ...string) error {
		for {
			select {
			case names := <-lists:
				fmt.Println("agents:", cmp.Or(strings.Join(names, " "), "none"))
				if slices.Equal(names, want) {
					return nil
				}
			case err := <-failure:
				return err
			case <-time.After(30 * time.Second):
				return fmt.Errorf("%v are not the agents after 30 s", want)
			}
		}
	}

	agents := map[string]*process{}
	for _, name := range []string{"blue", "green", "red"} {
		if agents[name], err = start(address, name); err != nil {
			return err
		}
		defer agents[name].stdin.Close()
	}
	if err := until("blue", "green", "red"); err != nil {
		return err
	}

	fmt.Println("green dies")
	died := time.Now()
	agents["green"].cmd.Process.Kill()
	if err := until("blue", "red"); err != nil {
		return err
	}
	fmt.Printf("green vanished with its session, %.1f s after it died\n", time.Since(died).Seconds())

	fmt.Println("blue leaves")
	left := time.Now()
	agents["blue"].stdin.Close()
	if err := until("red"); err != nil {
		return err
	}
	fmt.Printf("blue vanished as it left, after %d ms\n", time.Since(left).Milliseconds())

	agents["red"].stdin.Close()
	return agents["red"].cmd.Wait()
}

// discover sends the sorted list of agents as it is now, and again whenever it has changed.
func discover(ctx context.Context, conn *zk.Conn, lists chan<- []string) error {
	for ctx.Err() == nil {
		names, _, changed, err := conn.ChildrenW(root)
		if lost(err) {
			continue // the next request waits for the next connection
		} else if err != nil {
			return err
		}
		slices.Sort(names)
		lists <- names
		// Survives a lost connection: the client leaves its watches again, and the server tells it what
		// it missed. When the session has ended the channel says so, and all begins anew.
		<-changed
	}
	return ctx.Err()
}

// process is an agent as a process of its own, so that it can be killed.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

func start(address, name string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, address, name)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &process{cmd, stdin}, cmd.Start()
}

// ensure creates the znodes that are missing, each below the one before.
func ensure(conn *zk.Conn, paths ...string) error {
	for _, path := range paths {
		_, err := conn.Create(path, nil, 0, zk.WorldACL(zk.PermAll))
		if err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return err
		}
	}
	return nil
}

// lost says whether an operation failed because the connection did, which the client is making anew.
func lost(err error) bool {
	return errors.Is(err, zk.ErrConnectionClosed) || errors.Is(err, zk.ErrNoServer) || errors.Is(err, zk.ErrSessionExpired)
}
