/* The way from a route to a server: the pool picks by the key, the deadline is set, and a refusal becomes an event like the end
 * of a call, so that no caller has a second way to learn of failures. */
#include "route/send.h"

#include <assert.h>

#include "backend/texts.h"
#include "route/seen.h"

/* on_failure = "miss" is about reads: a write that failed must not look as if it had found nothing. */
static bool fails_as_miss(const struct pool *pool, const struct request *r)
{
    return pool->settings.on_failure == ON_FAILURE_MISS &&
           (command_info(r->command_id)->shape == SHAPE_RETRIEVE ||
            r->command_id == COMMAND_META_GET);
}

static enum backend_status refused(const struct backend_call *how, enum call_failure why,
                                   const char *text, bool is_whole)
{
    struct call_news news = {
        .event = CALL_FAILED, .why = why, .failure = text, .is_whole = is_whole};
    how->done(how->owner, &news);
    return BACKEND_REFUSED;
}

static inline __attribute__((always_inline)) enum backend_status
try_send(struct backend *b, const struct request *r, const struct backend_call *how)
{
    const char *reason;
    enum backend_status status = backend_send(b, r, how, &reason);
    if (status != BACKEND_REFUSED) return status;
    return refused(how, b->down ? FAILURE_DOWN : FAILURE_BUSY, reason, failure_is_whole(b));
}

/* While requests are watched: what a refusal brings comes from that server. */
static __attribute__((noinline)) enum backend_status
send_seen(struct turn *t, const struct pool *pool, struct backend *b, const struct request *r,
          const struct backend_call *how)
{
    const struct board_server *from = t->backends->from;
    seen_sent(t, pool, b);
    enum backend_status status = try_send(b, r, how);
    t->backends->from = from;
    return status;
}

enum backend_status send_to_pool(struct turn *t, struct pool *pool, const struct request *r,
                                 call_done_fn *done, call_done_fn *done_or_miss, void *owner,
                                 bool streams)
{
    struct backend_call how = {.pool = pool->place,
                               .streams = streams,
                               .done = fails_as_miss(pool, r) ? done_or_miss : done,
                               .owner = owner};
    struct pool_member *member = pool_pick(pool, (const void *)r->key_at, r->key_len);
    assert(r->key_len > 0); /* I4 */
    if (!member) {
        t->seen_owner = NULL;
        pool->set->pools[pool->place]->refused++;
        return refused(&how, FAILURE_DOWN, pool_lacks_servers(pool),
                       failures_are_whole(&pool->settings.backend));
    }
    how.deadline = t->now + member->timeout;
    if (__builtin_expect(t->seen_owner != NULL, 0))
        return send_seen(t, pool, member->backend, r, &how);
    return try_send(member->backend, r, &how);
}
