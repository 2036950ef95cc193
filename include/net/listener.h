/* listener: the sockets that clients connect to. Owned by the master (or the single process).
 *
 * Bound once at start from --bind and --port; workers never touch them. A unix socket's file is removed when the
 * listeners are destroyed by the process that made them; it belongs to --user or to whom --bind says.
 */
#ifndef MOONGATE_NET_LISTENER_H
#define MOONGATE_NET_LISTENER_H

#include "net/addr.h"
#include "net/socket_file.h"
#include <stdbool.h>
#include <stddef.h>

struct listener {
    int fd;                  /* non-blocking, close-on-exec, listening; -1 once closed */
    struct addr addr;        /* as bound: port 0 is resolved to the real one */
    uint32_t number;         /* of the item of --bind that it comes from, 0.. */
    struct socket_file file; /* of a unix socket */
};

struct listeners {
    struct listener *items;
    size_t n;
};

/* What --bind, --port and --user say. A plain value; the strings are the caller's, and only needed during listeners_create. */
struct listeners_wanted {
    const char *const *bind; /* bind_n of them, see bind.h */
    size_t bind_n;
    uint16_t port;    /* of those that name none */
    const char *user; /* who gets the files of unix sockets where --bind does not say; or NULL */
};

/* Binds and listens on everything that is wanted and logs `listening on ADDRESS` (and its name) for each. On failure prints one
 * line on stderr (address, reason, what to do), undoes all, and returns NULL; the caller exits EXIT_BIND. */
struct listeners *listeners_create(const struct listeners_wanted *wanted);

/* Stops listening: closes the sockets and, with unlink_files, removes unix socket files (the owner's job, not a
 * forked worker's). May be called before listeners_destroy, to drain; a second call does nothing. */
void listeners_close(struct listeners *l, bool unlink_files);

/* Once this process has become another user: logs which unix socket files it will not be able to remove, and the cure. */
void listeners_check_files(const struct listeners *l);

/* Closes as above and frees. NULL is allowed. */
void listeners_destroy(struct listeners *l, bool unlink_files);

/* What accepting one client came to. */
enum accept_status {
    ACCEPT_OK, /* *fd is the client: non-blocking, close-on-exec, TCP_NODELAY and keep-alive where they apply */
    ACCEPT_AGAIN, /* nothing waits */
    ACCEPT_PAUSE, /* out of descriptors or memory: stop accepting for a while (100 ms); errno says why */
};

enum accept_status listener_accept(const struct listener *l, int *fd);

/* Answers `ERROR Too many open connections`, as memcached does, and closes. */
void listener_refuse(int fd);

#endif
