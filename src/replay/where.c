#include "replay/where.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char NO_SERVER[] = "no server"; /* the pool has none */

bool spot_is_same(const struct spot *a, const struct spot *b)
{
    return !a->pool == !b->pool && a->key_len == b->key_len && strcmp(a->server, b->server) == 0 &&
           memcmp(a->key, b->key, a->key_len) == 0;
}

static struct spot spot_of(const char *pool, const char *server, const void *key, size_t len)
{
    struct spot spot;
    spot.pool = pool;
    spot.server = server;
    spot.key_len = (uint16_t)len;
    assert(len <= sizeof spot.key);
    if (len) memcpy(spot.key, key, len);
    return spot;
}

static struct spot end_of(const char *text)
{
    return spot_of(NULL, text, NULL, 0);
}

static void add(struct spot *list, uint32_t *n, const struct spot *spot)
{
    if (*n == SPOTS_MOST) return;
    list[*n].pool = spot->pool;
    list[*n].server = spot->server;
    list[*n].key_len = spot->key_len;
    memcpy(list[*n].key, spot->key, spot->key_len);
    ++*n;
}

static bool meet(const struct spot *a, uint32_t a_n, const struct spot *b, uint32_t b_n)
{
    for (uint32_t i = 0; i < a_n; i++) {
        for (uint32_t j = 0; j < b_n; j++)
            if (spot_is_same(&a[i], &b[j])) return true;
    }
    return false;
}

/* What is drawn, or asked under a condition that is no miss, is no place where a value surely is, or is surely found. */
static void take_place(struct where *w, const struct touched *p)
{
    const char *server = strcmp(p->server, "none") == 0 ? NO_SERVER : p->server;
    struct spot spot = spot_of(touched_pool(p), server, p->key, p->key_len);
    add(w->gets, &w->gets_n, &spot);
    if (p->role == WALK_MAIN && !p->when[0]) add(w->mains, &w->mains_n, &spot);
    if (p->share < 1) return;
    if (p->role <= WALK_ON_MISS) add(w->finds, &w->finds_n, &spot);
    if (!p->when[0] && (p->role == WALK_MAIN || p->role == WALK_ALSO))
        add(w->holds, &w->holds_n, &spot);
}

static struct spot first_of(const struct explanation *x)
{
    if (x->pool)
        return spot_of(x->pool->settings.name,
                       x->choice.member ? x->choice.member->backend->name : NO_SERVER, x->sent_key,
                       x->sent_key_len);
    if (explain_store(x))
        return spot_of(explain_store(x), explain_store(x), x->places[0].key, x->places[0].key_len);
    if (x->path.failure[0]) return end_of("script error");
    if (x->route == ANSWER_MISS) return end_of("reply miss");
    return end_of(x->route == ANSWER_REFUSE ? "reply error" : "a function that waits");
}

static void clear(struct where *w)
{
    w->holds_n = w->finds_n = w->gets_n = w->mains_n = 0;
    w->failure[0] = '\0';
    w->is_drawn = false;
}

void where_take(struct where *w, const struct explanation *x)
{
    clear(w);
    w->first = first_of(x);
    w->is_drawn = x->places_n > 0 && x->places[0].share < 1;
    add(w->holds, &w->holds_n, &w->first);
    for (uint32_t i = 0; i < x->places_n; i++) take_place(w, &x->places[i]);
    snprintf(w->failure, sizeof w->failure, "%.*s", WHERE_FAILURE - 1, x->path.failure);
}

void where_refuse(struct where *w)
{
    clear(w);
    w->first = end_of("refused");
    add(w->holds, &w->holds_n, &w->first);
}

bool where_still_gets(const struct where *old, const struct where *new)
{
    return meet(old->holds, old->holds_n, new->gets, new->gets_n);
}

enum fate where_fate(const struct where *old, const struct where *new)
{
    if (meet(old->holds, old->holds_n, &new->first, 1)) return FATE_UNCHANGED;
    return meet(old->holds, old->holds_n, new->finds, new->finds_n) ? FATE_COPIED : FATE_MOVED;
}
