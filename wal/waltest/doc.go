// Package waltest is a disk in memory that fails the way disks do, for tests of what goes through a vfs.FS.
//
// The fault model. What was written and not synced reaches the disk, at a crash, in any combination of
// 512-byte sectors; a sector is old or new, never a mixture. Names made, removed or renamed in a directory
// that was not synced survive in any combination, a rename whole or not at all. A sync that fails leaves
// what it should have written readable and no longer counted as unwritten, as Linux does: a later sync
// succeeds and proves nothing. A full disk cuts a write short. Nothing else goes wrong by itself; a test that
// wants rotten bits flips them with Corrupt.
//
// A Disk may be used from several goroutines.
package waltest
