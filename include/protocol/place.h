/* place: requests that belong to one place, because they are about one server's cas counter, or change an item as they look.
 *
 * Pure; owns nothing. Cas counters of two servers have nothing to do with each other: a cas that one server gave says nothing
 * about another's item.
 */
#ifndef MOONGATE_PROTOCOL_PLACE_H
#define MOONGATE_PROTOCOL_PLACE_H

#include "protocol/request.h"
#include "protocol/response.h"

/* Why a request belongs to one place. */
enum request_place {
    PLACE_COMPARES = 1, /* a cas with the item's: cas; C of a meta command */
    PLACE_ASKS = 2,     /* for the item's cas: gets, gats; c of a meta command */
    PLACE_MAKES =
        4, /* an item where there is none, and is told that it did: N of mg; of ma, which may set it to J */
    PLACE_WINS = 8, /* the right to renew an item that ends soon: R of mg */
};

/* Shown for the cas of an item where it may not be used: a number that no server has given to an item, and that every version
 * answers with EXISTS or EX; clients that read a cas as a signed number can read it. */
#define PLACE_NO_CAS INT64_MAX

unsigned request_meta_place(const struct request *r);

/* Bits of enum request_place; 0: r means the same everywhere. */
static inline unsigned request_place(const struct request *r)
{
    switch (r->command_id) {
    case COMMAND_CAS: return PLACE_COMPARES;
    case COMMAND_GETS:
    case COMMAND_GATS: return PLACE_ASKS;
    case COMMAND_META_GET:
    case COMMAND_META_SET:
    case COMMAND_META_DELETE:
    case COMMAND_META_ARITHMETIC: return request_meta_place(r);
    default: return 0;
    }
}

/* Whether r is for the same place each time: it compares a cas, asks for one, or makes an item as it looks. The right to renew an
 * item (R) can be won in any place that has the item. */
static inline bool request_has_place(const struct request *r)
{
    return (request_place(r) & (PLACE_COMPARES | PLACE_ASKS | PLACE_MAKES)) != 0;
}

/* r for a place that may not make an item: without N. `args` has args_len bytes, and must last as long as *to. */
void request_without_making(const struct request *r, struct request *to, uint8_t *args);

/* r for the other places that hold copies, once the one where it belongs has done it: cas becomes set, and C, N and R go; an
 * ms that may leave its item stale (C with I) becomes a delete. False: r only looks, and the others have nothing to do. args
 * as above, but 3 bytes at least. */
enum { PLACE_ARGS_LEAST = 3 };
bool request_for_copies(const struct request *r, struct request *to, uint8_t *args);

/* The md that hands back a recache win (W) which the answer to r, an mg, took: the item is stale, and the next mg wins. args
 * has PLACE_ARGS_LEAST bytes. */
void request_hand_back(const struct request *r, struct request *to, uint8_t *args);

/* Whether the answer to r says that r won. */
bool response_has_won(const struct request *r, const struct response *response);

/* True when all flags of a meta command are among those letters. */
bool request_flags_are_among(const struct request *r, const char *letters);

#endif
