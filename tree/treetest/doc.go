// Package treetest draws transactions as a server would order them, for property tests, and keeps beside them
// a model of the tree that is as simple as it can be. It knows nothing of package tree.
package treetest
