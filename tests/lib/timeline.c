/* How it looks for an order.
 *
 * A key at a time. The beginnings and ends of its operations are gone through by time. Between its beginning and its end an operation
 * is open, and has a place. What may be so far is a set of guesses: what the item is, and which of the open operations have taken
 * effect. An operation that begins changes no guess. When one ends, it must have taken effect: from each guess in which it has not,
 * all orders of open writes are tried until it does. A guess from which none leads there is dropped; if none is left, that operation
 * is the fault. (This is the search of Wing and Gong with the memory of Lowe, done as late as possible.)
 *
 * What only looks (a hit, a refused add, a cas that compared unequal) takes effect as soon as a guess fits it: that never hinders
 * another one. So few guesses are alive at a time, however long the history is. */
#include "lib/timeline_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t NUMBER = 1ULL << 63;

const char *timeline_fault_name(enum timeline_fault fault)
{
    static const char *const names[TIMELINE_FAULT_COUNT] = {
#define X(name, meaning) #name,
        TIMELINE_FAULTS(X)
#undef X
    };
    return names[fault];
}

static void *resized(void *memory, size_t n, size_t size)
{
    void *to = reallocarray(memory, n, size);
    if (!to) abort();
    return to;
}

struct timeline *timeline_create(const struct timeline_rules *rules)
{
    struct timeline *t = calloc(1, sizeof *t);
    if (!t) abort();
    t->rules = *rules;
    return t;
}

void timeline_destroy(struct timeline *t)
{
    free(t->ops);
    free(t->first);
    free(t->order);
    free(t->events);
    free(t);
}

size_t timeline_note(struct timeline *t, const struct timeline_op *op)
{
    if (t->n == t->room) {
        t->room = t->room ? 2 * t->room : 64;
        t->ops = resized(t->ops, t->room, sizeof *t->ops);
        t->first = resized(t->first, t->room, sizeof *t->first);
        t->order = resized(t->order, t->room, sizeof *t->order);
        t->events = resized(t->events, 2 * t->room, sizeof *t->events);
    }
    t->ops[t->n] = *op;
    return t->n++;
}

void timeline_clear(struct timeline *t)
{
    t->n = 0;
}

uint64_t timeline_number(uint64_t number)
{
    return number | NUMBER;
}

