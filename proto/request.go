package proto

// RequestHeader opens every frame of a client after the first.
type RequestHeader struct {
	Xid int32
	Op  Op
}

// AppendRequestHeader appends the header.
func AppendRequestHeader(b []byte, xid int32, op Op) []byte {
	return AppendInt32(AppendInt32(b, xid), int32(op))
}

// RequestHeader reads the header.
func (d *Decoder) RequestHeader() RequestHeader {
	return RequestHeader{Xid: d.Int32(), Op: Op(d.Int32())}
}

// CreateMode is the flags field of a create.
type CreateMode int32

// The create modes.
const (
	Persistent           CreateMode = 0
	Ephemeral            CreateMode = 1
	PersistentSequential CreateMode = 2
	EphemeralSequential  CreateMode = 3
	Container            CreateMode = 4
	PersistentTTL        CreateMode = 5
	PersistentSeqTTL     CreateMode = 6
)

// Valid says whether m is a mode at all.
func (m CreateMode) Valid() bool { return m >= Persistent && m <= PersistentSeqTTL }

// IsSequential says whether the server appends a counter to the name.
func (m CreateMode) IsSequential() bool {
	return m == PersistentSequential || m == EphemeralSequential || m == PersistentSeqTTL
}

// IsEphemeral says whether the znode ends with its session.
func (m CreateMode) IsEphemeral() bool { return m == Ephemeral || m == EphemeralSequential }

// IsTTL says whether the znode is reaped after a time without children and changes.
func (m CreateMode) IsTTL() bool { return m == PersistentTTL || m == PersistentSeqTTL }

// CreateRequest is the request of create, create2, createContainer and, with a TTL, createTTL.
type CreateRequest struct {
	Path, Data []byte
	ACL        ACLs
	Mode       CreateMode
	TTL        int64 // milliseconds; sent with createTTL alone
}

// AppendCreateRequest appends r as op has it.
func AppendCreateRequest(b []byte, op Op, r *CreateRequest) []byte {
	b = AppendBuffer(b, r.Path)
	b = AppendBuffer(b, r.Data)
	b = AppendACLs(b, r.ACL)
	b = AppendInt32(b, int32(r.Mode))
	if op == OpCreateTTL {
		b = AppendInt64(b, r.TTL)
	}
	return b
}

// CreateRequest reads the request of op. Without a TTL field the TTL is -1.
func (d *Decoder) CreateRequest(op Op) CreateRequest {
	r := CreateRequest{Path: d.Buffer(), Data: d.Buffer(), ACL: d.ACLs(), Mode: CreateMode(d.Int32()), TTL: -1}
	if op == OpCreateTTL {
		r.TTL = d.Int64()
	}
	return r
}

// PathVersion is the request of delete and of check, and the body of a check's transaction.
type PathVersion struct {
	Path    []byte
	Version int32 // -1 matches any
}

// AppendPathVersion appends r.
func AppendPathVersion(b []byte, r PathVersion) []byte {
	return AppendInt32(AppendBuffer(b, r.Path), r.Version)
}

// PathVersion reads the record.
func (d *Decoder) PathVersion() PathVersion {
	return PathVersion{Path: d.Buffer(), Version: d.Int32()}
}

// PathWatch is the request of exists, getData, getChildren and getChildren2.
type PathWatch struct {
	Path  []byte
	Watch bool
}

// AppendPathWatch appends r.
func AppendPathWatch(b []byte, r PathWatch) []byte {
	return AppendBool(AppendBuffer(b, r.Path), r.Watch)
}

// PathWatch reads the record.
func (d *Decoder) PathWatch() PathWatch {
	return PathWatch{Path: d.Buffer(), Watch: d.Bool()}
}

// SetData is the request of setData, where Version is the expected one, and the body of its transaction,
// where Version is the new one.
type SetData struct {
	Path, Data []byte
	Version    int32
}

// AppendSetData appends r.
func AppendSetData(b []byte, r *SetData) []byte {
	b = AppendBuffer(b, r.Path)
	b = AppendBuffer(b, r.Data)
	return AppendInt32(b, r.Version)
}

// SetData reads the record.
func (d *Decoder) SetData() SetData {
	return SetData{Path: d.Buffer(), Data: d.Buffer(), Version: d.Int32()}
}

// SetACL is the request of setACL, where Version is the expected aversion, and the body of its
// transaction, where Version is the new one.
type SetACL struct {
	Path    []byte
	ACL     ACLs
	Version int32
}

// AppendSetACL appends r.
func AppendSetACL(b []byte, r *SetACL) []byte {
	b = AppendBuffer(b, r.Path)
	b = AppendACLs(b, r.ACL)
	return AppendInt32(b, r.Version)
}

// SetACL reads the record.
func (d *Decoder) SetACL() SetACL {
	return SetACL{Path: d.Buffer(), ACL: d.ACLs(), Version: d.Int32()}
}

