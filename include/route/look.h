/* look: one of two answers that are compared: what is kept of it. For flow_compare.c.
 *
 * A plain value of its flow; it owns nothing. Values are not kept: a digest stands for one.
 */
#ifndef MOONGATE_ROUTE_LOOK_H
#define MOONGATE_ROUTE_LOOK_H

#include "base/compared.h"
#include "route/flow.h"

/* kind 0: the answer has not come. */
struct look {
    unsigned kind; /* as in struct result */
    bool is_long;  /* it has gone to the client while it came: the value is not known */
    uint64_t len, digest, flags;
    int64_t ttl;
    const struct board_server *server; /* the board's; NULL: none */
    char text[COMPARED_TEXT];          /* of an error */
};

/* An answer of that child has come. is_long is set already, if it is. */
void look_take(struct look *look, const struct turn *t, const struct route *child,
               const struct result *result);

bool look_is_error(const struct look *look);

/* enum compared_kind; COMPARED_KIND_COUNT: both are the same. */
unsigned looks_judge(const struct look *old, const struct look *new);

/* For a sample: *side is all zero. */
void look_show(const struct look *look, struct compared_side *side);

#endif
