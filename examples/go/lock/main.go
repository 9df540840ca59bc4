// Lock: at most one of several workers is inside, and they are served in the order in which they came.
//
//	lock [ADDRESS]
//
// What it relies on:
//   - Sequential znodes are numbered in the order of their creation. The lowest holds the lock.
//   - The znodes are ephemeral: the lock of a worker that dies is free when its session ends.
//   - Each waits for its predecessor only: a release wakes one worker, however many are waiting.
//   - The transaction id that created a znode (czxid) never goes back. It makes a fencing token: what the
//     lock protects should refuse a token lower than one it has seen, because a holder that was
//     suspended for longer than its session lasts does not know that it lost the lock.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	root    = "/examples/lock"
	counter = "/examples/counter" // what the lock protects
	workers = 4
	rounds  = 3
)

func main() {
	log.SetFlags(0)
	address := cmp.Or(append(os.Args[1:], "")[0], os.Getenv("ZK"), "127.0.0.1:2181")
	if err := demonstrate(strings.Split(address, ",")); err != nil {
		log.Fatal("lock: ", err)
	}
}

// demonstrate lets workers count together. Each reads the counter and writes it back without regard to
// others, so that an increment is lost whenever two are inside.
func demonstrate(servers []string) error {
	conn, err := connect(servers)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, path := range []string{"/examples", root, counter} {
		if _, err := conn.Create(path, nil, 0, zk.WorldACL(zk.PermAll)); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return err
		}
	}
	if _, err := conn.Set(counter, []byte("0"), -1); err != nil {
		return err
	}

	tokens := make(chan int64, workers*rounds)
	failures := make(chan error, workers)
	for i := range workers {
		go func() { failures <- work(servers, fmt.Sprint("worker ", i+1), tokens) }()
	}
	for range workers {
		if err := <-failures; err != nil {
			return err
		}
	}
	close(tokens)

	last := int64(0)
	for token := range tokens {
		if token <= last {
			return fmt.Errorf("token %#x came after %#x", token, last)
		}
		last = token
	}
	fmt.Println("all were served in the order in which they came")
	total, _, err := conn.Get(counter)
	if err != nil {
		return err
	}
	if string(total) != strconv.Itoa(workers*rounds) {
		return fmt.Errorf("the counter is %s, not %d: two were inside", total, workers*rounds)
	}
	fmt.Printf("the counter is %s: no increment was lost\n", total)
	return conn.Delete(counter, -1)
}

// work takes the lock several times, and reports the tokens in the order in which it held them.
func work(servers []string, name string, tokens chan<- int64) error {
	conn, err := connect(servers)
	if err != nil {
		return err
	}
	defer conn.Close() // ends the session, and gives back what it holds
	for range rounds {
		node, token, err := lock(conn, name)
		if err != nil {
			return err
		}
		tokens <- token
		n, err := increment(conn)
		if err != nil {
			return err
		}
		fmt.Printf("%s counts %d with token %#x\n", name, n, token)
		if err := conn.Delete(node, -1); err != nil { // unlock
			return err
		}
	}
	return nil
}

// lock returns when the lock is held, with the znode that holds it and its token.
func lock(conn *zk.Conn, owner string) (node string, token int64, err error) {
	node, err = conn.CreateProtectedEphemeralSequential(root+"/lock-", []byte(owner), zk.WorldACL(zk.PermAll))
	if err != nil {
		return "", 0, err
	}
	for {
		waiting, _, err := conn.Children(root)
		if err != nil {
			return "", 0, err
		}
		ahead := predecessor(waiting, node)
		if ahead == "" {
			break
		}
		exists, _, gone, err := conn.ExistsW(root + "/" + ahead)
		if err != nil {
			return "", 0, err
		}
		if exists {
			<-gone
		}
		// Look again: the predecessor may have given up while others are still before it.
	}
	// If the session has ended in the meantime so has our claim, and this says so.
	_, stat, err := conn.Get(node)
	if err != nil {
		return "", 0, err
	}
	return node, stat.Czxid, nil
}

// predecessor returns the last of those numbered before a znode, or "".
func predecessor(waiting []string, node string) string {
	number := func(s string) string { return s[len(s)-10:] }
	last := ""
	for _, w := range waiting {
		if number(w) < number(node) && (last == "" || number(w) > number(last)) {
			last = w
		}
	}
	return last
}

func increment(conn *zk.Conn) (int, error) {
	text, _, err := conn.Get(counter)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return 0, err
	}
	_, err = conn.Set(counter, []byte(strconv.Itoa(n+1)), -1)
	return n + 1, err
}

func connect(servers []string) (*zk.Conn, error) {
	conn, _, err := zk.Connect(servers, 4*time.Second, zk.WithLogInfo(false))
	return conn, err
}
