/* place: requests that belong to one place, as they are about one server's cas, or change an item while they read it.
 *
 * Pure functions; they own nothing. I12: each server counts its own cas, so a cas from one server says nothing about another
 * server's item.
 */
#ifndef MOONGATE_PROTOCOL_PLACE_H
#define MOONGATE_PROTOCOL_PLACE_H

#include "protocol/request.h"
#include "protocol/response.h"

/* Why a request belongs to one place. */
enum request_place {
    PLACE_COMPARES = 1, /* it compares a cas with the item's: cas; C of a meta command */
    PLACE_ASKS = 2,     /* it reads the item's cas: gets, gats; c of a meta command */
    PLACE_MAKES = 4,    /* it makes an item where there is none, and its answer shows that: N */
    PLACE_WINS = 8,     /* it may win the right to renew an item that expires soon: R of mg */
};

/* The cas to show where an item's own may not be used: a number that no server has given to an item, and that every version
 * answers with EXISTS or EX. It fits a signed number, as some clients read a cas as one. */
#define PLACE_NO_CAS INT64_MAX

/* request_place of a meta command. */
unsigned request_meta_place(const struct request *r);

/* Bits of enum request_place; 0: r means the same in every place. */
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

/* True when r must go to the same place each time: it compares or reads a cas, or makes an item. The right to renew an item (R)
 * can be won in any place that has the item. */
static inline bool request_has_place(const struct request *r)
{
    return (request_place(r) & (PLACE_COMPARES | PLACE_ASKS | PLACE_MAKES)) != 0;
}

/* *to becomes r for a place that may not make an item: without N. The caller gives args, r->args_len bytes that live as long as
 * *to. */
void request_without_making(const struct request *r, struct request *to, uint8_t *args);

/* *to becomes r for the other places that hold copies, after the place where it belongs has carried it out: cas becomes set; C, N
 * and R go; an ms that may leave its item stale (C with I) becomes a delete. False: r changes nothing, and the others need
 * nothing. args as above, but PLACE_ARGS_LEAST bytes at least. */
enum { PLACE_ARGS_LEAST = 3 };
bool request_for_copies(const struct request *r, struct request *to, uint8_t *args);

/* *to becomes the md that gives back a win (W) in the response to r, an mg: it makes the item stale, so that the next mg wins.
 * args has PLACE_ARGS_LEAST bytes. */
void request_hand_back(const struct request *r, struct request *to, uint8_t *args);

/* True when the response says that r, an mg, has won the right to renew the item. */
bool response_has_won(const struct request *r, const struct response *response);

/* True when all flags of a meta command are among those letters. */
bool request_flags_are_among(const struct request *r, const char *letters);

#endif
