/* classic: meta requests in the words of the classic text commands, and their answers in those of meta. Pure functions; they own
 * nothing, and what they return points into the bytes that they were given.
 *
 * For servers that do not know meta commands: memcached before 1.6.10, other programs. `mg` is asked as get, gets, gat, gats or
 * touch; `ms` as set, add, replace, append, prepend or cas; `md` as delete; `ma` as incr or decr. The client gets the answer
 * that memcached 1.6.18 gives to the meta request, but that a cas which the classic answer does not have is 0. What classic
 * commands cannot say exactly is not sent: it fails with one known text, CLASSIC_LACKS. The table is in src/main/README.md.
 */
#ifndef MOONGATE_PROTOCOL_CLASSIC_H
#define MOONGATE_PROTOCOL_CLASSIC_H

#include <stdbool.h>

#include "protocol/request.h"
#include "protocol/response.h"

/* `SERVER_ERROR NAME does not know meta commands: WHAT`: nothing was sent, and nothing was changed. A caller that has other words for
 * it may try those. */
#define CLASSIC_LACKS " does not know meta commands: "

/* True: the response is that failure; also that of another moongate behind this one. */
bool classic_is_lacking(const struct response *r);

enum classic_status {
    CLASSIC_SAID,    /* `request` says it */
    CLASSIC_REFUSED, /* memcached refuses it: `error` is its line, static */
    CLASSIC_LACKING, /* classic commands cannot say it: `what`, see classic_put_lacking */
};

/* Why classic commands cannot say a request. */
struct classic_what {
    unsigned command; /* enum command */
    uint8_t flag;     /* the flag; 0: see `unknown` */
    unsigned
        unknown; /* the classic command that says it, which the server does not know either; 0: it is the command, or its key */
    bool is_key; /* only base64 can carry its key */
};

struct classic {
    enum classic_status status;
    struct request request; /* SAID: r with another command; the key is decoded, no flag is left */
    const char *error;
    struct classic_what what;
};

/* r: a meta command with a key, valid (I4), its key decoded. has_gat: the server is not known to lack gat and gats. */
struct classic classic_say(const struct request *r, bool has_gat);

/* Writes the response line of CLASSIC_LACKING, with CRLF, to `to`, which has CLASSIC_LACKING_ROOM and server_len bytes. Returns its
 * length. */
enum { CLASSIC_LACKING_ROOM = 128 };
size_t classic_put_lacking(const struct classic_what *what, const char *server, size_t server_len,
                           uint8_t *to);

/* What an answer must have of the request. */
struct classic_ask {
    unsigned command;    /* the meta command */
    const uint8_t *args; /* its flags, as they came or as they were sent; args_len bytes */
    size_t args_len;
    const uint8_t *key; /* as it is on the wire, in base64 if so */
    size_t key_len;
    bool is_base64;
    uint64_t cas; /* of the item, where that is known and the answer r has none; else 0 */
};

/* True when the answer to mg has the value. */
bool classic_wants_value(const struct classic_ask *ask);

/* The bytes that classic_answer needs for the answer r; for the line of a value alone if without_data. */
size_t classic_room(const struct classic_ask *ask, const struct response *r, bool without_data);

/* *answer becomes the meta answer for r, the whole answer of a classic command that is not an error, and is written to `to`. r is the
 * VALUE alone, without END. without_data: r->len is that of its line, and only the line is written. */
void classic_answer(const struct classic_ask *ask, const struct response *r, bool without_data,
                    uint8_t *to, struct response *answer);

#endif
