"""Queue: producers put items in, consumers take them out, each item is done once, and what a consumer has
not finished when it goes is not lost.

    workqueue.py [ADDRESS]

What it relies on (kazoo's LockingQueue does it; workqueue/main.go in Go spells it out):
- Sequential znodes are numbered in the order of their creation: that is the order of the items.
- A consumer takes an item by creating a znode of the same name among the claims. Of all that try, one
  succeeds. The claim is ephemeral: if its consumer dies the item is free again.
- Several operations in one transaction happen together or not at all: item and claim go together.

A consumer that loses its session after doing an item and before saying so has it done twice, by another.
This cannot be otherwise; so the work itself should bear repetition.
"""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from kazoo.client import KazooClient

ROOT = "/examples/queue"
TOTAL = 12  # items in the demonstration


def produce(address, name, n):
    """Puts items into the queue."""
    client = connect(address)
    queue = client.LockingQueue(ROOT)
    for i in range(n):
        queue.put(f"item {name}{i + 1}".encode())
    client.stop()
    print(f"producer {name} has put in {n} items", flush=True)


def consume(address, name, done, all_done):
    """Takes items from the queue until all are done."""
    client = connect(address)
    queue = client.LockingQueue(ROOT)
    while not all_done.is_set():
        item = queue.get(timeout=0.5)  # claims it
        if item is None:
            continue
        print(f"consumer {name} does {item.decode()}", flush=True)
        if queue.consume():  # removes item and claim, if the claim is still ours
            done.append(item)
        if len(done) == TOTAL:
            all_done.set()
    client.stop()


def demonstrate(address):
    client = connect(address)
    client.delete(ROOT, recursive=True)
    done, all_done = [], threading.Event()
    with ThreadPoolExecutor() as pool:
        tasks = [pool.submit(produce, address, name, TOTAL // 2) for name in "ab"]

        careless = connect(address)
        careless.LockingQueue(ROOT).get(timeout=30)
        print("consumer 1 takes an item and goes without finishing it", flush=True)
        careless.stop()  # ends the session: the claim is gone

        tasks += [pool.submit(consume, address, name, done, all_done) for name in (2, 3, 4)]
        for task in tasks:
            task.result()

    assert len(done) == len(set(done)) == TOTAL, f"done: {sorted(done)}"
    assert len(client.LockingQueue(ROOT)) == 0, "items are left"
    print(f"{TOTAL} items, each done once, none lost")
    client.stop()


def connect(address):
    client = KazooClient(address, timeout=4)
    client.start()
    return client


if __name__ == "__main__":
    demonstrate(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ZK", "127.0.0.1:2181"))
