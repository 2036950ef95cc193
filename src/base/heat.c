/* The hottest keys in little memory and little time.
 *
 * Which sketch. Space-saving (Metwally, Agrawal, El Abbadi 2005) keeps m counters; a key without one takes the smallest, and goes on
 * from its count. Among a million cold keys nearly each request then replaces a key, which costs a copy, and each of the m keys seems
 * to have 1/m of the traffic. Here a new key gets the place of the smallest count c only with probability weight / (c + weight): the
 * "randomized admission policy" of Ben Basat, Einziger, Friedman and Kassner (Efficient Top-k and Frequency Estimation, INFOCOM 2017).
 * Counts stay unbiased, since what a key gets when it comes in makes up for the times when it was not let in. Cold keys are seldom
 * copied, and their counts grow with the square root of their number only; a hot key comes in after a few requests, and stays. As in
 * that paper's last form the table is set-associative: a hash chooses a set of 8 places, so there is neither a heap nor a scan of all.
 *
 * Requests are sampled, one of `gap` on the average, at random distances, so that no pattern of requests hides from it. gap follows the
 * rate: 1 below SAMPLES a second, so that a quiet service shows all it has, and at a high rate the cost is that of SAMPLES keys a
 * second, whatever the rate is. Where a burst comes before the rate is known, the gap doubles after each BURST samples. A sample counts
 * for gap requests. In the window some 4,000 samples are left: a share of 5 % is known to 0.3 %, and one of 1 % to 0.15 % (standard
 * deviation).
 *
 * Counts halve every HALF_LIFE seconds, in steps of TICK; the total does so, too, and a share is the quotient. A reader does the rest of
 * the decay itself (`decayed`), so a worker that sleeps, or has died, cools down.
 *
 * A key is hot, that is, shown at all, when it was seen SEEN times in the window since it has its place: what it took over from the
 * key before it does not count for that. So a stream of keys that never come again has no hot keys. A client is shown until nothing is left
 * of what it did.
 *
 * Names are compared by all their bytes; the hash alone never names a key. A place has a sequence number, as samples.c explains: a
 * reader uses a copy only when the number was even, and the same before and after. A worker that dies while it writes leaves an odd
 * one; its successor begins with none. Counts are single stores. Readers trust nothing: a length or a number that cannot be is left
 * out. */
#include "base/heat.h"

#include <arpa/inet.h>
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/board.h"
#include "base/bucket.h"

enum { SAMPLES = 1000, BURST = 250, GAP_MOST = 256, SEEN = 4, HOT_MOST = 100 };

static const double HALF_LIFE = 3, TICK = 1 / 8.0, HOT_SHARE = 0.01;

/* Other processes read what is stored, and store what is read: 64 bits at once, in any order. */
static double load(const double *from)
{
    return *(const volatile double *)from;
}

static void store(double *to, double value)
{
    *(volatile double *)to = value;
}

/* --- the worker --------------------------------------------------------------------------------- */

/* xorshift64*, as a number from 0 to below 1. */
static double random_of(struct heat_writer *w)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (double)(w->random * UINT64_C(2685821657736338717) >> 11) * 0x1p-53;
}

/* 1 to 2 * gap - 1: gap on the average. */
static uint32_t distance(struct heat_writer *w)
{
    assert(w->gap > 0);
    if (w->gap == 1) return 1;
    return 1 + (uint32_t)(random_of(w) * (2 * w->gap - 1));
}

