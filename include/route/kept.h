/* kept: a request and a result that outlive the turn in which they came.
 *
 * A kept request has a reference count: kept_create returns the first reference, and the last kept_give frees it. A kept
 * result is a plain value of its owner; it holds a copy of the bytes, or a reference to their blob, until result_release.
 * Worker only.
 */
#ifndef MOONGATE_ROUTE_KEPT_H
#define MOONGATE_ROUTE_KEPT_H

#include "protocol/value.h"
#include "route/result.h"

/* I2: r's pointers point into `bytes`, or into the bytes of `value`: never into a turn's memory, which another client's bytes
 * fill next. (A function of the script that waits may give its own request another key or value; the function holds those
 * bytes.) */
struct kept {
    uint32_t references;
    uint32_t room;      /* bytes of this struct in all */
    struct blob *value; /* a reference, where the value is long; else NULL */
    struct request r;
    uint8_t bytes[];
};

/* At least the bytes that a copy of r takes; a long value counts, though it may be shared. */
size_t kept_size(const struct request *r);

/* Copies r: key, shown key, flags and short values byte by byte; of a long value it takes a reference. Never NULL. */
struct kept *kept_create(const struct request *r);

/* The same into memory that the caller has, of kept_room(r, whole) bytes. `whole`: with its value. The caller releases `value` itself. */
size_t kept_room(const struct request *r, bool whole);
void kept_init(struct kept *kept, const struct request *r, bool whole);

/* One reference more, which is returned; and one less. */
struct kept *kept_take(struct kept *kept);
void kept_give(struct kept *kept);

/* The value will not be sent any more: releases a long one, unless another owner holds a reference to the request. */
void kept_drop_value(struct kept *kept);

/* Invariant: kind == 0: nothing is kept; else news.response is NULL or points to `response`. */
struct kept_result {
    unsigned kind; /* as in struct result */
    uint32_t room; /* bytes of `bytes` */
    bool is_whole; /* as in struct result */
    struct call_news news;
    struct response response;
    struct blob *blob; /* NULL: the bytes are in `bytes` */
    uint8_t *bytes;
    const char *text;
    uint32_t text_len;
};

/* Nothing is kept at first. Only what says so is written: the struct comes and goes with requests. */
static inline void result_init(struct kept_result *kept)
{
    kept->kind = 0;
    kept->is_whole = false;
    kept->news.response = NULL;
    kept->blob = NULL;
    kept->bytes = NULL;
    kept->text = NULL;
    kept->text_len = 0;
}

/* Keeps a result, which must not be the one that is kept already: copies its bytes, or takes a reference to their blob.
 * Releases what was kept before. */
void result_keep(struct kept_result *kept, const struct result *result);

/* Changes data, flags and cas of the kept response, which there must be (see response_rewrite). v may point into it. */
void result_rewrite(struct kept_result *kept, const struct response_value *v);

/* What was kept, as a result that points into it and lives as long. Something must be kept. */
struct result result_of(const struct kept_result *kept);

/* Nothing is kept afterwards. Does nothing when nothing was. */
void result_release(struct kept_result *kept);

#endif
