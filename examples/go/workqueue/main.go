// Queue: producers put items in, consumers take them out, each item is done once, and what a consumer
// has not finished when it goes is not lost.
//
//	workqueue [ADDRESS]
//
// What it relies on:
//   - Sequential znodes are numbered in the order of their creation: that is the order of the items.
//   - A consumer takes an item by creating a znode of the same name among the claims. Of all that try,
//     one succeeds. The claim is ephemeral: if its consumer dies the item is free again.
//   - Several operations in one transaction happen together or not at all: a claim is made only while its
//     item exists, and item and claim go together.
//
// A consumer that loses its session after doing an item and before saying so has it done twice, by
// another. This cannot be otherwise; so the work itself should bear repetition.
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
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	root   = "/examples/queue"
	items  = root + "/items"
	claims = root + "/claims"
	total  = 12 // items in the demonstration
)

var (
	open    = zk.WorldACL(zk.PermAll)
	errGone = errors.New("gone in the middle of an item")
)

func main() {
	log.SetFlags(0)
	address := cmp.Or(append(os.Args[1:], "")[0], os.Getenv("ZK"), "127.0.0.1:2181")
	if err := demonstrate(strings.Split(address, ",")); err != nil {
		log.Fatal("workqueue: ", err)
	}
}

func demonstrate(servers []string) error {
	conn, err := connect(servers)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := prepare(conn); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ended := make(chan error)
	for _, producer := range []string{"a", "b"} {
		go func() { ended <- produce(servers, producer, total/2) }()
	}

	err = consume(ctx, servers, func(item string) error {
		fmt.Println("consumer 1 takes an item and goes without finishing it")
		return errGone
	})
	if !errors.Is(err, errGone) {
		return err
	}

	done := make(chan string, total)
	for consumer := 2; consumer <= 4; consumer++ {
		go func() {
			ended <- consume(ctx, servers, func(item string) error {
				fmt.Printf("consumer %d does %s\n", consumer, item)
				done <- item
				return nil
			})
		}()
	}
	seen := map[string]bool{}
	for running := 5; running > 0; {
		select {
		case item := <-done:
			if seen[item] {
				return fmt.Errorf("%s was done twice", item)
			}
			seen[item] = true
			if len(seen) == total {
				cancel() // the consumers finish what they have, and end
			}
		case err := <-ended:
			if err != nil {
				return err
			}
			running--
		}
	}
	if left, _, err := conn.Children(items); err != nil || len(left) > 0 || len(seen) < total {
		return fmt.Errorf("%d items were done, and %d are left (%v)", len(seen), len(left), err)
	}
	fmt.Printf("%d items, each done once, none lost\n", len(seen))
	return nil
}

// produce puts items into the queue.
func produce(servers []string, name string, n int) error {
	conn, err := connect(servers)
	if err != nil {
		return err
	}
	defer conn.Close()
	for i := range n {
		item := fmt.Appendf(nil, "item %s%d", name, i+1)
		if _, err := conn.Create(items+"/item-", item, zk.FlagSequence, open); err != nil {
			return err
		}
	}
	fmt.Printf("producer %s has put in %d items\n", name, n)
	return nil
}

// consume takes items from the queue until the context ends or an item fails.
func consume(ctx context.Context, servers []string, work func(item string) error) error {
	conn, err := connect(servers)
	if err != nil {
		return err
	}
	defer conn.Close() // ends the session: what it has claimed is free again
	for {
		name, err := take(ctx, conn)
		if ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		item, _, err := conn.Get(items + "/" + name)
		if err != nil {
			return err
		}
		if err := work(string(item)); err != nil {
			return err
		}
		_, err = conn.Multi(
			&zk.DeleteRequest{Path: items + "/" + name, Version: -1},
			&zk.DeleteRequest{Path: claims + "/" + name, Version: -1},
		)
		if err != nil {
			return err
		}
	}
}

// take claims the first item that nobody has claimed, and waits while there is none.
func take(ctx context.Context, conn *zk.Conn) (string, error) {
	for {
		// The watches are left before anything is tried: whatever changes from here on wakes us.
		names, _, changed, err := conn.ChildrenW(items)
		if err != nil {
			return "", err
		}
		taken, _, freed, err := conn.ChildrenW(claims)
		if err != nil {
			return "", err
		}
		slices.Sort(names)
		for _, name := range names {
			if slices.Contains(taken, name) {
				continue
			}
			_, err := conn.Multi(
				&zk.CheckVersionRequest{Path: items + "/" + name, Version: -1}, // still there?
				&zk.CreateRequest{Path: claims + "/" + name, Acl: open, Flags: zk.FlagEphemeral},
			)
			if err == nil {
				return name, nil
			}
			// Done, or claimed, by another since we looked: try the next.
			if !errors.Is(err, zk.ErrNoNode) && !errors.Is(err, zk.ErrNodeExists) {
				return "", err
			}
		}
		select {
		case <-changed:
		case <-freed:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// prepare makes an empty queue.
func prepare(conn *zk.Conn) error {
	for _, path := range []string{"/examples", root, items, claims} {
		if _, err := conn.Create(path, nil, 0, open); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return err
		}
	}
	left, _, err := conn.Children(items)
	for _, name := range left {
		err = errors.Join(err, conn.Delete(items+"/"+name, -1))
	}
	return err
}

func connect(servers []string) (*zk.Conn, error) {
	conn, _, err := zk.Connect(servers, 4*time.Second, zk.WithLogInfo(false))
	return conn, err
}
