/* kept: a request and a result that outlive the turn in which they came.
 *
 * A kept request is counted: kept_request gives the first count. A kept result is a plain value with its own bytes or a count
 * of their blob, until result_release.
 */
#ifndef MOONGATE_ROUTE_KEPT_H
#define MOONGATE_ROUTE_KEPT_H

#include "protocol/value.h"
#include "route/result.h"

/* Invariant: r's pointers point into bytes, or into value's bytes. */
struct kept {
    uint32_t counts;
    uint32_t room; /* bytes of this struct in all */
    struct blob *value;
    struct request r;
    uint8_t bytes[];
};

/* A copy of r: key, shown key, flags and small values are copied, large ones counted. */
struct kept *kept_create(const struct request *r);
struct kept *kept_take(struct kept *kept);
void kept_give(struct kept *kept);

/* Its value will not be sent any more: a long one is let go, if nobody else has a count of the request. */
void kept_drop_value(struct kept *kept);

/* Invariant: kind == 0: nothing is kept. */
struct kept_result {
    unsigned kind; /* as in struct result */
    uint32_t room; /* bytes of `bytes` */
    struct call_news news;
    struct response response;
    struct blob *blob; /* NULL: the bytes are in `bytes` */
    uint8_t *bytes;
    const char *text;
    uint32_t text_len;
};

/* Copies or counts the bytes of a result; what was kept before is released. */
void result_keep(struct kept_result *kept, const struct result *result);

/* Changes data, flags and cas of the response that was kept (see response_rewrite). v may point into it. */
void result_rewrite(struct kept_result *kept, const struct response_value *v);

/* What was kept, as a result that points into it. */
struct result result_of(const struct kept_result *kept);

void result_release(struct kept_result *kept);

#endif
