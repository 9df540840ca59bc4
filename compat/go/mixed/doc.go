// Package mixed checks ensembles whose servers are of both kinds, Apache ZooKeeper and Gamekeeper, in every role: that
// they elect, replicate, synchronise each other in all three ways (DIFF, TRUNC, SNAP), and that clients move between
// them without noticing. The same is asked of ensembles of one kind: COMPAT_TARGET says whether those are Apache's,
// which shows that the expectations are right, or Gamekeeper's, which the mixtures join.
//
// It is built with "go test -c" and run from the directory compat.
package mixed
