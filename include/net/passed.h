/* passed: listening sockets that this process got from the one that started it: from the service manager (systemd's socket activation), or from
 * the moongate that is upgraded (net/inherited.h).
 *
 * Owned by main until listeners_create takes descriptors out of it; passed_release closes those that are left. To close them stops
 * nothing: the manager holds its own copies, and a unix socket's file is the manager's. The protocol is that of
 * sd_listen_fds(3): LISTEN_FDS descriptors from number 3 on, for the process LISTEN_PID, with the names LISTEN_FDNAMES.
 */
#ifndef MOONGATE_NET_PASSED_H
#define MOONGATE_NET_PASSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"
#include "net/socket_file.h"

/* PASSED_MAX: from the manager. PASSED_ROOM: from another moongate, which may have bound more. */
enum { PASSED_FIRST = 3, PASSED_MAX = 64, PASSED_ROOM = 256, PASSED_NAME_MAX = 64 };

struct passed_socket {
    int fd; /* non-blocking, close-on-exec, listening; -1: a listener has it */
    struct addr addr;
    char name[PASSED_NAME_MAX]; /* "": it has none that could be a label */
    bool is_extra;              /* no item of --bind has its address */
    bool is_inherited;          /* it comes from another moongate, which says what follows */
    bool is_managers;           /* that one got it from the service manager */
    uint32_t number;            /* of its item of --bind */
    struct socket_file file;    /* that it made */
};

struct passed {
    struct passed_socket items[PASSED_ROOM];
    size_t n;
};

/* What the environment says; each NULL when it is not set. */
struct passed_wanted {
    const char *pid, *fds, *names;
};

/* Reads how many there are, and their names: no descriptor is looked at. None is passed to a process with another id. Returns NULL, or
 * a sentence that says what is wrong. */
const char *passed_parse(struct passed *p, const struct passed_wanted *wanted);

/* The same with the environment, from which it removes the variables, and with the sockets themselves. Call it in the process that
 * was started, before it forks. False, after one line on stderr: something was passed that is not a listening socket. */
bool passed_take(struct passed *p) __attribute__((warn_unused_result));

/* Makes the socket fit to be used, and finds out its address. NULL, or a sentence that says what is wrong with it. */
const char *passed_look_at(struct passed_socket *s);

/* True when there is one that no item of --bind asks for, as far as that is known before the listeners are made. */
bool passed_have_extra(const struct passed *p);

/* The socket with that address which no listener has yet; or NULL. */
struct passed_socket *passed_find(struct passed *p, const struct addr *addr);

/* An item of --bind that stands for it: `name=address`, or the address alone. Returns text. */
enum { PASSED_TEXT_MAX = ADDR_TEXT_MAX + PASSED_NAME_MAX };
const char *passed_print(const struct passed_socket *s, char *text);

/* Closes the sockets that no listener has. */
void passed_release(struct passed *p);

#endif
