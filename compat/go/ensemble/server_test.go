package ensemble

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestRevive plays the death of a server with a script in its place.
func TestRevive(t *testing.T) {
	compat := t.TempDir()
	for _, kind := range []Kind{Apache, Gamekeeper} {
		if err := os.WriteFile(filepath.Join(compat, string(kind)), []byte("#!/bin/sh\nexec sleep 600\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	e, err := New(Options{Dir: t.TempDir(), Compat: compat, Kinds: []Kind{Apache, Gamekeeper}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	dies := func(s *Server) {
		t.Helper()
		if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-s.exited
	}
	for _, s := range e.Servers {
		if s.revive() {
			t.Errorf("%s was never launched and is revived", s)
		}
		if err := s.Launch(); err != nil {
			t.Fatal(err)
		}
		dies(s)
		if got, want := s.revive(), s.Kind == Apache; got != want {
			t.Errorf("%s ended by itself: revived %v, want %v", s, got, want)
		}
	}
	apache := e.Servers[0]
	for range maxDeaths - 1 {
		dies(apache)
		if !apache.revive() {
			t.Errorf("%s is not revived after %d deaths", apache, apache.deaths)
		}
	}
	dies(apache)
	if apache.revive() {
		t.Errorf("%s is revived after %d deaths", apache, maxDeaths+1)
	}
	apache.deaths = 0
	if err := apache.Launch(); err != nil {
		t.Fatal(err)
	}
	if err := apache.Kill(); err != nil {
		t.Fatal(err)
	}
	if apache.revive() {
		t.Errorf("%s was killed by the harness and is revived", apache)
	}
}
