"""Four-letter words: what they print, to whom, and how they end.

Each answer is read the way that programs in use read it. The server of this
program is started with a whitelist of the eight words of ALLOWED.
"""

import os
import re
import socket
import unittest
from concurrent.futures import ThreadPoolExecutor

from server import Session, ask, configured, dial, eventually, read_all, restart_with, say, wait_delivered

ALLOWED = ["ruok", "srvr", "stat", "mntr", "conf", "cons", "isro", "envi"]
REFUSED = ["dump", "wchs", "wchc", "wchp", "dirs", "crst", "srst", "gtmk", "stmk", "hash"]

VERSION = r"3\.\d+\.\d+\S*, built on (\d{4}-\d\d-\d\d \d\d:\d\d UTC|unknown)"
SUMMARY = (
    r"Latency min/avg/max: \d+/\d+\.\d+/\d+\n"
    r"Received: \d+\nSent: \d+\nConnections: (?P<connections>\d+)\nOutstanding: \d+\n"
    r"Zxid: 0x(?P<zxid>[0-9a-f]+)\nMode: standalone\nNode count: (?P<nodes>\d+)\n"
)
CLIENT = r" /\d+\.\d+\.\d+\.\d+:\d+\[\d+\]\(queued=\d+,recved=\d+,sent=\d+"
# What a session adds to its line in cons.
DETAILS = (
    r",sid=0x(?P<sid>[0-9a-f]+),lop=(?P<lop>[A-Z0-9]+),est=(?P<est>\d+),to=(?P<to>\d+)"
    r",lcxid=0x(?P<lcxid>[0-9a-f]+),lzxid=0x(?P<lzxid>[0-9a-f]+),lresp=\d+"
    r",llat=\d+,minlat=\d+,avglat=\d+,maxlat=\d+"
)
CONF = """clientPort secureClientPort dataDir dataDirSize dataLogDir dataLogSize tickTime maxClientCnxns
    minSessionTimeout maxSessionTimeout clientPortListenBacklog serverId""".split()
ENVI = """zookeeper.version host.name java.version java.vendor java.home java.class.path java.library.path
    java.io.tmpdir java.compiler os.name os.arch os.version user.name user.home user.dir os.memory.free
    os.memory.max os.memory.total""".split()
# The keys that dashboards and agents for ZooKeeper ask for.
MNTR = """version server_state avg_latency max_latency min_latency packets_received packets_sent
    num_alive_connections outstanding_requests znode_count watch_count ephemerals_count approximate_data_size
    open_file_descriptor_count max_file_descriptor_count uptime global_sessions connection_rejected
    avg_fsynctime max_fsynctime cnt_readlatency p99_readlatency p99_updatelatency bytes_received_count""".split()


def mntr():
    return dict(line.split("\t") for line in ask("mntr").splitlines())


def known_keys():
    """The keys that Apache's mntr has."""
    keys = set()
    basic = ["avg", "min", "max", "cnt", "sum"]
    kinds = {"basic": basic, "quantile": basic + ["p50", "p95", "p99", "p999"]}
    with open("mntr-keys.txt") as f:
        for line in f:
            kind, _, name = line.strip().partition(" ")
            if kind in kinds:
                keys.update(f"zk_{prefix}_{name}" for prefix in kinds[kind])
            elif kind != "#":
                keys.add("zk_" + kind)
    return keys


class WordsTest(unittest.TestCase):
    def session(self):
        s = Session()
        self.addCleanup(s.connection.close)
        return s

    def assertWhole(self, pattern, text):
        match = re.fullmatch(pattern, text)
        self.assertIsNotNone(match, f"{text!r} does not match {pattern!r}")
        return match


