package compat;

import static compat.Suite.check;
import static compat.Suite.equal;
import static compat.Suite.eventually;
import static compat.Suite.fails;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.apache.zookeeper.ZooDefs.Ids.CREATOR_ALL_ACL;
import static org.apache.zookeeper.ZooDefs.Ids.OPEN_ACL_UNSAFE;
import static org.apache.zookeeper.ZooDefs.Ids.READ_ACL_UNSAFE;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/** Apache's own Java client: every operation, sessions, watches, restarts. */
final class Client {
  private final Suite suite = new Suite();

  public static void main(String[] args) {
    new Client().run();
  }

  private void run() {
    suite.test("create modes", this::createModes);
    suite.test("data, versions, children", this::dataVersionsChildren);
    suite.test("errors", this::errors);
    suite.test("ACLs and identities", this::acls);
    suite.test("multi", this::multi);
    suite.test("multi read", this::multiRead);
    suite.test("asynchronous order", this::asynchronousOrder);
    suite.test("standard watches", this::standardWatches);
    suite.test("persistent watches", this::persistentWatches);
    suite.test("remove watches", this::removeWatches);
    suite.test("watches across reconnect", this::watchesAcrossReconnect);
    suite.test("many watches across reconnect", this::manyWatchesAcrossReconnect);
    suite.test("sessions across restarts", this::sessionsAcrossRestarts);
    suite.test("session taken over", this::sessionTakenOver);
    suite.test("wrong password", this::wrongPassword);
    suite.test("expiry", this::expiry);
    suite.test("negotiated timeout", this::negotiatedTimeout);
    suite.test("authentication failure", this::authFailure);
    suite.test("chroot", this::chroot);
    suite.runAndExit();
  }

  private ZooKeeper connect() throws Exception {
    return suite.closing(new Connection()).zk;
  }

  private static String create(ZooKeeper zk, String path, CreateMode mode) throws Exception {
    return zk.create(path, new byte[0], OPEN_ACL_UNSAFE, mode);
  }

  private static byte[] bytes(String s) {
    return s.getBytes(UTF_8);
  }

