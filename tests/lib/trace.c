#include "lib/trace.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- random numbers ----------------------------------------------------------------------------- */

/* A number that is a function of another: every bit of it depends on every bit (the finalizer of splitmix64). */
static uint64_t mixed(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* In 0..1, both ends excluded. */
static double fraction(uint64_t bits)
{
    return ((double)(bits >> 11) + 0.5) * 0x1p-53;
}

struct random {
    uint64_t state;
};

static double draw(struct random *r)
{
    return fraction(mixed(r->state++));
}

/* --- ranks by Zipf's law ------------------------------------------------------------------------ */

/* Ranks 1..n, rank k with a probability in proportion to k^-alpha: rejection-inversion (Hoermann and Derflinger, ACM TOMACS 6, 1996),
 * which needs no table. */
struct zipf {
    double n, alpha, low, high, sure;
};

/* The integral of x^-alpha, and its inverse. */
static double integral(const struct zipf *z, double x)
{
    double e = 1 - z->alpha;
    return fabs(e) < 1e-9 ? log(x) : (pow(x, e) - 1) / e;
}

static double inverse(const struct zipf *z, double y)
{
    double e = 1 - z->alpha;
    return fabs(e) < 1e-9 ? exp(y) : pow(1 + y * e, 1 / e);
}

static struct zipf zipf_of(double n, double alpha)
{
    struct zipf z = {.n = n, .alpha = alpha};
    z.low = integral(&z, 1.5) - 1;
    z.high = integral(&z, n + 0.5);
    z.sure = 2 - inverse(&z, integral(&z, 2.5) - pow(2, -alpha));
    return z;
}

static uint64_t zipf_rank(const struct zipf *z, struct random *r)
{
    for (;;) {
        double y = z->high + draw(r) * (z->low - z->high);
        double x = inverse(z, y), k = floor(x + 0.5);
        k = k < 1 ? 1 : k > z->n ? z->n : k;
        if (k - x <= z->sure || y >= integral(z, k + 0.5) - pow(k, -z->alpha)) return (uint64_t)k;
    }
}

/* --- sizes -------------------------------------------------------------------------------------- */

/* Of the keys and values of Facebook's ETC: generalized extreme value and generalized Pareto distributions with the parameters of
 * Atikoglu et al., "Workload Analysis of a Large-Scale Key-Value Store", SIGMETRICS 2012, section 5; without their table of the values
 * below 15 bytes. */
size_t trace_key_len(uint64_t key)
{
    static const double mu = 30.7984, sigma = 8.20449, k = 0.078688;
    double u = fraction(mixed(key ^ 0x6b6579));
    double len = mu + sigma * (pow(-log(u), -k) - 1) / k;
    return len < 16 ? 16 : len > TRACE_KEY_MOST ? TRACE_KEY_MOST : (size_t)len;
}

size_t trace_value_len(uint64_t key)
{
    static const double sigma = 214.476, k = 0.348238;
    double u = fraction(mixed(key ^ 0x76616c7565));
    double len = 1 + sigma * (pow(u, -k) - 1) / k;
    return len > TRACE_VALUE_MOST ? TRACE_VALUE_MOST : (size_t)len;
}

size_t trace_key(uint64_t key, char text[TRACE_KEY_MOST])
{
    char number[17];
    size_t len = trace_key_len(key);
    snprintf(number, sizeof number, "%016llx", (unsigned long long)mixed(key));
    memset(text, 'k', len);
    memcpy(text + len - 16, number, 16);
    return len;
}

/* --- the kinds ---------------------------------------------------------------------------------- */

/* What a request is for, by parts: */
struct mix {
    double alpha; /* Zipf's law over `keys`, */
    double keys;  /* so many times the room */
    double
        renewed; /* each rank becomes another key once in so many times the room of requests; 0: never */
    double once;   /* part of the requests: for keys that are asked for once */
    double latest; /* part: for a key of lately, its age by Zipf's law with `ages` */
    double ages;
    double born; /* new keys in one request of `latest` */
    double
        scanned; /* a scan of half of `keys`, one after the other, once in so many times the room of requests; 0: none */
    double loop; /* part: a loop over `loops` times the room */
    double loops;
    double
        pairs; /* part: keys that are asked for twice, the second time `apart` times the room of requests later */
    double apart;
};

static const struct row {
    struct trace_kind kind;
    struct mix mix;
} rows[] = {
#define BRESLAU "Breslau et al., INFOCOM 1999: web proxies, alpha 0.64 to 0.83"
#define TWITTER "Yang et al., OSDI 2020: caches at Twitter, alpha 1 and more"
#define WONDERS "Yang et al., SOSP 2023 (S3-FIFO): one key in four is asked for once"
#define YCSB    "Cooper et al., SoCC 2010 (YCSB): `latest`"
    {{"zipf 0.6", "keys with fixed popularity", BRESLAU}, {.alpha = 0.6, .keys = 10}},
    {{"zipf 0.8", "the same, more skewed", BRESLAU}, {.alpha = 0.8, .keys = 10}},
    {{"zipf 1.0", "the same", TWITTER}, {.alpha = 1.0, .keys = 10}},
    {{"zipf 1.2", "the same", TWITTER}, {.alpha = 1.2, .keys = 40}},
    {{"once", "a quarter of the requests for keys that never come again", WONDERS},
     {.alpha = 0.9, .keys = 5, .once = 0.25}},
    {{"drift", "each rank becomes another key now and then", TWITTER},
     {.alpha = 1.0, .keys = 5, .renewed = 8, .once = 0.05}},
    {{"latest", "popularity falls with age: news, timelines", YCSB},
     {.alpha = 0.9, .keys = 2, .latest = 0.8, .ages = 0.9, .born = 0.1}},
    {{"scan", "now and then all keys are read once, as by a crawler",
      "Megiddo and Modha, FAST 2003 (ARC)"},
     {.alpha = 0.9, .keys = 6, .scanned = 12}},
    {{"loop", "a third of the requests walk round 1.5 times what fits",
      "Jiang and Zhang, SIGMETRICS 2002 (LIRS)"},
     {.alpha = 0.9, .keys = 5, .loop = 0.33, .loops = 1.5}},
    {{"pairs", "a quarter of the requests for keys that come twice, far apart",
      "Yang et al., SOSP 2023 (S3-FIFO): what they name as its worst case"},
     {.alpha = 0.8, .keys = 5, .pairs = 0.25, .apart = 1}},
    {{"mixed", "all of it", "the papers above"},
     {.alpha = 0.95,
      .keys = 5,
      .renewed = 20,
      .once = 0.15,
      .latest = 0.2,
      .ages = 0.8,
      .born = 0.1,
      .scanned = 25,
      .loop = 0.03,
      .loops = 1.2,
      .pairs = 0.05,
      .apart = 0.5}},
};

struct trace {
    const struct mix *mix;
    struct random random;
    struct zipf ranks, ages;
    double room;
    uint64_t now;     /* requests so far */
    uint64_t fresh;   /* keys that are asked for once, so far */
    uint64_t latest;  /* keys of `latest` so far */
    uint64_t looped;  /* place in the loop */
    uint64_t scan_at; /* next key of a scan; scan_end: there is none */
    uint64_t scan_end;
    uint64_t paired; /* first requests of pairs so far */
    uint64_t again;  /* second ones */
    uint64_t *due;   /* ring: when the second request of a pair comes */
    uint64_t due_n;
};

/* Each sort of keys has its own numbers. */
enum sort { BY_RANK, ONCE, LATEST, LOOP, PAIR };

static uint64_t key_of(enum sort sort, uint64_t n)
{
    return n * 8 + sort;
}

size_t traces_n(void)
{
    return sizeof rows / sizeof *rows;
}

const struct trace_kind *trace_kind(size_t i)
{
    assert(i < traces_n());
    return &rows[i].kind;
}

struct trace *trace_create(size_t i, uint64_t room, uint64_t seed)
{
    assert(i < traces_n() && room > 100);
    struct trace *t = calloc(1, sizeof *t);
    if (!t) abort();
    t->mix = &rows[i].mix;
    t->room = (double)room;
    t->random.state = mixed(seed * 1000 + i);
    t->ranks = zipf_of(floor(t->mix->keys * t->room), t->mix->alpha);
    if (t->mix->latest > 0) {
        t->ages = zipf_of(4 * t->room, t->mix->ages);
        t->latest = 4 * room;
    }
    t->due_n = (uint64_t)(t->mix->apart * t->room) + 2;
    t->due = calloc(t->due_n, sizeof *t->due);
    if (!t->due) abort();
    return t;
}

void trace_destroy(struct trace *t)
{
    if (!t) return;
    free(t->due);
    free(t);
}

/* The key that has this rank now. */
static uint64_t by_rank(const struct trace *t, uint64_t rank)
{
    uint64_t period = (uint64_t)(t->mix->renewed * t->room);
    uint64_t times = period ? (t->now + mixed(rank) % period) / period : 0;
    return key_of(BY_RANK, times * (uint64_t)t->ranks.n + rank);
}

static uint64_t of_latest(struct trace *t)
{
    if (draw(&t->random) < t->mix->born) t->latest++;
    return key_of(LATEST, t->latest - zipf_rank(&t->ages, &t->random));
}

/* A new pair, whose second request is due later. */
static uint64_t of_pairs(struct trace *t)
{
    t->due[t->paired % t->due_n] = t->now + (uint64_t)(t->mix->apart * t->room);
    return key_of(PAIR, t->paired++);
}

static uint64_t of_scan(struct trace *t)
{
    return by_rank(t, ++t->scan_at);
}

/* A scan begins when it is time. While it lasts, half of the requests are its. */
static int is_scanning(struct trace *t)
{
    uint64_t period = (uint64_t)(t->mix->scanned * t->room);
    if (period && t->now % period == period / 2) {
        t->scan_at = 0;
        t->scan_end = (uint64_t)(t->ranks.n / 2);
    }
    return t->scan_at < t->scan_end && draw(&t->random) < 0.5;
}

uint64_t trace_next(struct trace *t)
{
    const struct mix *m = t->mix;
    t->now++;
    if (t->again < t->paired && t->due[t->again % t->due_n] <= t->now)
        return key_of(PAIR, t->again++);
    if (is_scanning(t)) return of_scan(t);
    double part = draw(&t->random);
    if ((part -= m->once) < 0) return key_of(ONCE, t->fresh++);
    if ((part -= m->latest) < 0) return of_latest(t);
    if ((part -= m->loop) < 0) return key_of(LOOP, t->looped++ % (uint64_t)(m->loops * t->room));
    if (part < m->pairs / 2) return of_pairs(t);
    return by_rank(t, zipf_rank(&t->ranks, &t->random));
}
