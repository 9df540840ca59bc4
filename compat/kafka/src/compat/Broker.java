package compat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A Kafka broker as a process of its own, with the class path of this one. */
final class Broker {
  final String address;

  private final Path log;
  private final Path properties;
  private Process process;

  /** The broker keeps its records and its log in dir. */
  Broker(Path dir, String zookeeper) throws IOException {
    // Not a port that the system may lend to a client that calls before the broker listens.
    address = "127.0.0.1:" + System.getenv("COMPAT_PORT");
    log = dir.resolve("log");
    properties = dir.resolve("server.properties");
    Files.createDirectories(dir);
    // Settings of the broker besides the first five: one replica of everything, no idle waiting, few
    // threads. Access rules are kept in ZooKeeper as well, so they are switched on, and allow all.
    Files.writeString(properties, """
        broker.id=0
        listeners=PLAINTEXT://%s
        log.dirs=%s
        zookeeper.connect=%s
        zookeeper.session.timeout.ms=10000
        offsets.topic.replication.factor=1
        offsets.topic.num.partitions=1
        transaction.state.log.replication.factor=1
        transaction.state.log.min.isr=1
        group.initial.rebalance.delay.ms=0
        auto.create.topics.enable=false
        num.network.threads=2
        num.io.threads=4
        background.threads=2
        log.cleaner.enable=false
        authorizer.class.name=kafka.security.authorizer.AclAuthorizer
        allow.everyone.if.no.acl.found=true
        super.users=User:ANONYMOUS
        """.formatted(address, dir.resolve("records"), zookeeper));
  }

  /** Starts the process; clients find out when it serves. */
  void start() throws IOException {
    process = new ProcessBuilder(
        "java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-Dlog4j.configuration=" + System.getProperty("log4j.configuration"), "-Dcompat.loglevel=INFO",
        "-cp", System.getProperty("java.class.path"), "kafka.Kafka", properties.toString())
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(new File(log.toString())))
        .start();
  }

  /** Completes when the process ends. */
  CompletableFuture<Process> exit() {
    return process.onExit();
  }

  /** Ends the broker in good order: it hands over its partitions and ends its session. */
  void stop() throws InterruptedException {
    process.destroy();
    if (!process.waitFor(Scenario.PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
      throw new AssertionError("the broker does not stop");
    }
  }

  void kill() {
    if (process != null) {
      process.destroyForcibly().onExit().join();
    }
  }

  void suspend() throws Exception {
    signal("-STOP");
  }

  void resume() throws Exception {
    signal("-CONT");
  }

  private void signal(String name) throws Exception {
    int code = new ProcessBuilder("kill", name, Long.toString(process.pid())).inheritIO().start().waitFor();
    if (code != 0) {
      throw new IOException("kill " + name + " of the broker: exit code " + code);
    }
  }

  String endOfLog() throws IOException {
    if (!Files.exists(log)) {
      return "(none)";
    }
    List<String> lines = Files.readAllLines(log);
    return String.join("\n", lines.subList(Math.max(0, lines.size() - 60), lines.size()));
  }
}
