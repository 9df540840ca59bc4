package compat;

import static compat.Suite.check;
import static compat.Suite.equal;
import static compat.Suite.eventually;
import static compat.Suite.fails;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.api.transaction.OperationType;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryForever;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.data.Stat;

/** Curator 5: its client and its recipes, which most of Java's users build on. */
final class Curator {
  private final Suite suite = new Suite();
  private final ExecutorService pool = Executors.newCachedThreadPool();

  public static void main(String[] args) {
    new Curator().run();
  }

  private void run() {
    suite.test("client", this::client);
    suite.test("transactions", this::transactions);
    suite.test("lock", this::lock);
    suite.test("lock of a lost session", this::lockOfLostSession);
    suite.test("read-write lock", this::readWriteLock);
    suite.test("semaphore", this::semaphore);
    suite.test("leader latch", this::leaderLatch);
    suite.test("leader selector", this::leaderSelector);
    suite.test("queue", this::queue);
    suite.test("barrier", this::barrier);
    suite.test("double barrier", this::doubleBarrier);
    suite.test("atomic and shared counters", this::counters);
    suite.test("cache", this::cache);
    suite.test("persistent watcher", this::persistentWatcher);
    suite.test("persistent nodes, group", this::nodes);
    suite.test("latch and cache across restart", this::acrossRestart);
    suite.runAndExit();
  }

  private CuratorFramework connect() throws Exception {
    return connect(30_000);
  }

