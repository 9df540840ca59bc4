// Package epoch keeps the two epochs that a member of an ensemble must not forget: the highest one that it has
// accepted from a would-be leader, and that of the last leader whose history it made its own.
//
// # What the caller does
//
//	file, err := epoch.Open(fs, dataDir)
//	err = file.Set(accepted, current) // before the promise is given to anybody
//
// A File belongs to one goroutine. What Set was given is on stable storage when it returns without an error.
// After an error it is not known what the disk holds: the server must promise nothing more, and stop.
//
// # On disk
//
// One file of text, "epochs", in the dataDir. It is replaced as a whole through a rename, so a crash leaves the
// old numbers or the new ones.
//
//	gamekeeper epochs 1
//	accepted 7
//	current 6
//	checksum 1a2b3c4d
//
// The number in the first line is the version of the format, which is only ever raised. The checksum is the
// CRC-32C of the lines before it. A directory without the file is that of a server that has promised nothing.
package epoch
