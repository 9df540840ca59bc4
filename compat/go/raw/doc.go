// Package raw speaks the client protocol byte by byte, without any client
// library, and checks what the server sends back: error codes and which of
// several errors wins, the zxid of every reply, Stat fields, the order of
// watch events, and what happens to broken frames.
//
// The tests need a server of their own (no other client may be connected,
// because they count zxids). It is described by the environment:
//
//	ZK_ADDRESS      host:port of the server
//	COMPAT_TARGET   "apache" or "gamekeeper": selects the few expectations on
//	                which the two differ on purpose
//	COMPAT_CONTROL  program that takes the verbs start, stop, kill and restart
//	COMPAT_CONFIG   the server's zoo.cfg, read at each start
package raw