uint64_t timeline_appended(uint64_t value, uint64_t piece)
{
    uint64_t x = (value ^ piece * 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL;
    return ((x ^ x >> 32) | 1) & ~NUMBER;
}

/* --- what an operation says ---------------------------------------------------------------------- */

static bool writes(const struct timeline_op *op)
{
    static const bool table[] = {
#define X(name, writes) writes,
        TIMELINE_DEEDS(X)
#undef X
    };
    return table[op->deed];
}

/* It takes effect not before and not after. */
static double first_of(const struct timeline *t, const struct timeline_op *op)
{
    return t->first[op - t->ops];
}

static double last_of(const struct timeline *t, const struct timeline_op *op)
{
    return op->answer == TIMELINE_UNKNOWN ? op->end + t->rules.late : op->end;
}

/* An answer from which nothing follows. A delete that found nothing is one that has deleted. */
static bool says_nothing(const struct timeline *t, const struct timeline_op *op)
{
    if (op->answer == TIMELINE_UNKNOWN) return op->deed == TIMELINE_READ;
    if (op->answer != TIMELINE_NO || t->rules.is_strict) return false;
    return op->deed != TIMELINE_ADD && op->deed != TIMELINE_DELETE;
}

/* It changes the item where it has been carried out. */
static bool changes(const struct timeline_op *op)
{
    if (!writes(op) || op->answer == TIMELINE_EXISTS) return false;
    return op->answer != TIMELINE_NO || op->deed == TIMELINE_DELETE;
}

/* See first_of. */
static double found_first(const struct timeline *t, const struct timeline_op *op)
{
    double first = op->begin;
    if (op->deed != TIMELINE_READ) return first;
    for (size_t i = 0; i < t->key_n && t->rules.is_regular; i++) {
        const struct timeline_op *write = &t->ops[t->key_ops[i]];
        bool is_open = write->begin <= op->begin && op->begin <= last_of(t, write);
        if (changes(write) && is_open) first = fmin(first, write->begin);
    }
    return first - t->rules.stale;
}

static bool may_be_there(const struct timeline *t, const struct guess *g,
                         const struct timeline_op *op)
{
    if (!g->value || g->life < 0) return g->value != 0;
    const struct timeline_op *life = &t->ops[g->life];
    return first_of(t, op) <= last_of(t, life) + life->ttl + t->rules.ticks;
}

static bool may_be_gone(const struct timeline *t, const struct guess *g,
                        const struct timeline_op *op)
{
    if (!g->value || !t->rules.is_strict) return true;
    if (g->life < 0) return false;
    const struct timeline_op *life = &t->ops[g->life];
    return last_of(t, op) >= life->begin + life->ttl - t->rules.ticks;
}

/* A read was shown that cas with that value. */
static bool is_version(const struct timeline *t, uint64_t cas, uint64_t value)
{
    for (size_t i = 0; i < t->key_n; i++) {
        const struct timeline_op *op = &t->ops[t->key_ops[i]];
        if (op->deed == TIMELINE_READ && op->cas == cas && op->value == value) return true;
    }
    return false;
}

/* The operation fits the guess: its answer is what a cache with that item says. */
static bool fits(const struct timeline *t, const struct guess *g, const struct timeline_op *op)
{
    if (op->answer == TIMELINE_EXISTS)
        return may_be_there(t, g, op) && !is_version(t, op->cas, g->value);
    if (op->answer == TIMELINE_NO && op->deed != TIMELINE_ADD)
        return op->deed == TIMELINE_DELETE || may_be_gone(t, g, op);
    switch (op->deed) {
    case TIMELINE_SET:
    case TIMELINE_DELETE: return true;
    case TIMELINE_READ: return may_be_there(t, g, op) && g->value == op->value;
    case TIMELINE_ADD:
        return op->answer == TIMELINE_NO ? may_be_there(t, g, op) : may_be_gone(t, g, op);
    case TIMELINE_CAS: return may_be_there(t, g, op) && is_version(t, op->cas, g->value);
    case TIMELINE_INCR:
        return may_be_there(t, g, op) && g->value & NUMBER &&
               (op->answer == TIMELINE_UNKNOWN || g->value + op->delta == op->value);
    default: return may_be_there(t, g, op);
    }
}

static struct guess changed(const struct timeline *t, struct guess g, size_t at)
{
    const struct timeline_op *op = &t->ops[at];
    int64_t life = op->ttl > 0 ? (int64_t)at : -1;
    switch (op->deed) {
    case TIMELINE_DELETE: return (struct guess){.done = g.done, .life = -1};
    case TIMELINE_APPEND: g.value = timeline_appended(g.value, op->value); return g;
    case TIMELINE_INCR: g.value += op->delta; return g;
    case TIMELINE_TOUCH: g.life = life; return g;
    default: return (struct guess){.value = op->value, .done = g.done, .life = life};
    }
}

/* --- guesses ------------------------------------------------------------------------------------- */

static const struct timeline_op *open_at(const struct timeline *t, unsigned place)
{
    return t->places[place] < 0 ? NULL : &t->ops[t->places[place]];
}

/* What only looks, and fits, has taken effect. */
static void settle(const struct timeline *t, struct guess *g)
{
    for (unsigned i = 0; i < OPEN_MOST; i++) {
        const struct timeline_op *op = open_at(t, i);
        if (op && !(g->done >> i & 1) && !changes(op) && fits(t, g, op)) g->done |= 1ULL << i;
    }
}

static bool are_same(const struct guess *a, const struct guess *b)
{
    return a->value == b->value && a->done == b->done && a->life == b->life;
}

/* False: this guess was tried already, for the present event. */
static bool is_first_time(struct timeline *t, const struct guess *g)
{
    uint64_t hash = (g->value ^ g->done * 0x9e3779b97f4a7c15ULL ^ (uint64_t)g->life << 48) *
                    0xff51afd7ed558ccdULL;
    for (size_t at = hash >> 40;; at++) {
        at %= SEEN;
        if (t->seen_in[at] != t->event) {
            t->seen_in[at] = t->event;
            t->seen[at] = *g;
            return ++t->tried;
        }
        if (are_same(&t->seen[at], g)) return false;
    }
}

static void add(struct guesses *to, const struct guess *g)
{
    for (size_t i = 0; i < to->n; i++) {
        if (are_same(&to->list[i], g)) return;
    }
    if (to->n < GUESSES_MOST) to->list[to->n++] = *g;
}

/* Every order of open writes, until the operation at that place has taken effect. */
static void try_orders(struct timeline *t, struct guess g, unsigned place)
{
    settle(t, &g);
    if (t->tried >= GUESSES_MOST || !is_first_time(t, &g)) return;
    if (g.done >> place & 1) {
        add(&t->next, &g);
        return;
    }
    for (unsigned i = 0; i < OPEN_MOST; i++) {
        const struct timeline_op *op = open_at(t, i);
        if (!op || g.done >> i & 1 || !changes(op) || !fits(t, &g, op)) continue;
        struct guess then = changed(t, g, (size_t)t->places[i]);
        then.done |= 1ULL << i;
        try_orders(t, then, place);
    }
}

/* Its place is free again. */
static void forget(struct timeline *t, unsigned place)
{
    t->places[place] = -1;
    t->now.n = 0;
    for (size_t i = 0; i < t->next.n; i++) {
        t->next.list[i].done &= ~(1ULL << place);
        add(&t->now, &t->next.list[i]);
    }
}

static bool begins(struct timeline *t, size_t op)
{
    for (unsigned i = 0; i < OPEN_MOST; i++) {
        if (t->places[i] >= 0) continue;
        t->places[i] = (int64_t)op;
        if (changes(&t->ops[op])) return true;
        for (size_t g = 0; g < t->now.n; g++) settle(t, &t->now.list[g]);
        return true;
    }
    return false;
}

/* One without an answer may also not have been carried out. */
static enum timeline_fault ends(struct timeline *t, size_t op)
{
    unsigned place = 0;
    while (t->places[place] != (int64_t)op) place++;
    t->event++;
    t->tried = t->next.n = 0;
    for (size_t i = 0; i < t->now.n; i++) {
        if (t->ops[op].answer == TIMELINE_UNKNOWN) add(&t->next, &t->now.list[i]);
        try_orders(t, t->now.list[i], place);
    }
    if (t->tried >= GUESSES_MOST) return TIMELINE_FAULT_TANGLED;
    if (t->next.n == 0) return TIMELINE_FAULT_UPDATE; /* for now: see named */
    forget(t, place);
    return TIMELINE_FAULT_NONE;
}

/* --- which fault it is --------------------------------------------------------------------------- */

/* The write that stored that value; NULL: none, or it is a sum or a longer value. */
static const struct timeline_op *writer_of(const struct timeline *t, uint64_t value)
{
    for (size_t i = 0; i < t->key_n; i++) {
        const struct timeline_op *op = &t->ops[t->key_ops[i]];
        if (changes(op) && op->deed != TIMELINE_APPEND && op->value == value) return op;
    }
    return NULL;
}

static bool was_deleted(const struct timeline *t, const struct timeline_op *write,
                        const struct timeline_op *read)
{
    for (size_t i = 0; i < t->key_n; i++) {
        const struct timeline_op *op = &t->ops[t->key_ops[i]];
        if (op->deed == TIMELINE_DELETE && op->answer != TIMELINE_UNKNOWN &&
            op->begin > write->end && op->end < first_of(t, read))
            return true;
    }
    return false;
}

static bool has_deed(const struct timeline *t, enum timeline_deed deed)
{
    for (size_t i = 0; i < t->key_n; i++) {
        if (t->ops[t->key_ops[i]].deed == deed) return true;
    }
    return false;
}

static enum timeline_fault named(const struct timeline *t, const struct timeline_op *op)
{
    if (op->deed == TIMELINE_CAS) return TIMELINE_FAULT_COMPARED;
    if (op->deed != TIMELINE_READ) return TIMELINE_FAULT_UPDATE;
    if (op->answer == TIMELINE_NO) return TIMELINE_FAULT_LOST;
    const struct timeline_op *write = writer_of(t, op->value);
    bool is_made = has_deed(t, TIMELINE_APPEND) || has_deed(t, TIMELINE_INCR);
    if (!write) return is_made ? TIMELINE_FAULT_UPDATE : TIMELINE_FAULT_UNWRITTEN;
    if (write->begin > op->end) return TIMELINE_FAULT_UNWRITTEN;
    if (was_deleted(t, write, op)) return TIMELINE_FAULT_RESURRECTED;
    bool is_over =
        write->ttl > 0 && first_of(t, op) > last_of(t, write) + write->ttl + t->rules.ticks;
    return is_over && !has_deed(t, TIMELINE_TOUCH) ? TIMELINE_FAULT_EXPIRED : TIMELINE_FAULT_STALE;
}

/* --- all keys ------------------------------------------------------------------------------------ */

static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    if (x->is_end != y->is_end)
        return x->is_end - y->is_end; /* what meets in a moment may overlap */
    return (x->op > y->op) - (x->op < y->op);
}

