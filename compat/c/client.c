#include "client.h"

#include <stdio.h>
#include <stdlib.h>

static void events_init(struct events *events) {
  pthread_mutex_init(&events->lock, NULL);
  pthread_cond_init(&events->changed, NULL);
}

static void events_add(struct events *events, int type, int state, const char *path) {
  pthread_mutex_lock(&events->lock);
  if (events->count == (int)(sizeof events->list / sizeof events->list[0])) give_up("too many events");
  struct event *e = &events->list[events->count++];
  e->type = type;
  e->state = state;
  snprintf(e->path, sizeof e->path, "%s", path == NULL ? "" : path);
  pthread_cond_broadcast(&events->changed);
  pthread_mutex_unlock(&events->lock);
}

struct event next_event(struct events *events) {
  struct timespec until = deadline();
  pthread_mutex_lock(&events->lock);
  while (events->read == events->count) {
    if (pthread_cond_timedwait(&events->changed, &events->lock, &until) != 0)
      give_up("no event within %d s", PATIENCE);
  }
  struct event e = events->list[events->read++];
  pthread_mutex_unlock(&events->lock);
  return e;
}

int unread_events(struct events *events) {
  pthread_mutex_lock(&events->lock);
  int n = events->count - events->read;
  pthread_mutex_unlock(&events->lock);
  return n;
}

// Session events reach every watcher; the session's own watcher is enough.
void client_watcher(zhandle_t *zh, int type, int state, const char *path, void *context) {
  (void)zh;
  if (type != ZOO_SESSION_EVENT) events_add(context, type, state, path);
}

static void session_watcher(zhandle_t *zh, int type, int state, const char *path, void *context) {
  (void)zh;
  struct client *c = context;
  events_add(type == ZOO_SESSION_EVENT ? &c->session : &c->events, type, state, path);
}

struct client *client_attach(const char *servers, int timeout, const clientid_t *id, int flags) {
  struct client *c = calloc(1, sizeof *c);
  if (c == NULL) give_up("out of memory");
  events_init(&c->events);
  events_init(&c->session);
  if (servers == NULL) servers = must_getenv("ZK_ADDRESS");
  c->zh = zookeeper_init(servers, session_watcher, timeout, id, c, flags | ZOO_NO_LOG_CLIENTENV);
  if (c->zh == NULL) give_up("zookeeper_init failed");
  return c;
}

struct client *client_open(int timeout) {
  struct client *c = client_attach(NULL, timeout, NULL, 0);
  client_wait_state(c, ZOO_CONNECTED_STATE);
  return c;
}

struct client *client_open_far(int timeout) {
  struct relay *relay = relay_start();
  struct client *c = client_attach(relay_address(relay), timeout, NULL, 0);
  c->relay = relay;
  client_wait_state(c, ZOO_CONNECTED_STATE);
  return c;
}

void client_close(struct client *c) {
  zookeeper_close(c->zh);
  if (c->relay != NULL) relay_stop(c->relay);
  free(c);
}

void client_exile(struct client *c) {
  relay_block(c->relay);
  client_wait_state(c, ZOO_CONNECTING_STATE);
}

void client_return(struct client *c) { relay_unblock(c->relay); }

void client_wait_state(struct client *c, int state) {
  while (next_event(&c->session).state != state) {
  }
}

void make(struct client *c, const char *path, const char *value) {
  OK(zoo_create(c->zh, path, value, (int)strlen(value), &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0));
}

void gate_init(struct gate *g) {
  pthread_mutex_init(&g->lock, NULL);
  pthread_cond_init(&g->changed, NULL);
  g->open = false;
}

void gate_open(struct gate *g, int code) {
  pthread_mutex_lock(&g->lock);
  g->open = true;
  g->code = code;
  pthread_cond_broadcast(&g->changed);
  pthread_mutex_unlock(&g->lock);
}

int gate_wait(struct gate *g) {
  struct timespec until = deadline();
  pthread_mutex_lock(&g->lock);
  while (!g->open) {
    if (pthread_cond_timedwait(&g->changed, &g->lock, &until) != 0) give_up("no answer within %d s", PATIENCE);
  }
  pthread_mutex_unlock(&g->lock);
  return g->code;
}

static void synced(int code, const char *path, const void *data) {
  (void)path;
  gate_open((struct gate *)data, code);
}

int client_sync(struct client *c, const char *path) {
  struct gate gate;
  gate_init(&gate);
  int code = zoo_async(c->zh, path, synced, &gate);
  return code == ZOK ? gate_wait(&gate) : code;
}
