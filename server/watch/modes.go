package watch

import "gamekeeper/proto"

// modes is how one connection watches one path, over both tables.
type modes uint8

const (
	dataStandard modes = 1 << iota
	dataPersistent
	dataRecursive
	childStandard
	childPersistent

	dataTable  = dataStandard | dataPersistent | dataRecursive
	childTable = childStandard | childPersistent
)

// sought returns the modes of which checkWatches wants to find one.
func sought(t proto.WatcherType) modes {
	switch t {
	case proto.WatcherChildren:
		return childStandard
	case proto.WatcherData:
		return dataStandard
	case proto.WatcherAny:
		return dataTable | childTable
	case proto.WatcherPersistent:
		return dataPersistent
	case proto.WatcherPersistentRecursive:
		return dataRecursive
	}
	return 0
}

// removed returns the modes that removeWatches takes away.
func removed(t proto.WatcherType) modes {
	if t == proto.WatcherPersistent {
		return dataPersistent | childPersistent
	}
	return sought(t)
}
