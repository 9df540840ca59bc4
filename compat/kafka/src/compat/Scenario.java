package compat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * An Apache Kafka broker in ZooKeeper mode, which keeps everything but its records in ZooKeeper: who the brokers
 * and the controller are (ephemeral znodes), topics and their partitions, what is to be deleted, settings and
 * access rules (sequential znodes that announce changes, watches everywhere, transactions of many operations).
 * The broker is used, restarted, killed, suspended until its session has expired; and the ZooKeeper server is
 * killed and started under it. What the broker was told must be there each time.
 */
public final class Scenario {
  static final Duration PATIENCE = Duration.ofSeconds(60); // no wait is longer

  private static final String BROKER = "/brokers/ids/0";
  private static final String CONTROLLER = "/controller";
  private static final String GROUP = "readers";
  private static final ConfigResource ORDERS = new ConfigResource(ConfigResource.Type.TOPIC, "orders");
  private static final AclBinding RULE = new AclBinding(
      new ResourcePattern(ResourceType.TOPIC, "orders", PatternType.LITERAL),
      new AccessControlEntry("User:alice", "*", AclOperation.READ, AclPermissionType.ALLOW));

  private final Broker broker;
  private final Znodes znodes;
  private final Admin admin;
  private final long began = System.nanoTime();
  private int produced; // records in the topic "orders"

  private Scenario(Broker broker, Znodes znodes) {
    this.broker = broker;
    this.znodes = znodes;
    this.admin = Admin.create(Map.of("bootstrap.servers", broker.address, "reconnect.backoff.max.ms", "200"));
  }

  public static void main(String[] args) throws Exception {
    String zookeeper = System.getenv("ZK_ADDRESS") + "/kafka"; // Kafka creates this znode
    Broker broker = new Broker(Path.of(System.getenv("COMPAT_DIR"), "kafka"), zookeeper);
    Runtime.getRuntime().addShutdownHook(new Thread(broker::kill));
    int code = 0;
    try (Znodes znodes = new Znodes(zookeeper)) {
      new Scenario(broker, znodes).run();
    } catch (Exception | AssertionError e) {
      e.printStackTrace();
      System.err.println("The end of the broker's log:\n" + broker.endOfLog());
      code = 1;
    }
    System.exit(code);
  }

  private void run() throws Exception {
    broker.start();
    await(admin.describeCluster().controller());
    step("the broker has started and is the controller");
    create("orders", 3);
    produce(100);
    consume(GROUP, 0);
    step("records have been produced and consumed");
    settings();
    step("partitions have been added, settings and access rules changed");
    deletion();
    step("a topic has been deleted");

    broker.stop();
    znodes.awaitGone(BROKER);
    broker.start();
    remembered();
    step("the broker has been restarted");

    control("restart");
    create("during", 2);
    remembered();
    step("the ZooKeeper server has been killed and started under the broker");

    broker.suspend();
    znodes.awaitGone(BROKER);
    broker.resume();
    znodes.awaitThere(BROKER);
    create("expired", 1);
    remembered();
    step("the broker has been suspended until its session had expired");

    broker.kill();
    znodes.awaitGone(BROKER);
    znodes.awaitGone(CONTROLLER);
    broker.start();
    remembered();
    consume("others", 0);
    step("the broker has been killed and started");

    check(await(admin.listTopics().names()), Set.of("orders", "during", "expired"), "topics at the end");
    broker.stop();
    step("the broker has been stopped");
  }

  /** Changes what the controller tells the broker through ZooKeeper, and reads it back. */
  private void settings() throws Exception {
    await(admin.createPartitions(Map.of("orders", NewPartitions.increaseTo(5))).all());
    AlterConfigOp retention = new AlterConfigOp(new ConfigEntry("retention.ms", "7200000"), AlterConfigOp.OpType.SET);
    await(admin.incrementalAlterConfigs(Map.of(ORDERS, List.of(retention))).all());
    await(admin.createAcls(List.of(RULE)).all());
    eventually("the settings are in force", this::settingsInForce);
  }

