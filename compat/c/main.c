// Native drives a server through Apache's native C client (the library of the
// system, version 3.8: it has no persistent watches).
#include "tests.h"

#include <stdio.h>

static const struct {
  const char *name;
  void (*run)(void);
} tests[] = {
    {"create", test_create},
    {"create errors", test_create_errors},
    {"containers and TTL", test_reaping},
    {"read and write", test_read_and_write},
    {"read and write errors", test_read_and_write_errors},
    {"children", test_children},
    {"large values", test_large_values},
    {"order of asynchronous calls", test_asynchronous},
    {"chroot", test_chroot},
    {"configuration", test_configuration},
    {"digest", test_digest},
    {"ACLs", test_acls},
    {"authentication fails", test_auth_failure},
    {"multi", test_multi},
    {"multi fails", test_multi_failure},
    {"watches", test_watches},
    {"watches removed", test_remove_watches},
    {"watches across a restart", test_watches_across_restart},
    {"session comes back", test_session_comes_back},
    {"session taken over", test_session_taken_over},
    {"wrong password", test_wrong_password},
    {"close removes ephemerals", test_close},
    {"expiry", test_expiry},
    {"restarts", test_restarts},
    {"writes before a kill", test_acknowledged_writes},
};

int main(void) {
  char log[4096];
  snprintf(log, sizeof log, "%s/client.log", must_getenv("COMPAT_DIR"));
  FILE *stream = fopen(log, "w");
  if (stream == NULL) give_up("cannot write %s", log);
  setvbuf(stdout, NULL, _IOLBF, 0);
  zoo_set_log_stream(stream);
  zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
  zoo_deterministic_conn_order(1);
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
    int before = check_failures();
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    tests[i].run();
    clock_gettime(CLOCK_MONOTONIC, &end);
    double took = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    printf("%-4s  %-30s %5.2fs\n", check_failures() == before ? "ok" : "FAIL", tests[i].name, took);
  }
  fclose(stream);
  return check_failures() == 0 ? 0 : 1;
}
