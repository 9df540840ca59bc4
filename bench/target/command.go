package target

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// logback has Apache ZooKeeper's servers say what is wrong, and no more.
const logback = `<configuration>
  <statusListener class="ch.qos.logback.core.status.NopStatusListener"/>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5level %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="out"/></root>
</configuration>
`

// command is what starts a server; the name of its zoo.cfg is to follow. It also notes the settings, for people.
func (t *Target) command(ctx context.Context) ([]string, error) {
	t.settings = override(usualLines(), t.options.Lines)
	for _, line := range defaultLines() {
		if !slices.ContainsFunc(t.settings, func(s string) bool { return keyOf(s) == keyOf(line) }) {
			t.settings = append(t.settings, line+" (default)")
		}
	}
	if t.spec.Kind == Apache {
		return t.apacheCommand(ctx)
	}
	t.noteEnvironment("GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GODEBUG")
	program, err := t.options.gamekeeper()
	return []string{program, "server"}, err
}

func (t *Target) apacheCommand(ctx context.Context) ([]string, error) {
	java, err := t.options.java()
	if err != nil {
		return nil, err
	}
	classpath, err := t.options.classpath()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(t.dir, "logback.xml")
	if err := os.WriteFile(file, []byte(logback), 0o600); err != nil {
		return nil, err
	}
	flags := append([]string{"-Xms" + t.options.heap(), "-Xmx" + t.options.heap()}, t.options.JVM...)
	for _, line := range t.options.Lines {
		if property := onlyProperty(line); property != "" {
			flags = append(flags, "-D"+property)
		}
	}
	version, err := javaVersion(ctx, java)
	if err != nil {
		return nil, err
	}
	t.settings = append(t.settings, "java "+strings.Join(flags, " "), version)
	t.noteEnvironment("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
	return slices.Concat([]string{java}, flags, []string{"-Dlogback.configurationFile=" + file,
		"-cp", classpath, "org.apache.zookeeper.server.quorum.QuorumPeerMain"}), nil
}

// onlyProperty is a line of zoo.cfg which Apache reads only as a system property, as one; "" for all others.
func onlyProperty(line string) string {
	key, value, _ := strings.Cut(line, "=")
	key = strings.TrimSpace(key)
	for _, prefix := range []string{"jute.maxbuffer", "readonlymode.", "znode.container."} {
		if strings.HasPrefix(key, prefix) {
			return key + "=" + strings.TrimSpace(value)
		}
	}
	return ""
}

// noteEnvironment adds those variables to the settings that are set and that servers go by.
func (t *Target) noteEnvironment(names ...string) {
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			t.settings = append(t.settings, fmt.Sprintf("environment %s=%s", name, value))
		}
	}
}

// javaVersion asks a Java VM which it is.
func javaVersion(ctx context.Context, java string) (string, error) {
	text, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s -version: %w: %s", java, err, strings.TrimSpace(string(text)))
	}
	return parseJavaVersion(string(text)), nil
}

// parseJavaVersion finds the line that tells most; before it may be what variables of the environment did.
func parseJavaVersion(text string) string {
	var first string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.Contains(line, "Runtime Environment"):
			return line
		case first == "" && strings.Contains(line, " version "):
			first = line
		}
	}
	return first
}
