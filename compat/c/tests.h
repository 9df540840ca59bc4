// The tests; each opens its own sessions and works on its own znodes.
#ifndef COMPAT_TESTS_H
#define COMPAT_TESTS_H

#include "client.h"

// operations.c
void test_create(void);
void test_create_errors(void);
void test_reaping(void);
void test_read_and_write(void);
void test_read_and_write_errors(void);
void test_children(void);
void test_large_values(void);
void test_asynchronous(void);
void test_chroot(void);
void test_configuration(void);

// access.c
void test_digest(void);
void test_acls(void);
void test_auth_failure(void);

// multi.c
void test_multi(void);
void test_multi_failure(void);

// watches.c
void test_watches(void);
void test_remove_watches(void);
void test_watches_across_restart(void);

// sessions.c
void test_session_comes_back(void);
void test_session_taken_over(void);
void test_wrong_password(void);
void test_close(void);
void test_expiry(void);
void test_restarts(void);
void test_acknowledged_writes(void);

#endif
