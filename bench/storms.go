package bench

// stormWorkloads returns the workloads whose sessions do more than load: they watch, come and go, and follow recipes.
func stormWorkloads() []workload {
	w := []workload{watchersWorkload(), churnWorkload()}
	w = append(w, connectsWorkloads()...)
	return append(w, expiriesWorkload(), ephemeralsWorkload(),
		locksWorkload(), electionWorkload(), queueWorkload(), registrationWorkload())
}