  private boolean settingsInForce() throws Exception {
    TopicDescription orders = await(admin.describeTopics(List.of("orders")).allTopicNames()).get("orders");
    boolean led = orders.partitions().stream().allMatch(p -> p.leader() != null && p.leader().id() == 0);
    String retention = await(admin.describeConfigs(List.of(ORDERS)).all()).get(ORDERS).get("retention.ms").value();
    Collection<AclBinding> rules = await(admin.describeAcls(AclBindingFilter.ANY).values());
    return orders.partitions().size() == 5 && led && retention.equals("7200000") && rules.equals(List.of(RULE));
  }

  private void deletion() throws Exception {
    create("brief", 2);
    await(admin.deleteTopics(List.of("brief")).all());
    eventually("the topic is gone", () -> !await(admin.listTopics().names()).contains("brief"));
    znodes.awaitGone("/brokers/topics/brief");
  }

  /** Checks that settings are as they were, and that the group goes on where it stopped. */
  private void remembered() throws Exception {
    eventually("the settings are in force again", this::settingsInForce);
    int before = produced;
    produce(50);
    consume(GROUP, before);
  }

  private void create(String topic, int partitions) throws Exception {
    await(admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all());
    eventually("topic " + topic + " is there", () -> await(admin.listTopics().names()).contains(topic));
  }

  private void produce(int records) throws Exception {
    Map<String, Object> config = Map.of(
        "bootstrap.servers", broker.address, "acks", "all", "reconnect.backoff.max.ms", "200");
    try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (int i = 0; i < records; i++) {
        sent.add(producer.send(new ProducerRecord<>("orders", "key " + produced, Integer.toString(produced))));
        produced++;
      }
      for (Future<RecordMetadata> s : sent) {
        s.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      }
    }
  }

  /** Consumes what has been produced from a record on, and commits: each record once, and no other. */
  private void consume(String group, int first) {
    Map<String, Object> config = Map.of(
        "bootstrap.servers", broker.address, "group.id", group, "auto.offset.reset", "earliest",
        "enable.auto.commit", "false", "reconnect.backoff.max.ms", "200");
    try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of("orders"));
      List<Integer> got = new ArrayList<>();
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      while (got.size() < produced - first && System.nanoTime() < deadline) {
        consumer.poll(Duration.ofMillis(500)).forEach(r -> got.add(Integer.valueOf(r.value())));
      }
      consumer.commitSync(PATIENCE);
      got.sort(null);
      check(got, IntStream.range(first, produced).boxed().toList(), "records consumed");
    }
  }

  /** Waits for an answer, but not longer than the broker lives. */
  private <T> T await(KafkaFuture<T> answer) throws Exception {
    CompletableFuture<T> future = answer.toCompletionStage().toCompletableFuture();
    CompletableFuture.anyOf(future, broker.exit()).get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    if (!future.isDone()) {
      throw new IllegalStateException("the broker has ended by itself");
    }
    return future.get();
  }

  private interface Condition {
    boolean holds() throws Exception;
  }

  private void eventually(String what, Condition condition) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      String last = "";
      try {
        if (condition.holds()) {
          return;
        }
      } catch (ExecutionException e) {
        last = ": " + e.getCause(); // such as a topic that the broker does not know yet
      }
      if (System.nanoTime() > deadline) {
        throw new AssertionError("not within " + PATIENCE.toSeconds() + " s: " + what + last);
      }
      TimeUnit.MILLISECONDS.sleep(50);
    }
  }

  private static void check(Object got, Object want, String what) {
    if (!got.equals(want)) {
      throw new AssertionError(what + ": " + got + ", not " + want);
    }
  }

  /** Runs start, stop, kill or restart on the ZooKeeper server. */
  private static void control(String verb) throws Exception {
    Process p = new ProcessBuilder(System.getenv("COMPAT_CONTROL"), verb).inheritIO().start();
    check(p.waitFor(), 0, "exit code of " + verb);
  }

  private void step(String what) {
    System.out.printf("%5.1f s  %s%n", (System.nanoTime() - began) / 1e9, what);
  }
}
