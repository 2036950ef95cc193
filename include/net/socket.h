/* socket: how sockets are made and what is set on them: for listeners, for clients that were accepted, for servers.
 *
 * The callers own the descriptors and close them. All are non-blocking and close-on-exec. Any process. The streams that are to
 * come (net/io.h) will stand on these.
 */
#ifndef MOONGATE_NET_SOCKET_H
#define MOONGATE_NET_SOCKET_H

#include <stdbool.h>

#include "net/addr.h"

/* Why a watcher gets EV_ERROR: the kernel refused to watch the descriptor. */
#define SOCKET_NOT_WATCHED "epoll does not watch it: no memory, or fs.epoll.max_user_watches"

/* A stream socket of the address's family; -1 with errno. */
int socket_open(const struct addr *addr) __attribute__((warn_unused_result));

/* Sends small pieces at once (TCP_NODELAY). False, with errno: it is not a TCP socket, or its peer has gone. */
bool socket_no_delay(int fd);

/* Opens a socket and begins to connect it. TCP: with TCP_NODELAY, and keep-alive after so many seconds of silence (net/keepalive.h; below 0: none).
 * Returns 0 when it is connected, EINPROGRESS when that will show, or another errno. *fd is -1 when there is no socket. */
int socket_connect(const struct addr *addr, double keepalive, int *fd);

#endif
