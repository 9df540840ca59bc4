package watch

import (
	"fmt"
	"runtime"
	"testing"

	"gamekeeper/proto"
)

var nobody = func(*int, proto.EventType, []byte) {}

func watchedPaths(r *Registry[*int], n int) {
	for i := range n {
		r.AddData(fmt.Appendf(nil, "/watched/node-%08d", i), new(int))
	}
}

// BenchmarkChangedUnwatched measures what watches cost a write that nobody watches.
func BenchmarkChangedUnwatched(b *testing.B) {
	for _, n := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprintf("watched-%d", n), func(b *testing.B) {
			r := New[*int]()
			watchedPaths(r, n)
			paths := make([][]byte, 1024)
			for i := range paths {
				paths[i] = fmt.Appendf(nil, "/service/instance-%08d", i)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				r.Changed(proto.NodeCreated, paths[i%len(paths)], nobody)
				i++
			}
		})
	}
}

// BenchmarkWatchAndFire measures one round of the usual life of a watch.
func BenchmarkWatchAndFire(b *testing.B) {
	r := New[*int]()
	watchedPaths(r, 1000)
	path, w := []byte("/service/config"), new(int)
	b.ReportAllocs()
	for b.Loop() {
		r.AddData(path, w)
		r.Changed(proto.NodeDataChanged, path, nobody)
	}
}

// BenchmarkFireMany measures a change of a znode with 10,000 watchers, per watcher.
func BenchmarkFireMany(b *testing.B) {
	const watchers = 10_000
	conns := make([]*int, watchers)
	for i := range conns {
		conns[i] = new(int)
	}
	path := []byte("/service/config")
	for _, kind := range []string{"standard", "persistent"} {
		b.Run(kind, func(b *testing.B) {
			r := New[*int]()
			for _, w := range conns {
				r.AddPersistent(path, w)
			}
			b.ReportAllocs()
			for n := 0; n < b.N; n += watchers {
				if kind == "standard" {
					b.StopTimer()
					for _, w := range conns {
						r.Remove(path, proto.WatcherAny, w)
						r.AddData(path, w)
					}
					b.StartTimer()
				}
				r.Changed(proto.NodeDataChanged, path, nobody)
			}
		})
	}
}

// BenchmarkDisconnect measures RemoveAll of connections that all watch one znode, per connection.
func BenchmarkDisconnect(b *testing.B) {
	r := New[*int]()
	path := []byte("/service/config")
	conns := make([]*int, b.N)
	for i := range conns {
		conns[i] = new(int)
		r.AddData(path, conns[i])
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, w := range conns {
		r.RemoveAll(w)
	}
}

func BenchmarkMemory(b *testing.B) {
	const n = 100_000
	conns := make([]*int, n)
	for i := range conns {
		conns[i] = new(int)
	}
	path := []byte("/service/config")
	for name, fill := range map[string]func(*Registry[*int]){
		"one-connection-many-paths": func(r *Registry[*int]) {
			for i := range n {
				r.AddData(fmt.Appendf(nil, "/watched/node-%08d", i), conns[0])
			}
		},
		"many-connections-own-path": func(r *Registry[*int]) {
			for i := range n {
				r.AddData(fmt.Appendf(nil, "/watched/node-%08d", i), conns[i])
			}
		},
		"many-connections-one-path": func(r *Registry[*int]) {
			for i := range n {
				r.AddData(path, conns[i])
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				r := New[*int]()
				fill(r)
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/watch")
				runtime.KeepAlive(r)
			}
		})
	}
}
