// A TCP relay in front of the server, for cutting one client's connection.
#ifndef COMPAT_RELAY_H
#define COMPAT_RELAY_H

struct relay;

// relay_start listens on a port of its own and passes one connection at a
// time on to the server of the suite.
struct relay *relay_start(void);

// relay_address is where clients connect to, as host:port.
const char *relay_address(const struct relay *r);

// relay_block cuts the connection and hangs up on further ones until
// relay_unblock.
void relay_block(struct relay *r);
void relay_unblock(struct relay *r);

// relay_stop ends the relay and its connection.
void relay_stop(struct relay *r);

#endif
