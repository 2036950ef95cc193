#include "backend/sharers.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/slab.h"

/* The sharers of a key form a ring by their numbers, and the key's record in the call has the number of the last one: so one is
 * added at the end, and they are called in the order in which they came, in a time that does not depend on other keys.
 *
 * A sharer's function may send other requests, and one of those may join a call that was not written yet. Calls that are answered
 * were written, so only where deadlines pass may the list grow, and move, while it is gone through: therefore numbers are used there,
 * not pointers, and done and owner are taken out before the function is called.
 */

enum { ROOM_AT_FIRST = 4 };

static struct sharer *sharer_of(const struct call *call, uint32_t number)
{
    assert(number > 0 && number <= call->sharers->n);
    return &call->sharers->all[number - 1];
}

static void make_room(struct sharers *s)
{
    if (s->n < s->room) return;
    uint32_t room = s->room ? 2 * s->room : ROOM_AT_FIRST;
    struct sharer *all = slab_borrow(room * sizeof *all);
    if (s->n) memcpy(all, s->all, s->n * sizeof *all);
    if (s->all) slab_return(s->all, s->room * sizeof *s->all);
    s->all = all;
    s->room = room;
}

static struct sharers *sharers_create(void)
{
    struct sharers *s = slab_borrow(sizeof *s);
    *s = (struct sharers){0};
    return s;
}

void sharers_add(struct call *call, uint32_t at, const struct request *r,
                 const struct sharer_terms *terms)
{
    if (!call->sharers) call->sharers = sharers_create();
    struct sharers *s = call->sharers;
    make_room(s);
    struct sharer *new = &s->all[s->n++];
    *new = (struct sharer){.done = terms->done,
                           .owner = terms->owner,
                           .deadline = terms->deadline,
                           .sent = terms->sent,
                           .next = s->n,
                           .part = r->part,
                           .affinity = r->affinity,
                           .pool = terms->pool};
    if (r->shown_key_at) {
        new->shown_len = r->shown_key_len;
        new->shown = slab_borrow(new->shown_len);
        memcpy(new->shown, (const void *)r->shown_key_at, new->shown_len);
    }
    uint32_t last = call_key_sharer(call, at);
    if (last) {
        new->next = sharer_of(call, last)->next;
        sharer_of(call, last)->next = s->n;
    }
    call_set_key_sharer(call, at, s->n);
}

void sharers_destroy(struct sharers *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->all[i].shown) slab_return(s->all[i].shown, s->all[i].shown_len);
    }
    if (s->all) slab_return(s->all, s->room * sizeof *s->all);
    slab_return(s, sizeof *s);
}

bool sharers_await(const struct sharers *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->all[i].owner) return true;
    }
    return false;
}

double sharers_first_deadline(const struct sharers *s)
{
    double at = INFINITY;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->all[i].owner && s->all[i].deadline < at) at = s->all[i].deadline;
    }
    return at;
}

double sharers_last_deadline(const struct sharers *s)
{
    double at = -INFINITY;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->all[i].deadline > at) at = s->all[i].deadline;
    }
    return at;
}

bool sharers_have(const struct sharers *s, uint32_t affinity)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->all[i].affinity == affinity) return true;
    }
    return false;
}

struct sharer *sharers_of_key(const struct call *call, const struct sharer *before)
{
    uint32_t last = call_key_sharer(call, call->seen);
    if (last == 0 || before == sharer_of(call, last)) return NULL;
    return sharer_of(call, before ? before->next : sharer_of(call, last)->next);
}

/* --- events ------------------------------------------------------------------------------------ */

static void tell_sharer(struct sharer *s, const struct call_news *news)
{
    struct call_news own = *news;
    call_done_fn *done = s->done;
    void *owner = s->owner;
    s->done = NULL;
    s->owner = NULL;
    if (!owner) return;
    own.key.part = s->part;
    own.key.shown = s->shown ? s->shown : news->key.sent;
    own.key.shown_len = s->shown ? s->shown_len : news->key.sent_len;
    done(owner, &own);
}

static void tell_first(struct call *call, const struct call_news *news)
{
    call_done_fn *done = call->done;
    void *owner = call->owner;
    call->done = NULL;
    call->owner = NULL;
    if (owner) done(owner, news);
}

void sharers_tell_key(struct call *call, const struct call_news *news)
{
    if (call->keys_seen == 0) tell_first(call, news);
    for (struct sharer *s = NULL; (s = sharers_of_key(call, s));) tell_sharer(s, news);
}

/* Whose key was answered has no function any more. */
void sharers_tell_rest(struct call *call, const struct call_news *news)
{
    tell_first(call, news);
    for (uint32_t i = 0; i < call->sharers->n; i++) tell_sharer(&call->sharers->all[i], news);
}

void sharers_expire(struct call *call, double now, const struct call_news *news,
                    sharers_late_fn *late, void *about)
{
    for (uint32_t i = 0; i < call->sharers->n; i++) {
        struct sharer *s = &call->sharers->all[i];
        void *owner = s->owner;
        if (!owner || s->deadline > now) continue;
        s->owner = NULL;
        late(about, s->pool);
        s->done(owner, news);
    }
}
