'use strict';

// Every operation that the library offers, and the errors of each.

const test = require('node:test');
const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const { address, refused, Session, zookeeper } = require('./harness.js');

const { ACL, CreateMode, Exception, Id, Permission } = zookeeper;

const number = (buffer) => buffer.readBigInt64BE();

test('create', async (t) => {
  const s = await Session.open(t);
  assert.equal(await s.create('/modes', Buffer.from('x')), '/modes');
  assert.equal(await s.create('/modes/s-', CreateMode.PERSISTENT_SEQUENTIAL), '/modes/s-0000000000');
  assert.equal(await s.create('/modes/e', CreateMode.EPHEMERAL), '/modes/e');
  assert.equal(await s.create('/modes/es-', CreateMode.EPHEMERAL_SEQUENTIAL), '/modes/es-0000000002');
  assert.equal(await s.create('/modes/ä中'), '/modes/ä中');
  assert.equal((await s.get('/modes/ä中'))[0], undefined); // no data, which is not the same as empty data
  assert.equal((await s.exists('/modes/es-0000000002')).ephemeralOwner.toString('hex'), s.id);
  assert.equal((await s.exists('/modes')).numChildren, 4);
  assert.equal(await s.call('mkdirp', '/modes/deep/er', Buffer.from('d')), '/modes/deep/er');
});

test('create errors', async (t) => {
  const s = await Session.open(t);
  await s.create('/ce');
  await s.create('/ce/e', CreateMode.EPHEMERAL);
  await refused(s.create('/ce'), 'NODE_EXISTS');
  await refused(s.create('/ce/no/x'), 'NO_NODE');
  await refused(s.create('/ce/e/x'), 'NO_CHILDREN_FOR_EPHEMERALS');
  await refused(s.create('/ce/\u0001'), 'BAD_ARGUMENTS');
  await refused(s.create('/ce/x', ACL.CREATOR_ALL_ACL), 'INVALID_ACL');
  await refused(s.create('/ce/x', [new ACL(Permission.ALL, new Id('nonsense', 'x'))]), 'INVALID_ACL');
});

test('read and write', async (t) => {
  const s = await Session.open(t);
  await s.create('/rw', Buffer.from('0'));
  const changed = await s.set('/rw', 'a\0b', 0);
  assert.equal(changed.version, 1);
  const [value, stat] = await s.get('/rw');
  assert.equal(value.toString(), 'a\0b');
  assert.equal(stat.dataLength, 3);
  assert.ok(number(stat.mzxid) > number(stat.czxid));
  assert.ok(number(stat.mtime) >= number(stat.ctime));
  assert.deepEqual(number(stat.czxid), number(stat.pzxid));
  await s.set('/rw', '');
  assert.equal((await s.get('/rw'))[0].length, 0);
  await refused(s.set('/rw', 'x', 7), 'BAD_VERSION');
  await refused(s.remove('/rw', 7), 'BAD_VERSION');
  await s.remove('/rw', 2);
  assert.equal(await s.exists('/rw'), null);
  await refused(s.get('/rw'), 'NO_NODE');
  await refused(s.set('/rw', 'x'), 'NO_NODE');
  await refused(s.remove('/rw'), 'NO_NODE');
  await refused(s.children('/rw'), 'NO_NODE');
  await refused(s.call('getACL', '/rw'), 'NO_NODE');
  await refused(s.remove('/'), 'BAD_ARGUMENTS');
});

test('children', async (t) => {
  const s = await Session.open(t);
  await s.create('/children');
  assert.deepEqual((await s.children('/children'))[0], []);
  const names = Array.from({ length: 50 }, (_, i) => `kid-${i}`).sort();
  await Promise.all(names.map((name) => s.create(`/children/${name}`)));
  const [got, stat] = await s.children('/children');
  assert.deepEqual(got.sort(), names);
  assert.equal(stat.numChildren, 50);
  await refused(s.remove('/children'), 'NOT_EMPTY');
  assert.equal((await s.call('listSubTreeBFS', '/children')).length, 51);
  await s.call('removeRecursive', '/children', -1);
  assert.equal(await s.exists('/children'), null);
});

// A request larger than jute.maxbuffer costs the connection, not the session.
test('large values', async (t) => {
  const s = await Session.open(t);
  const { id } = s;
  await s.create('/large');
  const value = Buffer.alloc(1000000, 'large');
  await s.set('/large', value);
  assert.ok((await s.get('/large'))[0].equals(value));
  await refused(s.set('/large', Buffer.alloc(1048576)), 'CONNECTION_LOSS');
  await s.connected();
  assert.equal(s.id, id);
  assert.equal((await s.exists('/large')).dataLength, value.length);
});

test('order of calls', async (t) => {
  const s = await Session.open(t);
  await s.create('/order');
  const calls = [];
  for (let i = 0; i < 500; i++) {
    calls.push(s.set('/order', String(i), i), s.get('/order'));
  }
  const results = await Promise.all(calls);
  for (let i = 0; i < 500; i++) {
    assert.equal(results[2 * i].version, i + 1);
    assert.equal(results[2 * i + 1][0].toString(), String(i));
  }
});

test('chroot', async (t) => {
  const s = await Session.open(t);
  await s.create('/chroot');
  const inner = await Session.open(t, {}, `${address}/chroot`);
  assert.equal(await inner.create('/a', Buffer.from('x')), '/a');
  assert.deepEqual((await inner.children('/'))[0], ['a']);
  assert.equal((await s.get('/chroot/a'))[0].toString(), 'x');
});

