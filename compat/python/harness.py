"""What the kazoo programs share: the server, its control channel, waiting.

The environment names the server (ZK_ADDRESS), the program that starts and
kills it (COMPAT_CONTROL) and which server it is (COMPAT_TARGET).
"""

import logging
import os
import socket
import subprocess
import time
import unittest

from kazoo.client import KazooClient
from kazoo.retry import KazooRetry

ADDRESS = os.environ["ZK_ADDRESS"]
PATIENCE = 60  # seconds; no wait in these tests is longer

logging.getLogger("kazoo").setLevel(logging.CRITICAL)


def control(verb):
    """Runs start, stop, kill or restart on the server."""
    done = subprocess.run([os.environ["COMPAT_CONTROL"], verb], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"server {verb}: {done.stdout}{done.stderr}")


def eventually(what, condition):
    """Polls until condition() is true and returns its value."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE} s: {what}")
        time.sleep(0.02)


class KazooCase(unittest.TestCase):
    """A test with clients that are closed when it ends."""

    def connect(self, timeout=30, **options):
        patient = dict(max_tries=-1, delay=0.05, max_delay=0.5, max_jitter=0.0)
        client = KazooClient(
            ADDRESS,
            timeout=timeout,
            connection_retry=KazooRetry(**patient),
            command_retry=KazooRetry(**patient),
            **options,
        )
        client.start(timeout=PATIENCE)
        self.addCleanup(self._close, client)
        return client

    @staticmethod
    def _close(client):
        client.stop()
        client.close()

    @staticmethod
    def cut(client):
        """Breaks the client's TCP connection."""
        client._connection._socket.shutdown(socket.SHUT_RDWR)
