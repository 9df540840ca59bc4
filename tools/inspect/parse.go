package inspect

import (
	"fmt"
	"strconv"
	"strings"

	"gamekeeper/proto"
)

// parseSession reads a session id: hexadecimal with 0x, decimal without.
func parseSession(s string) (proto.SessionID, error) {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return proto.SessionID(v), nil // negative ones are how Java prints them
	}
	v, err := parseNumber(s)
	if err != nil {
		return 0, fmt.Errorf("%q is no session id: give it like 0x100000000000001, or in decimal", s)
	}
	return proto.SessionID(v), nil
}

func parseNumber(s string) (uint64, error) {
	if digits, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		return strconv.ParseUint(digits, 16, 64)
	}
	return strconv.ParseUint(s, 10, 64)
}

// parsePath reads the path of a znode; a slash at its end does no harm.
func parsePath(s string) ([]byte, error) {
	if len(s) > 1 {
		s = strings.TrimSuffix(s, "/")
	}
	if !proto.ValidatePath([]byte(s)) {
		return nil, fmt.Errorf("%q is no path of a znode: give it like /services/web", s)
	}
	return []byte(s), nil
}

// below says whether path is prefix or below it.
func below(path, prefix []byte) bool {
	if len(path) < len(prefix) || string(path[:len(prefix)]) != string(prefix) {
		return false
	}
	return len(path) == len(prefix) || len(prefix) == 1 || path[len(prefix)] == '/'
}

// txnTypes are the types of transactions, and of the operations inside a multi.
var txnTypes = []proto.Op{
	proto.OpCreate, proto.OpCreate2, proto.OpCreateCont, proto.OpCreateTTL, proto.OpDelete, proto.OpDeleteCont,
	proto.OpSetData, proto.OpSetACL, proto.OpCheck, proto.OpMulti, proto.OpError, proto.OpCreateSession,
	proto.OpCloseSession, proto.OpReconfig,
}

// parseTypes reads names of types of transactions. They may be written as Apache writes them (setData) or as
// the dump does (set_data). Create and delete stand for all of their kinds.
func parseTypes(names []string) (map[proto.Op]bool, error) {
	types := map[proto.Op]bool{}
	for _, name := range names {
		wanted := squeeze(name)
		switch wanted {
		case "create":
			types[proto.OpCreate2], types[proto.OpCreateCont], types[proto.OpCreateTTL] = true, true, true
		case "delete":
			types[proto.OpDeleteCont] = true
		}
		found := false
		for _, op := range txnTypes {
			if squeeze(op.String()) == wanted {
				types[op], found = true, true
			}
		}
		if !found {
			var known []string
			for _, op := range txnTypes {
				known = append(known, op.String())
			}
			return nil, fmt.Errorf("%q is no type of transaction: there are %s", name, strings.Join(known, ", "))
		}
	}
	return types, nil
}

// squeeze takes out what names of types differ in.
func squeeze(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "")
}
