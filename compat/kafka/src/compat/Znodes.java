package compat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** Waits, with watches, for znodes to come and go. */
final class Znodes implements AutoCloseable {
  private final ZooKeeper zookeeper;

  Znodes(String connect) throws Exception {
    zookeeper = new ZooKeeper(connect, 30_000, event -> {});
  }

  void awaitThere(String path) throws Exception {
    await(path, true);
  }

  void awaitGone(String path) throws Exception {
    await(path, false);
  }

  private void await(String path, boolean there) throws Exception {
    long deadline = System.nanoTime() + Scenario.PATIENCE.toNanos();
    while (System.nanoTime() < deadline) {
      CountDownLatch changed = new CountDownLatch(1);
      try {
        Stat stat = zookeeper.exists(path, event -> changed.countDown());
        if ((stat != null) == there) {
          return;
        }
      } catch (KeeperException.ConnectionLossException e) {
        continue; // the next request waits for the next connection
      }
      changed.await(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
    }
    throw new AssertionError(path + (there ? " does not come" : " does not go"));
  }

  @Override
  public void close() throws InterruptedException {
    zookeeper.close();
  }
}
