"""The server under test: words, a bare client session, the control channel."""

import fcntl
import os
import re
import socket
import struct
import subprocess
import termios
import time

HOST, PORT = os.environ["ZK_ADDRESS"].split(":")
CONFIG = os.environ["COMPAT_CONFIG"]
PATIENCE = 30  # seconds; no wait in these tests is longer

REQUESTS = {"exists": 3, "getData": 4, "close": -11}


def dial():
    connection = socket.create_connection((HOST, int(PORT)), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_all(connection):
    """Reads until the server closes; a reset after the answer is a close too."""
    answer = b""
    try:
        while chunk := connection.recv(65536):
            answer += chunk
    except ConnectionResetError:
        pass
    return answer


def say(data):
    """Sends bytes on a fresh connection and returns all that comes back."""
    with dial() as connection:
        connection.sendall(data)
        return read_all(connection)


def ask(word):
    return say(word.encode()).decode()


def eventually(what, condition):
    """Polls until condition() is true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE} s: {what}")
        time.sleep(0.005)


def wait_delivered(connection):
    """Waits until the kernel has delivered all that was sent."""

    def unsent():
        return struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0\0\0\0"))[0]

    eventually("the peer takes the data", lambda: unsent() == 0)


def control(verb):
    done = subprocess.run([os.environ["COMPAT_CONTROL"], verb], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"server {verb}: {done.stdout}{done.stderr}")


def configured(key):
    with open(CONFIG) as f:
        return re.findall(rf"^{re.escape(key)}=(.*)$", f.read(), re.M)[-1]


def restart_with(key, value):
    """Restarts the server with another value of one key."""
    with open(CONFIG) as f:
        lines = [line for line in f if not line.startswith(key + "=")]
    control("stop")
    with open(CONFIG, "w") as f:
        f.writelines(lines + [f"{key}={value}\n"])
    control("start")


class Session:
    """A session that does one request at a time."""

    def __init__(self, timeout=10000):
        self.connection = dial()
        self.xid = 0
        self._send(struct.pack(">iqiqi16s?", 0, 0, timeout, 0, 16, b"", False))
        answer = self._receive()
        _, self.timeout, self.id = struct.unpack_from(">iiq", answer)
        self.address = "%s:%d" % self.connection.getsockname()

    def _send(self, frame):
        self.connection.sendall(struct.pack(">i", len(frame)) + frame)

    def _receive(self):
        (length,) = struct.unpack(">i", self._exactly(4))
        return self._exactly(length)

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            chunk = self.connection.recv(n - len(data))
            if not chunk:
                raise AssertionError("the server closed the connection")
            data += chunk
        return data

    def request(self, kind, body=b""):
        """Returns xid, zxid and error of the answer."""
        self.xid += 1
        self._send(struct.pack(">ii", self.xid, kind) + body)
        return struct.unpack_from(">iqi", self._receive())

    def read(self, kind, path, watch=False):
        return self.request(REQUESTS[kind], string(path) + struct.pack("?", watch))

    def create(self, path, ephemeral):
        acl = struct.pack(">ii", 1, 31) + string("world") + string("anyone")
        return self.request(1, string(path) + string("value") + acl + struct.pack(">i", ephemeral))

    def close(self):
        self.request(REQUESTS["close"])
        self.connection.close()


def string(text):
    return struct.pack(">i", len(text)) + text.encode()
