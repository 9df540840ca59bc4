package servertest

import "gamekeeper/proto"

// Create is the body of a create that leaves the znode open to all.
func Create(path string, data []byte, mode proto.CreateMode) []byte {
	return proto.AppendCreateRequest(nil, proto.OpCreate,
		&proto.CreateRequest{Path: []byte(path), Data: data, ACL: proto.OpenACL, Mode: mode})
}

// Set is the body of a setData.
func Set(path string, data []byte, version int32) []byte {
	return proto.AppendSetData(nil, &proto.SetData{Path: []byte(path), Data: data, Version: version})
}

// Versioned is the body of a delete and of a check.
func Versioned(path string, version int32) []byte {
	return proto.AppendPathVersion(nil, proto.PathVersion{Path: []byte(path), Version: version})
}

// Path is the body of a sync.
func Path(path string) []byte { return proto.AppendString(nil, path) }

// Watch is the body of exists, getData, getChildren and getChildren2.
func Watch(path string, watch bool) []byte {
	return proto.AppendPathWatch(nil, proto.PathWatch{Path: []byte(path), Watch: watch})
}

// Auth is the body of an auth.
func Auth(scheme, auth string) []byte {
	return proto.AppendAuth(nil, &proto.Auth{Scheme: []byte(scheme), Auth: []byte(auth)})
}

// Sub is one operation of a multi.
type Sub struct {
	Op   proto.Op
	Body []byte
}

// Multi is the body of a multi and of a multiRead.
func Multi(subs ...Sub) []byte {
	var b []byte
	for _, s := range subs {
		b = append(proto.AppendMultiHeader(b, proto.MultiHeader{Op: s.Op, Err: -1}), s.Body...)
	}
	return proto.AppendMultiHeader(b, proto.MultiEnd)
}

// Children reads the list of names that getChildren and getChildren2 answer with.
func Children(d *proto.Decoder) []string {
	names := []string{}
	for _, name := range d.Strings() {
		names = append(names, string(name))
	}
	return names
}
