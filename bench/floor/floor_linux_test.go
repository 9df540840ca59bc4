package floor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Sizes of what a client and a server exchange, in bytes.
const (
	eventBytes    = 60 // of a watcher's znode
	setBytes      = 200
	setReplyBytes = 100
	ackBytes      = 60
	greetingBytes = 49
	welcomeBytes  = 41
)

// BenchmarkFanOut writes an event to each of many sockets, until another thread has read the last.
func BenchmarkFanOut(b *testing.B) {
	const watchers = 5_000 // a process has both ends here, and 20,000 open files may be all that it is allowed
	for writers := 1; writers <= 2; writers++ {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			needFiles(b, 2*watchers)
			l, to := listen(b)
			ours := make([]int, watchers)
			poll := newPoll(b)
			for i := range ours {
				client := keep(b, dial(b, to))
				ours[i] = accept(b, l)
				nonblocking(b, client)
				poll.add(b, client, unix.EPOLLIN|unix.EPOLLET)
			}
			event := make([]byte, eventBytes)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				var running sync.WaitGroup
				for w := range writers {
					running.Go(func() {
						runtime.LockOSThread()
						for i := w; i < watchers; i += writers {
							write(b, ours[i], event)
						}
					})
				}
				for told := 0; told < watchers; {
					for _, e := range poll.wait(b) {
						read(b, int(e.Fd), eventBytes)
						told++
					}
				}
				took = append(took, time.Since(began)/watchers)
				running.Wait()
			}
			report(b, took, "us-p50/watcher")
		})
	}
}

// BenchmarkQuorumWrite has one write after the other go from a client to the first of three threads, which sends it to
// the two others, and answers when it has synced its file and one of them says that it has synced its own.
func BenchmarkQuorumWrite(b *testing.B) {
	for _, synced := range []bool{true, false} {
		b.Run(fmt.Sprintf("synced=%t", synced), func(b *testing.B) {
			dir := b.TempDir()
			var serving sync.WaitGroup
			followers := [2]int{}
			for i := range followers {
				l, to := listen(b)
				followers[i] = keep(b, dial(b, to))
				in := accept(b, l)
				log := newLog(b, dir, i, synced)
				serving.Go(func() {
					serve(in, func(proposal []byte) {
						log.append(proposal)
						write(b, in, make([]byte, ackBytes))
					})
				})
			}
			l, to := listen(b)
			client := keep(b, dial(b, to))
			in := accept(b, l)
			log := newLog(b, dir, len(followers), synced)
			serving.Go(func() {
				serve(in, func(request []byte) {
					for _, f := range followers {
						write(b, f, request)
					}
					log.append(request)
					awaitAny(b, followers[:])
					write(b, in, make([]byte, setReplyBytes))
					for _, f := range followers {
						read(b, f, ackBytes)
					}
				})
				for _, f := range followers {
					end(b, f)
				}
			})
			defer serving.Wait()
			defer end(b, client)
			request := make([]byte, setBytes)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				write(b, client, request)
				read(b, client, setReplyBytes)
				took = append(took, time.Since(began))
			}
			report(b, took, "us-p50")
		})
	}
}

// BenchmarkConnects has connections opened by one thread and greeted by another, some at a time.
func BenchmarkConnects(b *testing.B) {
	const connections, atOnce = 2_000, 256
	l, to := listen(b)
	nonblocking(b, l)
	var stop [2]int
	if err := unix.Pipe(stop[:]); err != nil {
		b.Fatal(err)
	}
	var greeting sync.WaitGroup
	greeting.Go(func() { greet(b, l, stop[0]) })
	defer greeting.Wait()
	defer unix.Close(stop[1])
	poll := newPoll(b)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		for opened, greeted := 0, 0; greeted < connections; {
			for ; opened < connections && opened-greeted < atOnce; opened++ {
				c := dial(b, to)
				poll.add(b, c, unix.EPOLLIN)
				write(b, c, make([]byte, greetingBytes))
			}
			for _, e := range poll.wait(b) {
				read(b, int(e.Fd), welcomeBytes)
				hangUp(b, int(e.Fd))
				greeted++
			}
		}
		took = append(took, time.Since(began)/connections)
	}
	report(b, took, "us-p50/connection")
}

// greet welcomes who connects to l, until the other end of the pipe stop is closed.
func greet(b *testing.B, l, stop int) {
	runtime.LockOSThread()
	poll := newPoll(b)
	poll.add(b, l, unix.EPOLLIN)
	poll.add(b, stop, unix.EPOLLIN)
	buf, welcome := make([]byte, 4096), make([]byte, welcomeBytes)
	for {
		for _, e := range poll.wait(b) {
			switch c := int(e.Fd); c {
			case stop:
				unix.Close(stop)
				return
			case l:
				for {
					in, _, err := unix.Accept4(l, unix.SOCK_NONBLOCK)
					if err != nil {
						break // there is none left
					}
					poll.add(b, in, unix.EPOLLIN)
				}
			default:
				if n, _ := unix.Read(c, buf); n <= 0 {
					unix.Close(c)
				} else {
					write(b, c, welcome)
				}
			}
		}
	}
}

// serve calls answer with each request that comes over in, until its peer ends that.
func serve(in int, answer func(request []byte)) {
	runtime.LockOSThread()
	buf := make([]byte, setBytes)
	for {
		if n, err := unix.Read(in, buf); n <= 0 || err != nil {
			return
		}
		answer(buf)
	}
}

// logFile is a preallocated file that is written from its beginning to its end, and again.
type logFile struct {
	b      *testing.B
	fd     int
	at     int64
	synced bool
}

const logBytes = 64 << 20

func newLog(b *testing.B, dir string, n int, synced bool) *logFile {
	f, err := os.Create(filepath.Join(dir, fmt.Sprint(n)))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	if _, err = f.Write(make([]byte, logBytes)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		b.Fatal(err)
	}
	return &logFile{b: b, fd: int(f.Fd()), synced: synced}
}

func (l *logFile) append(p []byte) {
	_, err := unix.Pwrite(l.fd, p, l.at)
	if err == nil && l.synced {
		err = unix.Fdatasync(l.fd)
	}
	if err != nil {
		l.b.Error(err)
	}
	l.at = (l.at + int64(len(p))) % (logBytes - setBytes)
}

// report adds the median, in microseconds, to what the benchmark prints.
func report(b *testing.B, took []time.Duration, unit string) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e3, unit)
}