  private void createModes() throws Exception {
    ZooKeeper zk = connect();
    create(zk, "/modes", CreateMode.PERSISTENT);
    equal("sequential", "/modes/s-0000000000", create(zk, "/modes/s-", CreateMode.PERSISTENT_SEQUENTIAL));
    equal("ephemeral sequential", "/modes/e-0000000001", create(zk, "/modes/e-", CreateMode.EPHEMERAL_SEQUENTIAL));
    create(zk, "/modes/ephemeral", CreateMode.EPHEMERAL);
    create(zk, "/modes/container", CreateMode.CONTAINER);
    Stat stat = new Stat();
    zk.create("/modes/ttl", bytes("abc"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 1_000_000);
    equal("data length", 3, stat.getDataLength());
    equal("czxid and pzxid", stat.getCzxid(), stat.getPzxid());
    equal("sequential TTL", "/modes/t-0000000005",
        zk.create("/modes/t-", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, stat, 1_000_000));
    equal("owner of a TTL node", 0L, zk.exists("/modes/ttl", false).getEphemeralOwner());
    equal("owner of a container", 0L, zk.exists("/modes/container", false).getEphemeralOwner());
    equal("owner of an ephemeral", zk.getSessionId(), zk.exists("/modes/ephemeral", false).getEphemeralOwner());
    equal("ephemerals", new TreeSet<>(List.of("/modes/e-0000000001", "/modes/ephemeral")), new TreeSet<>(zk.getEphemerals()));
    equal("ephemerals by prefix", List.of("/modes/e-0000000001"), zk.getEphemerals("/modes/e-"));
    equal("all children", 6, zk.getAllChildrenNumber("/modes"));
  }

  private void dataVersionsChildren() throws Exception {
    ZooKeeper zk = connect();
    zk.create("/data", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    Stat stat = new Stat();
    equal("null data", null, zk.getData("/data", false, stat));
    equal("version", 1, zk.setData("/data", bytes("x"), 0).getVersion());
    equal("data", "x", new String(zk.getData("/data", false, stat), UTF_8));
    check("mzxid", stat.getMzxid() > stat.getCzxid() && stat.getMtime() >= stat.getCtime());
    for (String name : List.of("a", "b", "c")) create(zk, "/data/" + name, CreateMode.PERSISTENT);
    equal("children", new TreeSet<>(List.of("a", "b", "c")), new TreeSet<>(zk.getChildren("/data", false, stat)));
    equal("cversion", 3, stat.getCversion());
    equal("number of children", 3, stat.getNumChildren());
    zk.delete("/data/b", 0);
    equal("missing", null, zk.exists("/data/b", false));
    zk.sync("/data");
    String config = new String(zk.getConfig(false, stat), UTF_8);
    check("config names the servers", Suite.ENSEMBLE ? config.contains("server.1=") : config.isEmpty());
    equal("who am I", List.of("ip"), zk.whoAmI().stream().map(i -> i.getAuthScheme()).toList());
  }

  private void errors() throws Exception {
    ZooKeeper zk = connect();
    create(zk, "/err", CreateMode.PERSISTENT);
    create(zk, "/err/eph", CreateMode.EPHEMERAL);
    fails(KeeperException.NodeExistsException.class, () -> create(zk, "/err", CreateMode.PERSISTENT));
    fails(KeeperException.NoNodeException.class, () -> create(zk, "/err/no/x", CreateMode.PERSISTENT));
    fails(KeeperException.NoChildrenForEphemeralsException.class, () -> create(zk, "/err/eph/x", CreateMode.PERSISTENT));
    fails(KeeperException.InvalidACLException.class, () -> zk.create("/err/x", null, CREATOR_ALL_ACL, CreateMode.PERSISTENT));
    fails(KeeperException.InvalidACLException.class, () -> zk.create("/err/x", null, new ArrayList<>(), CreateMode.PERSISTENT));
    fails(KeeperException.NoNodeException.class, () -> zk.getData("/err/no", false, null));
    fails(KeeperException.NoNodeException.class, () -> zk.getChildren("/err/no", false));
    fails(KeeperException.NoNodeException.class, () -> zk.setData("/err/no", null, -1));
    fails(KeeperException.NoNodeException.class, () -> zk.getACL("/err/no", null));
    fails(KeeperException.NoNodeException.class, () -> zk.getAllChildrenNumber("/err/no"));
    fails(KeeperException.BadVersionException.class, () -> zk.setData("/err", null, 7));
    fails(KeeperException.BadVersionException.class, () -> zk.delete("/err", 7));
    fails(KeeperException.NotEmptyException.class, () -> zk.delete("/err", -1));
    fails(KeeperException.BadArgumentsException.class, () -> zk.delete("/zookeeper", -1));
    fails(KeeperException.NoWatcherException.class,
        () -> zk.removeAllWatches("/err", WatcherType.Any, false));
  }

  private void acls() throws Exception {
    ZooKeeper ann = connect();
    ZooKeeper other = connect();
    ann.addAuthInfo("digest", bytes("ann:pw"));
    ann.create("/acl", bytes("secret"), CREATOR_ALL_ACL, CreateMode.PERSISTENT);
    List<ACL> acl = ann.getACL("/acl", new Stat());
    equal("expanded ACL", 1, acl.size());
    equal("scheme", "digest", acl.get(0).getId().getScheme());
    fails(KeeperException.NoAuthException.class, () -> other.getData("/acl", false, null));
    fails(KeeperException.NoAuthException.class, () -> other.setData("/acl", null, -1));
    fails(KeeperException.NoAuthException.class, () -> other.setACL("/acl", OPEN_ACL_UNSAFE, -1));
    fails(KeeperException.NoAuthException.class, () -> create(other, "/acl/x", CreateMode.PERSISTENT));
    fails(KeeperException.NoAuthException.class, () -> other.getACL("/acl", new Stat()));
    fails(KeeperException.NoAuthException.class, () -> other.exists("/acl", false));
    other.addAuthInfo("digest", bytes("ann:wrong"));
    fails(KeeperException.NoAuthException.class, () -> other.getData("/acl", false, null));
    other.addAuthInfo("digest", bytes("ann:pw"));
    equal("after authentication", "secret", new String(other.getData("/acl", false, null), UTF_8));
    equal("aversion", 1, ann.setACL("/acl", READ_ACL_UNSAFE, 0).getAversion());
    fails(KeeperException.NoAuthException.class, () -> ann.setData("/acl", null, -1));
    ZooKeeper root = connect();
    root.addAuthInfo("digest", bytes("super:test"));
    root.setData("/acl", bytes("y"), -1);
    root.setACL("/acl", Arrays.asList(new ACL(Perms.ALL, new Id("ip", "127.0.0.1"))), -1);
    equal("by address", "y", new String(connect().getData("/acl", false, null), UTF_8));
  }

  private void multi() throws Exception {
    ZooKeeper zk = connect();
    create(zk, "/multi", CreateMode.PERSISTENT);
    List<OpResult> results = zk.multi(List.of(
        Op.create("/multi/a", bytes("1"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
        Op.setData("/multi/a", bytes("2"), 0),
        Op.check("/multi/a", 1),
        Op.create("/multi/s-", null, OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL),
        Op.create("/multi/c", null, OPEN_ACL_UNSAFE, CreateMode.CONTAINER),
        Op.create("/multi/t", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, 1_000_000),
        Op.delete("/multi/a", 1)));
    equal("created", "/multi/a", ((OpResult.CreateResult) results.get(0)).getPath());
    equal("version", 1, ((OpResult.SetDataResult) results.get(1)).getStat().getVersion());
    equal("sequential", "/multi/s-0000000001", ((OpResult.CreateResult) results.get(3)).getPath());
    equal("container", "/multi/c", ((OpResult.CreateResult) results.get(4)).getPath());
    equal("left", new TreeSet<>(List.of("c", "s-0000000001", "t")), new TreeSet<>(zk.getChildren("/multi", false)));
    try {
      zk.multi(List.of(
          Op.create("/multi/b", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
          Op.check("/multi/none", 0),
          Op.delete("/multi/c", -1)));
      throw new AssertionError("a failing multi succeeded");
    } catch (KeeperException.NoNodeException e) {
      List<Integer> codes = new ArrayList<>();
      for (OpResult r : e.getResults()) codes.add(((OpResult.ErrorResult) r).getErr());
      equal("codes", List.of(0, Code.NONODE.intValue(), Code.RUNTIMEINCONSISTENCY.intValue()), codes);
    }
    equal("rolled back", null, zk.exists("/multi/b", false));
    equal("transaction", 2, zk.transaction().create("/multi/x", null, OPEN_ACL_UNSAFE, CreateMode.PERSISTENT)
        .delete("/multi/x", -1).commit().size());
  }

  private void multiRead() throws Exception {
    ZooKeeper zk = connect();
    create(zk, "/mread", CreateMode.PERSISTENT);
    zk.create("/mread/a", bytes("a"), OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    List<OpResult> r = zk.multi(List.of(Op.getData("/mread/none"), Op.getData("/mread/a"), Op.getChildren("/mread")));
    equal("missing", Code.NONODE.intValue(), ((OpResult.ErrorResult) r.get(0)).getErr());
    equal("data", "a", new String(((OpResult.GetDataResult) r.get(1)).getData(), UTF_8));
    equal("children", List.of("a"), ((OpResult.GetChildrenResult) r.get(2)).getChildren());
  }

  private void asynchronousOrder() throws Exception {
    ZooKeeper zk = connect();
    create(zk, "/async", CreateMode.PERSISTENT);
    int n = 1000;
    List<Integer> order = new ArrayList<>();
    AtomicInteger wrong = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(2 * n);
    for (int i = 0; i < n; i++) {
      int want = i;
      zk.setData("/async", bytes("" + i), i, (rc, path, ctx, stat) -> {
        if (rc != 0) wrong.incrementAndGet();
        order.add(2 * want);
        done.countDown();
      }, null);
      zk.getData("/async", false, (rc, path, ctx, data, stat) -> {
        if (rc != 0 || !Arrays.equals(data, bytes("" + want))) wrong.incrementAndGet();
        order.add(2 * want + 1);
        done.countDown();
      }, null);
    }
    check("all answered", done.await(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    equal("wrong answers", 0, wrong.get());
    for (int i = 0; i < 2 * n; i++) equal("order", i, order.get(i));
  }

  /** A watcher that keeps its events. */
  private static final class Events implements Watcher {
    final BlockingQueue<WatchedEvent> queue = new LinkedBlockingQueue<>();

    @Override
    public void process(WatchedEvent event) {
      if (event.getType() != EventType.None) queue.add(event);
    }

    void expect(EventType type, String path) throws Exception {
      WatchedEvent e = queue.poll(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS);
      check("no event, want " + type + " " + path, e != null);
      equal("event", type + " " + path, e.getType() + " " + e.getPath());
    }

    void expectNone(ZooKeeper zk) throws Exception {
      zk.sync("/"); // events come before this answer
      zk.exists("/", false);
      check("further events: " + queue, queue.isEmpty());
    }
  }

  private void standardWatches() throws Exception {
    ZooKeeper zk = connect();
    ZooKeeper other = connect();
    create(zk, "/watch", CreateMode.PERSISTENT);
    Events events = new Events();
    zk.getData("/watch", events, null);
    zk.exists("/watch/a", events);
    zk.getChildren("/watch", events);
    Stat stat = other.setData("/watch", bytes("x"), -1);
    WatchedEvent e = events.queue.poll(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS);
    equal("type", EventType.NodeDataChanged, e.getType());
    equal("zxid of the event", stat.getMzxid(), e.getZxid());
    create(other, "/watch/a", CreateMode.PERSISTENT);
    events.expect(EventType.NodeCreated, "/watch/a");
    events.expect(EventType.NodeChildrenChanged, "/watch");
    other.delete("/watch/a", -1);
    events.expectNone(zk);
    zk.getChildren("/watch", events);
    zk.getData("/watch", events, null);
    other.delete("/watch", -1);
    events.expect(EventType.NodeDeleted, "/watch");
    events.expectNone(zk);
  }

  private void persistentWatches() throws Exception {
    ZooKeeper zk = connect();
    ZooKeeper other = connect();
    Events persistent = new Events();
    Events recursive = new Events();
    zk.addWatch("/pw", persistent, AddWatchMode.PERSISTENT);
    zk.addWatch("/pw", recursive, AddWatchMode.PERSISTENT_RECURSIVE);
    for (int i = 0; i < 2; i++) {
      create(other, "/pw", CreateMode.PERSISTENT);
      create(other, "/pw/a", CreateMode.PERSISTENT);
      other.setData("/pw/a", null, -1);
      other.setData("/pw", null, -1);
      other.delete("/pw/a", -1);
      other.delete("/pw", -1);
      persistent.expect(EventType.NodeCreated, "/pw");
      persistent.expect(EventType.NodeChildrenChanged, "/pw");
      persistent.expect(EventType.NodeDataChanged, "/pw");
      persistent.expect(EventType.NodeChildrenChanged, "/pw");
      persistent.expect(EventType.NodeDeleted, "/pw");
      recursive.expect(EventType.NodeCreated, "/pw");
      recursive.expect(EventType.NodeCreated, "/pw/a");
      recursive.expect(EventType.NodeDataChanged, "/pw/a");
      recursive.expect(EventType.NodeDataChanged, "/pw");
      recursive.expect(EventType.NodeDeleted, "/pw/a");
      recursive.expect(EventType.NodeDeleted, "/pw");
    }
  }

  private void removeWatches() throws Exception {
    ZooKeeper zk = connect();
    create(zk, "/rw", CreateMode.PERSISTENT);
    Events data = new Events();
    Events children = new Events();
    Events persistent = new Events();
    zk.getData("/rw", data, null);
    zk.getChildren("/rw", children);
    zk.addWatch("/rw", persistent, AddWatchMode.PERSISTENT);
    fails(KeeperException.NoWatcherException.class, () -> zk.removeWatches("/rw", new Events(), WatcherType.Any, false));
    zk.removeWatches("/rw", data, WatcherType.Data, false);
    data.expect(EventType.DataWatchRemoved, "/rw");
    zk.removeWatches("/rw", persistent, WatcherType.Any, false);
    persistent.expect(EventType.PersistentWatchRemoved, "/rw");
    zk.setData("/rw", null, -1);
    data.expectNone(zk);
    persistent.expectNone(zk);
    create(zk, "/rw/a", CreateMode.PERSISTENT);
    children.expect(EventType.NodeChildrenChanged, "/rw");
    zk.addWatch("/rw", persistent, AddWatchMode.PERSISTENT_RECURSIVE);
    zk.removeAllWatches("/rw", WatcherType.Any, false);
    persistent.expect(EventType.PersistentWatchRemoved, "/rw");
    zk.delete("/rw/a", -1);
    persistent.expectNone(zk);
  }

  private void watchesAcrossReconnect() throws Exception {
    Connection c = suite.closing(new Connection());
    ZooKeeper other = connect();
    for (String p : List.of("/war", "/war/changed", "/war/gone", "/war/same", "/war/kids")) create(other, p, CreateMode.PERSISTENT);
    Events changed = new Events();
    Events gone = new Events();
    Events same = new Events();
    Events kids = new Events();
    Events made = new Events();
    Events persistent = new Events();
    Events recursive = new Events();
    c.zk.getData("/war/changed", changed, null);
    c.zk.getData("/war/gone", gone, null);
    c.zk.getData("/war/same", same, null);
    c.zk.getChildren("/war/kids", kids);
    c.zk.exists("/war/made", made);
    c.zk.addWatch("/war/same", persistent, AddWatchMode.PERSISTENT);
    c.zk.addWatch("/war", recursive, AddWatchMode.PERSISTENT_RECURSIVE);
    c.exile();
    c.await(KeeperState.Disconnected);
    other.setData("/war/changed", bytes("x"), -1);
    other.delete("/war/gone", -1);
    create(other, "/war/kids/a", CreateMode.PERSISTENT);
    create(other, "/war/made", CreateMode.PERSISTENT);
    c.zk.updateServerList(Suite.ADDRESS);
    c.await(KeeperState.SyncConnected);
    changed.expect(EventType.NodeDataChanged, "/war/changed");
    gone.expect(EventType.NodeDeleted, "/war/gone");
    kids.expect(EventType.NodeChildrenChanged, "/war/kids");
    made.expect(EventType.NodeCreated, "/war/made");
    recursive.queue.clear(); // the client matches caught-up events with it too
    persistent.expectNone(c.zk);
    other.setData("/war/same", bytes("y"), -1);
    same.expect(EventType.NodeDataChanged, "/war/same");
    persistent.expect(EventType.NodeDataChanged, "/war/same");
    eventually("recursive watch is back", () -> recursive.queue.stream().anyMatch(e -> e.getPath().equals("/war/same")));
    other.setData("/war/changed", bytes("z"), -1);
    changed.expectNone(c.zk);
  }

  /** Enough paths that the client sends several setWatches requests. */
  private void manyWatchesAcrossReconnect() throws Exception {
    Connection c = suite.closing(new Connection());
    ZooKeeper other = connect();
    String root = "/a-path-that-is-rather-long-so-that-many-of-them-do-not-fit-into-one-single-request-of-128-KiB";
    create(other, root, CreateMode.PERSISTENT);
    Events events = new Events();
    int n = 2000;
    CountDownLatch set = new CountDownLatch(n);
    for (int i = 0; i < n; i++) c.zk.exists(root + "/" + i, events, (rc, path, ctx, stat) -> set.countDown(), null);
    check("watches set", set.await(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS));
    Suite.control("restart");
    c.await(KeeperState.SyncConnected);
    eventually("write", () -> create(other, root + "/1999", CreateMode.PERSISTENT) != null);
    eventually("write", () -> create(other, root + "/0", CreateMode.PERSISTENT) != null);
    eventually("both events", () -> events.queue.size() == 2);
  }

  private void sessionsAcrossRestarts() throws Exception {
    Connection c = suite.closing(new Connection());
    ZooKeeper other = connect();
    create(c.zk, "/sar", CreateMode.EPHEMERAL);
    long id = c.zk.getSessionId();
    for (String verb : List.of("kill", "stop")) {
      Suite.control(verb);
      c.await(KeeperState.Disconnected);
      fails(KeeperException.ConnectionLossException.class, () -> c.zk.exists("/sar", false));
      Suite.control("start");
      c.await(KeeperState.SyncConnected);
      equal("session", id, c.zk.getSessionId());
      eventually("ephemeral is there", () -> other.exists("/sar", false).getEphemeralOwner() == id);
    }
    c.cut();
    c.await(KeeperState.SyncConnected);
    c.zk.setData("/sar", bytes("x"), 0);
    c.zk.close();
    eventually("ephemeral goes with its session", () -> other.exists("/sar", false) == null);
  }

  private void sessionTakenOver() throws Exception {
    Connection c = suite.closing(new Connection());
    create(c.zk, "/taken", CreateMode.EPHEMERAL);
    long id = c.zk.getSessionId();
    byte[] password = c.zk.getSessionPasswd();
    c.exile();
    Connection second = suite.closing(new Connection(id, password));
    second.await(KeeperState.SyncConnected);
    equal("owner", id, second.zk.exists("/taken", false).getEphemeralOwner());
    equal("session", id, second.zk.getSessionId());
  }

  private void wrongPassword() throws Exception {
    Connection c = suite.closing(new Connection());
    create(c.zk, "/wrongpw", CreateMode.EPHEMERAL);
    Connection second = new Connection(c.zk.getSessionId(), new byte[16]);
    second.await(KeeperState.Expired);
    fails(KeeperException.SessionExpiredException.class, () -> second.zk.exists("/", false));
    eventually("the real session lives", () -> c.zk.exists("/wrongpw", false) != null);
  }

  private void expiry() throws Exception {
    Connection c = new Connection(2000);
    ZooKeeper other = connect();
    create(c.zk, "/expiry", CreateMode.EPHEMERAL);
    Events events = new Events();
    other.exists("/expiry", events);
    c.exile();
    events.expect(EventType.NodeDeleted, "/expiry");
    c.zk.updateServerList(Suite.ADDRESS);
    c.await(KeeperState.Expired);
    fails(KeeperException.SessionExpiredException.class, () -> c.zk.exists("/", false));
  }

  private void negotiatedTimeout() throws Exception {
    for (int[] t : new int[][] {{3000, 3000}, {1_000_000, 40_000}}) {
      equal("asked for " + t[0], t[1], suite.closing(new Connection(t[0])).zk.getSessionTimeout());
    }
  }

  private void authFailure() throws Exception {
    Connection c = suite.closing(new Connection());
    c.zk.addAuthInfo("nonsense", bytes("x"));
    c.await(KeeperState.AuthFailed);
    fails(KeeperException.AuthFailedException.class, () -> c.zk.exists("/", false));
  }

  private void chroot() throws Exception {
    ZooKeeper zk = connect();
    create(zk, "/chroot", CreateMode.PERSISTENT);
    Connection inner = suite.closing(new Connection());
    ZooKeeper chrooted = suite.closing(new ZooKeeper(Suite.ADDRESS + "/chroot", Connection.TIMEOUT_MS, inner));
    create(chrooted, "/a", CreateMode.PERSISTENT);
    check("created below the chroot", zk.exists("/chroot/a", false) != null);
    equal("children", List.of("a"), chrooted.getChildren("/", false));
    Events events = new Events();
    chrooted.getData("/a", events, null);
    zk.setData("/chroot/a", null, -1);
    events.expect(EventType.NodeDataChanged, "/a");
  }
}
