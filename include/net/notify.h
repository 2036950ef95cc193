/* notify: tells the service manager (systemd, Type=notify) how the service fares: a datagram a message.
 *
 * Owned by main, used by the master. Never waits: a message for which the manager has no room is kept and sent later, in order.
 * Without a service manager nothing happens. The protocol is that of sd_notify(3).
 */
#ifndef MOONGATE_NET_NOTIFY_H
#define MOONGATE_NET_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { NOTIFY_TEXT_MAX = 400, NOTIFY_OWED_MAX = 8 };

struct notify {
    int fd; /* -1: nobody wants to know */
    struct sockaddr_un to;
    socklen_t to_len;
    double watchdog; /* seconds within which the manager wants a sign of life; 0: it wants none */
    size_t owed_n;
    char owed[NOTIFY_OWED_MAX][NOTIFY_TEXT_MAX]; /* not sent yet, the oldest first */
};

/* What the environment says; each NULL when it is not set. */
struct notify_wanted {
    const char *socket;   /* NOTIFY_SOCKET */
    const char *watchdog; /* WATCHDOG_USEC */
    const char *pid;      /* WATCHDOG_PID: whose signs of life are wanted */
};

/* Opens a socket for what is wanted. A socket that cannot be used is logged, and nothing is sent then. */
void notify_init(struct notify *n, const struct notify_wanted *wanted);

/* The same with the environment, from which it removes the variables: what a script starts is not the service. Call it in the process
 * that was started, before it forks. */
void notify_take(struct notify *n);

/* In a forked process that is about to become the service: puts what notify_take took into the environment again, for this process.
 * False: out of memory. */
bool notify_pass(const struct notify *n) __attribute__((warn_unused_result));

/* Sends a message of lines `NAME=value`, behind those that are still owed. Of too many owed ones the oldest is dropped. */
void notify_say(struct notify *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sends a sign of life, or nothing when there is no room: the next one comes soon. */
void notify_ping(struct notify *n);

/* Sends what is owed, as far as there is room. Call it from time to time. */
void notify_catch_up(struct notify *n);

/* Closes the socket; also in a forked process, which has nothing to say. A second call does nothing. */
void notify_release(struct notify *n);

#endif
