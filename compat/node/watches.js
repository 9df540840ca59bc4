'use strict';

// Watches, also across a restart of the server.

const test = require('node:test');
const assert = require('node:assert/strict');
const { control, Session } = require('./harness.js');

test('watches', async (t) => {
  const s = await Session.open(t);
  const other = await Session.open(t);
  await s.create('/w');
  await s.create('/w/a');
  await s.get('/w/a', s.watcher);
  assert.equal(await s.exists('/w/b', s.watcher), null);
  await s.children('/w', s.watcher);
  await other.set('/w/a', '1');
  await other.set('/w/a', '2'); // not told: a watch fires once
  await other.create('/w/b');
  await other.create('/w/c');
  assert.deepEqual(await s.events.take(), ['NODE_DATA_CHANGED', '/w/a']);
  assert.deepEqual(await s.events.take(), ['NODE_CREATED', '/w/b']);
  assert.deepEqual(await s.events.take(), ['NODE_CHILDREN_CHANGED', '/w']);
  await s.quiet();

  await s.exists('/w/b', s.watcher);
  await other.set('/w/b', '1');
  assert.deepEqual(await s.events.take(), ['NODE_DATA_CHANGED', '/w/b']);

  await s.get('/w/b', s.watcher);
  await other.remove('/w/b');
  assert.deepEqual(await s.events.take(), ['NODE_DELETED', '/w/b']);

  await s.children('/w/c', s.watcher);
  await other.remove('/w/c');
  assert.deepEqual(await s.events.take(), ['NODE_DELETED', '/w/c']);
  await s.quiet();
});

// An event comes before the answer that shows the change.
test('event before the new value', async (t) => {
  const s = await Session.open(t);
  const other = await Session.open(t);
  await s.create('/before', Buffer.from('0'));
  for (let i = 1; i <= 50; i++) {
    let told = false;
    await s.get('/before', () => { told = true; });
    const written = other.set('/before', String(i));
    for (let seen = '0'; seen !== String(i);) {
      seen = (await s.get('/before'))[0].toString();
      if (seen === String(i)) assert.ok(told, `value ${i} was seen before its event`);
    }
    await written;
  }
});

// The library sets its watches again on a new connection and is told of what
// it missed; a watch of what has not changed stays.
test('watches across a restart', async (t) => {
  const s = await Session.openFar(t);
  const other = await Session.open(t);
  for (const path of ['/war', '/war/changed', '/war/deleted', '/war/parent', '/war/same']) await s.create(path);
  await s.get('/war/changed', s.watcher);
  await s.get('/war/deleted', s.watcher);
  await s.children('/war/parent', s.watcher);
  await s.exists('/war/created', s.watcher);
  await s.get('/war/same', s.watcher);
  await s.children('/war/same', s.watcher);
  await s.exists('/war/never', s.watcher);
  await s.exile();
  await control('restart');
  await other.connected();
  await other.set('/war/changed', '1');
  await other.remove('/war/deleted');
  await other.create('/war/parent/kid');
  await other.create('/war/created');
  s.back();
  await s.connected();
  const missed = [];
  for (let i = 0; i < 4; i++) missed.push((await s.events.take()).join(' '));
  assert.deepEqual(missed.sort(), [
    'NODE_CHILDREN_CHANGED /war/parent', 'NODE_CREATED /war/created',
    'NODE_DATA_CHANGED /war/changed', 'NODE_DELETED /war/deleted',
  ]);
  await s.quiet();
  await other.set('/war/same', '1');
  assert.deepEqual(await s.events.take(), ['NODE_DATA_CHANGED', '/war/same']);
  await other.create('/war/same/kid');
  assert.deepEqual(await s.events.take(), ['NODE_CHILDREN_CHANGED', '/war/same']);
  await other.create('/war/never');
  assert.deepEqual(await s.events.take(), ['NODE_CREATED', '/war/never']);
});
