"""Sessions and watches across lost connections, restarts and expiry."""

import queue
import threading

from kazoo.client import KazooState
from kazoo.exceptions import KazooException
from kazoo.protocol.states import EventType
from kazoo.recipe.watchers import ChildrenWatch, DataWatch

from harness import ADDRESS, PATIENCE, KazooCase, control, eventually


class Watches(KazooCase):
    def test_one_shot(self):
        c, other = self.connect(), self.connect()
        events = queue.Queue()
        c.create("/watch/kid", makepath=True)
        c.get("/watch/kid", watch=events.put)
        c.exists("/watch/no", watch=events.put)
        c.get_children("/watch", watch=events.put)
        other.set("/watch/kid", b"1")
        other.set("/watch/kid", b"2")
        other.create("/watch/no")
        other.create("/watch/no2")
        got = [events.get(timeout=PATIENCE)[0::2] for _ in range(3)]
        self.assertEqual(
            got,
            [(EventType.CHANGED, "/watch/kid"), (EventType.CREATED, "/watch/no"), (EventType.CHILD, "/watch")],
        )
        other.delete("/watch/no2")
        c.sync("/")
        c.get("/")
        self.assertTrue(events.empty())

    def test_delete(self):
        c, other = self.connect(), self.connect()
        events = queue.Queue()
        c.create("/wd")
        c.get("/wd", watch=events.put)
        c.get_children("/wd", watch=events.put)
        other.delete("/wd")
        got = [events.get(timeout=PATIENCE).type for _ in range(2)]
        self.assertEqual(got, [EventType.DELETED, EventType.DELETED])

    def test_across_restart(self):
        c, other = self.connect(), self.connect()
        values, children = queue.Queue(), queue.Queue()
        c.create("/war", b"0")
        DataWatch(c, "/war", lambda data, stat: values.put(data))
        ChildrenWatch(c, "/war", lambda names: children.put(sorted(names)))
        self.assertEqual(values.get(timeout=PATIENCE), b"0")
        self.assertEqual(children.get(timeout=PATIENCE), [])
        for round in range(1, 3):
            control("restart")
            other.retry(other.set, "/war", b"%d" % round)
            other.retry(other.create, "/war/%d" % round)
            eventually("the data watch hears of it", lambda: values.get(timeout=PATIENCE) == b"%d" % round)
            eventually("the child watch hears of it", lambda: len(children.get(timeout=PATIENCE)) == round)


class Sessions(KazooCase):
    def states(self, client):
        states = queue.Queue()
        client.add_listener(states.put)
        return states

    def exile(self, client):
        """Cuts the connection; nobody listens where the client tries next."""
        client.set_hosts("127.0.0.1:1")
        self.cut(client)

    def test_reconnect_keeps_session(self):
        c, other = self.connect(), self.connect()
        states = self.states(c)
        c.create("/keep", ephemeral=True)
        id = c.client_id
        for _ in range(3):
            self.cut(c)
            self.assertEqual(states.get(timeout=PATIENCE), KazooState.SUSPENDED)
            self.assertEqual(states.get(timeout=PATIENCE), KazooState.CONNECTED)
        self.assertEqual(c.client_id, id)
        self.assertEqual(other.exists("/keep").owner_session_id, id[0])

    def test_restart_keeps_session(self):
        c = self.connect()
        c.create("/restart", b"x", ephemeral=True)
        id = c.client_id
        for verb in ("kill", "stop"):
            control(verb)
            control("start")
            self.assertEqual(c.retry(c.get, "/restart")[0], b"x")
            self.assertEqual(c.client_id, id)

    def test_stop_removes_ephemerals(self):
        c, other = self.connect(), self.connect()
        c.create("/stop", ephemeral=True)
        c.stop()
        self.assertIsNone(other.exists("/stop"))

    def test_expiry(self):
        other = self.connect()
        c = self.connect(timeout=2)
        states = self.states(c)
        c.create("/expiry", ephemeral=True)
        gone = threading.Event()
        other.exists("/expiry", watch=lambda event: gone.set())
        id = c.client_id
        self.exile(c)
        self.assertTrue(gone.wait(PATIENCE))
        c.set_hosts(ADDRESS)
        eventually("the client learns it", lambda: states.get(timeout=PATIENCE) == KazooState.LOST)
        eventually("a new session", lambda: c.connected and c.client_id and c.client_id != id)
        self.assertIsNone(c.retry(c.exists, "/expiry"))

    def test_take_over(self):
        c = self.connect()
        c.create("/take", ephemeral=True)
        id = c.client_id
        self.exile(c)
        second = self.connect(client_id=id)
        self.assertEqual(second.client_id, id)
        self.assertEqual(second.exists("/take").owner_session_id, id[0])

    def test_wrong_password(self):
        c = self.connect()
        c.create("/wrong", ephemeral=True)
        owner = c.client_id[0]  # Apache closes the owner's connection too: c has no client_id until it is back
        second = self.connect(client_id=(owner, b"0123456789abcdef"))
        self.assertNotEqual(second.client_id[0], owner)  # it was given a new session
        self.assertEqual(second.exists("/wrong").owner_session_id, owner)


class AcknowledgedWrites(KazooCase):
    def test_survive_kill(self):
        writers = [self.connect() for _ in range(3)]
        reader = self.connect()
        reader.create("/ack")
        acknowledged = [0] * len(writers)
        restarted = threading.Event()

        def write(i):
            # A client without a request under way at the restart is not interrupted by it.
            try:
                while not restarted.is_set():
                    writers[i].create(f"/ack/{i}-{acknowledged[i]}")
                    acknowledged[i] += 1
            except KazooException:
                pass

        threads = [threading.Thread(target=write, args=(i,)) for i in range(len(writers))]
        for t in threads:
            t.start()
        eventually("enough writes", lambda: min(acknowledged) > 50)
        control("restart")
        restarted.set()
        for t in threads:
            t.join(PATIENCE)
        self.assertFalse(any(t.is_alive() for t in threads))
        names = set(reader.retry(reader.get_children, "/ack"))
        lost = [f"{i}-{j}" for i, n in enumerate(acknowledged) for j in range(n) if f"{i}-{j}" not in names]
        self.assertEqual(lost[:10], [])
        self.assertLessEqual(len(names), sum(acknowledged) + len(writers))
