// Checks, waiting, and the server's control channel.
#ifndef COMPAT_CHECK_H
#define COMPAT_CHECK_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define PATIENCE 30 // seconds; no wait in this program is longer

// CHECK notes a failure and goes on.
#define CHECK(condition) \
  ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, "%s", #condition))

// CHECK_NUMBER compares two integers.
#define CHECK_NUMBER(got, want)                                                                \
  do {                                                                                         \
    int64_t got_ = (got), want_ = (want);                                                      \
    if (got_ != want_)                                                                         \
      check_failed(__FILE__, __LINE__, "%s is %jd, want %jd", #got, (intmax_t)got_, (intmax_t)want_); \
  } while (0)

// CHECK_TEXT compares two strings.
#define CHECK_TEXT(got, want)                                                                  \
  do {                                                                                         \
    const char *got_ = (got), *want_ = (want);                                                 \
    if (strcmp(got_, want_) != 0)                                                              \
      check_failed(__FILE__, __LINE__, "%s is \"%s\", want \"%s\"", #got, got_, want_);        \
  } while (0)

// CHECK_CODE compares the result code of a call of the client library.
#define CHECK_CODE(call, want)                                                                 \
  do {                                                                                         \
    int got_ = (call), want_ = (want);                                                         \
    if (got_ != want_)                                                                         \
      check_failed(__FILE__, __LINE__, "%s gave %d (%s), want %d (%s)", #call, got_,           \
                   zerror(got_), want_, zerror(want_));                                        \
  } while (0)

// OK is CHECK_CODE for a call that must succeed.
#define OK(call) CHECK_CODE(call, ZOK)

// check_failed prints a failure and counts it.
void check_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// check_failures is how many checks have failed so far.
int check_failures(void);

// give_up ends the program: nothing after this could work.
void give_up(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

// deadline is the moment (CLOCK_REALTIME) when patience ends.
struct timespec deadline(void);

// must_getenv is getenv for a variable that the runner sets.
const char *must_getenv(const char *name);

// server_control runs start, stop, kill or restart on the server and waits
// until that is done.
void server_control(const char *verb);

#endif
