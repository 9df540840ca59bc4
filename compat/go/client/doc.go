// Package client is a client of the ZooKeeper protocol for tests of ensembles. It hides nothing: a connection goes
// to one server, is never repaired behind its user's back, and keeps apart a request that failed from one whose
// outcome nobody knows. Requests are pipelined.
//
//	c, err := client.Dial(ctx, "127.0.0.1:2181", client.Session{Timeout: 4 * time.Second})
//	reply, err := c.Set("/a", []byte("x"), -1)
//	c.Drop()                                    // the session lives on
//	c, err = client.Dial(ctx, other, c.Session())
//
// An error of a request is a Code (the server says no), ErrLost (the connection ended before the reply; the request
// may have been executed, or may still be) or ErrUnsent (it certainly has not been).
//
// A Conn may be used by several goroutines; requests go out in the order of the calls of Start. Two goroutines
// belong to it, one that reads and one that pings, and end with it. The caller must end it, by Drop or Close.
package client
