/* dialect: what a connection's server is known to understand, learnt from its answers to `version` and `mn`.
 *
 * A plain value, kept by the connection; pure functions. It decides three things (invariant I10): whether a request may be sent at
 * all, whether it may share a connection with others, and whether the stream is still in step after a refusal.
 *
 * A server that refuses a request with a value may swallow the value, or leave it in the stream and run its lines as commands. Which
 * it does depends on the version and on the text (facts/servers.md; tests/servers measures it). What nobody has looked at counts as
 * not known.
 */
#ifndef MOONGATE_PROTOCOL_DIALECT_H
#define MOONGATE_PROTOCOL_DIALECT_H

#include <stdbool.h>

#include "protocol/request.h"
#include "protocol/response.h"

enum {
    DIALECT_META_FROM = 10610, /* the first version that knows today's meta commands */
    DIALECT_SEEN_TO = 10645,   /* the last version that somebody has looked at */
};

struct dialect {
    uint32_t version; /* 1.6.18 is 10618; 0: not known */
    bool meta;        /* takes mg, ms, md, ma, me as moongate sends them */
    bool closes;      /* ends connections that ask what it does not know, as nutcracker does */
};

/* Reads a line `VERSION 1.6.18...` (len bytes). 0 when it names no version of three numbers. */
uint32_t dialect_read_version(const uint8_t *line, size_t len);

/* The same of a version alone, as text. */
uint32_t dialect_number(const char *version, size_t len);

/* What a server with that version and that answer to `mn` understands. */
struct dialect dialect_of(uint32_t version, bool answers_noop);

enum dialect_fit {
    DIALECT_TAKES, /* may share a connection */
    DIALECT_APART, /* may be refused with its value left in the stream: nobody else's call may be on that connection */
    DIALECT_LACKS, /* is not sent: the server would not understand it */
};

/* What makes a request a special one, as bits. */
enum dialect_trait {
    DIALECT_ODD = 1,   /* see request_is_odd */
    DIALECT_RARE = 2,  /* see request_is_rare */
    DIALECT_LARGE = 4, /* its value may be too large for the server */
};

/* Those that r has whatever its server is: odd, rare. */
static inline unsigned dialect_traits(const struct request *r)
{
    return (request_is_odd(r) ? DIALECT_ODD : 0) | (request_is_rare(r) ? DIALECT_RARE : 0);
}

/* The second form is for meta commands, those with a value, and servers that close; all others are taken. */
enum dialect_fit dialect_fit_special(const struct dialect *d, unsigned command, unsigned traits);
static inline enum dialect_fit dialect_fit(const struct dialect *d, unsigned command,
                                           unsigned traits)
{
    unsigned shape = command_info(command)->shape;
    bool is_special = shape == SHAPE_STORE || shape == SHAPE_META || shape == SHAPE_META_STORE;
    return is_special || d->closes ? dialect_fit_special(d, command, traits) : DIALECT_TAKES;
}

/* True when the byte stream is in step after that answer to that command. */
bool dialect_in_step(const struct dialect *d, unsigned command, const struct response *r);

#endif
