package proto

// ConnectRequest opens or renews a session. It is the first frame of a connection and has no header.
type ConnectRequest struct {
	Version      int32
	LastZxidSeen Zxid
	Timeout      int32 // requested, milliseconds
	Session      SessionID
	Password     []byte
	ReadOnly     bool
	HasReadOnly  bool // old clients leave the byte out, and must get an answer without it
}

// AppendConnectRequest appends r.
func AppendConnectRequest(b []byte, r *ConnectRequest) []byte {
	b = AppendInt32(b, r.Version)
	b = AppendInt64(b, int64(r.LastZxidSeen))
	b = AppendInt32(b, r.Timeout)
	b = AppendInt64(b, int64(r.Session))
	b = AppendBuffer(b, r.Password)
	if r.HasReadOnly {
		b = AppendBool(b, r.ReadOnly)
	}
	return b
}

// ConnectRequest reads the record.
func (d *Decoder) ConnectRequest() ConnectRequest {
	r := ConnectRequest{
		Version:      d.Int32(),
		LastZxidSeen: Zxid(d.Int64()),
		Timeout:      d.Int32(),
		Session:      SessionID(d.Int64()),
		Password:     d.Buffer(),
	}
	if d.err == nil && d.Len() > 0 {
		r.HasReadOnly = true
		r.ReadOnly = d.Bool()
	}
	return r
}

// ConnectResponse answers a ConnectRequest. Timeout 0, session 0 and sixteen zero bytes say that the
// session is invalid.
type ConnectResponse struct {
	Version     int32
	Timeout     int32 // negotiated, milliseconds
	Session     SessionID
	Password    []byte // always PasswordBytes long
	ReadOnly    bool
	HasReadOnly bool
}

// PasswordBytes is the length of a session's password; the C client copies a field of this size.
const PasswordBytes = 16

// AppendConnectResponse appends r.
func AppendConnectResponse(b []byte, r *ConnectResponse) []byte {
	b = AppendInt32(b, r.Version)
	b = AppendInt32(b, r.Timeout)
	b = AppendInt64(b, int64(r.Session))
	b = AppendBuffer(b, r.Password)
	if r.HasReadOnly {
		b = AppendBool(b, r.ReadOnly)
	}
	return b
}

// ConnectResponse reads the record.
func (d *Decoder) ConnectResponse() ConnectResponse {
	r := ConnectResponse{
		Version:  d.Int32(),
		Timeout:  d.Int32(),
		Session:  SessionID(d.Int64()),
		Password: d.Buffer(),
	}
	if d.err == nil && d.Len() > 0 {
		r.HasReadOnly = true
		r.ReadOnly = d.Bool()
	}
	return r
}
