package admin

import (
	"strconv"
	"strings"

	"gamekeeper/proto"
)

// The four-letter words, as the big-endian integer that the first four bytes of a connection make.
const (
	wordConf uint32 = 'c'<<24 | 'o'<<16 | 'n'<<8 | 'f'
	wordCons uint32 = 'c'<<24 | 'o'<<16 | 'n'<<8 | 's'
	wordCrst uint32 = 'c'<<24 | 'r'<<16 | 's'<<8 | 't'
	wordDirs uint32 = 'd'<<24 | 'i'<<16 | 'r'<<8 | 's'
	wordDump uint32 = 'd'<<24 | 'u'<<16 | 'm'<<8 | 'p'
	wordEnvi uint32 = 'e'<<24 | 'n'<<16 | 'v'<<8 | 'i'
	wordGtmk uint32 = 'g'<<24 | 't'<<16 | 'm'<<8 | 'k'
	wordHash uint32 = 'h'<<24 | 'a'<<16 | 's'<<8 | 'h'
	wordIsro uint32 = 'i'<<24 | 's'<<16 | 'r'<<8 | 'o'
	wordMntr uint32 = 'm'<<24 | 'n'<<16 | 't'<<8 | 'r'
	wordRuok uint32 = 'r'<<24 | 'u'<<16 | 'o'<<8 | 'k'
	wordSrst uint32 = 's'<<24 | 'r'<<16 | 's'<<8 | 't'
	wordSrvr uint32 = 's'<<24 | 'r'<<16 | 'v'<<8 | 'r'
	wordStat uint32 = 's'<<24 | 't'<<16 | 'a'<<8 | 't'
	wordStmk uint32 = 's'<<24 | 't'<<16 | 'm'<<8 | 'k'
	wordWchc uint32 = 'w'<<24 | 'c'<<16 | 'h'<<8 | 'c'
	wordWchp uint32 = 'w'<<24 | 'c'<<16 | 'h'<<8 | 'p'
	wordWchs uint32 = 'w'<<24 | 'c'<<16 | 'h'<<8 | 's'
	// wordTelnetClose is what a telnet program sends when its user breaks off. Apache knows it to keep
	// its log quiet.
	wordTelnetClose uint32 = 0xfff4fffd
)

// notServing is the answer to most words while the server serves no clients.
const notServing = "This ZooKeeper instance is not currently serving requests\n"

// wordName returns the name of a word of Apache ZooKeeper, and "" for other bytes.
func wordName(first4 uint32) string {
	switch first4 {
	case wordConf, wordCons, wordCrst, wordDirs, wordDump, wordEnvi, wordGtmk, wordHash, wordIsro,
		wordMntr, wordRuok, wordSrst, wordSrvr, wordStat, wordStmk, wordWchc, wordWchp, wordWchs:
		return string([]byte{byte(first4 >> 24), byte(first4 >> 16), byte(first4 >> 8), byte(first4)})
	case wordTelnetClose:
		return "telnet close"
	}
	return ""
}

// Known reports whether the first four bytes of a connection, read as a big-endian integer, are a word of
// Apache ZooKeeper and therefore no frame length. The sequence with which telnet closes counts as one.
// Words are lower case; anything else is a length.
func Known(first4 uint32) bool { return wordName(first4) != "" }

// Words answers four-letter words.
type Words struct {
	src Source
	all bool
	// enabled has the names of the whitelist; names that are no words do no harm there.
	enabled map[string]bool
	env     environment
	// files returns the open file descriptors and their limit.
	files func() (open, limit int64)
}

// NewWords returns the words of src. whitelist is the value of 4lw.commands.whitelist: names, each
// element one or several separated by commas; "*" enables all words. srvr is always enabled, because
// zkServer.sh asks it for the status. A server with read-only mode adds "isro", which clients ask.
func NewWords(whitelist []string, src Source) *Words {
	w := &Words{src: src, enabled: map[string]bool{"srvr": true}, env: readEnvironment(), files: fileDescriptors}
	for name := range strings.SplitSeq(strings.Join(whitelist, ","), ",") {
		name = strings.TrimSpace(name)
		if name == "*" {
			w.all = true
			break
		}
		w.enabled[name] = true
	}
	return w
}

// Answer returns what to write for the word before closing the connection; nil for bytes that are no
// word, and for telnet's close when it is whitelisted: then the connection is closed without an answer.
// The slice belongs to the caller.
func (w *Words) Answer(first4 uint32) []byte {
	name := wordName(first4)
	switch {
	case name == "":
		return nil
	case !w.all && !w.enabled[name]:
		return []byte(name + " is not executed because it is not in the whitelist.\n")
	}
	switch first4 {
	case wordTelnetClose:
		return nil
	case wordRuok:
		return []byte("imok")
	case wordEnvi:
		return w.env.append(nil, w.src.Stats().Version)
	case wordGtmk, wordStmk:
		return unsupported(name)
	}
	st := w.src.Stats()
	if first4 == wordIsro {
		return appendIsro(nil, &st)
	}
	if !st.Serving {
		return []byte(notServing)
	}
	return w.answerServing(first4, name, &st)
}

// answerServing answers the words that only a serving server answers.
func (w *Words) answerServing(first4 uint32, name string, st *Stats) []byte {
	switch first4 {
	case wordSrvr:
		return appendServer(nil, st, nil)
	case wordStat:
		return appendServer(nil, st, w.src.Connections)
	case wordCons:
		return appendConnections(nil, w.src.Connections)
	case wordConf:
		conf := w.src.Conf()
		return conf.append(nil)
	case wordMntr:
		open, limit := w.files()
		return appendMonitor(nil, st, open, limit, w.src.Metrics())
	case wordDirs:
		data, log := w.src.DirSizes()
		return appendDirs(nil, data, log)
	case wordSrst:
		w.src.ResetStats()
		return []byte("Server stats reset.\n")
	case wordCrst:
		w.src.ResetConnections()
		return []byte("Connection stats reset.\n")
	case wordDump:
		if l, ok := w.src.(SessionLister); ok {
			return appendDump(nil, l, w.src.Connections)
		}
	case wordHash:
		if l, ok := w.src.(DigestLister); ok {
			return appendDigests(nil, l)
		}
	case wordWchs, wordWchc, wordWchp:
		if l, ok := w.src.(WatchLister); ok {
			return appendWatches(nil, first4, l)
		}
	}
	return unsupported(name)
}

// unsupported answers a word of Apache ZooKeeper that this server does not have.
func unsupported(name string) []byte { return []byte(name + " is not supported by this server.\n") }

// appendDigests appends a line for each remembered digest, a signed number as in Java.
func appendDigests(b []byte, l DigestLister) []byte {
	l.Digests(func(zxid proto.Zxid, digest uint64) bool {
		b = append(appendHex(b, uint64(zxid)), ": "...)
		b = append(strconv.AppendInt(b, int64(digest), 10), '\n')
		return true
	})
	return b
}

func appendIsro(b []byte, st *Stats) []byte {
	switch {
	case !st.Serving:
		return append(b, "null"...)
	case st.Mode == ReadOnly:
		return append(b, "ro"...)
	}
	return append(b, "rw"...)
}

// appendID appends a session as 0x and hexadecimal digits without leading zeros.
func appendID(b []byte, id proto.SessionID) []byte {
	return appendHex(append(b, "0x"...), uint64(id))
}
