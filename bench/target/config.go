package target

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// usualLines are lines of zoo.cfg that all servers have, of either kind.
func usualLines() []string {
	return []string{
		"tickTime=2000", "initLimit=10", "syncLimit=5",
		"maxClientCnxns=0",         // all connections come from one address
		"4lw.commands.whitelist=*", // servers are asked how they are
		"admin.enableServer=false", // Apache's would need a port
	}
}

// defaultLines are defaults of both kinds that figures depend on. They are not written, but told.
func defaultLines() []string { return []string{"forceSync=yes", "snapCount=100000"} }

// ownKeys are those that every server needs a value of its own for, so that they cannot be set for all.
func ownKeys() []string {
	return []string{"dataDir", "dataLogDir", "clientPort", "clientPortAddress", "secureClientPort", "dynamicConfigFile",
		"peerType", "metricsProvider.httpPort", "admin.serverPort"}
}

// override returns lines with those of the second list in place of lines with the same keys.
func override(lines, by []string) []string {
	lines = slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		return slices.ContainsFunc(by, func(b string) bool { return keyOf(b) == keyOf(line) })
	})
	return append(lines, by...)
}

func keyOf(line string) string {
	key, _, _ := strings.Cut(line, "=")
	return strings.TrimSpace(key)
}

// checkLines tells whether lines can be set for all servers.
func checkLines(lines []string) error {
	for _, line := range lines {
		key := keyOf(line)
		switch {
		case key == "" || !strings.Contains(line, "="):
			return usageError("%q is not a line of zoo.cfg, which is key=value", line)
		case slices.Contains(ownKeys(), key) || strings.HasPrefix(key, "server."):
			return usageError("%s cannot be set: every server that is started has its own %s", line, key)
		}
	}
	return nil
}

// place gives the servers of a target that is started their addresses and their files.
func (t *Target) place(argv []string) error {
	var common []string // lines that all of them have
	own := make([][]string, t.spec.size())
	for i := range own {
		s := &server{name: t.spec.member(i + 1), dir: filepath.Join(t.dir, fmt.Sprint(i+1))}
		s.argv = append(slices.Clone(argv), s.config())
		t.servers = append(t.servers, s)
		member, lines, err := t.address(s, i >= t.spec.Voters)
		if err != nil {
			return err
		}
		own[i] = lines
		if len(own) > 1 {
			common = append(common, fmt.Sprintf("server.%d=%s", i+1, member))
		}
	}
	common = append(override(usualLines(), t.options.Lines), common...)
	for i, s := range t.servers {
		if err := s.write(i+1, slices.Concat(own[i], common)); err != nil {
			return err
		}
	}
	return nil
}

// address gives a server its addresses. It returns what the other servers have to know of it, and its own lines.
func (t *Target) address(s *server, observes bool) (member string, lines []string, err error) {
	var port [4]int
	for i := range port {
		if port[i], err = t.ports.next(); err != nil {
			return "", nil, err
		}
	}
	s.address = fmt.Sprint("127.0.0.1:", port[0])
	lines = []string{"dataDir=" + s.data(), "clientPortAddress=127.0.0.1", fmt.Sprint("clientPort=", port[0])}
	if t.spec.Kind == Gamekeeper {
		s.metrics = fmt.Sprintf("http://127.0.0.1:%d/metrics", port[3])
		lines = append(lines, "metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
			"metricsProvider.httpHost=127.0.0.1", fmt.Sprint("metricsProvider.httpPort=", port[3]))
	}
	member = fmt.Sprintf("127.0.0.1:%d:%d", port[1], port[2])
	if observes {
		member += ":observer"
		lines = append(lines, "peerType=observer")
	}
	return member, lines, nil
}
