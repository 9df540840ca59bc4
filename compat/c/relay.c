#include "relay.h"

#include "check.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct relay {
  char address[64];
  pthread_t thread;
  int listener;
  pthread_mutex_t lock; // of what follows
  int client, server;   // -1: none; closed by the relay's thread only
  bool blocked, stopped;
};

static struct sockaddr_in local(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int connect_to_server(void) {
  const char *port = strrchr(must_getenv("ZK_ADDRESS"), ':');
  struct sockaddr_in address = local(port == NULL ? 0 : atoi(port + 1));
  int on = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (s >= 0 && connect(s, (struct sockaddr *)&address, sizeof address) != 0) {
    close(s);
    return -1;
  }
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return s;
}

static void hang_up(struct relay *r) {
  pthread_mutex_lock(&r->lock);
  if (r->client >= 0) close(r->client);
  if (r->server >= 0) close(r->server);
  r->client = r->server = -1;
  pthread_mutex_unlock(&r->lock);
}

static void take_connection(struct relay *r) {
  int on = 1, client = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
  if (client < 0) return;
  hang_up(r);
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  pthread_mutex_lock(&r->lock);
  int server = r->blocked ? -1 : connect_to_server();
  if (server < 0) {
    close(client);
  } else {
    r->client = client;
    r->server = server;
  }
  pthread_mutex_unlock(&r->lock);
}

// pass copies what has arrived; false at the end of the connection.
static bool pass(int from, int to) {
  char buffer[65536];
  ssize_t n = read(from, buffer, sizeof buffer);
  for (ssize_t sent = 0; sent < n;) {
    ssize_t m = send(to, buffer + sent, (size_t)(n - sent), MSG_NOSIGNAL);
    if (m <= 0) return false;
    sent += m;
  }
  return n > 0;
}

static void *serve(void *argument) {
  struct relay *r = argument;
  for (;;) {
    pthread_mutex_lock(&r->lock);
    bool stopped = r->stopped;
    pthread_mutex_unlock(&r->lock);
    if (stopped) break;
    struct pollfd fds[] = {{r->listener, POLLIN, 0}, {r->client, POLLIN, 0}, {r->server, POLLIN, 0}};
    if (poll(fds, 3, -1) < 0) continue;
    if ((fds[1].revents != 0 && !pass(r->client, r->server)) || (fds[2].revents != 0 && !pass(r->server, r->client)))
      hang_up(r);
    if (fds[0].revents & POLLIN) take_connection(r);
  }
  hang_up(r);
  close(r->listener);
  return NULL;
}

struct relay *relay_start(void) {
  struct relay *r = calloc(1, sizeof *r);
  struct sockaddr_in address = local(0);
  socklen_t length = sizeof address;
  if (r == NULL) give_up("out of memory");
  pthread_mutex_init(&r->lock, NULL);
  r->client = r->server = -1;
  r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (r->listener < 0 || bind(r->listener, (struct sockaddr *)&address, length) != 0 || listen(r->listener, 8) != 0 ||
      getsockname(r->listener, (struct sockaddr *)&address, &length) != 0 ||
      pthread_create(&r->thread, NULL, serve, r) != 0)
    give_up("cannot start a relay");
  snprintf(r->address, sizeof r->address, "127.0.0.1:%d", ntohs(address.sin_port));
  return r;
}

const char *relay_address(const struct relay *r) { return r->address; }

void relay_block(struct relay *r) {
  pthread_mutex_lock(&r->lock);
  r->blocked = true;
  if (r->client >= 0) shutdown(r->client, SHUT_RDWR);
  if (r->server >= 0) shutdown(r->server, SHUT_RDWR);
  pthread_mutex_unlock(&r->lock);
}

void relay_unblock(struct relay *r) {
  pthread_mutex_lock(&r->lock);
  r->blocked = false;
  pthread_mutex_unlock(&r->lock);
}

void relay_stop(struct relay *r) {
  pthread_mutex_lock(&r->lock);
  r->stopped = true;
  if (r->client >= 0) shutdown(r->client, SHUT_RDWR);
  pthread_mutex_unlock(&r->lock);
  shutdown(r->listener, SHUT_RDWR); // wakes the thread
  pthread_join(r->thread, NULL);
  free(r);
}
