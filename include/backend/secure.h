/* secure: TLS to servers: what the option `tls` of pools says, each kept once, and what a connection does for it.
 *
 * The set owns them, by numbers above 0: equal contents have one number, so that settings of servers are equal exactly if their files
 * are. A script and each backend hold references; the last secure_give frees it, with its key. One worker, no locks.
 */
#ifndef MOONGATE_BACKEND_SECURE_H
#define MOONGATE_BACKEND_SECURE_H

#include "backend/data.h"
#include "net/stream.h"
#include "net/tls.h"

struct secure;

/* Read while it is made; nothing of it is kept. */
struct secure_settings {
    struct tls_settings tls;
    const char *name; /* what the servers' certificates are for; NULL: each server's host */
};

/* With a reference for the caller. 0: why has a sentence. */
uint32_t secure_get(struct backends *set, const struct secure_settings *settings,
                    char why[TLS_WHY]);

/* One reference more, and one less. 0: nothing. */
void secure_take(struct backends *set, uint32_t number);
void secure_give(struct backends *set, uint32_t number);

/* Why such a server cannot have these settings: a unix socket has no name that its certificate could be for. NULL: it can. */
const char *secure_refuses(const struct backends *set, uint32_t number,
                           const struct addr_spec *spec);

/* How they are shown to people: "verified by ca". */
const char *secure_show(const struct backends *set, uint32_t number);

/* Frees all. The references are void. */
void secures_release(struct backends *set);

/* --- streams to a server whose settings have TLS */

/* False: it is plain, or does not go to the server itself (set->dial). */
static inline bool secure_is_wanted(const struct backend *b)
{
    return b->settings.tls && !b->set->dial;
}

/* True: handshakes have taken so much of this turn that the others wait for the next one. What waits is called again by the loop, as its
 * socket is still ready, and must not count that time against the server. */
bool secure_must_wait(const struct backends *set);

/* The stream to b is connected: it is SHAKING then. True: it offers the session of an earlier connection. */
bool secure_begin(struct backend *b, struct stream *s);

/* One step of the handshake, whose time is counted. */
enum stream_shake secure_step(struct backend *b, struct stream *s)
    __attribute__((warn_unused_result));

/* Keeps the session that the server gave, for the next connection; before the stream closes. Nothing on a plain one. */
void secure_keep_session(struct backend *b, struct stream *s);

/* The server's session is not used again, and is freed. */
void secure_drop_session(struct backend *b);

/* "tls: " and why the stream failed, for errno EPROTO; else the system's text. Into text, which it returns. */
const char *secure_explain(const struct stream *s, int error, char text[BACKEND_REASON_MAX]);

#endif