static enum timeline_fault check_key(struct timeline *t, size_t *at)
{
    size_t n = 0;
    for (size_t i = 0; i < t->key_n; i++) {
        const struct timeline_op *op = &t->ops[t->key_ops[i]];
        t->first[t->key_ops[i]] = found_first(t, op);
        if (says_nothing(t, op)) continue;
        t->events[n++] = (struct event){first_of(t, op), false, t->key_ops[i]};
        t->events[n++] = (struct event){last_of(t, op), true, t->key_ops[i]};
    }
    qsort(t->events, n, sizeof *t->events, by_time);
    for (unsigned i = 0; i < OPEN_MOST; i++) t->places[i] = -1;
    t->now.n = 1;
    t->now.list[0] = (struct guess){.life = -1};
    for (size_t i = 0; i < n; i++) {
        const struct event *e = &t->events[i];
        *at = e->op;
        if (!e->is_end && !begins(t, e->op)) return TIMELINE_FAULT_TANGLED;
        if (!e->is_end || isinf(e->at)) continue;
        enum timeline_fault fault = ends(t, e->op);
        if (fault) return fault == TIMELINE_FAULT_UPDATE ? named(t, &t->ops[e->op]) : fault;
    }
    return TIMELINE_FAULT_NONE;
}

static const struct timeline *sorted;

