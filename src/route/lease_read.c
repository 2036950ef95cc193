#include "route/lease_read.h"

#include <string.h>

#include "route/lease_wait.h"

const struct request *lease_first_request(struct turn *t, const struct route *route,
                                          const struct request *r, bool needs_all,
                                          struct request *to)
{
    struct lease_terms terms = lease_terms_of(route);
    if (!needs_all && !lease_is_timed(&terms) && !lease_touches(r)) return r;
    if (lease_is_mg(r))
        lease_ask_as(r, to, arena_alloc(t->arena, (size_t)r->args_len + LEASE_MORE));
    else
        lease_ask(r, &terms, LEASE_READS, to, arena_alloc(t->arena, LEASE_ARGS_ROOM));
    return to;
}

bool lease_is_plain_hit(const struct request *r, const struct response *answer)
{
    enum { EMPTY_MOST = sizeof "VALUE  \r\n\r\nEND\r\n" + KEY_MAX + 3 * 21 };
    if (lease_is_mg(r))
        return answer->kind & (RESPONSE_VA | RESPONSE_HD) && !lease_may_be_taken(answer);
    if (answer->kind != RESPONSE_VALUE) return false;
    return answer->len > EMPTY_MOST || response_read(answer).len > 0;
}

/* An mg has what it asked for in the answer itself. */
void lease_tell_stripped(struct turn *t, const struct route *route, const struct request *r,
                         const struct result *result, struct lease_told *told, struct blob **blob)
{
    struct lease_terms terms = lease_terms_of(route);
    const struct response *va = result->news->response;
    size_t room = va->len + LEASE_STRIP_ROOM;
    *blob = result->news->blob ? blob_reuse(room) : NULL;
    uint8_t *to = *blob ? (*blob)->bytes : arena_alloc(t->arena, room);
    struct response stripped = lease_strip(va, r, &terms, to);
    if (*blob) (*blob)->len = stripped.len;
    (void)lease_tell(t, r, stripped, *blob, told);
}

void lease_init(struct flow *flow)
{
    *lease_waiter_of(flow) = (struct lease_waiter){.stage = 0};
}

/* --- without a flow ------------------------------------------------------------------------------ */

static void finish(struct direct *d, const struct result *result)
{
    lease_count(d->route, result->kind);
    direct_finish(d, result);
}

static bool begin_direct(struct turn *t, struct generation *g, const struct route *route,
                         const struct request *r)
{
    struct request first;
    if (lease_is_beyond(r)) return false;
    lease_tally(route)->requests++;
    struct direct *d = direct_create(t, g, route, r, DIRECT_KEEPS_ALL);
    const struct request *sent = lease_first_request(t, route, r, false, &first);
    direct_send(d, route->children[LEASE_CHILD], sent);
    return true;
}

/* True: it is the answer, and was given. */
static bool is_done_timed(struct direct *d, const struct lease_terms *terms,
                          const struct result *result)
{
    const struct request *r = &d->kept.r;
    struct lease_item item = lease_see(result->news->response, terms);
    struct lease_told told;
    struct blob *blob = NULL;
    if (item.sight != LEASE_LIVE || lease_touches(r)) return false;
    if (lease_is_mg(r)) {
        lease_tell_stripped(d->turn, d->route, r, result, &told, &blob);
    } else {
        bool with_cas = r->command_id == COMMAND_GETS;
        size_t room = lease_value_room(&item, r->key_len);
        if (result->news->blob) blob = blob_reuse(room);
        uint8_t *to = blob ? blob->bytes : arena_alloc(d->turn->arena, room);
        struct response made =
            lease_put_value(&item, (const uint8_t *)r->key_at, r->key_len, with_cas, to);
        if (blob) blob->len = made.len;
        (void)lease_tell(d->turn, r, made, blob, &told);
    }
    finish(d, &told.result);
    if (blob) blob_give(blob);
    return true;
}

static void direct_done(struct direct *d, const struct result *result)
{
    struct lease_terms terms = lease_terms_of(d->route);
    static const struct result miss = {.kind = RESULT_MISS};
    if (result->news && !(result->kind & RESULT_ANY_ERROR)) {
        if (lease_is_timed(&terms)) {
            if (is_done_timed(d, &terms, result)) return;
        } else if (!lease_touches(&d->kept.r) &&
                   lease_is_plain_hit(&d->kept.r, result->news->response)) {
            finish(d, result);
            return;
        }
    }
    if (d->turn->is_ending) {
        finish(d, result->kind & RESULT_ANY_ERROR ? result : &miss);
        return;
    }
    struct flow *flow = direct_flow(d);
    lease_init(flow);
    leg_result(&flow->legs[LEASE_FIRST], LEASE_FIRST, result);
}

const struct direct_kind lease_direct = {.begin = begin_direct, .done = direct_done};
