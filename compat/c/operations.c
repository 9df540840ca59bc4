#include "tests.h"

#include <stdio.h>
#include <stdlib.h>

static int create(struct client *c, const char *path, int mode, char *name) {
  return zoo_create(c->zh, path, "x", 1, &ZOO_OPEN_ACL_UNSAFE, mode, name, name == NULL ? 0 : MAX_PATH);
}

void test_create(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  char name[MAX_PATH];
  struct Stat stat;
  make(c, "/modes", "");
  OK(create(c, "/modes/p", ZOO_PERSISTENT, name));
  CHECK_TEXT(name, "/modes/p");
  OK(create(c, "/modes/s-", ZOO_PERSISTENT_SEQUENTIAL, name));
  CHECK_TEXT(name, "/modes/s-0000000001");
  OK(create(c, "/modes/e", ZOO_EPHEMERAL, name));
  OK(create(c, "/modes/es-", ZOO_EPHEMERAL_SEQUENTIAL, name));
  CHECK_TEXT(name, "/modes/es-0000000003");
  OK(zoo_exists(c->zh, name, 0, &stat));
  CHECK_NUMBER(stat.ephemeralOwner, zoo_client_id(c->zh)->client_id);
  OK(zoo_create2_ttl(c->zh, "/modes/ts-", NULL, -1, &ZOO_OPEN_ACL_UNSAFE,
                     ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, 3600000, name, MAX_PATH, &stat));
  CHECK_TEXT(name, "/modes/ts-0000000004");
  CHECK_NUMBER(stat.ephemeralOwner, 0); // how the server marks it is not for clients to see
  OK(zoo_create2(c->zh, "/modes/with-stat", "12", 2, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, name, MAX_PATH, &stat));
  CHECK_NUMBER(stat.dataLength, 2);
  CHECK_NUMBER(stat.version, 0);
  CHECK_NUMBER(stat.czxid, stat.mzxid);
  CHECK_NUMBER(stat.czxid, stat.pzxid);
  OK(create(c, "/modes/\xc3\xa4\xe4\xb8\xad", ZOO_PERSISTENT, name));
  CHECK_TEXT(name, "/modes/\xc3\xa4\xe4\xb8\xad");
  OK(zoo_exists(c->zh, "/modes", 0, &stat));
  CHECK_NUMBER(stat.numChildren, 7);
  CHECK_NUMBER(stat.cversion, 7);
  client_close(c);
}

void test_create_errors(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  make(c, "/ce", "");
  OK(create(c, "/ce/e", ZOO_EPHEMERAL, NULL));
  CHECK_CODE(create(c, "/ce", ZOO_PERSISTENT, NULL), ZNODEEXISTS);
  CHECK_CODE(create(c, "/ce/no/x", ZOO_PERSISTENT, NULL), ZNONODE);
  CHECK_CODE(create(c, "/ce/e/x", ZOO_PERSISTENT, NULL), ZNOCHILDRENFOREPHEMERALS);
  CHECK_CODE(create(c, "/ce/\x01", ZOO_PERSISTENT, NULL), ZBADARGUMENTS);
  CHECK_CODE(zoo_create_ttl(c->zh, "/ce/t", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL,
                            INT64_C(0x10000000000), NULL, 0),
             ZBADARGUMENTS);
  struct ACL acl = {ZOO_PERM_ALL, {"nonsense", "x"}};
  struct ACL_vector acls = {1, &acl}, none = {0, NULL};
  CHECK_CODE(zoo_create(c->zh, "/ce/a", "", 0, &acls, ZOO_PERSISTENT, NULL, 0), ZINVALIDACL);
  CHECK_CODE(zoo_create(c->zh, "/ce/a", "", 0, &none, ZOO_PERSISTENT, NULL, 0), ZINVALIDACL);
  CHECK_CODE(zoo_create(c->zh, "/ce/a", "", 0, &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT, NULL, 0), ZINVALIDACL);
  client_close(c);
}

