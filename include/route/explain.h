/* explain: where a request would go, and why, without sending it. For the command `explain` and for `stats explain` in a
 * worker.
 *
 * An explanation lives during the call of explain_told_fn; what it points to belongs to the router, the arena or the caller,
 * and nobody frees it. The request is rewritten in a free slot that the router knows, and in the arena. All outputs (text,
 * JSON, STAT lines) show the same explanation.
 */
#ifndef MOONGATE_ROUTE_EXPLAIN_H
#define MOONGATE_ROUTE_EXPLAIN_H

#include "base/arena.h"
#include "net/io.h"
#include "protocol/request.h"
#include "route/routes.h"
#include "route/walk.h"

/* One key's request. Lines are without CRLF. */
struct explanation {
    const uint8_t *key; /* as the client gave it, decoded */
    size_t key_len;
    char asked[REQUEST_LINE_ROOM]; /* what the client asks for this key, in canonical form */
    size_t asked_len;
    struct path path;
    int32_t route; /* the first way's end: a route's number, or enum answer_kind */
    const struct touched
        *places; /* every place that the request may touch; the first comes first */
    uint32_t places_n;
    bool is_cut;       /* there may be more places: the script does more than explain follows */
    struct pool *pool; /* the one that would get the request first; NULL: a store would, or none */
    /* With a pool: what it chose, and the request as the server would get it. */
    struct pool_choice choice;
    bool is_drawn;           /* the server is drawn at random, each time */
    const uint8_t *sent_key; /* decoded, too */
    size_t sent_key_len;
};

/* Receives the explanation of one key. */
typedef void explain_told_fn(void *to, const struct explanation *x);

/* The bytes of a value. at NULL: as many x as the request's line says. */
struct explain_value {
    const char *at;
    size_t len;
};

/* Explains the request in a line (without its end, or with CR), key by key. Returns NULL; or the error that a client that sent
 * it would get, without CRLF, in the arena or constant. */
const char *explain_request(const struct explainer *e, const char *line, size_t len,
                            struct explain_value value, explain_told_fn *told, void *to)
    __attribute__((warn_unused_result));

/* Explains what `command` would do with one key; its other arguments are 0, and a value that is not given is empty. Returns as
 * above. */
const char *explain_key(const struct explainer *e, const char *command, size_t command_len,
                        const char *key, size_t len, struct explain_value value,
                        explain_told_fn *told, void *to) __attribute__((warn_unused_result));

/* The explanation in words: calls `tell` for each field that it has, with a name without spaces and one line of text. The first
 * is the way to the first place, and that place. The second is all places, if they are more than the first fields say: a field for
 * each property of each place (`place:1:server`). The third is the same as one line a place. */
typedef void explain_field_fn(void *to, const char *name, const char *text);
void explain_fields(const struct explanation *x, explain_field_fn *tell, void *to);
void explain_places(const struct explanation *x, explain_field_fn *tell, void *to);
void explain_place_lines(const struct explanation *x, explain_field_fn *tell, void *to);

/* Advice for a request that is refused with that error; NULL: there is none. */
const char *explain_hint(const char *wrong);

/* The store that would get the request first, as "store NAME"; NULL: a pool would, or none. */
const char *explain_store(const struct explanation *x);

/* The server's name; "any" when it is drawn, "none" when the pool has no server. */
const char *explain_server(const struct explanation *x);

/* The name of the function that hashed the key; "" when nothing was hashed, because there was nothing to choose. And the hash,
 * or a point, as text. */
enum { EXPLAIN_NUMBER_ROOM = 20 };
const char *explain_hash_name(const struct explanation *x);
const char *explain_number(uint64_t number, char text[EXPLAIN_NUMBER_ROOM]);

/* True when only a part of the key that is sent was hashed. */
bool explain_is_part_hashed(const struct explanation *x);

#endif