class Answers(WordsTest):
    def test_ruok_and_isro(self):
        self.assertEqual(say(b"ruok"), b"imok")
        self.assertEqual(say(b"isro"), b"rw")

    def test_srvr(self):
        before = self.assertWhole(f"Zookeeper version: {VERSION}\n{SUMMARY}", ask("srvr"))
        s = self.session()
        _, zxid, error = s.create("/srvr", ephemeral=1)
        self.assertEqual(error, 0)
        after = self.assertWhole(f"Zookeeper version: {VERSION}\n{SUMMARY}", ask("srvr"))
        self.assertEqual(int(after["zxid"], 16), zxid)
        self.assertEqual(int(after["nodes"]), int(before["nodes"]) + 1)
        s.close()

    def test_stat(self):
        s = self.session()
        eventually("stat counts what came", lambda: f"\n /{s.address}[1](queued=0,recved=1,sent=1)\n" in ask("stat"))
        self.assertWhole(f"Zookeeper version: {VERSION}\nClients:\n({CLIENT}\\)\n)+\n{SUMMARY}", ask("stat"))
        s.close()

    def test_cons(self):
        s = self.session()
        s.read("exists", "/no")
        _, zxid, _ = s.read("getData", "/")
        # A packet counts as sent when it is written, which the client may know before the server.
        eventually("cons counts what came", lambda: f" /{s.address}[1](queued=0,recved=3,sent=3," in ask("cons"))
        text = ask("cons")
        self.assertWhole(rf"({CLIENT}({DETAILS})?\)\n)+\n", text)
        (line,) = [line for line in text.splitlines() if line.startswith(f" /{s.address}[")]
        details = self.assertWhole(CLIENT + DETAILS + r"\)", line)
        self.assertEqual(int(details["sid"], 16), s.id)
        self.assertEqual(details["lop"], "GETD")
        self.assertEqual(int(details["to"]), s.timeout)
        self.assertEqual(int(details["lcxid"], 16), s.xid)
        self.assertEqual(int(details["lzxid"], 16), zxid)
        s.close()
        eventually("cons lists it no more", lambda: s.address not in ask("cons"))

    # A connection that asks a word counts itself, with one packet received.
    def test_own_connection(self):
        with dial() as connection:
            connection.sendall(b"stat")
            address = "%s:%d" % connection.getsockname()
            answer = read_all(connection).decode()
        self.assertRegex(answer, rf"\n /{address}\[\d\]\(queued=0,recved=1,sent=0\)\n")

    def test_conf(self):
        values = dict(line.split("=") for line in ask("conf").splitlines())
        self.assertEqual(list(values), CONF)
        for key in ["clientPort", "tickTime", "maxSessionTimeout"]:
            self.assertEqual(values[key], configured(key))
        self.assertEqual(values["minSessionTimeout"], str(2 * int(configured("tickTime"))))
        self.assertEqual(values["serverId"], "0")
        self.assertEqual(os.path.commonpath([values["dataDir"], configured("dataDir")]), configured("dataDir"))
        for key in ["dataDirSize", "dataLogSize"]:
            self.assertTrue(values[key].isdigit())

    def test_envi(self):
        first, *lines = ask("envi").splitlines()
        self.assertEqual(first, "Environment:")
        values = dict(line.split("=", 1) for line in lines)
        self.assertEqual(list(values)[: len(ENVI)], ENVI)
        self.assertWhole(VERSION, values["zookeeper.version"])
        self.assertEqual(values["os.name"], os.uname().sysname)
        for key in ENVI[-3:]:
            self.assertRegex(values[key], r"^\d+MB$")

    def test_mntr(self):
        got = mntr()
        self.assertEqual({"zk_" + key for key in MNTR} - set(got), set())
        apache = {key for key in got if "_per_namespace" not in key and "_jvm_" not in key}
        self.assertEqual(apache - known_keys(), set())
        if os.environ["COMPAT_TARGET"] == "apache":
            self.assertEqual(known_keys() - set(got), set())
        self.assertEqual(list(got)[:2], ["zk_version", "zk_server_state"])
        self.assertWhole(VERSION, got["zk_version"])
        self.assertEqual(got["zk_server_state"], "standalone")

    def test_mntr_counts(self):
        # A connection that asked may be counted a moment longer, so each count comes from one answer.
        def alone():
            nonlocal before
            before = mntr()
            return before["zk_num_alive_connections"] == "1"

        before = {}
        eventually("no connection but this", alone)
        s = self.session()
        s.create("/mntr", ephemeral=1)
        s.read("exists", "/no/node", watch=True)
        s.read("getData", "/mntr", watch=True)
        after = mntr()
        more = {key: int(after["zk_" + key]) - int(before["zk_" + key]) for key in (
            "znode_count", "ephemerals_count", "watch_count", "global_sessions", "cnt_readlatency", "cnt_updatelatency",
        )}
        self.assertEqual(more, {
            "znode_count": 1, "ephemerals_count": 1, "watch_count": 2, "global_sessions": 1,
            "cnt_readlatency": 2, "cnt_updatelatency": 2,
        })
        self.assertEqual(int(after["zk_packets_received"]) - int(before["zk_packets_received"]), 5)
        self.assertGreaterEqual(int(after["zk_packets_sent"]) - int(before["zk_packets_sent"]), 4)
        eventually("two connections", lambda: mntr()["zk_num_alive_connections"] == "2")
        s.close()
        self.assertEqual(mntr()["zk_ephemerals_count"], before["zk_ephemerals_count"])


