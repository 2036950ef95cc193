/* socket_file: the file of a unix socket that we listen on: made, given away, removed.
 *
 * A plain value in its listener. Only the process that made it removes it, and only while it is still the same file.
 */
#ifndef MOONGATE_NET_SOCKET_FILE_H
#define MOONGATE_NET_SOCKET_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "net/addr.h"
#include "net/bind.h"

struct socket_file {
    dev_t dev; /* of the file that was made; 0 with ino: none was */
    ino_t ino;
};

/* True when there is a socket file that nobody listens on. One that cannot be asked counts as in use. */
bool socket_file_is_stale(const struct addr *addr);

/* Binds fd to the path and gives the file its mode and owner, before anybody can connect. False with errno, and no file left;
 * then *owner says whether it was about the owner. */
bool socket_file_make(struct socket_file *f, int fd, const struct addr *addr,
                      const struct bind_access *access, bool *owner);

/* Removes it. False with errno: it is there and could not be removed. */
bool socket_file_remove(struct socket_file *f, const struct addr *addr);

/* Whether this process, as the user that it is now, may remove that file. */
bool file_is_removable(const char *path);

#endif
