'use strict';

// What the tests share: sessions whose calls are promises, the server's
// control channel, a relay that cuts connections, waiting.

const { execFile } = require('node:child_process');
const net = require('node:net');
const assert = require('node:assert/strict');
const { promisify } = require('node:util');
const zookeeper = require('node-zookeeper-client');

const address = process.env.ZK_ADDRESS;
const PATIENCE = 30000; // milliseconds; no wait in these tests is longer
const LONG_TIMEOUT = 20000; // of a session that does not expire in a test
const SHORT_TIMEOUT = 1000; // the shortest that the suite's servers grant

// control runs start, stop, kill or restart on the server and waits for it.
async function control(verb) {
  await promisify(execFile)(process.env.COMPAT_CONTROL, [verb]);
}

// within gives up on a promise after PATIENCE.
function within(what, promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not within ${PATIENCE} ms: ${what}`)), PATIENCE);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

// Queue holds what was told until somebody asks.
class Queue {
  items = [];
  takers = [];

  put(item) {
    const taker = this.takers.shift();
    if (taker) taker(item);
    else this.items.push(item);
  }

  take() {
    if (this.items.length > 0) return Promise.resolve(this.items.shift());
    return within('an event', new Promise((resolve) => this.takers.push(resolve)));
  }
}

// Relay passes one client's connections on to the server, unless it is blocked.
class Relay {
  blocked = false;
  pairs = new Set();

  static async start() {
    const relay = new Relay();
    relay.listener = net.createServer((client) => relay.accept(client));
    await new Promise((resolve) => relay.listener.listen(0, '127.0.0.1', resolve));
    relay.address = `127.0.0.1:${relay.listener.address().port}`;
    return relay;
  }

  accept(client) {
    client.on('error', () => {});
    if (this.blocked) return client.destroy();
    const [host, port] = address.split(':');
    const server = net.connect({ host, port: Number(port), noDelay: true });
    const cut = () => {
      client.destroy();
      server.destroy();
      this.pairs.delete(cut);
    };
    this.pairs.add(cut);
    server.on('error', () => {});
    client.on('close', cut);
    server.on('close', cut);
    client.setNoDelay();
    client.pipe(server);
    server.pipe(client);
  }

  block() {
    this.blocked = true;
    for (const cut of [...this.pairs]) cut();
  }

  unblock() {
    this.blocked = false;
  }

  stop() {
    this.block();
    this.listener.close();
  }
}

// Session is a client; its methods return promises that are rejected with the
// library's Exception. Watches put [event, path] into events.
class Session {
  events = new Queue();
  watcher = (event) => this.events.put([event.getName(), event.getPath()]);

  constructor(t, options = {}, server = address) {
    this.client = zookeeper.createClient(server, { sessionTimeout: LONG_TIMEOUT, spinDelay: 100, retries: 0, ...options });
    this.client.connect();
    t.after(() => this.close());
  }

  static async open(t, options, server) {
    const session = new Session(t, options, server);
    await session.connected();
    return session;
  }

  // openFar opens a session through a relay, which is its member relay.
  static async openFar(t, options) {
    const relay = await Relay.start();
    t.after(() => relay.stop());
    const session = await Session.open(t, options, relay.address);
    session.relay = relay;
    return session;
  }

  // connected waits for a connection. The library waits for ever for the
  // answer to its handshake, which a server that is just starting may owe it,
  // so the connection is cut now and then.
  async connected() {
    const nudge = setInterval(() => this.client.connectionManager.socket?.destroy(), 3000);
    try {
      await this.state(zookeeper.State.SYNC_CONNECTED);
    } finally {
      clearInterval(nudge);
    }
  }

  state(wanted) {
    return within(wanted.toString(), new Promise((resolve) => {
      if (this.client.getState() === wanted) return resolve();
      const listener = (state) => {
        if (state !== wanted) return;
        this.client.removeListener('state', listener);
        resolve();
      };
      this.client.on('state', listener);
    }));
  }

  get id() {
    return this.client.getSessionId().toString('hex');
  }

  // call resolves with the only result of a call, or the list of its results.
  call(method, ...args) {
    return within(method, new Promise((resolve, reject) => {
      this.client[method](...args, (error, ...results) => {
        if (error) reject(error);
        else resolve(results.length > 1 ? results : results[0]);
      });
    }));
  }

  create(path, ...args) { return this.call('create', path, ...args); }
  remove(path, version = -1) { return this.call('remove', path, version); }
  set(path, value, version = -1) { return this.call('setData', path, Buffer.from(value), version); }
  get(path, ...watcher) { return this.call('getData', path, ...watcher); }
  exists(path, ...watcher) { return this.call('exists', path, ...watcher); }
  children(path, ...watcher) { return this.call('getChildren', path, ...watcher); }

  // commit resolves with [error, results] of a transaction.
  commit(transaction) {
    return within('commit', new Promise((resolve) => transaction.commit((error, results) => resolve([error, results]))));
  }

  // quiet checks that all events have been taken; the answer to the read comes
  // after every event that the server sent before it.
  async quiet() {
    await this.get('/');
    assert.deepEqual(this.events.items, []);
  }

  // exile cuts the connection; the client does not get through until back.
  async exile() {
    this.relay.block();
    await this.state(zookeeper.State.DISCONNECTED);
  }

  back() {
    this.relay.unblock();
  }

  // close ends the session and waits for the end of the connection.
  async close() {
    if (this.closed || this.client.getState() === zookeeper.State.EXPIRED) return;
    this.closed = true;
    await this.connected();
    const ended = within('close', new Promise((resolve) => this.client.connectionManager.socket.once('close', resolve)));
    this.client.close();
    await ended;
  }
}

// refused checks that a call is refused with the error of that name.
function refused(call, name) {
  return assert.rejects(call, (error) => {
    assert.equal(error.name, name);
    return true;
  });
}

module.exports = { address, control, refused, Session, LONG_TIMEOUT, SHORT_TIMEOUT, zookeeper };
