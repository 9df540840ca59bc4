package tree

import "syscall"

const hugePageBytes = 2 << 20

// adviseHugePages asks for huge pages behind some memory of the heap. The range is rounded outwards, so that
// a page which two regions share is a huge one, too. The heap grows by multiples of huge pages, hence what
// is around the range belongs to it; and if not, an advice changes nothing but how pages are made. It may
// fail, for instance where there are no huge pages.
func adviseHugePages(at, n uintptr) {
	end := (at + n + hugePageBytes - 1) &^ (hugePageBytes - 1)
	at &^= hugePageBytes - 1
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, at, end-at, syscall.MADV_HUGEPAGE)
}
