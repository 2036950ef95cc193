/* dialect: what a connection's server is known to understand, learnt from its answers to `version` and `mn`.
 *
 * A plain value, kept by the connection; pure functions. I10: it decides whether a request may be sent at all, whether it may
 * share a connection with others, and whether the stream is still in step after a refusal.
 *
 * A server that refuses a request with a value may read the value to its end, or leave it in the stream and run its lines as
 * commands. Which one depends on the version and on the text of the refusal; tests/servers measures it. A version that was not
 * measured counts as not known.
 */
#ifndef MOONGATE_PROTOCOL_DIALECT_H
#define MOONGATE_PROTOCOL_DIALECT_H

#include <stdbool.h>

#include "protocol/request.h"
#include "protocol/response.h"

enum {
    DIALECT_META_FROM = 10610,      /* the first version that knows today's meta commands */
    DIALECT_MG_GATHERED_TO = 10634, /* the last that sends the answer to each get by itself */
    DIALECT_SEEN_TO = 10645,        /* the last version that was measured */
};

struct dialect {
    uint32_t version; /* 1.6.18 is 10618; 0: not known */
    bool meta;        /* takes mg, ms, md, ma, me as moongate sends them */
    bool closes; /* closes the connection on a command that it does not know, as nutcracker does */
};

/* The version in a line `VERSION 1.6.18...` of len bytes, as in the struct; 0 when there is none of three numbers below 100. */
uint32_t dialect_read_version(const uint8_t *line, size_t len);

/* The same for the text of a version alone. */
uint32_t dialect_number(const char *version, size_t len);

/* The dialect of a server with that version (0: not known), which has answered `mn` or not. */
struct dialect dialect_of(uint32_t version, bool answers_noop);

enum dialect_fit {
    DIALECT_TAKES, /* may share a connection */
    DIALECT_APART, /* may be refused with its value left in the stream: no other call may be on that connection */
    DIALECT_LACKS, /* must not be sent: the server does not understand it */
};

/* Properties of a request that matter here, as bits. */
enum dialect_trait {
    DIALECT_ODD = 1,   /* see request_is_odd */
    DIALECT_RARE = 2,  /* see request_is_rare */
    DIALECT_LARGE = 4, /* its value may be too large for the server */
};

/* The traits that r has for any server: odd, rare. */
static inline unsigned dialect_traits(const struct request *r)
{
    return (request_is_odd(r) ? DIALECT_ODD : 0) | (request_is_rare(r) ? DIALECT_RARE : 0);
}

/* How a request with that command and those traits fits the server. All servers take most requests, so the common case is inline;
 * dialect_fit_special is for meta commands, commands with a value, and servers that close. */
enum dialect_fit dialect_fit_special(const struct dialect *d, unsigned command, unsigned traits);
static inline enum dialect_fit dialect_fit(const struct dialect *d, unsigned command,
                                           unsigned traits)
{
    unsigned shape = command_info(command)->shape;
    bool is_special = shape == SHAPE_STORE || shape == SHAPE_META || shape == SHAPE_META_STORE;
    return is_special || d->closes ? dialect_fit_special(d, command, traits) : DIALECT_TAKES;
}

/* True: after an error to a get of several keys, further lines of the same answer may come. memcached's own proxy sends an error for each
 * key of a server that is down, and then END; what it says of itself is what memcached says. */
static inline bool dialect_repeats_errors(const struct dialect *d)
{
    return d->meta;
}

/* True when the byte stream is in step after response r to that command. When it is false, the connection must be closed (I3). */
bool dialect_in_step(const struct dialect *d, unsigned command, const struct response *r);

#endif
