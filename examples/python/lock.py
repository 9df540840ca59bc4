"""Lock: at most one of several workers is inside, and they are served in the order in which they came.

    lock.py [ADDRESS]

What it relies on (kazoo's Lock does it; lock/main.go in Go spells it out):
- Sequential znodes are numbered in the order of their creation. The lowest holds the lock.
- The znodes are ephemeral: the lock of a worker that dies is free when its session ends.
- Each waits for its predecessor only: a release wakes one worker, however many are waiting.
- The transaction id that created a znode (czxid) never goes back. It makes a fencing token: what the lock
  protects should refuse a token lower than one it has seen, because a holder that was suspended for
  longer than its session lasts does not know that it lost the lock.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from kazoo.client import KazooClient

ROOT = "/examples/lock"
COUNTER = "/examples/counter"  # what the lock protects
WORKERS, ROUNDS = 4, 3


def work(address, name, tokens):
    """Takes the lock several times, and notes the tokens in the order in which it held them."""
    client = connect(address)
    for _ in range(ROUNDS):
        lock = client.Lock(ROOT, name)
        with lock:
            token = client.exists(f"{ROOT}/{lock.node}").czxid
            tokens.append(token)
            n = increment(client)
            print(f"{name} counts {n} with token {token:#x}", flush=True)
    client.stop()  # ends the session, and would give back what it holds


def increment(client):
    """Without regard to others: an increment is lost whenever two are inside."""
    value, _ = client.get(COUNTER)
    n = int(value) + 1
    client.set(COUNTER, b"%d" % n)
    return n


def demonstrate(address):
    client = connect(address)
    client.ensure_path(COUNTER)
    client.set(COUNTER, b"0")

    tokens = []
    with ThreadPoolExecutor(WORKERS) as pool:
        workers = [pool.submit(work, address, f"worker {i + 1}", tokens) for i in range(WORKERS)]
        for worker in workers:
            worker.result()

    assert tokens == sorted(tokens), f"not in order: {tokens}"
    print("all were served in the order in which they came")
    total = int(client.get(COUNTER)[0])
    assert total == WORKERS * ROUNDS, f"the counter is {total}: two were inside"
    print(f"the counter is {total}: no increment was lost")
    client.delete(COUNTER)
    client.stop()


def connect(address):
    client = KazooClient(address, timeout=4)
    client.start()
    return client


if __name__ == "__main__":
    demonstrate(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ZK", "127.0.0.1:2181"))
