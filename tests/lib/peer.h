/* peer: one connection of the test with moongate or memcached, seen from the test's end.
 *
 * Embedded in whatever owns it (a client, a backend's link), which closes it with peer_release. All
 * bytes that come are kept until a test sees them, unless the peer is paused; what a test sends
 * goes out at the socket's pace. Every function that waits fails the test at the deadline and shows
 * what came instead.
 */
#ifndef TESTS_LIB_PEER_H
#define TESTS_LIB_PEER_H

#include "lib/octets.h"
#include "lib/stage.h"

struct peer {
    struct actor actor; /* first: the loop knows the peer by it */
    const char *name;   /* "client 2", "backend 127.0.0.1:4711, connection 1" */
    struct octets in;
    struct octets out;
    bool is_unix;
    bool is_paused;        /* leaves what comes in the kernel */
    bool is_closed;        /* by the other side */
    struct secure *secure; /* it speaks TLS: `in` is plain, `out` is not; owned */
};

/* Fills p for an open socket; the owner sets actor.rank and actor.leaves, and enters the stage. */
void peer_init(struct peer *p, int fd, const char *name);
void peer_release(struct peer *p);

/* It speaks TLS from now on, and begins if it is the client of that. */
struct secure_wanted;
void peer_secures(struct peer *p, const struct secure_wanted *wanted);

/* Waits until the handshake is done, or fails the test; until it has failed, for why: lib/secure.h. */
void peer_sees_handshake(struct peer *p);
const char *peer_sees_handshake_fail(struct peer *p);

/* Waits for close_notify, then for the end. */
void peer_sees_told_end(struct peer *p);

/* What the loop calls; an owner that does more on input wraps it. */
void peer_acts(struct actor *actor, short revents);

/* Sends what the socket takes now, and the rest as the loop turns. */
void peer_queues(struct peer *p, const void *bytes, size_t n);

void peer_sends(struct peer *p, const void *bytes, size_t n);

/* Waits until what was put behind p->out is sent. */
void peer_is_sent(struct peer *p);

/* Sends piece after piece; over a unix socket each one only when the one before was read. */
void peer_sends_in_pieces(struct peer *p, const void *bytes, size_t n, size_t piece);

/* Unix sockets only: waits until the other process has read all that was sent. */
void peer_is_read(struct peer *p);

/* The next n bytes are these. */
void peer_sees(struct peer *p, const void *bytes, size_t n);

/* Takes the next n bytes / the next line without its end, and gives them: memory of the stage. */
char *peer_sees_some(struct peer *p, size_t n);
char *peer_sees_line(struct peer *p);

/* Everything until the other side closes. */
void peer_sees_end(struct peer *p, struct octets *all);

/* The other side closes, and nothing comes before that; then this side closes too. */
void peer_sees_closed(struct peer *p);

void peer_half_closes(struct peer *p);

/* Closes so that the other side gets a reset. */
void peer_resets(struct peer *p);

#endif