// WatcherType says which watches checkWatches and removeWatches mean.
type WatcherType int32

// The watcher types.
const (
	WatcherChildren            WatcherType = 1
	WatcherData                WatcherType = 2
	WatcherAny                 WatcherType = 3
	WatcherPersistent          WatcherType = 4
	WatcherPersistentRecursive WatcherType = 5
)

// PathType is the request of checkWatches and removeWatches.
type PathType struct {
	Path []byte
	Type WatcherType
}

// AppendPathType appends r.
func AppendPathType(b []byte, r PathType) []byte {
	return AppendInt32(AppendBuffer(b, r.Path), int32(r.Type))
}

// PathType reads the record.
func (d *Decoder) PathType() PathType {
	return PathType{Path: d.Buffer(), Type: WatcherType(d.Int32())}
}

// Modes of addWatch.
const (
	AddWatchPersistent          int32 = 0
	AddWatchPersistentRecursive int32 = 1
)

// AddWatch is the request of addWatch.
type AddWatch struct {
	Path []byte
	Mode int32
}

// AppendAddWatch appends r.
func AppendAddWatch(b []byte, r AddWatch) []byte {
	return AppendInt32(AppendBuffer(b, r.Path), r.Mode)
}

// AddWatch reads the record.
func (d *Decoder) AddWatch() AddWatch {
	return AddWatch{Path: d.Buffer(), Mode: d.Int32()}
}

// Auth is the request of auth.
type Auth struct {
	Type   int32 // ignored
	Scheme []byte
	Auth   []byte
}

// AppendAuth appends r.
func AppendAuth(b []byte, r *Auth) []byte {
	b = AppendInt32(b, r.Type)
	b = AppendBuffer(b, r.Scheme)
	return AppendBuffer(b, r.Auth)
}

// Auth reads the record.
func (d *Decoder) Auth() Auth {
	return Auth{Type: d.Int32(), Scheme: d.Buffer(), Auth: d.Buffer()}
}

// SetWatches is the request of setWatches and setWatches2: a client that reconnected names the watches
// it had. The last two lists are setWatches2's.
type SetWatches struct {
	RelativeZxid                                        Zxid
	Data, Exist, Child, Persistent, PersistentRecursive [][]byte
}

// AppendSetWatches appends r as op has it.
func AppendSetWatches(b []byte, op Op, r *SetWatches) []byte {
	b = AppendInt64(b, int64(r.RelativeZxid))
	b = AppendStrings(b, r.Data)
	b = AppendStrings(b, r.Exist)
	b = AppendStrings(b, r.Child)
	if op == OpSetWatches2 {
		b = AppendStrings(b, r.Persistent)
		b = AppendStrings(b, r.PersistentRecursive)
	}
	return b
}

// SetWatches reads the request of op. A null list is an error, as for Apache.
func (d *Decoder) SetWatches(op Op) SetWatches {
	r := SetWatches{RelativeZxid: Zxid(d.Int64())}
	lists := []*[][]byte{&r.Data, &r.Exist, &r.Child, &r.Persistent, &r.PersistentRecursive}
	if op == OpSetWatches {
		lists = lists[:3]
	}
	for _, l := range lists {
		if *l = d.Strings(); *l == nil {
			d.fail(errNull)
		}
	}
	return r
}

// Reconfig is the request of reconfig. Nil strings are null.
type Reconfig struct {
	Joining, Leaving, NewMembers []byte
	CurConfigID                  int64
}

// AppendReconfig appends r.
func AppendReconfig(b []byte, r *Reconfig) []byte {
	b = AppendBuffer(b, r.Joining)
	b = AppendBuffer(b, r.Leaving)
	b = AppendBuffer(b, r.NewMembers)
	return AppendInt64(b, r.CurConfigID)
}

// Reconfig reads the record.
func (d *Decoder) Reconfig() Reconfig {
	return Reconfig{Joining: d.Buffer(), Leaving: d.Buffer(), NewMembers: d.Buffer(), CurConfigID: d.Int64()}
}

// MultiHeader stands before each operation of a multi and its result, and, with Done set, at the end.
type MultiHeader struct {
	Op   Op
	Done bool
	Err  Code
}

// AppendMultiHeader appends h.
func AppendMultiHeader(b []byte, h MultiHeader) []byte {
	b = AppendInt32(b, int32(h.Op))
	b = AppendBool(b, h.Done)
	return AppendInt32(b, int32(h.Err))
}

// MultiEnd is the header that ends a multi.
var MultiEnd = MultiHeader{Op: -1, Done: true, Err: -1}

// MultiHeader reads the record.
func (d *Decoder) MultiHeader() MultiHeader {
	return MultiHeader{Op: Op(d.Int32()), Done: d.Bool(), Err: Code(d.Int32())}
}
