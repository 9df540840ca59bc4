#include "tests.h"

static void added(int code, const void *data) { gate_open((struct gate *)data, code); }

// add_auth authenticates and returns the server's answer.
static int add_auth(struct client *c, const char *scheme, const char *credentials) {
  struct gate gate;
  gate_init(&gate);
  int code = zoo_add_auth(c->zh, scheme, credentials, (int)strlen(credentials), added, &gate);
  return code == ZOK ? gate_wait(&gate) : code;
}

static int get(struct client *c, const char *path) {
  char value[64];
  int length = sizeof value;
  return zoo_get(c->zh, path, 0, value, &length, NULL);
}

void test_digest(void) {
  struct client *ann = client_open(LONG_TIMEOUT), *other = client_open_far(LONG_TIMEOUT);
  struct String_vector names;
  struct ACL_vector acls;
  struct Stat stat;
  OK(add_auth(ann, "digest", "ann:pw"));
  OK(zoo_create(ann->zh, "/digest", "secret", 6, &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT, NULL, 0));
  OK(zoo_get_acl(ann->zh, "/digest", &acls, &stat));
  CHECK_NUMBER(acls.count, 1);
  CHECK_NUMBER(acls.data[0].perms, ZOO_PERM_ALL);
  CHECK_TEXT(acls.data[0].id.scheme, "digest");
  CHECK_TEXT(acls.data[0].id.id, "ann:RYbu6l5aZwqon8VWmkcGvezdzfc=");
  deallocate_ACL_vector(&acls);
  CHECK_CODE(get(other, "/digest"), ZNOAUTH);
  CHECK_CODE(zoo_exists(other->zh, "/digest", 0, &stat), ZNOAUTH);
  CHECK_CODE(zoo_get_children(other->zh, "/digest", 0, &names), ZNOAUTH);
  CHECK_CODE(zoo_get_acl(other->zh, "/digest", &acls, &stat), ZNOAUTH);
  CHECK_CODE(zoo_set(other->zh, "/digest", "", 0, -1), ZNOAUTH);
  CHECK_CODE(zoo_set_acl(other->zh, "/digest", -1, &ZOO_OPEN_ACL_UNSAFE), ZNOAUTH);
  CHECK_CODE(zoo_create(other->zh, "/digest/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0), ZNOAUTH);
  OK(add_auth(other, "digest", "ann:wrong"));
  CHECK_CODE(get(other, "/digest"), ZNOAUTH);
  OK(add_auth(other, "digest", "ann:pw"));
  OK(get(other, "/digest"));
  // The client sends its credentials again on every new connection.
  client_exile(other);
  client_return(other);
  client_wait_state(other, ZOO_CONNECTED_STATE);
  OK(get(other, "/digest"));
  client_close(ann);
  client_close(other);
}

void test_acls(void) {
  struct client *c = client_open(LONG_TIMEOUT), *root = client_open(LONG_TIMEOUT);
  struct ACL readable[] = {{ZOO_PERM_READ | ZOO_PERM_ADMIN, ZOO_ANYONE_ID_UNSAFE}};
  struct ACL nowhere[] = {{ZOO_PERM_ALL, {"ip", "10.0.0.1"}}}, here[] = {{ZOO_PERM_ALL, {"ip", "127.0.0.0/8"}}};
  struct ACL bad[] = {{ZOO_PERM_ALL, {"ip", "127.0.0.1/33"}}};
  struct ACL_vector readables = {1, readable}, nowheres = {1, nowhere}, heres = {1, here}, bads = {1, bad};
  struct ACL_vector acls, none = {0, NULL};
  struct Stat stat;
  make(c, "/acls", "");
  OK(zoo_set_acl(c->zh, "/acls", 0, &readables));
  CHECK_CODE(zoo_set_acl(c->zh, "/acls", 0, &readables), ZBADVERSION);
  CHECK_CODE(zoo_set_acl(c->zh, "/acls", 1, &none), ZINVALIDACL);
  CHECK_CODE(zoo_set_acl(c->zh, "/acls", 1, &bads), ZINVALIDACL);
  CHECK_CODE(zoo_set(c->zh, "/acls", "x", 1, -1), ZNOAUTH);
  OK(get(c, "/acls"));
  OK(zoo_get_acl(c->zh, "/acls", &acls, &stat));
  CHECK_NUMBER(acls.count, 1);
  CHECK_NUMBER(acls.data[0].perms, ZOO_PERM_READ | ZOO_PERM_ADMIN);
  CHECK_TEXT(acls.data[0].id.scheme, "world");
  CHECK_TEXT(acls.data[0].id.id, "anyone");
  CHECK_NUMBER(stat.aversion, 1);
  CHECK_NUMBER(stat.version, 0);
  deallocate_ACL_vector(&acls);
  OK(zoo_set_acl(c->zh, "/acls", 1, &nowheres));
  CHECK_CODE(get(c, "/acls"), ZNOAUTH);
  OK(add_auth(root, "digest", "super:test"));
  OK(get(root, "/acls"));
  OK(zoo_set_acl(root->zh, "/acls", 2, &heres));
  OK(get(c, "/acls"));
  client_close(c);
  client_close(root);
}

// After a failed authentication the client is of no further use.
void test_auth_failure(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  CHECK_CODE(add_auth(c, "nonsense", "x"), ZAUTHFAILED);
  client_wait_state(c, ZOO_AUTH_FAILED_STATE);
  CHECK_CODE(get(c, "/"), ZINVALIDSTATE);
  CHECK_CODE(is_unrecoverable(c->zh), ZINVALIDSTATE);
  client_close(c);
}