  private CuratorFramework connect(int sessionTimeoutMs) throws Exception {
    CuratorFramework c = suite.closing(CuratorFrameworkFactory.builder()
        .connectString(Suite.ADDRESS)
        .sessionTimeoutMs(sessionTimeoutMs)
        .connectionTimeoutMs((int) Suite.PATIENCE_MS)
        .retryPolicy(new RetryForever(50))
        .build());
    c.start();
    check("connected", c.blockUntilConnected((int) Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    return c;
  }

  /** Runs the tasks at the same time and waits for all. */
  @SafeVarargs
  private <T> List<T> together(Callable<T>... tasks) throws Exception {
    List<Future<T>> futures = new ArrayList<>();
    for (Callable<T> t : tasks) futures.add(pool.submit(t));
    List<T> results = new ArrayList<>();
    for (Future<T> f : futures) results.add(f.get(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    return results;
  }

  private static byte[] bytes(String s) {
    return s.getBytes(UTF_8);
  }

  private static String string(byte[] b) {
    return new String(b, UTF_8);
  }

  private void client() throws Exception {
    CuratorFramework c = connect();
    c.create().creatingParentContainersIfNeeded().forPath("/client/a/b", bytes("x"));
    equal("data", "x", string(c.getData().forPath("/client/a/b")));
    String p = c.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/client/a/p-");
    check("protected: " + p, p.startsWith("/client/a/_c_") && p.endsWith("-p-0000000001"));
    c.create().withTtl(1_000_000).withMode(CreateMode.PERSISTENT_WITH_TTL).forPath("/client/ttl", bytes("t"));
    Stat stat = new Stat();
    c.create().storingStatIn(stat).forPath("/client/stat", bytes("abc"));
    equal("stat", 3, stat.getDataLength());
    c.create().orSetData().forPath("/client/stat", bytes("again"));
    equal("or set", "again", string(c.getData().forPath("/client/stat")));
    c.create().idempotent().forPath("/client/idem", bytes("i"));
    c.create().idempotent().forPath("/client/idem", bytes("i"));
    fails(KeeperException.BadVersionException.class, () -> c.setData().withVersion(9).forPath("/client/stat", bytes("")));
    fails(KeeperException.NoNodeException.class, () -> c.delete().forPath("/client/none"));
    c.delete().quietly().forPath("/client/none");
    CountDownLatch background = new CountDownLatch(1);
    c.getChildren().inBackground((client, event) -> background.countDown()).forPath("/client");
    check("background", background.await(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    CuratorFramework space = c.usingNamespace("space");
    space.create().forPath("/n");
    check("namespace", c.checkExists().forPath("/space/n") != null);
    c.sync().forPath("/");
    c.delete().guaranteed().deletingChildrenIfNeeded().forPath("/client");
    equal("deleted", null, c.checkExists().forPath("/client"));
  }

  private void transactions() throws Exception {
    CuratorFramework c = connect();
    Collection<CuratorTransactionResult> results = c.transaction().forOperations(
        c.transactionOp().create().forPath("/tx"),
        c.transactionOp().create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath("/tx/s-", bytes("1")),
        c.transactionOp().setData().withVersion(0).forPath("/tx", bytes("2")),
        c.transactionOp().check().withVersion(1).forPath("/tx"),
        c.transactionOp().delete().forPath("/tx/s-0000000000"));
    List<String> got = results.stream().map(r -> r.getType() + " " + r.getResultPath()).toList();
    equal("results", List.of(OperationType.CREATE + " /tx", "CREATE /tx/s-0000000000", "SET_DATA null", "CHECK null", "DELETE null"), got);
    fails(KeeperException.BadVersionException.class, () -> c.transaction().forOperations(
        c.transactionOp().create().forPath("/tx/a"),
        c.transactionOp().check().withVersion(7).forPath("/tx")));
    equal("rolled back", 0, c.getChildren().forPath("/tx").size());
  }

  private void lock() throws Exception {
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger total = new AtomicInteger();
    List<Callable<Void>> workers = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      InterProcessMutex mutex = new InterProcessMutex(connect(), "/lock");
      workers.add(() -> {
        for (int n = 0; n < 10; n++) {
          check("acquired", mutex.acquire(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
          mutex.acquire(); // it is reentrant
          equal("holders", 1, inside.incrementAndGet());
          total.incrementAndGet();
          inside.decrementAndGet();
          mutex.release();
          mutex.release();
        }
        return null;
      });
    }
    @SuppressWarnings({"unchecked", "rawtypes"})
    Callable<Void>[] all = workers.toArray(new Callable[0]);
    together(all);
    equal("times locked", 40, total.get());
  }

  private void lockOfLostSession() throws Exception {
    CuratorFramework holder = connect(2000);
    CuratorFramework waiter = connect();
    BlockingQueue<ConnectionState> states = new LinkedBlockingQueue<>();
    holder.getConnectionStateListenable().addListener((c, state) -> states.add(state));
    new InterProcessMutex(holder, "/lost").acquire();
    InterProcessMutex next = new InterProcessMutex(waiter, "/lost");
    check("held", !next.acquire(300, TimeUnit.MILLISECONDS));
    holder.getZookeeperClient().getZooKeeper().updateServerList("127.0.0.1:1");
    holder.getZookeeperClient().getZooKeeper().getTestable().closeSocket();
    holder.checkExists().inBackground().forPath("/"); // wakes the client up to notice
    check("freed by expiry", next.acquire(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    eventually("the holder is told of its loss", () -> states.contains(ConnectionState.LOST));
    states.remove(ConnectionState.CONNECTED); // it may have been told late
    equal("states", List.of(ConnectionState.SUSPENDED, ConnectionState.LOST), List.copyOf(states).subList(0, 2));
    next.release();
  }

  private void readWriteLock() throws Exception {
    InterProcessReadWriteLock a = new InterProcessReadWriteLock(connect(), "/rwlock");
    InterProcessReadWriteLock b = new InterProcessReadWriteLock(connect(), "/rwlock");
    a.readLock().acquire();
    check("two readers", b.readLock().acquire(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    b.readLock().release();
    check("no writer beside a reader", !b.writeLock().acquire(300, TimeUnit.MILLISECONDS));
    a.readLock().release();
    check("a writer alone", b.writeLock().acquire(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    check("no reader beside a writer", !a.readLock().acquire(300, TimeUnit.MILLISECONDS));
    b.writeLock().release();
  }

  private void semaphore() throws Exception {
    InterProcessSemaphoreV2 a = new InterProcessSemaphoreV2(connect(), "/semaphore", 2);
    InterProcessSemaphoreV2 b = new InterProcessSemaphoreV2(connect(), "/semaphore", 2);
    Lease first = a.acquire();
    Lease second = b.acquire();
    equal("third", null, b.acquire(300, TimeUnit.MILLISECONDS));
    a.returnLease(first);
    Lease third = b.acquire(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS);
    check("third after a return", third != null);
    b.returnLease(second);
    b.returnLease(third);
  }

  private void leaderLatch() throws Exception {
    List<LeaderLatch> latches = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      LeaderLatch latch = new LeaderLatch(connect(), "/latch", "id-" + i);
      latch.start();
      latches.add(latch);
    }
    Set<LeaderLatch> led = Collections.newSetFromMap(new ConcurrentHashMap<>());
    for (int left = 3; left > 0; left--) {
      eventually("one leader", () -> latches.stream().filter(LeaderLatch::hasLeadership).count() == 1);
      LeaderLatch leader = latches.stream().filter(LeaderLatch::hasLeadership).findFirst().get();
      equal("all agree", leader.getId(), latches.get(0).getLeader().getId());
      check("a new one", led.add(leader));
      latches.remove(leader);
      leader.close();
    }
  }

  private void leaderSelector() throws Exception {
    BlockingQueue<String> leaders = new LinkedBlockingQueue<>();
    AtomicInteger inside = new AtomicInteger();
    List<LeaderSelector> selectors = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      String id = "id-" + i;
      LeaderSelector s = new LeaderSelector(connect(), "/selector", new LeaderSelectorListenerAdapter() {
        @Override
        public void takeLeadership(CuratorFramework client) {
          if (inside.incrementAndGet() == 1) leaders.add(id);
          inside.decrementAndGet();
        }
      });
      s.setId(id);
      s.autoRequeue();
      s.start();
      selectors.add(s);
    }
    Set<String> seen = new TreeSet<>();
    while (seen.size() < 3) {
      String id = leaders.poll(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS);
      check("leadership goes round: " + seen, id != null);
      seen.add(id);
    }
    for (LeaderSelector s : selectors) s.close();
  }

  private void queue() throws Exception {
    SimpleDistributedQueue producer = new SimpleDistributedQueue(connect(), "/queue");
    SimpleDistributedQueue consumer = new SimpleDistributedQueue(connect(), "/queue");
    for (int i = 0; i < 20; i++) check("offered", producer.offer(bytes("" + i)));
    for (int i = 0; i < 20; i++) equal("in order", "" + i, string(consumer.poll()));
    equal("empty", null, consumer.poll());
    Future<byte[]> waiting = pool.submit(() -> consumer.take());
    producer.offer(bytes("late"));
    equal("waited for", "late", string(waiting.get(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS)));
  }

  private void barrier() throws Exception {
    DistributedBarrier a = new DistributedBarrier(connect(), "/barrier");
    DistributedBarrier b = new DistributedBarrier(connect(), "/barrier");
    a.setBarrier();
    check("holds", !b.waitOnBarrier(300, TimeUnit.MILLISECONDS));
    Future<Boolean> waiting = pool.submit(() -> b.waitOnBarrier(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    a.removeBarrier();
    check("opens", waiting.get(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
  }

  private void doubleBarrier() throws Exception {
    AtomicInteger inside = new AtomicInteger();
    List<DistributedDoubleBarrier> barriers = new ArrayList<>();
    for (int i = 0; i < 3; i++) barriers.add(new DistributedDoubleBarrier(connect(), "/double", 3));
    @SuppressWarnings({"unchecked", "rawtypes"})
    Callable<Boolean>[] members = barriers.stream().map(b -> (Callable<Boolean>) () -> {
      boolean entered = b.enter(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS);
      inside.incrementAndGet();
      eventually("all are inside", () -> inside.get() == 3);
      return entered && b.leave(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS);
    }).toArray(Callable[]::new);
    equal("all passed", List.of(true, true, true), together(members));
  }

  private void counters() throws Exception {
    List<CuratorFramework> clients = List.of(connect(), connect(), connect());
    @SuppressWarnings({"unchecked", "rawtypes"})
    Callable<Void>[] adders = clients.stream().map(c -> (Callable<Void>) () -> {
      DistributedAtomicLong n = new DistributedAtomicLong(c, "/atomic", new RetryNTimes(10_000, 1));
      for (int i = 0; i < 20; i++) check("added", n.increment().succeeded());
      return null;
    }).toArray(Callable[]::new);
    together(adders);
    equal("sum", 60L, new DistributedAtomicLong(clients.get(0), "/atomic", new RetryNTimes(1, 1)).get().postValue());
    SharedCount a = suite.closing(new SharedCount(clients.get(0), "/shared", 1));
    SharedCount b = suite.closing(new SharedCount(clients.get(1), "/shared", 1));
    a.start();
    b.start();
    a.setCount(42);
    eventually("the other hears of it", () -> b.getCount() == 42);
  }

  private void cache() throws Exception {
    CuratorFramework c = connect();
    CuratorFramework other = connect();
    other.create().creatingParentsIfNeeded().forPath("/cache/a/b", bytes("1"));
    CuratorCache cache = suite.closing(CuratorCache.build(c, "/cache"));
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    cache.listenable().addListener(CuratorCacheListener.builder()
        .forCreates(node -> events.add("created " + node.getPath()))
        .forChanges((old, node) -> events.add("changed " + node.getPath() + " " + string(node.getData())))
        .forDeletes(node -> events.add("deleted " + node.getPath()))
        .forInitialized(() -> events.add("initialized"))
        .build());
    cache.start();
    Set<String> first = new TreeSet<>();
    for (int i = 0; i < 4; i++) first.add(events.poll(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    equal("filled", new TreeSet<>(List.of("created /cache", "created /cache/a", "created /cache/a/b", "initialized")), first);
    other.setData().forPath("/cache/a/b", bytes("2"));
    equal("change", "changed /cache/a/b 2", events.poll(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    other.create().forPath("/cache/a/c", bytes("3"));
    equal("create", "created /cache/a/c", events.poll(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    other.delete().forPath("/cache/a/b");
    equal("delete", "deleted /cache/a/b", events.poll(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    equal("content", Set.of("/cache", "/cache/a", "/cache/a/c"), new TreeSet<>(cache.stream().map(ChildData::getPath).toList()));
    // What changes while the client is away arrives when it is back.
    c.getZookeeperClient().getZooKeeper().getTestable().closeSocket();
    other.setData().forPath("/cache/a/c", bytes("4"));
    c.checkExists().forPath("/");
    equal("missed change", "changed /cache/a/c 4", events.poll(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
  }

  private void persistentWatcher() throws Exception {
    CuratorFramework c = connect();
    CuratorFramework other = connect();
    other.create().forPath("/pw");
    BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
    PersistentWatcher watcher = suite.closing(new PersistentWatcher(c, "/pw", true));
    watcher.getListenable().addListener(e -> {
      if (e.getType() != EventType.None) events.add(e);
    });
    CountDownLatch set = new CountDownLatch(1);
    watcher.getResetListenable().addListener(set::countDown);
    watcher.start();
    check("set", set.await(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    for (int i = 0; i < 3; i++) {
      other.create().forPath("/pw/" + i);
      other.delete().forPath("/pw/" + i);
      for (EventType type : List.of(EventType.NodeCreated, EventType.NodeDeleted)) {
        WatchedEvent e = events.poll(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS);
        equal("event", type + " /pw/" + i, e.getType() + " " + e.getPath());
      }
    }
  }

  private void nodes() throws Exception {
    CuratorFramework c = connect();
    CuratorFramework other = connect();
    PersistentNode node = new PersistentNode(c, CreateMode.EPHEMERAL, false, "/node", bytes("n"));
    node.start();
    check("created", node.waitForInitialCreate(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    other.delete().forPath("/node");
    eventually("it comes back", () -> other.checkExists().forPath("/node") != null);
    node.close();
    PersistentTtlNode ttl = suite.closing(new PersistentTtlNode(c, "/ttl", 500, bytes("t")));
    ttl.start();
    check("created", ttl.waitForInitialCreate(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    GroupMember a = suite.closing(new GroupMember(c, "/group", "a", bytes("A")));
    GroupMember b = new GroupMember(other, "/group", "b", bytes("B"));
    a.start();
    b.start();
    eventually("two members", () -> {
      Map<String, byte[]> members = a.getCurrentMembers();
      return members.size() == 2 && "B".equals(string(members.get("b")));
    });
    b.close();
    eventually("one member", () -> a.getCurrentMembers().size() == 1);
  }

  private void acrossRestart() throws Exception {
    CuratorFramework c = connect();
    CuratorFramework other = connect();
    LeaderLatch leader = suite.closing(new LeaderLatch(c, "/restart-latch"));
    leader.start();
    eventually("leader", leader::hasLeadership);
    LeaderLatch second = suite.closing(new LeaderLatch(other, "/restart-latch"));
    second.start();
    CuratorCache cache = suite.closing(CuratorCache.build(c, "/restart-cache"));
    cache.start();
    other.create().forPath("/restart-cache", bytes("1"));
    eventually("cached", () -> cache.get("/restart-cache").isPresent());
    Suite.control("restart");
    other.setData().forPath("/restart-cache", bytes("2"));
    eventually("cache catches up", () -> "2".equals(string(cache.get("/restart-cache").get().getData())));
    eventually("one leader again", () -> leader.hasLeadership() != second.hasLeadership());
    eventually("both take part", () -> leader.getParticipants().size() == 2);
  }
}
