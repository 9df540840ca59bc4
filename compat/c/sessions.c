#include "tests.h"

#include <stdio.h>

static int64_t session(struct client *c) { return zoo_client_id(c->zh)->client_id; }

static void make_ephemeral(struct client *c, const char *path) {
  OK(zoo_create(c->zh, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0));
}

// check_owner checks whose ephemeral a znode is, as another session sees it.
static void check_owner(struct client *observer, const char *path, int64_t owner) {
  struct Stat stat;
  OK(client_sync(observer, path));
  OK(zoo_exists(observer->zh, path, 0, &stat));
  CHECK_NUMBER(stat.ephemeralOwner, owner);
}

void test_session_comes_back(void) {
  struct client *c = client_open_far(LONG_TIMEOUT), *observer = client_open(LONG_TIMEOUT);
  int64_t id = session(c);
  make_ephemeral(c, "/back");
  for (int i = 0; i < 2; i++) {
    client_exile(c);
    check_owner(observer, "/back", id);
    client_return(c);
    client_wait_state(c, ZOO_CONNECTED_STATE);
    CHECK_NUMBER(session(c), id);
    CHECK_NUMBER(zoo_recv_timeout(c->zh), LONG_TIMEOUT);
  }
  OK(zoo_delete(c->zh, "/back", -1));
  client_close(c);
  client_close(observer);
}

void test_session_taken_over(void) {
  struct client *c = client_open_far(LONG_TIMEOUT), *observer = client_open(LONG_TIMEOUT);
  clientid_t id = *zoo_client_id(c->zh);
  struct Stat stat;
  make_ephemeral(c, "/taken");
  client_exile(c);
  struct client *second = client_attach(NULL, LONG_TIMEOUT, &id, 0);
  client_wait_state(second, ZOO_CONNECTED_STATE);
  CHECK_NUMBER(session(second), id.client_id);
  check_owner(observer, "/taken", id.client_id);
  client_close(second); // it ends the session of both
  OK(client_sync(observer, "/taken"));
  CHECK_CODE(zoo_exists(observer->zh, "/taken", 0, &stat), ZNONODE);
  client_return(c);
  client_wait_state(c, ZOO_EXPIRED_SESSION_STATE);
  CHECK_CODE(is_unrecoverable(c->zh), ZINVALIDSTATE);
  client_close(c);
  client_close(observer);
}

// Even an attempt with a wrong password may cost the owner its connection, but
// not its session.
void test_wrong_password(void) {
  struct client *c = client_open(LONG_TIMEOUT), *observer = client_open(LONG_TIMEOUT);
  clientid_t id = *zoo_client_id(c->zh);
  make_ephemeral(c, "/wrong");
  id.passwd[3] ^= 1;
  struct client *second = client_attach(NULL, LONG_TIMEOUT, &id, 0);
  client_wait_state(second, ZOO_EXPIRED_SESSION_STATE);
  client_close(second);
  check_owner(observer, "/wrong", session(c));

  id = *zoo_client_id(c->zh);
  id.client_id += 12345; // a session that never was
  second = client_attach(NULL, LONG_TIMEOUT, &id, 0);
  client_wait_state(second, ZOO_EXPIRED_SESSION_STATE);
  client_close(second);
  client_close(c);
  client_close(observer);
}

void test_close(void) {
  struct client *observer = client_open(LONG_TIMEOUT);
  struct client *c = client_attach(NULL, LONG_TIMEOUT, NULL, ZOO_READONLY); // as good as any on a server that can write
  struct Stat stat;
  client_wait_state(c, ZOO_CONNECTED_STATE);
  make_ephemeral(c, "/closed");
  OK(zoo_wexists(observer->zh, "/closed", client_watcher, &observer->events, &stat));
  client_close(c);
  CHECK_EVENT(observer, ZOO_DELETED_EVENT, "/closed");
  client_close(observer);
}

void test_expiry(void) {
  struct client *observer = client_open(LONG_TIMEOUT), *c = client_open_far(SHORT_TIMEOUT);
  struct Stat stat;
  CHECK_NUMBER(zoo_recv_timeout(c->zh), SHORT_TIMEOUT);
  make_ephemeral(c, "/expiry");
  OK(zoo_wexists(observer->zh, "/expiry", client_watcher, &observer->events, &stat));
  client_exile(c);
  CHECK_EVENT(observer, ZOO_DELETED_EVENT, "/expiry");
  client_return(c);
  client_wait_state(c, ZOO_EXPIRED_SESSION_STATE);
  CHECK_CODE(zoo_exists(c->zh, "/", 0, &stat), ZINVALIDSTATE);
  client_close(c);
  client_close(observer);
}

// Sessions and their ephemerals live through a stop and a kill of the server.
void test_restarts(void) {
  static const char *const verbs[] = {"stop", "kill"};
  struct client *c = client_open(LONG_TIMEOUT);
  int64_t id = session(c);
  make_ephemeral(c, "/restarts");
  for (int i = 0; i < 2; i++) {
    server_control(verbs[i]);
    client_wait_state(c, ZOO_CONNECTING_STATE);
    CHECK_CODE(zoo_delete(c->zh, "/no", -1), ZCONNECTIONLOSS);
    server_control("start");
    client_wait_state(c, ZOO_CONNECTED_STATE);
    CHECK_NUMBER(session(c), id);
    check_owner(c, "/restarts", id);
  }
  client_close(c);
}

// writer creates znodes until the connection is lost.
struct writer {
  struct client *c;
  struct gate enough; // opened after the first of them have been answered
  int acknowledged;
};

static void *write_on(void *argument) {
  struct writer *w = argument;
  char path[MAX_PATH];
  for (;;) {
    snprintf(path, sizeof path, "/ack/%d", w->acknowledged);
    int code = zoo_create(w->c->zh, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0);
    if (code != ZOK) {
      CHECK_CODE(code, ZCONNECTIONLOSS);
      gate_open(&w->enough, code);
      return NULL;
    }
    if (++w->acknowledged == 100) gate_open(&w->enough, ZOK);
  }
}

// What was answered before a kill is there after it; the last, unanswered
// write may be.
void test_acknowledged_writes(void) {
  struct writer w = {.c = client_open(LONG_TIMEOUT)};
  pthread_t thread;
  struct String_vector names;
  make(w.c, "/ack", "");
  gate_init(&w.enough);
  if (pthread_create(&thread, NULL, write_on, &w) != 0) give_up("cannot start a thread");
  OK(gate_wait(&w.enough));
  server_control("kill");
  pthread_join(thread, NULL);
  server_control("start");
  client_wait_state(w.c, ZOO_CONNECTED_STATE);
  OK(zoo_get_children(w.c->zh, "/ack", 0, &names));
  CHECK(names.count == w.acknowledged || names.count == w.acknowledged + 1);
  for (int i = 0; i < w.acknowledged; i++) {
    char path[MAX_PATH];
    struct Stat stat;
    snprintf(path, sizeof path, "/ack/%d", i);
    OK(zoo_exists(w.c->zh, path, 0, &stat));
  }
  deallocate_String_vector(&names);
  client_close(w.c);
}
