/* Each server is asked on a connection of its own (backend/question.h), all at once, and has LIMIT seconds. A server that is down is
 * not asked. So a server that hangs costs a client that asks LIMIT seconds, until it is found to be down, and other clients nothing.
 *
 * A server's lines count only when all of them have come: each part has a totals of its own until its END. The sums are those of
 * the servers that have answered; what the others had is not known. */
#include "client/tier.h"

#include <assert.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/question.h"
#include "base/slab.h"
#include "client/reply.h"

static const double LIMIT = 0.5, FRESH = 1; /* seconds */

/* One server's part. */
struct tier_part {
    struct question lines;
    struct totals totals;
    struct tier_gather *gather;
};

struct tier_waiting {
    struct tier_waiting *next;
    struct reply *reply;
};

/* Invariant: `open` of its parts have an open connection. It frees itself when it is done. */
struct tier_gather {
    struct tier_row *row;
    struct ev_loop *loop;
    ev_timer timer;
    double since;
    struct totals totals;
    struct tier_waiting *waiting;
    uint32_t open, parts_n, parts_room;
    struct tier_part *parts;
};

/* --- the end ----------------------------------------------------------------------------------- */

static void answer_all(struct tier_gather *g)
{
    while (g->waiting) {
        struct tier_waiting *w = g->waiting;
        struct outq nothing = {0};
        g->waiting = w->next;
        reply_finish(w->reply, &nothing);
        slab_return(w, sizeof *w);
    }
}

static void gather_destroy(struct tier_gather *g)
{
    ev_timer_stop(g->loop, &g->timer);
    for (uint32_t i = 0; i < g->parts_n; i++) {
        question_close(&g->parts[i].lines);
        totals_release(&g->parts[i].totals);
    }
    g->row->running = NULL;
    answer_all(g);
    totals_release(&g->totals);
    slab_return(g->parts, sizeof *g->parts * g->parts_room);
    slab_return(g, sizeof *g);
}

/* What has come replaces what was kept, and those who wait get it. */
static void finish(struct tier_gather *g)
{
    struct tier_row *row = g->row;
    assert(row->running == g);
    totals_replace(&row->totals, &g->totals);
    row->is_there = true;
    row->since = g->since;
    gather_destroy(g);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    finish(timer->data);
}

static void one_less(struct tier_gather *g)
{
    assert(g->open > 0);
    if (--g->open == 0) finish(g);
}

/* --- lines ------------------------------------------------------------------------------------- */

/* `STAT name value`. A name with a colon has no place in these statistics: programs take it for one of a slab class. False: it is
 * no such line. */
static bool take_stat(struct totals *to, const char *line, size_t len)
{
    static const char STAT[] = "STAT ";
    const char *end = line + len - 2, *name = line + strlen(STAT);
    if (len < strlen(STAT) + 2 || memcmp(line, STAT, strlen(STAT)) != 0 || *end != '\r')
        return false;
    const char *space = memchr(name, ' ', (size_t)(end - name));
    if (!space || space == name) return false;
    if (!memchr(name, ':', (size_t)(space - name)))
        totals_add(to, name, (size_t)(space - name), space + 1, (size_t)(end - space) - 1);
    return true;
}

/* A question_take_fn. owner: struct tier_part. */
static bool part_takes(void *owner, const uint8_t *line, size_t len)
{
    struct tier_part *part = owner;
    bool is_end = len == 5 && memcmp(line, "END\r\n", 5) == 0;
    if (!is_end && take_stat(&part->totals, (const char *)line, len)) return true;
    if (is_end) totals_add_all(&part->gather->totals, &part->totals);
    question_close(&part->lines);
    one_less(part->gather);
    return false;
}

/* A question_end_fn. */
static void part_ends(void *owner, const char *reason)
{
    struct tier_part *part = owner;
    (void)reason;
    one_less(part->gather);
}

/* --- asking ------------------------------------------------------------------------------------ */

static bool is_asked(const struct backend *b)
{
    return !b->down && backend_is_first(b);
}

static void ask(struct tier_gather *g, struct backend *b, const char *question)
{
    struct tier_part *part = &g->parts[g->parts_n++];
    *part = (struct tier_part){.gather = g};
    totals_init(&part->totals, TIER_NAMES_MAX);
    part->lines.take = part_takes;
    part->lines.end = part_ends;
    part->lines.owner = part;
    if (!question_open(&part->lines, b, question, LIMIT * 2)) g->open++;
}

static void gather_begin(struct tier_row *row, struct client *c, enum tier_kind kind)
{
    struct backends *set = c->turn->backends;
    struct tier_gather *g = slab_borrow(sizeof *g);
    uint32_t n = 0;
    for (const struct backend *b = set->first; b && set->loop; b = b->next) n += is_asked(b);
    *g = (struct tier_gather){
        .row = row, .loop = c->turn->loop, .since = c->turn->now, .parts_room = n + 1};
    totals_init(&g->totals, TIER_NAMES_MAX);
    g->parts = slab_borrow(sizeof *g->parts * g->parts_room); /* there may be no server */
    row->running = g;
    ev_timer_init(&g->timer, on_timer, LIMIT, 0);
    g->timer.data = g;
    ev_timer_start(g->loop, &g->timer);
    for (struct backend *b = set->first; b && set->loop; b = b->next) {
        if (is_asked(b)) ask(g, b, kind == TIER_STATS ? "stats" : "stats settings");
    }
    assert(g->parts_n == n);
}

static void wait_for(struct tier_gather *g, struct reply *reply)
{
    struct tier_waiting *w = slab_borrow(sizeof *w);
    *w = (struct tier_waiting){g->waiting, reply};
    g->waiting = w;
}

void tier_answer(struct client *c, const struct request *r, enum tier_kind kind)
{
    struct tier_row *row = &c->set->tier.rows[kind];
    const char *what = kind == TIER_STATS ? "" : "settings";
    struct reply *reply = reply_stats(c, r, what, strlen(what));
    struct outq nothing = {0};
    if (row->is_there && c->turn->now - row->since < FRESH) {
        reply_finish(reply, &nothing);
        return;
    }
    if (!row->running) gather_begin(row, c, kind);
    wait_for(row->running, reply);
    if (row->running->open == 0) finish(row->running);
}

/* --- life -------------------------------------------------------------------------------------- */

void tier_init(struct tier *tier)
{
    *tier = (struct tier){0};
    for (int i = 0; i < TIER_KINDS; i++) totals_init(&tier->rows[i].totals, TIER_NAMES_MAX);
}

void tier_release(struct tier *tier)
{
    for (int i = 0; i < TIER_KINDS; i++) {
        if (tier->rows[i].running) gather_destroy(tier->rows[i].running);
        totals_release(&tier->rows[i].totals);
        tier->rows[i].is_there = false;
    }
}
