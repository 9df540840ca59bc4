package simulation

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"gamekeeper/proto"
)

// register is the state of a key.
type register struct {
	exists bool
	value  string
}

// registers is a key as porcupine sees it. An operation without an answer may have had any outcome.
func registers() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return register{} },
		Step: func(state, in, _ any) (bool, any) {
			s, o := state.(register), in.(Operation)
			ok := proto.OK
			next := s
			switch {
			case o.Kind == "read":
				return s.exists == o.Exists && (!s.exists || s.value == o.Value), s
			case o.Kind == "create" && s.exists:
				ok = proto.NodeExists
			case o.Kind == "create", o.Kind == "set" && s.exists:
				next = register{true, o.Value}
			case !s.exists:
				ok = proto.NoNode
			default:
				next = register{}
			}
			return !o.Known || o.Code == ok, next
		},
	}
}

// linearizable checks the operations key by key.
func linearizable(history []Operation) error {
	keys := map[string][]porcupine.Operation{}
	for _, o := range history {
		ret := o.Return
		if !o.Known {
			ret = math.MaxInt64
		}
		keys[o.Key] = append(keys[o.Key], porcupine.Operation{ClientId: o.Client, Input: o, Call: o.Call, Return: ret})
	}
	for key, ops := range keys {
		if porcupine.CheckOperationsTimeout(registers(), ops, 5*time.Second) == porcupine.Illegal {
			return fmt.Errorf("%s: the history of %s is not linearizable", Linearizability, key)
		}
	}
	return nil
}

func TestLinearizable(t *testing.T) {
	set := func(value string, call, ret int64, known bool) Operation {
		return Operation{Client: int(call), Key: "/k", Kind: "create", Value: value, Call: call, Return: ret, Known: known}
	}
	read := func(value string, call, ret int64) Operation {
		return Operation{Client: int(call), Key: "/k", Kind: "read", Value: value, Exists: value != "", Call: call,
			Return: ret, Known: true}
	}
	for _, c := range []struct {
		name    string
		history []Operation
		ok      bool
	}{
		{"in turn", []Operation{set("a", 1, 2, true), read("a", 3, 4)}, true},
		{"stale", []Operation{set("a", 1, 2, true), read("", 3, 4)}, false},
		{"concurrent", []Operation{set("a", 1, 4, true), read("", 2, 3)}, true},
		{"unknown and done later", []Operation{set("a", 1, 2, false), read("", 3, 4), read("a", 5, 6)}, true},
		{"back again", []Operation{set("a", 1, 9, true), read("a", 2, 3), read("", 4, 5)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := linearizable(c.history); (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}
