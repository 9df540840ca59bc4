'use strict';

// Sessions across lost connections, restarts and expiry.

const test = require('node:test');
const assert = require('node:assert/strict');
const { control, refused, Session, LONG_TIMEOUT, SHORT_TIMEOUT, zookeeper } = require('./harness.js');

const { CreateMode, State } = zookeeper;

// owner is the session of an ephemeral znode, as another session sees it.
async function owner(observer, path) {
  return (await observer.exists(path)).ephemeralOwner.toString('hex');
}

test('session comes back', async (t) => {
  const s = await Session.openFar(t);
  const observer = await Session.open(t);
  const { id } = s;
  await s.create('/back', CreateMode.EPHEMERAL);
  for (let i = 0; i < 3; i++) {
    await s.exile();
    assert.equal(await owner(observer, '/back'), id);
    s.back();
    await s.connected();
    assert.equal(s.id, id);
    assert.equal(s.client.getSessionTimeout(), LONG_TIMEOUT);
  }
});

test('session taken over', async (t) => {
  const s = await Session.openFar(t);
  const observer = await Session.open(t);
  await s.create('/taken', CreateMode.EPHEMERAL);
  await s.exile();
  const second = await Session.open(t, {
    sessionId: s.client.getSessionId(),
    sessionPassword: s.client.getSessionPassword(),
  });
  assert.equal(second.id, s.id);
  assert.equal(await owner(observer, '/taken'), s.id);
  await second.close(); // it ends the session of both
  assert.equal(await observer.exists('/taken'), null);
  const expired = s.state(State.EXPIRED);
  s.closed = true;
  s.back();
  await expired;
});

// Even an attempt with a wrong password may cost the owner its connection, but
// not its session.
test('wrong password', async (t) => {
  const s = await Session.open(t);
  const observer = await Session.open(t);
  await s.create('/wrong', CreateMode.EPHEMERAL);
  const password = s.client.getSessionPassword();
  password[3] ^= 1;
  const stranger = new Session(t, { sessionId: s.client.getSessionId(), sessionPassword: password });
  stranger.closed = true; // it never gets a session
  await stranger.state(State.EXPIRED);
  assert.equal(await owner(observer, '/wrong'), s.id);
  await s.connected();
});

test('close removes ephemerals', async (t) => {
  const s = await Session.open(t);
  const observer = await Session.open(t);
  await s.create('/closed', CreateMode.EPHEMERAL);
  await observer.exists('/closed', observer.watcher);
  await s.close();
  assert.deepEqual(await observer.events.take(), ['NODE_DELETED', '/closed']);
});

test('expiry', async (t) => {
  const observer = await Session.open(t);
  const s = await Session.openFar(t, { sessionTimeout: SHORT_TIMEOUT });
  assert.equal(s.client.getSessionTimeout(), SHORT_TIMEOUT);
  await s.create('/expiry', CreateMode.EPHEMERAL);
  await observer.exists('/expiry', observer.watcher);
  await s.exile();
  assert.deepEqual(await observer.events.take(), ['NODE_DELETED', '/expiry']);
  const expired = s.state(State.EXPIRED);
  s.closed = true;
  s.back();
  await expired;
});

// Pings keep a short session alive without any other request: it outlives
// another one, of the same timeout, that sends none.
test('pings', async (t) => {
  const observer = await Session.open(t);
  const idle = await Session.open(t, { sessionTimeout: SHORT_TIMEOUT });
  await idle.create('/idle', CreateMode.EPHEMERAL);
  for (let i = 0; i < 2; i++) {
    const gone = await Session.openFar(t, { sessionTimeout: SHORT_TIMEOUT });
    await gone.create('/gone', CreateMode.EPHEMERAL);
    await observer.exists('/gone', observer.watcher);
    await gone.exile();
    gone.closed = true;
    assert.deepEqual(await observer.events.take(), ['NODE_DELETED', '/gone']);
    const expired = gone.state(State.EXPIRED);
    gone.back();
    await expired;
  }
  assert.equal(await owner(observer, '/idle'), idle.id);
  assert.equal(idle.client.getState(), State.SYNC_CONNECTED);
});

// Sessions and their ephemerals live through a stop and a kill of the server.
test('restarts', async (t) => {
  const s = await Session.open(t);
  const { id } = s;
  await s.create('/restarts', CreateMode.EPHEMERAL);
  for (const verb of ['stop', 'kill']) {
    const lost = s.state(State.DISCONNECTED);
    await control(verb);
    await lost;
    await control('start');
    await s.connected();
    assert.equal(s.id, id);
    assert.equal(await owner(s, '/restarts'), id);
  }
});

// What was answered before a kill is there after it; the last, unanswered
// write may be.
test('writes before a kill', async (t) => {
  const s = await Session.open(t);
  await s.create('/ack');
  let acknowledged = 0;
  let enough;
  const reached = new Promise((resolve) => { enough = resolve; });
  const write = async () => {
    for (;;) {
      await s.create(`/ack/${acknowledged}`);
      if (++acknowledged === 100) enough();
    }
  };
  const failed = refused(write(), 'CONNECTION_LOSS');
  await reached;
  await control('kill');
  await failed;
  await control('start');
  await s.connected();
  const names = new Set((await s.children('/ack'))[0]);
  for (let i = 0; i < acknowledged; i++) assert.ok(names.has(String(i)), `/ack/${i} is lost`);
  assert.ok(names.size <= acknowledged + 1);
});
