// Package floor has benchmarks of what the operating system alone takes for the exchanges that the comparison with
// Apache ZooKeeper is made of. There is no server in them and no protocol: threads that read, write and sync by system
// calls, and do nothing between. A server that makes the same calls takes that and more, so they tell how far a figure of a
// machine can still fall:
//
//	go test -run xxx -bench . ./bench/floor
//
// They are for Linux.
package floor
