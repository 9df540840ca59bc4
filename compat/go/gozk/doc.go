// Package gozk drives a server with go-zookeeper/zk, the client that most Go
// programs use. The environment is that of package raw.
package gozk
