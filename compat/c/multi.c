#include "tests.h"

// (The library of 3.8 does not understand the answer to a container in a multi.)
void test_multi(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  char plain[MAX_PATH], sequential[MAX_PATH], ephemeral[MAX_PATH];
  struct Stat stat, exists;
  zoo_op_t ops[6];
  zoo_op_result_t results[6];
  make(c, "/multi", "");
  zoo_create_op_init(&ops[0], "/multi/a", "1", 1, &ZOO_OPEN_ACL_UNSAFE, 0, plain, MAX_PATH);
  zoo_create_op_init(&ops[1], "/multi/s-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_SEQUENTIAL, sequential, MAX_PATH);
  zoo_create_op_init(&ops[2], "/multi/e", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, ephemeral, MAX_PATH);
  zoo_set_op_init(&ops[3], "/multi/a", "22", 2, 0, &stat);
  zoo_check_op_init(&ops[4], "/multi/a", 1);
  zoo_delete_op_init(&ops[5], "/multi/a", 1);
  OK(zoo_multi(c->zh, 6, ops, results));
  for (int i = 0; i < 6; i++) CHECK_CODE(results[i].err, ZOK);
  CHECK_TEXT(plain, "/multi/a");
  CHECK_TEXT(sequential, "/multi/s-0000000001");
  CHECK_NUMBER(stat.version, 1);
  CHECK_NUMBER(stat.dataLength, 2);
  CHECK_CODE(zoo_exists(c->zh, "/multi/a", 0, &exists), ZNONODE);
  OK(zoo_exists(c->zh, "/multi/e", 0, &exists));
  CHECK_NUMBER(exists.ephemeralOwner, zoo_client_id(c->zh)->client_id);
  CHECK_NUMBER(exists.czxid, stat.mzxid); // one transaction, one zxid
  client_close(c);
}

// expect_failure runs four operations of which the third fails.
static void expect_failure(struct client *c, zoo_op_t failing, int code) {
  zoo_op_t ops[4];
  zoo_op_result_t results[4];
  struct Stat stat;
  zoo_create_op_init(&ops[0], "/multi-fails/new", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
  zoo_set_op_init(&ops[1], "/multi-fails", "x", 1, -1, NULL);
  ops[2] = failing;
  zoo_delete_op_init(&ops[3], "/multi-fails/new", -1);
  CHECK_CODE(zoo_multi(c->zh, 4, ops, results), code);
  CHECK_CODE(results[0].err, ZOK);
  CHECK_CODE(results[1].err, ZOK);
  CHECK_CODE(results[2].err, code);
  CHECK_CODE(results[3].err, ZRUNTIMEINCONSISTENCY);
  CHECK_CODE(zoo_exists(c->zh, "/multi-fails/new", 0, &stat), ZNONODE);
  OK(zoo_exists(c->zh, "/multi-fails", 0, &stat));
  CHECK_NUMBER(stat.version, 0);
  CHECK_NUMBER(stat.cversion, 1);
}

void test_multi_failure(void) {
  struct client *c = client_open(LONG_TIMEOUT);
  struct ACL nowhere[] = {{ZOO_PERM_ALL, {"ip", "10.0.0.1"}}};
  struct ACL_vector nowheres = {1, nowhere}, none = {0, NULL};
  zoo_op_t op;
  make(c, "/multi-fails", "");
  OK(zoo_create(c->zh, "/multi-fails/locked", "", 0, &nowheres, ZOO_PERSISTENT, NULL, 0));
  zoo_check_op_init(&op, "/multi-fails/no", -1);
  expect_failure(c, op, ZNONODE);
  zoo_check_op_init(&op, "/multi-fails", 7);
  expect_failure(c, op, ZBADVERSION);
  zoo_create_op_init(&op, "/multi-fails", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
  expect_failure(c, op, ZNODEEXISTS);
  zoo_create_op_init(&op, "/multi-fails/x", "", 0, &none, 0, NULL, 0);
  expect_failure(c, op, ZINVALIDACL);
  zoo_delete_op_init(&op, "/multi-fails", -1);
  expect_failure(c, op, ZNOTEMPTY);
  zoo_set_op_init(&op, "/multi-fails/locked", "", 0, -1, NULL);
  expect_failure(c, op, ZNOAUTH);
  zoo_set_op_init(&op, "/multi-fails/new", "", 0, 1, NULL);
  expect_failure(c, op, ZBADVERSION);
  client_close(c);
}
