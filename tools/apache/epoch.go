package apache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gamekeeper/proto"
)

const (
	currentEpochFile  = "currentEpoch"
	acceptedEpochFile = "acceptedEpoch"
	updatingEpochFile = "updatingEpoch" // of 3.4: empty, there while a server takes over a leader's state
	myIDFile          = "myid"
	tmpSuffix         = ".tmp"
)

// Epochs are what a server of an ensemble has promised.
type Epochs struct {
	// Current is the epoch of the last leader whose state the server took over.
	Current proto.Epoch
	// Accepted is the highest epoch that a leader proposed to it.
	Accepted proto.Epoch
}

// readNumber reads the decimal number in the first line of a file.
func readNumber(path string) (n int64, exists bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read %s: %w", path, err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	n, err = strconv.ParseInt(strings.TrimSuffix(line, "\r"), 10, 64)
	if err != nil {
		return 0, true, &DamageError{File: path, Err: fmt.Errorf("first line %q is no decimal number", line)}
	}
	return n, true, nil
}

// readEpochs reads the epochs in dir for a server whose last transaction is last. They are nil if there are
// none, as for a server that is on its own.
func readEpochs(dir string, last proto.Zxid) (*Epochs, error) {
	current, hasCurrent, err := readNumber(filepath.Join(dir, currentEpochFile))
	if err != nil {
		return nil, err
	}
	accepted, hasAccepted, err := readNumber(filepath.Join(dir, acceptedEpochFile))
	if err != nil {
		return nil, err
	}
	if !hasCurrent && !hasAccepted {
		return nil, nil
	}
	e := &Epochs{Current: last.Epoch(), Accepted: last.Epoch()}
	if hasCurrent {
		e.Current = proto.Epoch(current)
	}
	if hasAccepted {
		e.Accepted = proto.Epoch(accepted)
	}
	if last.Epoch() > e.Current {
		if e.Current, err = interrupted(dir, e.Current, last); err != nil {
			return nil, err
		}
	}
	if e.Accepted < e.Current {
		return nil, &DamageError{File: filepath.Join(dir, acceptedEpochFile), Err: fmt.Errorf(
			"accepted epoch %d is below the current epoch %d: the files are not of the same time", e.Accepted, e.Current)}
	}
	return e, nil
}

// interrupted finds the current epoch of a server whose log is ahead of it: it ended between the two steps
// of taking over a leader's state.
func interrupted(dir string, current proto.Epoch, last proto.Zxid) (proto.Epoch, error) {
	path := filepath.Join(dir, currentEpochFile)
	next, exists, err := readNumber(path + tmpSuffix)
	if err != nil {
		return 0, err
	}
	if exists && proto.Epoch(next) >= last.Epoch() {
		return proto.Epoch(next), nil
	}
	if _, err := os.Stat(filepath.Join(dir, updatingEpochFile)); err == nil {
		return last.Epoch(), nil
	}
	return 0, &DamageError{File: path, Err: fmt.Errorf(
		"current epoch %d is below that of the last transaction, %s: the files are not of the same time", current, last)}
}

// readMyID reads the server's number; 0 and false if there is none.
func readMyID(dataDir string) (proto.ServerID, bool, error) {
	if filepath.Base(dataDir) == versionDir {
		dataDir = filepath.Dir(dataDir)
	}
	n, exists, err := readNumber(filepath.Join(dataDir, myIDFile))
	return proto.ServerID(n), exists, err
}
