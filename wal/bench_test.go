package wal

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"gamekeeper/proto"
)

func benchLog(b *testing.B, fs vfs.FS) *Log {
	o := Options{FS: fs, Dir: "/log"}
	if fs == vfs.Default {
		o.Dir = b.TempDir()
	} else {
		o.SegmentBytes = 4 << 20
	}
	return mustOpen(b, o)
}

var fileSystems = []struct {
	name string
	make func() vfs.FS
}{
	{"mem", func() vfs.FS { return vfs.NewMem() }},
	{"os", func() vfs.FS { return vfs.Default }},
}

// BenchmarkAppend is the owner's side and the writer's together: batches of 64 records, as fast as the
// bound on what is not durable allows.
func BenchmarkAppend(b *testing.B) {
	for _, fs := range fileSystems {
		for _, size := range []int{128, 1024} {
			b.Run(fmt.Sprintf("fs=%s/size=%d", fs.name, size), func(b *testing.B) {
				l := benchLog(b, fs.make())
				notified := make(chan struct{}, 1)
				l.opts.Notify = func() {
					select {
					case notified <- struct{}{}:
					default:
					}
				}
				payload := make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				z := proto.Zxid(0)
				for b.Loop() {
					z++
					l.Append(z, payload)
					if z%64 == 0 {
						l.Submit()
						for l.Full() {
							<-notified
						}
					}
				}
				if err := l.drain(); err != nil {
					b.Fatal(err)
				}
				mustClose(b, l)
			})
		}
	}
}

// BenchmarkDurable is the latency of one batch, from Append to Durable.
func BenchmarkDurable(b *testing.B) {
	for _, fs := range fileSystems {
		for _, records := range []int{1, 64} {
			b.Run(fmt.Sprintf("fs=%s/records=%d", fs.name, records), func(b *testing.B) {
				l := benchLog(b, fs.make())
				payload := make([]byte, 256)
				b.ReportAllocs()
				z := proto.Zxid(0)
				for b.Loop() {
					for range records {
						z++
						l.Append(z, payload)
					}
					if err := l.drain(); err != nil {
						b.Fatal(err)
					}
				}
				mustClose(b, l)
			})
		}
	}
}

// BenchmarkReplay reads back a log of 128 MiB whose pages are cached.
func BenchmarkReplay(b *testing.B) {
	for _, fs := range fileSystems {
		for _, size := range []int{128, 1024} {
			b.Run(fmt.Sprintf("fs=%s/size=%d", fs.name, size), func(b *testing.B) {
				l := benchLog(b, fs.make())
				payload := make([]byte, size)
				const total = 128 << 20
				z := proto.Zxid(0)
				for z < proto.Zxid(total/recordSize(size)) {
					z++
					l.Append(z, payload)
					if z%1000 == 0 {
						if err := l.drain(); err != nil {
							b.Fatal(err)
						}
					}
				}
				if err := l.drain(); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(total)
				b.ReportAllocs()
				for b.Loop() {
					n := proto.Zxid(0)
					if err := l.Replay(0, func(proto.Zxid, []byte) error { n++; return nil }); err != nil || n != z {
						b.Fatal(n, err)
					}
				}
				mustClose(b, l)
			})
		}
	}
}
