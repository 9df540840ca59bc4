package proto

import "strconv"

// Code is the outcome of an operation, as KeeperException.Code numbers it. Codes are the protocol's:
// clients fail on one they do not know, so none is ever invented. A Code other than OK is an error.
type Code int32

// The codes a server sends.
const (
	OK                      Code = 0
	SystemError             Code = -1
	RuntimeInconsistency    Code = -2
	MarshallingError        Code = -5
	Unimplemented           Code = -6
	BadArguments            Code = -8
	UnknownSession          Code = -12
	NewConfigNoQuorum       Code = -13
	ReconfigInProgress      Code = -14
	NoNode                  Code = -101
	NoAuth                  Code = -102
	BadVersion              Code = -103
	NoChildrenForEphemerals Code = -108
	NodeExists              Code = -110
	NotEmpty                Code = -111
	SessionExpired          Code = -112
	InvalidACL              Code = -114
	AuthFailed              Code = -115
	SessionMoved            Code = -118
	NotReadOnly             Code = -119
	EphemeralOnLocalSession Code = -120
	NoWatcher               Code = -121
	ReconfigDisabled        Code = -123
	SessionRequireSASLAuth  Code = -124
	QuotaExceeded           Code = -125
	ThrottledOp             Code = -127
)

// Error names the code.
func (c Code) Error() string {
	switch c {
	case OK:
		return "ok"
	case SystemError:
		return "system error"
	case RuntimeInconsistency:
		return "runtime inconsistency"
	case MarshallingError:
		return "marshalling error"
	case Unimplemented:
		return "unimplemented"
	case BadArguments:
		return "bad arguments"
	case UnknownSession:
		return "unknown session"
	case NewConfigNoQuorum:
		return "no quorum of the new configuration is connected"
	case ReconfigInProgress:
		return "another reconfiguration is in progress"
	case NoNode:
		return "no such znode"
	case NoAuth:
		return "not authorized"
	case BadVersion:
		return "version does not match"
	case NoChildrenForEphemerals:
		return "ephemeral znodes cannot have children"
	case NodeExists:
		return "znode exists"
	case NotEmpty:
		return "znode has children"
	case SessionExpired:
		return "session expired"
	case InvalidACL:
		return "invalid acl"
	case AuthFailed:
		return "authentication failed"
	case SessionMoved:
		return "session moved to another connection"
	case NotReadOnly:
		return "server is read-only"
	case EphemeralOnLocalSession:
		return "ephemeral znode on a local session"
	case NoWatcher:
		return "no such watcher"
	case ReconfigDisabled:
		return "reconfiguration is disabled"
	case SessionRequireSASLAuth:
		return "session requires authentication"
	case QuotaExceeded:
		return "quota exceeded"
	case ThrottledOp:
		return "operation throttled"
	}
	return "error " + strconv.Itoa(int(c))
}