// Containers go when their last child has gone, TTL znodes when they are old.
void test_reaping(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  struct Stat stat;
  OK(create(c, "/container", ZOO_CONTAINER, NULL));
  OK(zoo_wexists(c->zh, "/container", client_watcher, &c->events, &stat));
  CHECK_NUMBER(stat.ephemeralOwner, 0);
  make(c, "/container/kid", "");
  OK(zoo_delete(c->zh, "/container/kid", 0));
  CHECK_EVENT(c, ZOO_DELETED_EVENT, "/container");
  OK(zoo_create_ttl(c->zh, "/ttl", "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 200, NULL, 0));
  if (zoo_wexists(c->zh, "/ttl", client_watcher, &c->events, &stat) == ZOK) {
    CHECK_EVENT(c, ZOO_DELETED_EVENT, "/ttl");
  }
  CHECK_CODE(zoo_exists(c->zh, "/ttl", 0, &stat), ZNONODE);
  client_close(c);
}

void test_read_and_write(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  char value[16];
  int length = sizeof value;
  struct Stat made, stat;
  OK(zoo_create2(c->zh, "/rw", "0", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0, &made));
  OK(zoo_set2(c->zh, "/rw", "a\0b", 3, 0, &stat));
  CHECK_NUMBER(stat.version, 1);
  CHECK_NUMBER(stat.dataLength, 3);
  CHECK(stat.mzxid > made.mzxid);
  CHECK_NUMBER(stat.czxid, made.czxid);
  OK(zoo_get(c->zh, "/rw", 0, value, &length, &stat));
  CHECK_NUMBER(length, 3);
  CHECK(memcmp(value, "a\0b", 3) == 0);
  OK(zoo_set(c->zh, "/rw", "", 0, -1));
  length = sizeof value;
  OK(zoo_get(c->zh, "/rw", 0, value, &length, &stat));
  CHECK_NUMBER(length, 0);
  OK(zoo_set(c->zh, "/rw", NULL, -1, 2));
  length = sizeof value;
  OK(zoo_get(c->zh, "/rw", 0, value, &length, &stat));
  CHECK_NUMBER(length, -1); // no data, which is not the same as empty data
  OK(zoo_delete(c->zh, "/rw", 3));
  CHECK_CODE(zoo_exists(c->zh, "/rw", 0, &stat), ZNONODE);
  OK(client_sync(c, "/rw"));
  client_close(c);
}

void test_read_and_write_errors(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  char value[1];
  int length = sizeof value;
  struct Stat stat;
  struct String_vector names;
  struct ACL_vector acls;
  make(c, "/rwe", "");
  make(c, "/rwe/kid", "");
  CHECK_CODE(zoo_get(c->zh, "/rwe/no", 0, value, &length, &stat), ZNONODE);
  CHECK_CODE(zoo_set(c->zh, "/rwe/no", "", 0, -1), ZNONODE);
  CHECK_CODE(zoo_delete(c->zh, "/rwe/no", -1), ZNONODE);
  CHECK_CODE(zoo_exists(c->zh, "/rwe/no", 0, &stat), ZNONODE);
  CHECK_CODE(zoo_get_children(c->zh, "/rwe/no", 0, &names), ZNONODE);
  CHECK_CODE(zoo_get_acl(c->zh, "/rwe/no", &acls, &stat), ZNONODE);
  CHECK_CODE(zoo_set_acl(c->zh, "/rwe/no", -1, &ZOO_OPEN_ACL_UNSAFE), ZNONODE);
  CHECK_CODE(zoo_set(c->zh, "/rwe", "", 0, 7), ZBADVERSION);
  CHECK_CODE(zoo_delete(c->zh, "/rwe/kid", 7), ZBADVERSION);
  CHECK_CODE(zoo_delete(c->zh, "/rwe", -1), ZNOTEMPTY);
  CHECK_CODE(zoo_delete(c->zh, "/", -1), ZBADARGUMENTS);
  client_close(c);
}

void test_children(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  struct String_vector names;
  struct Stat stat;
  char path[MAX_PATH];
  bool seen[50] = {false};
  make(c, "/children", "");
  OK(zoo_get_children(c->zh, "/children", 0, &names));
  CHECK_NUMBER(names.count, 0);
  deallocate_String_vector(&names);
  for (int i = 0; i < 50; i++) {
    snprintf(path, sizeof path, "/children/%d", i);
    make(c, path, "");
  }
  OK(zoo_get_children2(c->zh, "/children", 0, &names, &stat));
  CHECK_NUMBER(names.count, 50);
  CHECK_NUMBER(stat.numChildren, 50);
  for (int i = 0; i < names.count; i++) {
    int n = atoi(names.data[i]);
    if (n >= 0 && n < 50) seen[n] = true;
  }
  for (int i = 0; i < 50; i++) CHECK(seen[i]);
  deallocate_String_vector(&names);
  client_close(c);
}

// A request larger than jute.maxbuffer costs the connection, not the session.
void test_large_values(void) {
  enum { SIZE = 1000000, TOO_LARGE = 1100000 };
  struct client *c = client_open(LONG_TIMEOUT);
  char *value = malloc(TOO_LARGE), *back = malloc(TOO_LARGE);
  int length = TOO_LARGE;
  int64_t id = zoo_client_id(c->zh)->client_id;
  struct Stat stat;
  if (value == NULL || back == NULL) give_up("out of memory");
  for (int i = 0; i < TOO_LARGE; i++) value[i] = (char)(i * 7);
  make(c, "/large", "");
  OK(zoo_set(c->zh, "/large", value, SIZE, -1));
  OK(zoo_get(c->zh, "/large", 0, back, &length, &stat));
  CHECK_NUMBER(length, SIZE);
  CHECK(memcmp(value, back, SIZE) == 0);
  CHECK_CODE(zoo_set(c->zh, "/large", value, TOO_LARGE, -1), ZCONNECTIONLOSS);
  client_wait_state(c, ZOO_CONNECTED_STATE);
  OK(zoo_exists(c->zh, "/large", 0, &stat));
  CHECK_NUMBER(stat.dataLength, SIZE);
  CHECK_NUMBER(zoo_client_id(c->zh)->client_id, id);
  free(value);
  free(back);
  client_close(c);
}

enum { CALLS = 1000 };

// calls checks that answers come in the order of the requests.
struct calls {
  struct gate done;
  int answered;
};

static void was_set(int code, const struct Stat *stat, const void *data) {
  struct calls *calls = (struct calls *)data;
  CHECK_CODE(code, ZOK);
  if (code == ZOK) CHECK_NUMBER(stat->version, calls->answered / 2 + 1);
  calls->answered++;
}

static void was_read(int code, const char *value, int length, const struct Stat *stat, const void *data) {
  struct calls *calls = (struct calls *)data;
  CHECK_CODE(code, ZOK);
  if (code == ZOK) {
    int n;
    CHECK_NUMBER(length, sizeof n);
    memcpy(&n, value, sizeof n);
    CHECK_NUMBER(n, calls->answered / 2);
    CHECK_NUMBER(stat->version, calls->answered / 2 + 1);
  }
  if (++calls->answered == 2 * CALLS) gate_open(&calls->done, code);
}

void test_asynchronous(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  struct calls calls = {.answered = 0};
  gate_init(&calls.done);
  make(c, "/async", "");
  for (int i = 0; i < CALLS; i++) {
    OK(zoo_aset(c->zh, "/async", (const char *)&i, sizeof i, i, was_set, &calls));
    OK(zoo_aget(c->zh, "/async", 0, was_read, &calls));
  }
  OK(gate_wait(&calls.done));
  client_close(c);
}

void test_chroot(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  char servers[MAX_PATH], name[MAX_PATH];
  struct Stat stat;
  make(c, "/chroot", "");
  snprintf(servers, sizeof servers, "%s/chroot", must_getenv("ZK_ADDRESS"));
  struct client *inner = client_attach(servers, LONG_TIMEOUT, NULL, 0);
  client_wait_state(inner, ZOO_CONNECTED_STATE);
  CHECK_CODE(zoo_wexists(inner->zh, "/a", client_watcher, &inner->events, &stat), ZNONODE);
  OK(create(inner, "/a", ZOO_PERSISTENT, name));
  CHECK_TEXT(name, "/a");
  CHECK_EVENT(inner, ZOO_CREATED_EVENT, "/a");
  OK(zoo_exists(c->zh, "/chroot/a", 0, &stat));
  client_close(inner);
  client_close(c);
}

void test_configuration(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  char value[1024];
  int length = sizeof value;
  struct Stat stat;
  OK(zoo_getconfig(c->zh, 0, value, &length, &stat));
  length = sizeof value;
  CHECK_CODE(zoo_reconfig(c->zh, "server.2=127.0.0.1:2888:3888:participant;2182", NULL, NULL, -1, value,
                          &length, &stat),
             ZRECONFIGDISABLED);
  client_close(c);
}