test('transaction', async (t) => {
  const s = await Session.open(t);
  await s.create('/tx');
  const [error, results] = await s.commit(s.client.transaction()
    .create('/tx/a', Buffer.from('1'))
    .create('/tx/s-', CreateMode.PERSISTENT_SEQUENTIAL)
    .create('/tx/e', CreateMode.EPHEMERAL)
    .setData('/tx/a', Buffer.from('22'))
    .check('/tx/a', 1)
    .remove('/tx/a', 1));
  assert.equal(error, null);
  assert.deepEqual(results.slice(0, 3).map((r) => r.path), ['/tx/a', '/tx/s-0000000001', '/tx/e']);
  assert.equal(results[3].stat.version, 1);
  assert.equal(results.length, 6);
  assert.equal(await s.exists('/tx/a'), null);
  const e = await s.exists('/tx/e');
  assert.equal(e.ephemeralOwner.toString('hex'), s.id);
  assert.deepEqual(e.czxid, results[3].stat.mzxid); // one transaction, one zxid
});

test('transaction fails', async (t) => {
  const s = await Session.open(t);
  await s.create('/txf');
  await s.create('/txf/locked', [new ACL(Permission.ALL, new Id('ip', '10.0.0.1'))]);
  const cases = [
    ['NO_NODE', (tx) => tx.check('/txf/no')],
    ['BAD_VERSION', (tx) => tx.check('/txf', 7)],
    ['BAD_VERSION', (tx) => tx.remove('/txf/new', 7)],
    ['NODE_EXISTS', (tx) => tx.create('/txf')],
    ['NOT_EMPTY', (tx) => tx.remove('/txf')],
    ['NO_AUTH', (tx) => tx.setData('/txf/locked', Buffer.from('x'))],
    ['INVALID_ACL', (tx) => tx.create('/txf/x', ACL.CREATOR_ALL_ACL)],
  ];
  for (const [name, failing] of cases) {
    const tx = s.client.transaction().create('/txf/new').setData('/txf', Buffer.from('x'));
    const [error, results] = await s.commit(failing(tx).remove('/txf/new'));
    // The first error that the library finds among the results.
    assert.equal(error.name, name);
    assert.deepEqual(results.map((r) => r.err), [0, 0, Exception[name], Exception.RUNTIME_INCONSISTENCY]);
    assert.equal(await s.exists('/txf/new'), null);
    assert.equal((await s.exists('/txf')).version, 0);
  }
});

test('digest', async (t) => {
  const ann = await Session.open(t);
  const other = await Session.openFar(t);
  const digest = createHash('sha1').update('ann:pw').digest('base64');
  ann.client.addAuthInfo('digest', Buffer.from('ann:pw'));
  await ann.create('/digest', Buffer.from('secret'), ACL.CREATOR_ALL_ACL);
  const [acls] = await ann.call('getACL', '/digest');
  assert.deepEqual(acls, [new ACL(Permission.ALL, new Id('digest', `ann:${digest}`))]);
  const denied = async () => {
    await refused(other.get('/digest'), 'NO_AUTH');
    await refused(other.exists('/digest'), 'NO_AUTH');
    await refused(other.children('/digest'), 'NO_AUTH');
    await refused(other.set('/digest', 'x'), 'NO_AUTH');
    await refused(other.create('/digest/x'), 'NO_AUTH');
    await refused(other.call('getACL', '/digest'), 'NO_AUTH');
    await refused(other.call('setACL', '/digest', ACL.OPEN_ACL_UNSAFE, -1), 'NO_AUTH');
  };
  await denied();
  other.client.addAuthInfo('digest', Buffer.from('ann:wrong'));
  await denied();
  other.client.addAuthInfo('digest', Buffer.from('ann:pw'));
  assert.equal((await other.get('/digest'))[0].toString(), 'secret');
  // The library sends its credentials again on every new connection.
  await other.exile();
  other.back();
  await other.connected();
  assert.equal((await other.get('/digest'))[0].toString(), 'secret');
});

test('ACLs', async (t) => {
  const s = await Session.open(t);
  await s.create('/acls');
  const readable = [new ACL(Permission.READ | Permission.ADMIN, Id.ANYONE_ID_UNSAFE)];
  assert.equal((await s.call('setACL', '/acls', readable, 0)).aversion, 1);
  await refused(s.call('setACL', '/acls', readable, 0), 'BAD_VERSION');
  await refused(s.call('setACL', '/acls', [new ACL(1, new Id('ip', '127.0.0.1/33'))], 1), 'INVALID_ACL');
  await refused(s.set('/acls', 'x'), 'NO_AUTH');
  const [acls, stat] = await s.call('getACL', '/acls');
  assert.deepEqual(acls, readable);
  assert.equal(stat.aversion, 1);
  const root = await Session.open(t);
  root.client.addAuthInfo('digest', Buffer.from('super:test'));
  await root.set('/acls', 'x');
});

test('authentication fails', async (t) => {
  const s = new Session(t);
  await s.connected();
  s.closed = true; // the server ends the connection
  s.client.addAuthInfo('nonsense', Buffer.from('x'));
  await s.state(zookeeper.State.AUTH_FAILED);
});
