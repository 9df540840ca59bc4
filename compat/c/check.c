#include "check.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_int failures;

void check_failed(const char *file, int line, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printf("%s:%d: ", file, line);
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
  failures++;
}

int check_failures(void) { return failures; }

void give_up(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
  exit(1);
}

struct timespec deadline(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_sec += PATIENCE;
  return t;
}

const char *must_getenv(const char *name) {
  const char *value = getenv(name);
  if (value == NULL) give_up("%s is not set: start this program with compat/run", name);
  return value;
}

void server_control(const char *verb) {
  char command[4096];
  snprintf(command, sizeof command, "'%s' %s", must_getenv("COMPAT_CONTROL"), verb);
  if (system(command) != 0) give_up("server %s failed", verb);
}
