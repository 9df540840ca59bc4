"""Registry: agents announce themselves, and whoever needs them knows at any moment which are there.

    registry.py [ADDRESS]       starts three agents, watches the list, loses one of them
    registry.py ADDRESS NAME    is an agent of that name until its standard input ends

What it relies on:
- An ephemeral znode lives as long as the session of the client that created it. An agent that ends its
  session is gone at once; one that dies without a word is gone when its session times out.
- A watch is left together with the read of a list, and fires once, on the first change after that read.
  To read again and leave the next watch misses no change of membership for good, although several
  changes in a row may be seen as one. ChildrenWatch does this, and begins anew after a lost session.
- A client that lost its connection gets its session back if it returns in time, ephemeral znodes
  included. If it is late it gets a new session without any, and has to register again.
"""

import os
import queue
import subprocess
import sys
import time

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import NodeExistsError, NoNodeError

ROOT = "/examples/registry"
TIMEOUT = 4  # seconds, of the sessions; the server may grant longer ones, as its ticks want


def agent(address, name):
    """Is in the list until standard input ends."""
    client = KazooClient(address, timeout=TIMEOUT)

    def on_state(state):
        # Connected, perhaps with a new session. Listeners must not wait for the server: it is the
        # thread that calls them which would bring the answer.
        if state == KazooState.CONNECTED:
            client.handler.spawn(client.retry, register, client, name)

    client.add_listener(on_state)
    client.start()
    sys.stdin.read()
    client.stop()  # ends the session


def register(client, name):
    """Puts an agent into the list; can be repeated."""
    path = f"{ROOT}/{name}"
    while True:
        try:
            client.create(path, b"process %d" % os.getpid(), ephemeral=True, makepath=True)
            return
        except NodeExistsError:
            stat = client.exists(path)
            if stat and stat.ephemeralOwner == client.client_id[0]:
                return  # ours already
            try:
                client.delete(path)  # left by a session of this agent that has not timed out yet
            except NoNodeError:
                pass


def demonstrate(address):
    client = KazooClient(address, timeout=TIMEOUT)
    client.start()
    client.ensure_path(ROOT)
    lists = queue.Queue()

    @client.ChildrenWatch(ROOT)
    def discover(names):
        lists.put(sorted(names))

    def until(*want):
        """Prints the list as it changes, until it is the one that is wanted."""
        names = None
        while names != list(want):
            names = lists.get(timeout=30)
            print("agents:", " ".join(names) or "none", flush=True)

    agents = {name: start(address, name) for name in ("blue", "green", "red")}
    until("blue", "green", "red")

    print("green dies")
    died = time.monotonic()
    agents["green"].kill()
    until("blue", "red")
    print(f"green vanished with its session, {time.monotonic() - died:.1f} s after it died")

    print("blue leaves")
    left = time.monotonic()
    agents["blue"].stdin.close()
    until("red")
    print(f"blue vanished as it left, after {(time.monotonic() - left) * 1000:.0f} ms")

    agents["red"].stdin.close()
    for process in agents.values():
        process.wait(timeout=30)
    client.stop()


def start(address, name):
    """An agent as a process of its own, so that it can be killed."""
    return subprocess.Popen([sys.executable, __file__, address, name], stdin=subprocess.PIPE)


if __name__ == "__main__":
    server = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ZK", "127.0.0.1:2181")
    if len(sys.argv) > 2:
        agent(server, sys.argv[2])
    else:
        demonstrate(server)
