package compat;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;

/** A connected client of Apache's Java library, with a queue of its session's events. */
final class Connection implements AutoCloseable, Watcher {
  static final int TIMEOUT_MS = 30_000;

  final ZooKeeper zk;
  final BlockingQueue<WatchedEvent> session = new LinkedBlockingQueue<>();

  Connection() throws Exception {
    this(TIMEOUT_MS);
  }

  Connection(int timeoutMs) throws Exception {
    zk = new ZooKeeper(Suite.ADDRESS, timeoutMs, this);
    await(Event.KeeperState.SyncConnected);
  }

  /** A client that takes over an existing session. */
  Connection(long sessionId, byte[] password) throws Exception {
    zk = new ZooKeeper(Suite.ADDRESS, TIMEOUT_MS, this, sessionId, password);
  }

  @Override
  public void process(WatchedEvent event) {
    session.add(event);
  }

  /** Waits until the session reports the state. */
  void await(Event.KeeperState state) throws Exception {
    while (true) {
      WatchedEvent e = session.poll(Suite.PATIENCE_MS, TimeUnit.MILLISECONDS);
      if (e == null) throw new AssertionError("the session does not reach " + state);
      if (e.getState() == state) return;
    }
  }

  /** Breaks the TCP connection. */
  void cut() throws Exception {
    zk.getTestable().closeSocket();
    zk.exists("/", false, (rc, path, ctx, stat) -> {}, null); // wakes the client up to notice
  }

  /** Breaks the TCP connection and keeps the client from coming back. */
  void exile() throws Exception {
    zk.updateServerList("127.0.0.1:1");
    cut();
  }

  @Override
  public void close() throws Exception {
    zk.close();
  }
}
