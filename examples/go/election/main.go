// Election: of several candidates one leads; when it goes, the next takes over.
//
//	election [ADDRESS]
//
// What it relies on:
//   - Sequential znodes are numbered in the order of their creation, and no number comes twice. The
//     candidate with the lowest number leads.
//   - The znodes are ephemeral: a candidate that dies loses its place when its session ends.
//   - Each candidate watches only the one before it. When one goes, one other is woken, not all of them.
//   - While its connection is lost, a leader cannot know whether its session has ended and somebody else
//     leads. So it stops leading as soon as the connection is lost.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	root    = "/examples/election"
	timeout = 4 * time.Second // of the sessions: how long a dead leader keeps its place, at least
)

func main() {
	log.SetFlags(0)
	address := cmp.Or(append(os.Args[1:], "")[0], os.Getenv("ZK"), "127.0.0.1:2181")
	if err := demonstrate(strings.Split(address, ",")); err != nil {
		log.Fatal("election: ", err)
	}
}

// demonstrate lets three candidates lead one after the other. Each goes after a short reign.
func demonstrate(servers []string) error {
	names := []string{"anna", "bert", "cleo"}
	failures := make(chan error, len(names))
	var throne sync.Mutex // only to show that nobody shares it
	var all sync.WaitGroup
	for _, name := range names {
		joined := make(chan struct{})
		all.Go(func() {
			failures <- stand(servers, name, joined, func(ctx context.Context) error {
				if !throne.TryLock() {
					return errors.New("there are two leaders")
				}
				defer throne.Unlock()
				fmt.Println(name, "leads")
				select {
				case <-time.After(300 * time.Millisecond): // what leaders do
					fmt.Println(name, "goes")
					return nil
				case <-ctx.Done():
					return fmt.Errorf("%s does not know whether it leads: %w", name, context.Cause(ctx))
				}
			})
		})
		<-joined // so that they stand in the order of their names
	}
	all.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	fmt.Println("each has led once, and no two at the same time")
	return nil
}

// stand makes a candidate, with a session of its own, wait until it is elected, and lead. It closes
// joined when the candidate has its place. The context of lead ends when the leader can no longer be
// sure that it is one.
func stand(servers []string, name string, joined chan<- struct{}, lead func(context.Context) error) error {
	leave := sync.OnceFunc(func() { close(joined) })
	defer leave()
	conn, events, err := zk.Connect(servers, timeout, zk.WithLogInfo(false))
	if err != nil {
		return err
	}
	defer conn.Close() // ends the session: the place is free
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	go func() {
		for event := range events {
			if event.State == zk.StateDisconnected {
				cancel(errors.New("the connection is lost"))
			}
		}
	}()

	for _, path := range []string{"/examples", root} {
		if _, err := conn.Create(path, nil, 0, zk.WorldACL(zk.PermAll)); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return err
		}
	}
	// "Protected": should the connection be lost before the answer arrives, the client finds out whether
	// the znode was created, and does not create a second one.
	place, err := conn.CreateProtectedEphemeralSequential(root+"/candidate-", []byte(name), zk.WorldACL(zk.PermAll))
	if err != nil {
		return err
	}
	fmt.Println(name, "stands")
	leave()
	if err := elected(conn, place); err != nil {
		return err
	}
	return lead(ctx)
}

// elected waits until nobody stands before the candidate.
func elected(conn *zk.Conn, place string) error {
	for {
		candidates, _, err := conn.Children(root)
		if err != nil {
			return err
		}
		slices.SortFunc(candidates, func(a, b string) int { return strings.Compare(number(a), number(b)) })
		i := slices.Index(candidates, strings.TrimPrefix(place, root+"/"))
		switch i {
		case -1:
			return errors.New("the session has ended, and the candidacy with it")
		case 0:
			return nil
		}
		exists, _, gone, err := conn.ExistsW(root + "/" + candidates[i-1])
		if err != nil {
			return err
		}
		if exists {
			<-gone // or our session has ended: look again in both cases
		}
	}
}

// number is what the server has put behind the name.
func number(candidate string) string {
	return candidate[len(candidate)-10:]
}