/* The fence keeps the stores of the name behind the odd number, and the release keeps them before the even one. */
static void take_place(struct heat_sketch *s, uint32_t at, uint32_t mark, const void *name,
                       size_t len, double count, double error)
{
    struct heat_place *p = &s->places[at];
    uint32_t odd = p->sequence | 1;
    assert(len <= HEAT_NAME && error <= count);
    __atomic_store_n(&p->sequence, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    p->len = (uint8_t)len;
    memcpy(p->name, name, len);
    s->marks[at] = mark;
    store(&s->counts[at], count);
    store(&s->errors[at], error);
    __atomic_store_n(&p->sequence, odd + 1, __ATOMIC_RELEASE);
}

/* What the worker before has left is not worth its age: this one's clients may be others. */
void heat_begin(struct heat_writer *w, struct heat *heat, double now, uint64_t seed)
{
    for (int kind = 0; kind < HEAT_KINDS; kind++) {
        struct heat_sketch *s = &heat->sketches[kind];
        store(&s->total, 0);
        for (uint32_t i = 0; i < HEAT_PLACES; i++)
            if (s->places[i].sequence) take_place(s, i, 0, "", 0, 0, 0);
    }
    __atomic_store_n(&heat->sequence, heat->sequence & ~1U, __ATOMIC_RELAXED);
    store(&heat->begun, now);
    store(&heat->decayed, now);
    store(&heat->least, SEEN);
    *w = (struct heat_writer){.heat = heat, .gap = 1, .random = seed * 2 + 1, .due = now + TICK};
}

static void decay(struct heat *heat, double now)
{
    double factor = exp2((load(&heat->decayed) - now) / HALF_LIFE);
    uint32_t odd = heat->sequence | 1;
    if (!(factor <= 1)) factor = 1; /* the clock was set back in a test */
    __atomic_store_n(&heat->sequence, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (int kind = 0; kind < HEAT_KINDS; kind++) {
        struct heat_sketch *s = &heat->sketches[kind];
        store(&s->total, s->total * factor);
        for (uint32_t i = 0; i < HEAT_PLACES; i++) store(&s->counts[i], s->counts[i] * factor);
        for (uint32_t i = 0; i < HEAT_PLACES; i++) store(&s->errors[i], s->errors[i] * factor);
    }
    store(&heat->decayed, now);
    __atomic_store_n(&heat->sequence, odd + 1, __ATOMIC_RELEASE);
}

static void set_gap(struct heat_writer *w, double gap)
{
    w->gap = gap < 1 ? 1 : gap < GAP_MOST ? (uint32_t)gap : GAP_MOST;
    w->counted = 0;
    store(&w->heat->least, (double)SEEN * w->gap);
}

/* `left` may be long, from a time when more requests came. */
static void follow_rate(struct heat_writer *w, double seconds)
{
    set_gap(w, (double)w->passed / seconds / SAMPLES);
    if (w->left >= 2 * w->gap) w->left = 2 * w->gap - 1;
    w->passed = 0;
}

uint32_t heat_first(struct heat_writer *w, double now)
{
    if (now < w->due) return w->left;
    double seconds = now - load(&w->heat->decayed);
    decay(w->heat, now);
    follow_rate(w, seconds > TICK ? seconds : TICK);
    w->due = now + TICK;
    return w->left;
}

uint32_t heat_step(struct heat_writer *w)
{
    if (++w->counted > BURST) set_gap(w, 2.0 * w->gap);
    uint32_t step = distance(w);
    w->passed += step;
    return step;
}

static bool has_name(const struct heat_place *p, const void *name, size_t len)
{
    return p->len == len && memcmp(p->name, name, len) == 0;
}

/* The place with that name, or -1; *coldest is the place in its set with the smallest count. */
static int find(const struct heat_sketch *s, uint32_t mark, const void *name, size_t len,
                uint32_t *coldest)
{
    uint32_t first = mark % HEAT_SETS * HEAT_WAYS, cold = first;
    for (uint32_t i = first; i < first + HEAT_WAYS; i++) {
        if (s->marks[i] == mark && has_name(&s->places[i], name, len)) return (int)i;
        if (s->counts[i] < s->counts[cold]) cold = i;
    }
    *coldest = cold;
    return -1;
}

uint32_t heat_mark(const void *name, size_t len)
{
    return bucket_hash(name, len);
}

void heat_add(struct heat_writer *w, enum heat_kind kind, const void *name, size_t len,
              double weight)
{
    heat_add_marked(w, kind, name, len, heat_mark(name, len), weight);
}

void heat_add_marked(struct heat_writer *w, enum heat_kind kind, const void *name, size_t len,
                     uint32_t mark, double weight)
{
    struct heat_sketch *s = &w->heat->sketches[kind];
    uint32_t cold;
    assert(len > 0 && len <= HEAT_NAME && weight >= 0);
    store(&s->total, s->total + weight);
    int at = find(s, mark, name, len, &cold);
    if (at >= 0) {
        store(&s->counts[at], s->counts[at] + weight);
        return;
    }
    double least = s->counts[cold];
    if (random_of(w) * (least + weight) < weight)
        take_place(s, cold, mark, name, len, least + weight, least);
}

static bool is_hot(double count, double error, double least)
{
    return count > 0 && count - error >= least;
}

double heat_share(const struct heat *heat, const void *key, size_t len)
{
    const struct heat_sketch *s = &heat->sketches[HEAT_KEYS];
    uint32_t cold;
    int at = find(s, heat_mark(key, len), key, len, &cold);
    if (at < 0 || !is_hot(s->counts[at], s->errors[at], heat->least)) return 0;
    double share = s->counts[at] / s->total;
    return share < 1 ? share : 1;
}

bool heat_put(struct heat *heat, const void *key, size_t len, double share)
{
    struct heat_sketch *s = &heat->sketches[HEAT_KEYS];
    uint32_t mark = heat_mark(key, len), cold;
    assert(len > 0 && len <= HEAT_NAME && share >= 0 && share <= 1);
    int at = find(s, mark, key, len, &cold);
    if (at < 0 && s->counts[cold] > 0) return false;
    take_place(s, at < 0 ? cold : (uint32_t)at, mark, key, len, share, 0);
    s->total = 1;
    return true;
}

/* --- who reads ---------------------------------------------------------------------------------- */

/* A part's numbers for one kind: counts are to be multiplied by factor, and by per_second for a rate. */
struct view {
    const struct heat *heat;
    const struct heat_sketch *sketch;
    double factor, per_second, least, total;
};

static bool view_open(struct view *v, const struct heat *heat, enum heat_kind kind, double now)
{
    static const double leasts[] = {[HEAT_CLIENTS] = 0.1, [HEAT_CLIENT_BYTES] = 8};
    const double mean = HALF_LIFE / M_LN2; /* seconds that a steady count is of */
    double decayed = load(&heat->decayed), age = decayed - load(&heat->begun);
    *v = (struct view){.heat = heat, .sketch = &heat->sketches[kind]};
    v->factor = now > decayed ? exp2((decayed - now) / HALF_LIFE) : 1;
    v->least = kind == HEAT_KEYS ? load(&heat->least) : leasts[kind];
    v->total = load(&v->sketch->total) * v->factor;
    v->per_second = 1 / (mean * -expm1(-(age > 1 ? age : 1) / mean));
    return isfinite(v->total) && v->total > 0 && isfinite(v->per_second) && v->factor > 0;
}

/* One place, as a row with its decayed count as share, and its rate. False: it is free, torn, or not hot. */
static bool read_place(const struct view *v, uint32_t i, struct heat_row *to)
{
    const struct heat_place *p = &v->sketch->places[i];
    uint32_t before = __atomic_load_n(&p->sequence, __ATOMIC_ACQUIRE);
    if (before == 0 || before & 1) return false;
    to->len = p->len;
    if (to->len == 0 || to->len > HEAT_NAME) return false;
    memcpy(to->name, p->name, to->len);
    double count = load(&v->sketch->counts[i]) * v->factor;
    double error = load(&v->sketch->errors[i]) * v->factor;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (__atomic_load_n(&p->sequence, __ATOMIC_RELAXED) != before) return false;
    to->share = count;
    to->rate = count * v->per_second;
    return isfinite(count) && isfinite(error) && is_hot(count, error, v->least);
}

enum { TRIES = 3 };

/* All places of a part, and its total. Counts that are decayed meanwhile are read again, for a while: a worker may have died in the
 * middle of that. */
static uint32_t read_part(const struct heat *heat, enum heat_kind kind, double now,
                          struct heat_row *to, double *total)
{
    uint32_t n = 0;
    *total = 0;
    for (int i = 0; i < TRIES; i++) {
        struct view v;
        uint32_t before = __atomic_load_n(&heat->sequence, __ATOMIC_ACQUIRE);
        n = 0;
        if (!view_open(&v, heat, kind, now)) return 0;
        for (uint32_t at = 0; at < HEAT_PLACES; at++) n += read_place(&v, at, &to[n]);
        *total = v.total;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (!(before & 1) && __atomic_load_n(&heat->sequence, __ATOMIC_RELAXED) == before) break;
    }
    return n;
}

static int by_name(const void *a, const void *b)
{
    const struct heat_row *x = a, *y = b;
    if (x->len != y->len) return x->len < y->len ? -1 : 1;
    return memcmp(x->name, y->name, x->len);
}

static int hottest_first(const void *a, const void *b)
{
    double x = ((const struct heat_row *)a)->share, y = ((const struct heat_row *)b)->share;
    return x != y ? (x < y) - (x > y) : by_name(a, b);
}

/* Rows of one name become one. Returns how many are left, at the beginning. */
static uint32_t fold(struct heat_row *rows, uint32_t n)
{
    uint32_t kept = 0;
    if (n > 0) qsort(rows, n, sizeof *rows, by_name);
    for (uint32_t i = 0; i < n; i++) {
        if (kept == 0 || by_name(&rows[kept - 1], &rows[i]) != 0) {
            rows[kept++] = rows[i];
            continue;
        }
        rows[kept - 1].share += rows[i].share;
        rows[kept - 1].rate += rows[i].rate;
    }
    return kept;
}

/* Both houses: during an upgrade the workers that drain have traffic, too. */
uint32_t heat_merge(const struct board *board, enum heat_kind kind, double now, struct heat_row *to,
                    uint32_t most)
{
    const struct board_memory *memory = board->memory;
    struct heat_row *rows = malloc((size_t)memory->parts_n * HEAT_PLACES * sizeof *rows);
    double total = 0;
    uint32_t n = 0;
    assert(kind < HEAT_KINDS);
    if (!rows) return 0;
    for (uint32_t part = 0; part < memory->parts_n; part++) {
        double more;
        n += read_part(&memory->parts[part].heat, kind, now, &rows[n], &more);
        total += more;
    }
    n = fold(rows, n);
    if (n > 0) qsort(rows, n, sizeof *rows, hottest_first);
    if (n > most) n = most;
    for (uint32_t i = 0; i < n; i++) {
        to[i] = rows[i];
        to[i].share = to[i].share < total ? to[i].share / total : 1;
    }
    free(rows);
    return n;
}

uint32_t heat_count(const struct board *board, double now)
{
    struct heat_row *rows = malloc(HOT_MOST * sizeof *rows);
    if (!rows) return 0;
    uint32_t n = heat_merge(board, HEAT_KEYS, now, rows, HOT_MOST);
    while (n > 0 && rows[n - 1].share <= HOT_SHARE) n--;
    free(rows);
    return n;
}

const char *heat_client_text(const struct heat_row *row, char *text)
{
    const void *address = row->name + 1;
    strcpy(text, "?");
    if (row->len == 1 && row->name[0] == HEAT_CLIENT_UNIX) strcpy(text, "unix");
    if (row->len == 5 && row->name[0] == HEAT_CLIENT_V4)
        inet_ntop(AF_INET, address, text, HEAT_CLIENT_TEXT);
    if (row->len == 17 && row->name[0] == HEAT_CLIENT_V6)
        inet_ntop(AF_INET6, address, text, HEAT_CLIENT_TEXT);
    return text;
}
