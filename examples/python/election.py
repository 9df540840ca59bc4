"""Election: of several candidates one leads; when it goes, the next takes over.

    election.py [ADDRESS]

What it relies on (kazoo's Election does it; election/main.go in Go spells it out):
- Sequential znodes are numbered in the order of their creation, and no number comes twice. The candidate
  with the lowest number leads.
- The znodes are ephemeral: a candidate that dies loses its place when its session ends.
- Each candidate watches only the one before it. When one goes, one other is woken, not all of them.
- While its connection is lost, a leader cannot know whether its session has ended and somebody else
  leads. So it stops leading as soon as the connection is lost.
"""

import os
import queue
import sys
import threading

from kazoo.client import KazooClient, KazooState

ROOT = "/examples/election"
TIMEOUT = 4  # seconds, of the sessions: how long a dead leader keeps its place, at least

throne = threading.Lock()  # only to show that nobody shares it
reigns = []  # who has led, in order


def stand(address, name):
    """A candidate with a session of its own, which leads once and then goes."""
    client = KazooClient(address, timeout=TIMEOUT)
    client.start()
    in_doubt = threading.Event()

    @client.add_listener
    def on_state(state):
        if state != KazooState.CONNECTED:
            in_doubt.set()

    def lead():
        assert throne.acquire(blocking=False), "there are two leaders"
        print(name, "leads", flush=True)
        if in_doubt.wait(0.3):  # what leaders do
            print(name, "does not know whether it leads", flush=True)
        else:
            reigns.append(name)
            print(name, "goes", flush=True)
        throne.release()

    print(name, "stands", flush=True)
    client.Election(ROOT, name).run(lead)  # waits until the candidate is elected
    client.stop()  # ends the session


def demonstrate(address):
    observer = KazooClient(address, timeout=TIMEOUT)
    observer.start()
    observer.ensure_path(ROOT)
    changes = queue.Queue()
    observer.ChildrenWatch(ROOT)(changes.put)
    election = observer.Election(ROOT)

    names = ["anna", "bert", "cleo"]
    candidates = []
    for name in names:
        candidate = threading.Thread(target=stand, args=(address, name))
        candidate.start()
        candidates.append(candidate)
        # So that they stand in the order of their names.
        while name not in election.contenders() and name not in reigns:
            changes.get(timeout=30)
    for candidate in candidates:
        candidate.join(timeout=30)
    observer.stop()
    if reigns != names:
        sys.exit(f"those who led are {reigns}")
    print("each has led once, and no two at the same time")


if __name__ == "__main__":
    demonstrate(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ZK", "127.0.0.1:2181"))
