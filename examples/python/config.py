"""Config: configuration that running programs follow, and that several people can edit.

    config.py [ADDRESS]

What it relies on:
- A watch is left together with the read of a value, and fires once, on the first change after that read.
  A program that reads again whenever it fires always ends with the last value; DataWatch does this. It
  may skip values in between; so a value has to be complete, and not a step from the one before.
- Each znode counts its versions, and a write can name the version that it replaces. If somebody else
  wrote in the meantime it is refused, and the editor has to look again.
- After a lost connection the client leaves its watches again, and hears of what it missed.
"""

import json
import os
import queue
import sys

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError

PATH = "/examples/config"


def follow(address, name, applied):
    """A program that runs with the settings as they are; returns its client."""
    client = connect(address)

    @client.DataWatch(PATH)
    def on_change(data, stat):
        if data is None:
            return  # not there yet, or deleted: keep what we have
        try:
            settings = json.loads(data)
        except ValueError as e:
            print(f"version {stat.version} makes no sense, the old settings stay: {e}")
            return
        print(f"{name}: log={settings['log']} workers={settings['workers']} (version {stat.version})", flush=True)
        applied.put(settings)

    return client


def demonstrate(address):
    editor = connect(address)
    editor.ensure_path("/examples")
    editor.delete(PATH, recursive=True)

    # Two programs start before there is any configuration.
    applied = queue.Queue()
    programs = [follow(address, name, applied) for name in ("web", "mail")]

    def both(want):
        """Waits until both programs have the settings."""
        have = 0
        while have < len(programs):
            have += applied.get(timeout=30) == want
        print("both have it")

    now = {"log": "info", "workers": 4}
    editor.create(PATH, encode(now))
    both(now)

    _, seen = editor.get(PATH)
    now["log"] = "debug"
    editor.set(PATH, encode(now), seen.version)
    both(now)

    # A second editor still has the version before that one on the screen.
    try:
        editor.set(PATH, encode({"log": "info", "workers": 8}), seen.version)
        sys.exit("a stale edit was not refused")
    except BadVersionError:
        print(f"an edit of version {seen.version} is refused: there is a newer one")
    now["workers"] = 8
    editor.set(PATH, encode(now), seen.version + 1)
    both(now)

    for client in [*programs, editor]:
        client.stop()


def encode(settings):
    return json.dumps(settings).encode()


def connect(address):
    client = KazooClient(address, timeout=4)
    client.start()
    return client


if __name__ == "__main__":
    demonstrate(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ZK", "127.0.0.1:2181"))
