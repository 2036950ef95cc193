/* The lists of checks: which are sent next, which wait for a difference to go, which wait for a server. */
#include <math.h>
#include <stdlib.h>

#include "move/verify_state.h"

void check_list_add(struct check_list *l, struct check *c)
{
    if (!l->end) l->end = &l->first;
    c->next = NULL;
    *l->end = c;
    l->end = &c->next;
    l->n++;
}

static struct check *list_take(struct check_list *l)
{
    struct check *c = l->first;
    if (!c) return NULL;
    l->first = c->next;
    if (!l->first) l->end = &l->first;
    l->n--;
    return c;
}

static bool may_send(const struct verify *v)
{
    if (!v->ready.first || v->in_flight >= VERIFY_WINDOW || v->was_stopped) return false;
    return v->reserved < VERIFY_BYTES && (v->keys.left > 0 || isinf(v->keys.rate));
}

void checks_pump(struct verify *v)
{
    while (may_send(v)) {
        struct check *c = list_take(&v->ready);
        allowance_take(&v->keys, 1);
        v->in_flight++;
        check_ask(c);
    }
}

static void take_due(struct check_list *from, struct verify *v)
{
    while (from->first && from->first->due <= tier_now(v->tier))
        check_list_add(&v->ready, list_take(from));
}

/* Of the checks that failed those are given up whose servers are. */
static void look_at_failed(struct verify *v)
{
    uint32_t n = v->failed.n;
    for (uint32_t i = 0; i < n; i++) {
        struct check *c = list_take(&v->failed);
        struct verify_server *s = verify_server(v, c->blocked);
        bool is_down = tier_is_down(v->tier, c->blocked);
        if (is_down && s->failing_since == 0) s->failing_since = tier_now(v->tier);
        if (s->is_given_up)
            check_give_up(c, c->blocked, s->why[0] ? s->why : "down");
        else if (c->due <= tier_now(v->tier) && !is_down)
            check_list_add(&v->ready, c);
        else
            check_list_add(&v->failed, c);
    }
}

void checks_look(struct verify *v)
{
    double now = tier_now(v->tier);
    for (uint32_t i = 0; i < v->servers_n; i++) {
        struct verify_server *s = v->servers[i];
        if (s->failing_since > 0 && now - s->failing_since > v->how->patience)
            s->is_given_up = true;
    }
    take_due(&v->settling, v);
    look_at_failed(v);
}

void checks_drop(struct verify *v)
{
    struct check_list *const lists[] = {&v->ready, &v->settling, &v->failed};
    struct check *c;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        while ((c = list_take(lists[i]))) {
            v->open--;
            free(c);
        }
    }
}
