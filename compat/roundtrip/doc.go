// Package roundtrip takes the data of a server that was under load, imports it, exports it, and starts an
// Apache ZooKeeper on the result: the clients must not notice. It does the same with an ensemble. It is a
// program of the compatibility suite (see compat/runner) and finds the server in the environment.
//
// With COMPAT_GOLDEN=DIR it leaves copies of the server's files there after the load instead, with a listing
// of what clients saw: the test data of tools/apache are made so.
package roundtrip
