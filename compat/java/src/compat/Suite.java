package compat;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.ArrayList;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/**
 * A plain test runner: named tests, checks, waiting with a deadline, and the
 * server's control channel. The environment names the server (ZK_ADDRESS) and
 * the program that starts and kills it (COMPAT_CONTROL).
 */
final class Suite {
  static final long PATIENCE_MS = 60_000; // no wait in these tests is longer
  static final String ADDRESS = System.getenv("ZK_ADDRESS");
  static final boolean ENSEMBLE = System.getenv("COMPAT_ENSEMBLE") != null;

  interface Body {
    void run() throws Exception;
  }

  private record Test(String name, Body body) {}

  private final List<Test> tests = new ArrayList<>();
  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  void test(String name, Body body) {
    tests.add(new Test(name, body));
  }

  /** Closes the resource when the running test ends. */
  <T extends AutoCloseable> T closing(T resource) {
    open.push(resource);
    return resource;
  }

  /** Runs all tests and ends the process: 1 if any failed. */
  void runAndExit() {
    int failed = 0;
    for (Test t : tests) {
      long start = System.nanoTime();
      Throwable failure = null;
      try {
        t.body.run();
      } catch (Throwable e) {
        failure = e;
      }
      while (!open.isEmpty()) {
        try {
          open.pop().close();
        } catch (Exception e) {
          if (failure == null) failure = e;
        }
      }
      long ms = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
      System.out.printf("%s %s (%d ms)%n", failure == null ? "ok  " : "FAIL", t.name, ms);
      if (failure != null) {
        failed++;
        failure.printStackTrace(System.out);
      }
    }
    System.exit(failed == 0 ? 0 : 1);
  }

  static void equal(String what, Object want, Object got) {
    if (!Objects.deepEquals(want, got)) {
      throw new AssertionError(what + ": got " + got + ", want " + want);
    }
  }

  static void check(String what, boolean condition) {
    if (!condition) throw new AssertionError(what);
  }

  /** Runs the body, which must throw exactly this exception. */
  static void fails(Class<? extends Exception> want, Body body) {
    try {
      body.run();
    } catch (Exception e) {
      if (e.getClass() == want) return;
      throw new AssertionError("got " + e + ", want " + want.getSimpleName(), e);
    }
    throw new AssertionError("succeeded, want " + want.getSimpleName());
  }

  /** Polls until the condition holds; exceptions count as "not yet". */
  static void eventually(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MS);
    Exception last = null;
    while (true) {
      try {
        if (condition.call()) return;
        last = null;
      } catch (Exception e) {
        last = e;
      }
      if (System.nanoTime() > deadline) throw new AssertionError("not within the deadline: " + what, last);
      Thread.sleep(20);
    }
  }

  /** Runs start, stop, kill or restart on the server. */
  static void control(String verb) throws Exception {
    Process p =
        new ProcessBuilder(System.getenv("COMPAT_CONTROL"), verb).redirectErrorStream(true).start();
    String output = new String(p.getInputStream().readAllBytes());
    if (p.waitFor() != 0) throw new IllegalStateException("server " + verb + ": " + output);
  }
}
