// Package migrate moves data between Apache ZooKeeper and this server: Import builds a data directory from
// Apache's files, Export writes files that an Apache server starts from. Package tools/apache knows the
// files; this one knows our directories.
//
// Both work on servers that are stopped. Neither changes what it reads, and neither overwrites anything: what
// they write appears under its name only when it is complete.
package migrate