static int by_key(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    uint32_t one = sorted->ops[x].key, two = sorted->ops[y].key;
    return one != two ? (one > two) - (one < two) : (x > y) - (x < y);
}

enum timeline_fault timeline_check(struct timeline *t, size_t *at)
{
    size_t where = 0;
    enum timeline_fault fault = TIMELINE_FAULT_NONE;
    for (size_t i = 0; i < t->n; i++) t->order[i] = i;
    sorted = t;
    if (t->n) qsort(t->order, t->n, sizeof *t->order, by_key);
    for (size_t i = 0, end; i < t->n && !fault; i = end) {
        for (end = i; end < t->n && t->ops[t->order[end]].key == t->ops[t->order[i]].key;) end++;
        t->key_ops = t->order + i;
        t->key_n = end - i;
        fault = check_key(t, &where);
    }
    if (at) *at = where;
    return fault;
}

/* --- for people ---------------------------------------------------------------------------------- */

void timeline_print(const struct timeline *t, size_t at)
{
    static const char *const deeds[] = {
#define X(name, writes) #name,
        TIMELINE_DEEDS(X)
#undef X
    };
    static const char *const answers[] = {"yes", "no", "exists", "unknown"};
    const struct timeline_op *bad = &t->ops[at];
    double from = bad->begin - 5 - t->rules.stale, to = bad->end + 1;
    for (size_t i = 0; i < t->n; i++) {
        const struct timeline_op *op = &t->ops[i];
        if (op->key != bad->key || op->end < from || op->begin > to) continue;
        printf("%s key %u client %u %-7s %-7s value %llx cas %llu ttl %g  %.6f .. %.6f\n",
               i == at ? "->" : "  ", op->key, op->client, deeds[op->deed], answers[op->answer],
               (unsigned long long)op->value, (unsigned long long)op->cas, op->ttl, op->begin,
               op->end);
    }
}
