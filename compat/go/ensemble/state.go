package ensemble

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// stateFile holds, below Options.Dir, what Open needs.
const stateFile = "ensemble.json"

type state struct {
	Options Options
	Servers []savedServer
}

type savedServer struct{ Addr, Quorum string }

func (e *Ensemble) save() error {
	st := state{Options: e.options}
	for _, s := range e.Servers {
		st.Servers = append(st.Servers, savedServer{s.Addr, s.quorum})
	}
	b, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(e.options.Dir, stateFile), b, 0o644)
}

// Open returns an ensemble without a Network that another program has made, whose servers may run.
func Open(dir string) (*Ensemble, error) {
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return nil, fmt.Errorf("no ensemble in %s: %w", dir, err)
	}
	var st state
	if err := json.Unmarshal(b, &st); err != nil {
		return nil, fmt.Errorf("%s of %s: %w", stateFile, dir, err)
	}
	e := &Ensemble{options: st.Options}
	for i, saved := range st.Servers {
		s := e.member(i)
		s.Addr, s.quorum = saved.Addr, saved.Quorum
		e.Servers = append(e.Servers, s)
	}
	return e, nil
}
