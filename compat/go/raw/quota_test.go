package raw

import "testing"

// quota sets limits on path as the command line tools do.
func (c *conn) quota(path, limits string) {
	c.t.Helper()
	parent := "/zookeeper/quota"
	for i := 1; i <= len(path); i++ {
		if i == len(path) || path[i] == '/' {
			c.call(opCreate, create(parent+path[:i], nil, open, persistent))
		}
	}
	c.create(parent+path+"/zookeeper_limits", limits, persistent)
	c.create(parent+path+"/zookeeper_stats", "count=0,bytes=0", persistent)
}

func (c *conn) usage(path string) string {
	c.t.Helper()
	r := c.must(opGetData, pathWatch("/zookeeper/quota"+path+"/zookeeper_stats", false))
	return string(r.buf())
}

func TestQuotaUsage(t *testing.T) {
	c := client(t)
	c.create("/q", "12", persistent)
	c.create("/q/a", "345", persistent)
	c.quota("/q", "count=1,bytes=1=;byteHardLimit=1;countHardLimit=1")
	expect := func(step, want string) {
		t.Helper()
		if got := c.usage("/q"); got != want {
			t.Errorf("%s: usage %q, want %q", step, got, want)
		}
	}
	before := c.stat("/zookeeper/quota/q/zookeeper_stats")
	expect("quota set", "count=2,bytes=5")
	c.create("/q/a/b", "6789", ephemeral) // not enforced unless configured
	expect("create", "count=3,bytes=9")
	c.set("/q", "1")
	expect("setData, shorter", "count=3,bytes=8")
	c.set("/q/a", "123456")
	expect("setData, longer", "count=3,bytes=11")
	c.create("/qq", "not below", persistent)
	expect("a neighbour", "count=3,bytes=11")
	c.must(opMulti, multi(sub{opCreate, create("/q/m", []byte("m"), open, 0)}, sub{opCreate, create("/q/n", []byte("n"), open, 0)}))
	expect("multi", "count=5,bytes=13")
	c.delete("/q/a/b")
	expect("delete", "count=4,bytes=9")
	after := c.stat("/zookeeper/quota/q/zookeeper_stats")
	before.DataLength = after.DataLength
	if after != before {
		t.Errorf("usage node changed: %+v, was %+v", after, before)
	}
	// The deepest quota counts alone.
	c.quota("/q/a", "count=-1,bytes=-1")
	c.create("/q/a/c", "xyz", persistent)
	if got, want := c.usage("/q/a"), "count=2,bytes=9"; got != want {
		t.Errorf("inner quota: %q, want %q", got, want)
	}
	expect("below an inner quota", "count=4,bytes=9")
	c.delete("/zookeeper/quota/q/zookeeper_limits")
	c.set("/q/m", "mmm")
	expect("limits removed", "count=4,bytes=9")
}

func TestQuotaEnforcement(t *testing.T) {
	withConfig(t, "enforceQuota=true")
	c := client(t)
	c.create("/qe", "12", persistent)
	c.quota("/qe", "count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3")
	c.create("/qs", "", persistent)
	c.quota("/qs", "count=1,bytes=1")
	runRequests(t, c, []request{
		{"two of three", opCreate, create("/qe/a", []byte("34"), open, 0), ok, next},
		{"too many bytes", opCreate, create("/qe/b", []byte("1234567"), open, 0), errQuota, next},
		{"as many bytes as allowed", opCreate, create("/qe/b", []byte("123456"), open, 0), ok, next},
		{"too many nodes", opCreate, create("/qe/c", nil, open, 0), errQuota, next},
		{"exists wins over the quota", opCreate, create("/qe/a", nil, open, 0), errNodeExists, next},
		{"growth", opSetData, setData("/qe/a", []byte("345"), -1), errQuota, next},
		{"quota wins over the version", opSetData, setData("/qe/a", []byte("345"), 9), errQuota, next},
		{"same size", opSetData, setData("/qe/a", []byte("55"), -1), ok, next},
		{"shrinking", opSetData, setData("/qe/a", nil, -1), ok, next},
		{"in a multi", opMulti, multi(sub{opCreate, create("/qe/c", nil, open, 0)}), ok, next},
		{"delete", opDelete, pathVersion("/qe/b", -1), ok, next},
		{"room again", opCreate, create("/qe/c", nil, open, 0), ok, next},
		{"soft limits only warn", opCreate, create("/qs/a", []byte("123"), open, 0), ok, next},
	})
	if got, want := c.usage("/qe"), "count=3,bytes=2"; got != want {
		t.Errorf("usage %q, want %q", got, want)
	}
}

func TestQuotaAfterRestart(t *testing.T) {
	withConfig(t, "enforceQuota=true")
	c := client(t)
	c.create("/qr", "", persistent)
	c.quota("/qr", "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=2")
	c.create("/qr/a", "", persistent)
	control(t, "restart")
	c = client(t)
	if r := c.call(opCreate, create("/qr/b", nil, open, 0)); r.err != errQuota {
		t.Errorf("error %d, want %d", r.err, errQuota)
	}
	c.delete("/qr/a")
	c.create("/qr/b", "", persistent)
	if got, want := c.usage("/qr"), "count=2,bytes=0"; got != want {
		t.Errorf("usage %q, want %q", got, want)
	}
}
