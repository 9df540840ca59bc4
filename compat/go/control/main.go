// Control is compat/ensemble: it starts an ensemble of servers, tells who leads it, and hurts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gamekeeper/compat/ensemble"
)

const usage = `usage:
  ensemble start DIR KIND,KIND,... ['zoo.cfg line'...]   make an ensemble below DIR and start it
  ensemble start DIR [WHO]       start the servers that do not run, and wait until all serve
  ensemble stop DIR [WHO]        end servers with SIGTERM
  ensemble kill DIR [WHO]        end servers with SIGKILL
  ensemble restart DIR [WHO]     kill, wait until a quorum that is left serves again, then start
  ensemble pause|resume DIR WHO  SIGSTOP and SIGCONT
  ensemble status DIR            a line per server
  ensemble addresses DIR         the connect string
  ensemble pid DIR WHO           processes

KIND is apache or gamekeeper, with ":observer" behind it for a server that does not vote.
WHO is a server's number, leader, follower (one of them) or all, which it is unless given.`

// patience is how long servers may take to serve.
const patience = 60 * time.Second

func main() {
	compat := flag.String("compat", ".", "the directory compat/")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, usage) }
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := control(ctx, *compat, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "ensemble:", err)
		os.Exit(1)
	}
}

func control(ctx context.Context, compat string, args []string) error {
	if len(args) < 2 {
		return errors.New(usage)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	verb, dir, args := args[0], args[1], args[2:]
	if verb == "start" && len(args) > 0 && namesKinds(args[0]) {
		return create(ctx, compat, dir, args[0], args[1:])
	}
	e, err := ensemble.Open(dir)
	if err != nil {
		return err
	}
	who := "all"
	if len(args) > 0 {
		who = args[0]
	}
	switch verb {
	case "status":
		fmt.Println(strings.ReplaceAll(e.String(), "; ", "\n"))
		return nil
	case "addresses":
		fmt.Println(strings.Join(e.Addrs(), ","))
		return nil
	}
	servers, err := choose(ctx, e, who)
	if err != nil {
		return err
	}
	if verb == "restart" {
		return restart(ctx, e, servers)
	}
	act, ok := map[string]func(*ensemble.Server) error{
		"stop":   (*ensemble.Server).Stop,
		"kill":   (*ensemble.Server).Kill,
		"pause":  (*ensemble.Server).Pause,
		"resume": (*ensemble.Server).Resume,
		"start":  launch,
		"pid":    func(s *ensemble.Server) error { _, err := fmt.Println(s.PID()); return err },
	}[verb]
	if !ok {
		return errors.New(usage)
	}
	for _, s := range servers {
		if err := act(s); err != nil {
			return err
		}
	}
	if verb == "start" {
		return e.Await(ctx, servers...)
	}
	return nil
}

// create makes an ensemble; if it does not come to serve, none of it is left running.
func create(ctx context.Context, compat, dir, kinds string, lines []string) error {
	o := ensemble.Options{Dir: dir, Compat: compat, Lines: lines}
	if err := o.SetKinds(kinds); err != nil {
		return err
	}
	e, err := ensemble.New(o)
	if err != nil {
		return err
	}
	if err := e.Start(ctx); err != nil {
		return errors.Join(err, e.Close())
	}
	return nil
}

func launch(s *ensemble.Server) error {
	if s.Running() {
		return nil
	}
	return s.Launch()
}

// restart kills servers, lets the others go on without them if they can, and starts them again.
func restart(ctx context.Context, e *ensemble.Ensemble, servers []*ensemble.Server) error {
	dead := 0
	for _, s := range servers {
		if err := s.Kill(); err != nil {
			return err
		}
		if !s.Observer {
			dead++
		}
	}
	if voters := len(e.Voters()); voters-dead > voters/2 {
		if _, err := e.AwaitLeader(ctx); err != nil {
			return err
		}
	}
	return e.Start(ctx)
}

func choose(ctx context.Context, e *ensemble.Ensemble, who string) ([]*ensemble.Server, error) {
	switch who {
	case "all":
		return e.Servers, nil
	case "leader":
		leader, err := e.AwaitLeader(ctx)
		return []*ensemble.Server{leader}, err
	case "follower":
		leader, err := e.AwaitLeader(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range e.Voters() {
			if s != leader && s.Running() {
				return []*ensemble.Server{s}, nil
			}
		}
		return nil, errors.New("there is no follower")
	}
	id, err := strconv.Atoi(who)
	if err != nil || id < 1 || id > len(e.Servers) {
		return nil, fmt.Errorf("there is no server %s", who)
	}
	return []*ensemble.Server{e.Server(id)}, nil
}

// namesKinds tells a list of kinds from the name of a server.
func namesKinds(s string) bool {
	return strings.HasPrefix(s, string(ensemble.Apache)) || strings.HasPrefix(s, string(ensemble.Gamekeeper))
}
