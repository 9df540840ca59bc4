package admin

import "time"

// compatibleVersion is the release of Apache ZooKeeper whose behaviour this server has. It comes first
// in the version text because clients decide by it what they may ask of a server: kazoo, for one, takes
// the digits before the first dash.
const compatibleVersion = "3.9.5"

// FullVersion returns the version text that srvr, stat, mntr and envi print for a Gamekeeper of the
// given version, for instance "3.9.5-gamekeeper-0.1.0, built on 2026-11-22 10:46 UTC". The shape is that
// of org.apache.zookeeper.Version: digits, a revision after a dash, the date of the build in UTC. A zero
// date is printed as unknown.
func FullVersion(version string, built time.Time) string {
	date := "unknown"
	if !built.IsZero() {
		date = built.UTC().Format("2006-01-02 15:04 UTC")
	}
	return compatibleVersion + "-gamekeeper-" + version + ", built on " + date
}
