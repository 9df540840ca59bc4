#include "tests.h"

static void watch_data(struct client *c, const char *path) {
  char value[64];
  int length = sizeof value;
  OK(zoo_wget(c->zh, path, client_watcher, &c->events, value, &length, NULL));
}

static void watch_children(struct client *c, const char *path) {
  struct String_vector names;
  OK(zoo_wget_children(c->zh, path, client_watcher, &c->events, &names));
  deallocate_String_vector(&names);
}

static void watch_exists(struct client *c, const char *path, int code) {
  struct Stat stat;
  CHECK_CODE(zoo_wexists(c->zh, path, client_watcher, &c->events, &stat), code);
}

void test_watches(void) {
  struct client *c = client_open(LONG_TIMEOUT), *other = client_open(LONG_TIMEOUT);
  struct Stat stat;
  make(c, "/w", "");
  make(c, "/w/a", "");
  watch_data(c, "/w/a");
  watch_exists(c, "/w/b", ZNONODE);
  watch_children(c, "/w");
  OK(zoo_set(other->zh, "/w/a", "1", 1, -1));
  OK(zoo_set(other->zh, "/w/a", "2", 1, -1)); // not told: a watch fires once
  make(other, "/w/b", "");
  make(other, "/w/c", "");
  CHECK_EVENT(c, ZOO_CHANGED_EVENT, "/w/a");
  CHECK_EVENT(c, ZOO_CREATED_EVENT, "/w/b");
  CHECK_EVENT(c, ZOO_CHILD_EVENT, "/w");
  OK(client_sync(c, "/"));
  CHECK_QUIET(c);

  watch_exists(c, "/w/b", ZOK);
  OK(zoo_set(other->zh, "/w/b", "1", 1, -1));
  CHECK_EVENT(c, ZOO_CHANGED_EVENT, "/w/b");

  // A data watch and a child watch of one znode: the client tells the watcher
  // that they share once.
  watch_data(c, "/w/b");
  watch_children(c, "/w/b");
  OK(zoo_delete(other->zh, "/w/b", -1));
  CHECK_EVENT(c, ZOO_DELETED_EVENT, "/w/b");
  OK(client_sync(c, "/"));
  CHECK_QUIET(c);

  // A watch without a watcher of its own goes to the session's.
  OK(zoo_exists(c->zh, "/w/a", 1, &stat));
  OK(zoo_delete(other->zh, "/w/a", -1));
  CHECK_EVENT(c, ZOO_DELETED_EVENT, "/w/a");
  client_close(c);
  client_close(other);
}

void test_remove_watches(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  make(c, "/rm", "");
  watch_data(c, "/rm");
  watch_children(c, "/rm");
  OK(zoo_remove_watches(c->zh, "/rm", ZWATCHTYPE_DATA, client_watcher, &c->events, 0));
  CHECK_CODE(zoo_remove_watches(c->zh, "/rm", ZWATCHTYPE_DATA, client_watcher, &c->events, 0), ZNOWATCHER);
  OK(zoo_set(c->zh, "/rm", "1", 1, -1));
  make(c, "/rm/kid", "");
  CHECK_EVENT(c, ZOO_CHILD_EVENT, "/rm");
  watch_data(c, "/rm");
  watch_children(c, "/rm");
  OK(zoo_remove_all_watches(c->zh, "/rm", ZWATCHTYPE_ANY, 0));
  OK(zoo_set(c->zh, "/rm", "2", 1, -1));
  make(c, "/rm/kid2", "");
  OK(client_sync(c, "/"));
  CHECK_QUIET(c);
  client_close(c);
}

// The client sets its watches again on a new connection, and is told of what
// it missed; a watch of what has not changed stays.
void test_watches_across_restart(void) {
  struct client *c = client_open_far(LONG_TIMEOUT), *other = client_open(LONG_TIMEOUT);
  make(c, "/war", "");
  make(c, "/war/changed", "");
  make(c, "/war/deleted", "");
  make(c, "/war/parent", "");
  make(c, "/war/same", "");
  watch_data(c, "/war/changed");
  watch_data(c, "/war/deleted");
  watch_children(c, "/war/parent");
  watch_exists(c, "/war/created", ZNONODE);
  watch_data(c, "/war/same");
  watch_children(c, "/war/same");
  watch_exists(c, "/war/never", ZNONODE);
  client_exile(c);
  server_control("restart");
  client_wait_state(other, ZOO_CONNECTED_STATE);
  OK(zoo_set(other->zh, "/war/changed", "1", 1, -1));
  OK(zoo_delete(other->zh, "/war/deleted", -1));
  make(other, "/war/parent/kid", "");
  make(other, "/war/created", "");
  client_return(c);
  // Missed events come in no particular order.
  int changed = 0, deleted = 0, children = 0, created = 0;
  for (int i = 0; i < 4; i++) {
    struct event e = next_event(&c->events);
    changed += e.type == ZOO_CHANGED_EVENT && strcmp(e.path, "/war/changed") == 0;
    deleted += e.type == ZOO_DELETED_EVENT && strcmp(e.path, "/war/deleted") == 0;
    children += e.type == ZOO_CHILD_EVENT && strcmp(e.path, "/war/parent") == 0;
    created += e.type == ZOO_CREATED_EVENT && strcmp(e.path, "/war/created") == 0;
  }
  CHECK_NUMBER(changed, 1);
  CHECK_NUMBER(deleted, 1);
  CHECK_NUMBER(children, 1);
  CHECK_NUMBER(created, 1);
  client_wait_state(c, ZOO_CONNECTED_STATE);
  OK(client_sync(c, "/"));
  CHECK_QUIET(c);
  OK(zoo_set(other->zh, "/war/same", "1", 1, -1));
  CHECK_EVENT(c, ZOO_CHANGED_EVENT, "/war/same");
  make(other, "/war/same/kid", "");
  CHECK_EVENT(c, ZOO_CHILD_EVENT, "/war/same");
  make(other, "/war/never", "");
  CHECK_EVENT(c, ZOO_CREATED_EVENT, "/war/never");
  client_close(c);
  client_close(other);
}