class Parsers(WordsTest):
    """What the programs that read the words do with them."""

    # bin/zkServer.sh status: grep for Mode.
    def test_zkserver_script(self):
        self.assertEqual([line for line in ask("srvr").splitlines() if "Mode" in line], ["Mode: standalone"])

    # kazoo's server_version: the lines of envi that have a "=", then a version number.
    def test_kazoo(self):
        pairs = dict(line.split("=", 1) for line in ask("envi").splitlines() if "=" in line)
        digits = pairs["zookeeper.version"].split("-", 1)[0].strip()
        self.assertEqual([int(n) for n in digits.split(".")][0], 3)

    # Telegraf: a single line of mntr that does not match spoils the collection.
    def test_telegraf(self):
        for line in ask("mntr").splitlines():
            self.assertRegex(line, r"^zk_\w[\w\.\-]*\s+[\w\.\-]+")

    # Datadog: a line of stat at a time, each in its place.
    def test_datadog_stat(self):
        lines = iter(ask("stat").splitlines())
        self.assertRegex(next(lines), r"(?i)zookeeper version: ([^.]+)\.([^.]+)\.([^-]+)")
        self.assertEqual(next(lines), "Clients:")
        for line in lines:
            if line == "":
                break
            self.assertRegex(line, r"^\s+/.*\[\d+\]\(.*\)$")
        names = [line.split(":")[0] for line in lines]
        self.assertEqual(names, [
            "Latency min/avg/max", "Received", "Sent", "Connections", "Outstanding", "Zxid", "Mode", "Node count",
        ])

    # Datadog, exporters: mntr as numbers, but for two.
    def test_numbers(self):
        for key, value in mntr().items():
            if key not in ("zk_version", "zk_server_state"):
                float(value)

    # Kubernetes probes: the answer to ruok compared as a whole.
    def test_probe(self):
        for data in (b"ruok\n", b"ruok\r\n", b"ruok and more"):
            self.assertEqual(say(data), b"imok")


class Connections(WordsTest):
    def test_half_closed(self):
        for word in ALLOWED:
            with dial() as connection:
                connection.sendall(word.encode())
                connection.shutdown(socket.SHUT_WR)
                answer = read_all(connection).decode()
            self.assertEqual(len(answer) > 4, word not in ("ruok", "isro"), word)

    # The four bytes may come one at a time; that another connection is
    # answered in between shows that the server waits for them patiently.
    def test_byte_by_byte(self):
        with dial() as connection:
            for byte in b"srvr":
                self.assertEqual(say(b"ruok"), b"imok")
                connection.sendall(bytes([byte]))
                wait_delivered(connection)
            self.assertIn("\nMode: standalone\n", read_all(connection).decode())

    def test_unknown(self):
        for data in (b"abcd", b"RUOK", b"help", b"    ", b"GET / HTTP/1.0\r\n\r\n"):
            self.assertEqual(say(data), b"", data)

    def test_incomplete(self):
        with dial() as connection:
            connection.sendall(b"ruo")
            connection.shutdown(socket.SHUT_WR)
            self.assertEqual(read_all(connection), b"")

    # On a connection that has a session the same bytes are the length of a frame.
    def test_after_handshake(self):
        s = self.session()
        s.connection.sendall(b"ruok")
        self.assertEqual(read_all(s.connection), b"")

    def test_many_at_once(self):
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(say, [b"ruok", b"isro"] * 100))
        self.assertEqual(answers, [b"imok", b"rw"] * 100)


class Whitelist(WordsTest):
    def refusal(self, word):
        return f"{word} is not executed because it is not in the whitelist.\n"

    def test_refused(self):
        for word in REFUSED:
            self.assertEqual(ask(word), self.refusal(word))

    # srvr is answered with any whitelist.
    def test_short_list(self):
        before = configured("4lw.commands.whitelist")
        self.addCleanup(restart_with, "4lw.commands.whitelist", before)
        restart_with("4lw.commands.whitelist", "ruok, isro")
        self.assertEqual(say(b"ruok"), b"imok")
        self.assertEqual(say(b"isro"), b"rw")
        self.assertIn("\nMode: standalone\n", ask("srvr"))
        for word in ["stat", "mntr", "conf", "cons", "envi"] + REFUSED:
            self.assertEqual(ask(word), self.refusal(word))


if __name__ == "__main__":
    unittest.main()
