package client

// The usual requests, each sent and waited for.

// CreateBody is the request of OpCreate, OpCreate2 and OpCreateContainer, open to everyone.
func CreateBody(path string, data []byte, flags int32) Body {
	return Body{}.String(path).Buffer(data).Open().Int(flags)
}

// SetBody is the request of OpSetData.
func SetBody(path string, data []byte, version int32) Body {
	return Body{}.String(path).Buffer(data).Int(version)
}

// VersionBody is the request of OpDelete and OpCheck.
func VersionBody(path string, version int32) Body { return Body{}.String(path).Int(version) }

// WatchBody is the request of OpGetData, OpExists and OpGetChildren2.
func WatchBody(path string, watch bool) Body { return Body{}.String(path).Bool(watch) }

// Create makes a znode and returns its path, which is a longer one if it is sequential, and its stat.
func (c *Conn) Create(path string, data []byte, flags int32) (string, Stat, error) {
	r, err := c.Do(OpCreate2, CreateBody(path, data, flags))
	if err != nil {
		return "", Stat{}, err
	}
	name, stat := r.String(), r.Stat()
	return name, stat, r.Err()
}

// Set changes a znode; version -1 stands for any.
func (c *Conn) Set(path string, data []byte, version int32) (Stat, error) {
	r, err := c.Do(OpSetData, SetBody(path, data, version))
	if err != nil {
		return Stat{}, err
	}
	stat := r.Stat()
	return stat, r.Err()
}

// Delete removes a znode and returns the zxid of that.
func (c *Conn) Delete(path string, version int32) (int64, error) {
	r, err := c.Do(OpDelete, VersionBody(path, version))
	return r.Zxid, err
}

// Get reads a znode.
func (c *Conn) Get(path string, watch bool) ([]byte, Stat, error) {
	r, err := c.Do(OpGetData, WatchBody(path, watch))
	if err != nil {
		return nil, Stat{}, err
	}
	data, stat := r.Buffer(), r.Stat()
	return data, stat, r.Err()
}

// Exists tells whether there is a znode, and its stat.
func (c *Conn) Exists(path string, watch bool) (Stat, bool, error) {
	r, err := c.Do(OpExists, WatchBody(path, watch))
	if err == CodeNoNode {
		return Stat{}, false, nil
	}
	if err != nil {
		return Stat{}, false, err
	}
	stat := r.Stat()
	return stat, true, r.Err()
}

// Children lists the names below a znode.
func (c *Conn) Children(path string, watch bool) ([]string, Stat, error) {
	r, err := c.Do(OpGetChildren2, WatchBody(path, watch))
	if err != nil {
		return nil, Stat{}, err
	}
	names, stat := r.Strings(), r.Stat()
	return names, stat, r.Err()
}

// Sync waits until the server has what its leader had when the request came there.
func (c *Conn) Sync(path string) error {
	_, err := c.Do(OpSync, Body{}.String(path))
	return err
}
