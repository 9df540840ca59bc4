// Package config reads zoo.cfg, the configuration file of Apache ZooKeeper, into a typed Config.
//
// Load reads a file and overrides; Default is what a server without a file runs on. Both return a Config
// that has passed Validate. A Config is a plain value: the caller may copy it and, in tests, change
// fields and call Validate again. The package logs nothing, starts nothing and keeps no state; what an
// operator should hear about comes back as Warnings, which the caller logs.
//
// Every key is a row of one table (the keys_*.go files), which holds its kind, default, status and
// description. Parsing, warnings about unknown keys, and docs/configuration.md follow from the table. To add a
// key, add a field to its struct in config.go and a row to the table, and run
// go test ./server/config -update to write the document.
//
// How this differs from Apache ZooKeeper, beyond the keys that are marked so in the document:
//   - There are no Java system properties. Keys that Apache reads only from -D are accepted in the
//     file, and every key may be written with the prefix "zookeeper.".
//   - A value that Apache would silently replace by the default (a number or boolean that is none)
//     refuses to start.
//   - Keys that nobody knows are reported, with the key that was probably meant.
package config
