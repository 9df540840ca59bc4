"""kazoo's recipes: what programs build on the operations."""

import queue
import threading

from kazoo.exceptions import LockTimeout
from kazoo.recipe.cache import TreeCache, TreeEvent

from harness import PATIENCE, KazooCase, control, eventually


class Recipes(KazooCase):
    def run_all(self, *targets):
        """Runs functions in threads and re-raises what any of them raised."""
        errors = queue.Queue()

        def guarded(target):
            try:
                target()
            except BaseException as e:
                errors.put(e)

        threads = [threading.Thread(target=guarded, args=(t,)) for t in targets]
        for t in threads:
            t.start()
        for t in threads:
            t.join(PATIENCE)
            self.assertFalse(t.is_alive(), "a thread hangs")
        if not errors.empty():
            raise errors.get()

    def test_lock(self):
        inside, total = [], []

        def worker(client):
            for _ in range(10):
                with client.Lock("/lock"):
                    inside.append(1)
                    self.assertEqual(len(inside), 1)
                    total.append(1)
                    inside.pop()

        clients = [self.connect() for _ in range(4)]
        self.run_all(*[lambda c=c: worker(c) for c in clients])
        self.assertEqual(len(total), 40)

    def test_lock_of_a_closed_session(self):
        holder, waiter = self.connect(), self.connect()
        holder.Lock("/lock2", "holder").acquire()
        lock = waiter.Lock("/lock2", "waiter")
        self.assertRaises(LockTimeout, lock.acquire, timeout=0.3)
        self.assertEqual(lock.contenders(), ["holder"])
        holder.stop()
        self.assertTrue(lock.acquire(timeout=PATIENCE))
        lock.release()

    def test_lock_across_restart(self):
        holder, waiter = self.connect(), self.connect()
        first, second = holder.Lock("/lock3"), waiter.Lock("/lock3")
        first.acquire()
        acquired = threading.Event()
        thread = threading.Thread(target=lambda: second.acquire() and acquired.set(), daemon=True)
        thread.start()
        eventually("two contenders", lambda: len(waiter.get_children("/lock3")) == 2)
        control("restart")
        self.assertFalse(acquired.is_set())
        holder.retry(holder.exists, "/lock3")
        first.release()
        self.assertTrue(acquired.wait(PATIENCE))

    def test_read_write_lock_and_semaphore(self):
        a, b = self.connect(), self.connect()
        ra, rb, w = a.ReadLock("/rw"), b.ReadLock("/rw"), b.WriteLock("/rw")
        self.assertTrue(ra.acquire(timeout=PATIENCE) and rb.acquire(timeout=PATIENCE))
        rb.release()
        self.assertFalse(w.acquire(blocking=False))
        ra.release()
        self.assertTrue(w.acquire(timeout=PATIENCE))
        w.release()
        sems = [a.Semaphore("/sem", max_leases=2), b.Semaphore("/sem", max_leases=2), b.Semaphore("/sem", max_leases=2)]
        self.assertTrue(sems[0].acquire(timeout=PATIENCE) and sems[1].acquire(timeout=PATIENCE))
        self.assertFalse(sems[2].acquire(blocking=False))
        sems[0].release()
        self.assertTrue(sems[2].acquire(timeout=PATIENCE))

    def test_election(self):
        clients = [self.connect() for _ in range(3)]
        leaders = []

        def lead(client, name):
            election = client.Election("/election", name)
            election.run(lambda: leaders.append(name))

        self.run_all(*[lambda c=c, i=i: lead(c, str(i)) for i, c in enumerate(clients)])
        self.assertEqual(sorted(leaders), ["0", "1", "2"])

    def test_queues(self):
        a, b = self.connect(), self.connect()
        q = a.Queue("/queue")
        for i in range(20):
            q.put(b"%02d" % i, priority=100 - i)
        other = b.Queue("/queue")
        self.assertEqual(len(other), 20)
        self.assertEqual([other.get() for _ in range(20)], [b"%02d" % i for i in reversed(range(20))])
        self.assertIsNone(other.get())
        locking = a.LockingQueue("/lockingqueue")
        locking.put_all([b"x", b"y"])
        consumer = b.LockingQueue("/lockingqueue")
        self.assertEqual(consumer.get(timeout=PATIENCE), b"x")
        self.assertTrue(consumer.consume())
        self.assertEqual(consumer.get(timeout=PATIENCE), b"y")
        self.assertTrue(consumer.consume())
        self.assertIsNone(consumer.get(timeout=0.2))

    def test_barriers(self):
        a, b = self.connect(), self.connect()
        barrier = a.Barrier("/barrier")
        barrier.create()
        self.assertFalse(b.Barrier("/barrier").wait(0.2))
        passed = threading.Event()
        thread = threading.Thread(target=lambda: b.Barrier("/barrier").wait(PATIENCE) and passed.set())
        thread.start()
        barrier.remove()
        self.assertTrue(passed.wait(PATIENCE))
        thread.join(PATIENCE)
        inside, order = [], []

        def party(client):
            double = client.DoubleBarrier("/double", num_clients=2)
            double.enter()
            inside.append(1)
            eventually("both are inside", lambda: len(inside) == 2)
            double.leave()
            order.append("left")

        self.run_all(lambda: party(a), lambda: party(b))
        self.assertEqual(order, ["left", "left"])

    def test_counter_and_party(self):
        clients = [self.connect() for _ in range(3)]

        def count(client):
            counter = client.Counter("/counter")
            for _ in range(10):
                counter += 1

        self.run_all(*[lambda c=c: count(c) for c in clients])
        self.assertEqual(clients[0].Counter("/counter").value, 30)
        parties = [c.Party("/party", str(i)) for i, c in enumerate(clients)]
        for p in parties:
            p.join()
        self.assertEqual(sorted(parties[0]), ["0", "1", "2"])
        clients[2].stop()
        eventually("the member goes", lambda: sorted(parties[0]) == ["0", "1"])

    def test_set_partitioner(self):
        clients = [self.connect() for _ in range(2)]
        parts = [
            c.SetPartitioner("/partitions", set=range(6), identifier=str(i), time_boundary=0.2)
            for i, c in enumerate(clients)
        ]

        def settle(part):
            def settled():
                if part.release:
                    part.release_set()
                elif part.allocating:
                    part.wait_for_acquire(1)
                return all(p.acquired and len(list(p)) == 3 for p in parts)

            eventually("a half of the set each", settled)

        self.run_all(*[lambda p=p: settle(p) for p in parts])
        self.assertEqual(sorted(list(parts[0]) + list(parts[1])), list(range(6)))

    def test_tree_cache(self):
        c, other = self.connect(), self.connect()
        c.create("/cache/a/b", b"1", makepath=True)
        cache = TreeCache(c, "/cache")
        events = queue.Queue()
        cache.listen(events.put)
        cache.start()
        eventually("the cache is filled", lambda: events.get(timeout=PATIENCE).event_type == TreeEvent.INITIALIZED)
        self.assertEqual(cache.get_data("/cache/a/b").data, b"1")
        other.set("/cache/a/b", b"2")
        other.create("/cache/a/c", b"3")
        eventually("the change arrives", lambda: cache.get_data("/cache/a/b").data == b"2")
        eventually("the child arrives", lambda: cache.get_children("/cache/a") == {"b", "c"})
        control("restart")
        other.retry(other.delete, "/cache/a/b")
        eventually("the deletion arrives", lambda: cache.get_children("/cache/a") == {"c"})
        cache.close()
