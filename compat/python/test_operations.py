"""Every operation that kazoo offers, and the errors of each."""

from kazoo.exceptions import (
    AuthFailedError,
    BadArgumentsError,
    BadVersionError,
    InvalidACLError,
    NoAuthError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    ReconfigDisabledError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.security import ACL, Id, make_acl, make_digest_acl

from harness import KazooCase


class Create(KazooCase):
    def test_modes(self):
        c = self.connect()
        self.assertEqual(c.create("/modes", b"x"), "/modes")
        path, stat = c.create("/modes/a", b"12", include_data=True)
        self.assertEqual((path, stat.version, stat.data_length, stat.children_count), ("/modes/a", 0, 2, 0))
        self.assertEqual(c.create("/modes/s-", sequence=True), "/modes/s-0000000001")
        self.assertEqual(c.create("/modes/e-", ephemeral=True, sequence=True), "/modes/e-0000000002")
        self.assertEqual(c.exists("/modes/e-0000000002").owner_session_id, c.client_id[0])
        self.assertEqual(c.create("/modes/deep/er/node", makepath=True), "/modes/deep/er/node")
        self.assertEqual(c.exists("/modes").children_count, 4)

    def test_unicode_names_and_values(self):
        c = self.connect()
        c.create("/unicode-\u00e4\u4e2d", b"\x00\xff")
        self.assertEqual(c.get("/unicode-\u00e4\u4e2d")[0], b"\x00\xff")
        self.assertIn("unicode-\u00e4\u4e2d", c.get_children("/"))

    def test_null_and_empty_data(self):
        c = self.connect()
        c.create("/null", b"")
        self.assertEqual(c.get("/null")[0], b"")
        c.set("/null", None)
        self.assertIsNone(c.get("/null")[0])

    def test_errors(self):
        c = self.connect()
        c.create("/ce")
        c.create("/ce/eph", ephemeral=True)
        locked = make_digest_acl("ann", "pw", all=True)
        c.create("/ce/locked", acl=[locked])
        for error, path, options in [
            (NodeExistsError, "/ce", {}),
            (NoNodeError, "/ce/no/x", {}),
            (NoChildrenForEphemeralsError, "/ce/eph/x", {}),
            (NoAuthError, "/ce/locked/x", {}),
            (InvalidACLError, "/ce/x", {"acl": [ACL(31, Id("auth", ""))]}),
            (InvalidACLError, "/ce/x", {"acl": [ACL(31, Id("nonsense", "x"))]}),
            (BadArgumentsError, "/ce/\x01", {}),
        ]:
            with self.subTest(path=path, error=error.__name__):
                self.assertRaises(error, c.create, path, b"", **options)


class ReadAndWrite(KazooCase):
    def test_versions(self):
        c = self.connect()
        c.create("/v", b"0")
        self.assertEqual(c.set("/v", b"1", version=0).version, 1)
        self.assertRaises(BadVersionError, c.set, "/v", b"2", version=0)
        value, stat = c.get("/v")
        self.assertEqual((value, stat.version), (b"1", 1))
        self.assertGreater(stat.mzxid, stat.czxid)
        self.assertRaises(BadVersionError, c.delete, "/v", version=0)
        c.delete("/v", version=1)
        self.assertIsNone(c.exists("/v"))

    def test_errors(self):
        c = self.connect()
        c.create("/rwe/kid", makepath=True)
        self.assertRaises(NoNodeError, c.get, "/rwe/no")
        self.assertRaises(NoNodeError, c.set, "/rwe/no", b"")
        self.assertRaises(NoNodeError, c.delete, "/rwe/no")
        self.assertRaises(NoNodeError, c.get_children, "/rwe/no")
        self.assertRaises(NoNodeError, c.get_acls, "/rwe/no")
        self.assertRaises(NotEmptyError, c.delete, "/rwe")
        self.assertRaises(BadArgumentsError, c.delete, "/")
        self.assertIsNone(c.exists("/rwe/no"))
        c.delete("/rwe", recursive=True)
        self.assertIsNone(c.exists("/rwe"))

    def test_children(self):
        c = self.connect()
        c.create("/children")
        for name in "abc":
            c.create("/children/" + name)
        self.assertEqual(sorted(c.get_children("/children")), ["a", "b", "c"])
        names, stat = c.get_children("/children", include_data=True)
        self.assertEqual((sorted(names), stat.children_count, stat.children_version), (["a", "b", "c"], 3, 3))

    def test_sync(self):
        c = self.connect()
        self.assertEqual(c.sync("/no/such/node"), "/no/such/node")

    def test_asynchronous_order(self):
        c = self.connect()
        c.create("/async", b"")
        pending = []
        for i in range(500):
            pending.append((c.set_async("/async", b"%d" % i, version=i), None))
            pending.append((c.get_async("/async"), b"%d" % i))
        for result, want in pending:
            got = result.get(timeout=20)
            if want is not None:
                self.assertEqual(got[0], want)

    def test_chroot(self):
        c = self.connect()
        c.create("/chroot")
        inner = self.connect()
        inner.chroot = "/chroot"
        inner.create("/a", b"x")
        self.assertEqual(c.get("/chroot/a")[0], b"x")
        self.assertEqual(inner.get_children("/"), ["a"])


class Transactions(KazooCase):
    def test_success(self):
        c = self.connect()
        c.create("/tx")
        t = c.transaction()
        t.create("/tx/a", b"1")
        t.create("/tx/s-", sequence=True)
        t.set_data("/tx/a", b"2", version=0)
        t.check("/tx/a", version=1)
        t.delete("/tx/a", version=1)
        results = t.commit()
        self.assertEqual(results[0:2], ["/tx/a", "/tx/s-0000000001"])
        self.assertEqual(results[2].version, 1)
        self.assertEqual(results[3:], [True, True])

    def test_failure(self):
        c = self.connect()
        c.create("/txf")
        t = c.transaction()
        t.create("/txf/a")
        t.check("/txf/no", version=0)
        t.delete("/txf")
        results = t.commit()
        self.assertEqual([type(r) for r in results], [RolledBackError, NoNodeError, RuntimeInconsistency])
        self.assertIsNone(c.exists("/txf/a"))


class Access(KazooCase):
    def test_digest(self):
        ann, other = self.connect(auth_data=[("digest", "ann:pw")]), self.connect()
        acl = make_digest_acl("ann", "pw", all=True)
        ann.create("/digest", b"secret", acl=[acl])
        self.assertEqual(ann.get_acls("/digest")[0], [acl])
        for call in (other.get, other.get_children, other.get_acls, other.exists):
            self.assertRaises(NoAuthError, call, "/digest")
        self.assertRaises(NoAuthError, other.set, "/digest", b"")
        self.assertRaises(NoAuthError, other.set_acls, "/digest", [acl])
        other.delete("/digest")  # only the parent's ACL matters

    def test_auth_later(self):
        ann, other = self.connect(auth_data=[("digest", "ann:pw")]), self.connect()
        ann.create("/later", acl=[ACL(31, Id("auth", ""))])
        other.add_auth("digest", "ann:wrong")
        self.assertRaises(NoAuthError, other.get, "/later")
        other.add_auth("digest", "ann:pw")
        other.get("/later")

    def test_auth_again_after_reconnect(self):
        ann = self.connect(auth_data=[("digest", "ann:pw")])
        ann.create("/again", b"x", acl=[make_digest_acl("ann", "pw", all=True)])
        self.cut(ann)
        self.assertEqual(ann.retry(ann.get, "/again")[0], b"x")

    def test_unknown_scheme(self):
        c = self.connect()
        self.assertRaises(AuthFailedError, c.add_auth, "nonsense", "x")

    def test_set_acls(self):
        c = self.connect()
        c.create("/acls")
        readable = make_acl("world", "anyone", read=True, admin=True)
        self.assertEqual(c.set_acls("/acls", [readable], version=0).acl_version, 1)
        self.assertRaises(BadVersionError, c.set_acls, "/acls", [readable], version=0)
        self.assertRaises(InvalidACLError, c.set_acls, "/acls", [])
        acls, stat = c.get_acls("/acls")
        self.assertEqual((acls, stat.acl_version), ([readable], 1))
        self.assertRaises(NoAuthError, c.set, "/acls", b"")

    def test_duplicates_are_removed(self):
        c = self.connect()
        one = make_acl("world", "anyone", all=True)
        c.create("/dup", acl=[one, one])
        self.assertEqual(c.get_acls("/dup")[0], [one])

    def test_ip_and_super(self):
        c = self.connect()
        c.create("/ip", acl=[make_acl("ip", "10.0.0.1", all=True)])
        self.assertRaises(NoAuthError, c.get, "/ip")
        root = self.connect(auth_data=[("digest", "super:test")])
        root.set("/ip", b"x")
        root.set_acls("/ip", [make_acl("ip", "127.0.0.0/8", all=True)])
        self.assertEqual(c.get("/ip")[0], b"x")

    def test_reconfig_is_off(self):
        c = self.connect(auth_data=[("digest", "super:test")])
        spec = "server.2=localhost:2888:3888:participant;2182"
        self.assertRaises(ReconfigDisabledError, c.reconfig, spec, None, None)


class ServerVersion(KazooCase):
    def test_version_probe(self):
        c = self.connect()
        self.assertEqual(c.server_version()[0], 3)
        self.assertEqual(c.command(b"ruok"), "imok")
