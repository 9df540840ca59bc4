// A session of the native client and the events it has reported.
#ifndef COMPAT_CLIENT_H
#define COMPAT_CLIENT_H

#include "check.h"
#include "relay.h"

#include <pthread.h>
#include <string.h>
#include <zookeeper/zookeeper.h>

#define LONG_TIMEOUT 10000  // milliseconds; a session that does not expire in a test
#define SHORT_TIMEOUT 1000  // the shortest that the suite's servers grant
#define MAX_PATH 256

// event is what a watcher was told.
struct event {
  int type;
  int state;
  char path[MAX_PATH];
};

// events is a queue that watchers write to, in the client's own thread.
struct events {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct event list[1024];
  int count; // written so far
  int read;  // of them, read by the test
};

// client is a session. Its watchers write to events, session events apart.
struct client {
  zhandle_t *zh;
  struct relay *relay; // NULL if it is connected to the server itself
  struct events events;
  struct events session;
};

// client_open opens a session and waits until it is connected.
struct client *client_open(int timeout);

// client_open_far is client_open through a relay, for client_exile.
struct client *client_open_far(int timeout);

// client_attach is client_open for a given server list (NULL: the server of
// the suite), an existing session (NULL: a new one) and flags. It returns at
// once.
struct client *client_attach(const char *servers, int timeout, const clientid_t *id, int flags);

// client_close closes the session, if it is connected, and frees the client.
void client_close(struct client *c);

// client_exile cuts the connection of a far client, which does not get through
// to the server until client_return, and waits until the client has noticed.
void client_exile(struct client *c);
void client_return(struct client *c);

// client_wait_state waits until the client reports the state.
void client_wait_state(struct client *c, int state);

// client_watcher is the watcher of every watch in these tests; its context is
// the client's events.
void client_watcher(zhandle_t *zh, int type, int state, const char *path, void *context);

// next_event waits for the next event of a watch.
struct event next_event(struct events *events);

// CHECK_EVENT waits for the next event and compares it.
#define CHECK_EVENT(c, want_type, want_path)   \
  do {                                         \
    struct event event_ = next_event(&(c)->events); \
    CHECK_NUMBER(event_.type, want_type);      \
    CHECK_TEXT(event_.path, want_path);        \
  } while (0)

// CHECK_QUIET checks, after a sync has returned, that no event is unread.
#define CHECK_QUIET(c) CHECK_NUMBER(unread_events(&(c)->events), 0)

int unread_events(struct events *events);

// make creates a persistent znode that anyone may do anything with.
void make(struct client *c, const char *path, const char *value);

// client_sync sends a sync and waits for its answer: all that the server sent
// before it has arrived.
int client_sync(struct client *c, const char *path);

// gate is a one-time signal from a completion to the test.
struct gate {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool open;
  int code;
};

void gate_init(struct gate *g);
void gate_open(struct gate *g, int code);
int gate_wait(struct gate *g);

#endif
