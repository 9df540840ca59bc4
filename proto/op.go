package proto

import "strconv"

// Op is the code of an operation, in a request header and as the type of a transaction. The numbers are
// those of ZooDefs.OpCode.
type Op int32

// The operations.
const (
	OpError          Op = -1 // transaction of a rejected write
	OpCreateSession  Op = -10
	OpCloseSession   Op = -11
	OpNotification   Op = 0
	OpCreate         Op = 1
	OpDelete         Op = 2
	OpExists         Op = 3
	OpGetData        Op = 4
	OpSetData        Op = 5
	OpGetACL         Op = 6
	OpSetACL         Op = 7
	OpGetChildren    Op = 8
	OpSync           Op = 9
	OpPing           Op = 11
	OpGetChildren2   Op = 12
	OpCheck          Op = 13
	OpMulti          Op = 14
	OpCreate2        Op = 15
	OpReconfig       Op = 16
	OpCheckWatches   Op = 17
	OpRemoveWatches  Op = 18
	OpCreateCont     Op = 19
	OpDeleteCont     Op = 20
	OpCreateTTL      Op = 21
	OpMultiRead      Op = 22
	OpAuth           Op = 100
	OpSetWatches     Op = 101
	OpSASL           Op = 102
	OpGetEphemerals  Op = 103
	OpAllChildrenNum Op = 104
	OpSetWatches2    Op = 105
	OpAddWatch       Op = 106
	OpWhoAmI         Op = 107
)

// Class says how the server treats an operation.
type Class uint8

// The classes of operations.
const (
	ClassUnknown  Class = iota // refused with Unimplemented, then the connection is closed
	ClassRead                  // answered from the tree
	ClassWrite                 // becomes a transaction
	ClassConn                  // concerns the connection: auth, sasl
	ClassInternal              // made by servers, refused from clients
)

// opInfo is one row of the table of operations, which every package reads instead of having a switch of
// its own.
type opInfo struct {
	name  string // as metrics and logs write it
	lop   string // as the four-letter word cons writes it
	class Class
}

func (o Op) info() opInfo {
	switch o {
	case OpError:
		return opInfo{"error", "ERRO", ClassInternal}
	case OpCreateSession:
		return opInfo{"create_session", "SESS", ClassInternal}
	case OpCloseSession:
		return opInfo{"close_session", "CLOS", ClassWrite}
	case OpCreate:
		return opInfo{"create", "CREA", ClassWrite}
	case OpCreate2:
		return opInfo{"create2", "CREA", ClassWrite}
	case OpCreateCont:
		return opInfo{"create_container", "CREA", ClassWrite}
	case OpCreateTTL:
		return opInfo{"create_ttl", "CREA", ClassWrite}
	case OpDelete:
		return opInfo{"delete", "DELE", ClassWrite}
	case OpDeleteCont:
		return opInfo{"delete_container", "DELE", ClassInternal}
	case OpExists:
		return opInfo{"exists", "EXIS", ClassRead}
	case OpGetData:
		return opInfo{"get_data", "GETD", ClassRead}
	case OpSetData:
		return opInfo{"set_data", "SETD", ClassWrite}
	case OpGetACL:
		return opInfo{"get_acl", "GETA", ClassRead}
	case OpSetACL:
		return opInfo{"set_acl", "SETA", ClassWrite}
	case OpGetChildren, OpGetChildren2:
		return opInfo{"get_children", "GETC", ClassRead}
	case OpSync:
		return opInfo{"sync", "SYNC", ClassRead}
	case OpPing:
		return opInfo{"ping", "PING", ClassRead}
	case OpCheck:
		return opInfo{"check", "CHEC", ClassUnknown}
	case OpMulti:
		return opInfo{"multi", "MULT", ClassWrite}
	case OpMultiRead:
		return opInfo{"multi_read", "MLTR", ClassRead}
	case OpReconfig:
		return opInfo{"reconfig", "RECO", ClassWrite}
	case OpCheckWatches:
		return opInfo{"check_watches", "CHKW", ClassRead}
	case OpRemoveWatches:
		return opInfo{"remove_watches", "REMW", ClassRead}
	case OpAuth:
		return opInfo{"auth", "AUTH", ClassConn}
	case OpSASL:
		return opInfo{"sasl", "SASL", ClassConn}
	case OpSetWatches:
		return opInfo{"set_watches", "SETW", ClassRead}
	case OpSetWatches2:
		return opInfo{"set_watches", "STW2", ClassRead}
	case OpAddWatch:
		return opInfo{"add_watch", "ADDW", ClassRead}
	case OpGetEphemerals:
		return opInfo{"get_ephemerals", "GETE", ClassRead}
	case OpAllChildrenNum:
		return opInfo{"get_all_children_number", "GETACN", ClassRead}
	case OpWhoAmI:
		return opInfo{"who_am_i", "HOMI", ClassRead}
	}
	return opInfo{"op_" + strconv.Itoa(int(o)), "NA", ClassUnknown}
}

// String names the operation as metrics do, for instance "set_data".
func (o Op) String() string { return o.info().name }

// Short returns the code that the four-letter word cons prints as lop, for instance "SETD".
func (o Op) Short() string { return o.info().lop }

// Class says how a server treats o when a client sends it.
func (o Op) Class() Class {
	if o >= OpCreate && o <= OpMultiRead {
		return smallOpClass[o]
	}
	return o.info().class
}

// smallOpClass is Class for the operations that hot paths see.
var smallOpClass = func() (t [OpMultiRead + 1]Class) {
	for o := range t {
		t[o] = Op(o).info().class
	}
	return t
}()

// Special xids of requests and replies.
const (
	XidNotification int32 = -1
	XidPing         int32 = -2
	XidAuth         int32 = -4
	XidSetWatches   int32 = -8
)
