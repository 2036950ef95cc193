/* socket_file: the file of a unix socket that moongate listens on: made, given to its owner, removed.
 *
 * A plain value in its listener. The process that made the file removes it, and only while the path still names the same file.
 */
#ifndef MOONGATE_NET_SOCKET_FILE_H
#define MOONGATE_NET_SOCKET_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "net/addr.h"
#include "net/bind.h"

struct socket_file {
    dev_t dev; /* of the file that was made */
    ino_t ino; /* 0: none was made */
};

/* True when nobody listens on the socket file at addr: a connection is refused. When that cannot be tried, it counts as in
 * use. */
bool socket_file_is_stale(const struct addr *addr);

/* Binds fd to the path and gives the file its mode and owner, all before anybody can connect. False, with errno, and without a
 * file; then *owner is true when bind(2) succeeded and the owner could not be set. */
bool socket_file_make(struct socket_file *f, int fd, const struct addr *addr,
                      const struct bind_access *access, bool *owner);

/* True while the path names the file that was made. */
bool socket_file_is_at(const struct socket_file *f, const struct addr *addr);

/* Gives the file another mode and owner, as socket_file_make would have. False, with errno: it is not the one that was made, or that is
 * not allowed. */
bool socket_file_change(const struct socket_file *f, const struct addr *addr,
                        const struct bind_access *access);

/* Removes the file, when it is still the one that was made. False, with errno, when that fails. */
bool socket_file_remove(struct socket_file *f, const struct addr *addr);

/* True when this process, with its present user, may remove the file at path. */
bool file_is_removable(const char *path);

#endif
