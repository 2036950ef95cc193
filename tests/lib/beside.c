#include "lib/beside.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/rogue.h"
#include "lib/scene.h"

enum { SHOWN = 3, LATENCIES = 1 << 16, CALM = 1000, SMALL = 20000 };

struct street {
    struct actor actor; /* first: tells what the rogue sent */
    const struct beside *b;
    const char *address;
    struct neighbour *neighbour;
    struct rogue rogues[SHOWN]; /* the newest is rogues[streams % SHOWN] */
    unsigned long streams;
    unsigned seeds[SHOWN];
    unsigned seed;       /* of all but what the rogue sends */
    struct client *last; /* a rogue that has not left yet, or NULL */
    enum rogue_end last_end;
    float *latencies; /* seconds; the last LATENCIES of them */
    size_t n;
};

static bool street_leaves(struct actor *actor)
{
    struct street *s = (struct street *)(void *)actor;
    for (int i = 0; i < SHOWN; i++) rogue_release(&s->rogues[i]);
    return true;
}

static void street_tells(struct actor *actor)
{
    struct street *s = (struct street *)(void *)actor;
    unsigned long first = s->streams < SHOWN ? 0 : s->streams - SHOWN + 1;
    for (unsigned long i = first; i <= s->streams; i++) {
        fprintf(stderr, "  %s: the rogue sent, SEED=%u STREAMS=1:\n", s->b->name,
                s->seeds[i % SHOWN]);
        rogue_prints(&s->rogues[i % SHOWN]);
    }
}

/* --- the neighbour ---------------------------------------------------------------------------- */

static void think(struct street *s)
{
    for (unsigned n = 1 + random_below(&s->seed, 4); n > 0; n--)
        neighbour_thinks(s->neighbour, &s->seed);
}

static void note_latency(struct street *s, double seconds)
{
    s->latencies[s->n++ % LATENCIES] = (float)seconds;
}

static void asks_and_hears(struct street *s)
{
    think(s);
    double began = stage_now();
    neighbour_asks(s->neighbour);
    neighbour_hears(s->neighbour);
    note_latency(s, stage_now() - began);
}

/* Questions after questions, so that some are under way whenever the server answers the rogue. */
static void asks_on(struct street *s)
{
    for (unsigned n = random_below(&s->seed, 8); n > 0; n--) {
        if (!neighbour_has_room(s->neighbour)) neighbour_hears(s->neighbour);
        think(s);
        neighbour_asks(s->neighbour);
        stage_turns(0);
    }
}

static int compare(const void *a, const void *b)
{
    float one = *(const float *)a, other = *(const float *)b;
    return (one > other) - (one < other);
}

static void print_latencies(struct street *s, const char *when)
{
    size_t n = s->n < LATENCIES ? s->n : LATENCIES;
    if (n == 0) return;
    qsort(s->latencies, n, sizeof *s->latencies, compare);
    printf("%s: the neighbour's latency %s: p50 %.0f us, p99 %.0f us\n", s->b->name, when,
           s->latencies[n / 2] * 1e6, s->latencies[n - 1 - n / 100] * 1e6);
    s->n = 0;
}

/* --- one stream ------------------------------------------------------------------------------- */

static size_t next_piece(struct street *s, size_t left)
{
    if (random_below(&s->seed, 2)) return left;
    size_t piece = 1 + random_below(&s->seed, random_below(&s->seed, 2) ? 20 : 400);
    return piece < left ? piece : left;
}

/* The neighbour's questions arrive before this piece, or after it, or nobody knows; their answers are waited for, or not yet. */
static void sends_piece(struct street *s, struct client *rogue, const char *at, size_t n,
                        bool may_wait)
{
    switch (random_below(&s->seed, 4)) {
    case 0:
        think(s);
        neighbour_asks(s->neighbour);
        client_sends_bytes(rogue, at, n);
        neighbour_hears(s->neighbour);
        break;
    case 1:
        client_sends_bytes(rogue, at, n);
        asks_on(s);
        asks_and_hears(s);
        break;
    case 2:
        client_sends_bytes(rogue, at, n);
        if (may_wait) client_is_read(rogue);
        break;
    default:
        if (neighbour_has_room(s->neighbour)) think(s);
        neighbour_asks(s->neighbour);
        client_sends_bytes(rogue, at, n);
        break;
    }
}

static void leaves(struct client *rogue, enum rogue_end end)
{
    struct octets answer = {0};
    if (end == ROGUE_HEARS_OUT) {
        client_reads_again(rogue);
        client_half_closes(rogue);
        client_sees_end(rogue, &answer);
    }
    if (end == ROGUE_RESETS) client_resets(rogue);
    client_closes(rogue);
    octets_release(&answer);
}

/* Or stays until the next one has sent all, so that there are two. */
static void leaves_or_stays(struct street *s, struct client *rogue, enum rogue_end end)
{
    if (s->last) leaves(s->last, s->last_end);
    s->last = random_below(&s->seed, 4) == 0 ? rogue : NULL;
    s->last_end = end;
    if (!s->last) leaves(rogue, end);
}

static void plays_stream(struct street *s, const struct rogue *r)
{
    struct client *rogue = client_connects_to(s->address);
    const char *at = octets_at(&r->bytes), *end = at + octets_n(&r->bytes);
    bool small = octets_n(&r->bytes) < SMALL;
    if (small && r->reads_late) client_stops_reading(rogue);
    while (at < end) {
        size_t n = small ? next_piece(s, (size_t)(end - at)) : (size_t)(end - at);
        sends_piece(s, rogue, at, n, small && !r->reads_late);
        at += n;
    }
    if (random_below(&s->seed, 2)) asks_and_hears(s);
    leaves_or_stays(s, rogue, r->end);
    neighbour_looks_around(s->neighbour);
    neighbour_asks(s->neighbour);
    neighbour_hears(s->neighbour);
    if (s->b->looks) s->b->looks(s->b->what);
}

/* --- all -------------------------------------------------------------------------------------- */

static unsigned number_from(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text && *text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void opens(struct street *s, const struct beside *b)
{
    const char *script =
        textf(MG "local pool = mg.pool { '%s', timeout = 10, connections = 1, %s%s }\n"
                 "return %s\n",
              b->server, scene_ask(), b->options ? b->options : "", b->route ? b->route : "pool");
    struct moongate *m = moongate_start(script, "-b", textf("unix:%s/socket", program_folder()),
                                        "--allow-flush", "no", NULL);
    *s = (struct street){.actor = {.fd = -1, .leaves = street_leaves, .tells = street_tells},
                         .b = b,
                         .address = moongate_address(m),
                         .latencies = stage_memory(LATENCIES * sizeof(float))};
    stage_enter(&s->actor);
    s->neighbour = neighbour_moves_in(s->address, b->knows);
}

/* A client's requests do not show that a server failed. */
static void server_never_fell(const struct street *s)
{
    unsigned long falls =
        stat_number(client_connects_to(s->address), "servers", textf("%s:falls", s->b->server));
    if (falls > 0) stage_fails("%s was taken for down %lu times", s->b->name, falls);
}

void beside_plays(const struct beside *b)
{
    struct street *s = stage_memory(sizeof *s);
    unsigned first = number_from("SEED", 20261), seconds = number_from("LONG_SECONDS", 0);
    unsigned from = number_from("FROM", 0), to = number_from("TO", ROGUE_REQUESTS), i = 0;
    unsigned streams = number_from("STREAMS", b->streams * b->streams_part) / b->streams_part;
    opens(s, b);
    double end = stage_now() + (double)seconds / b->seconds_part;
    for (int calm = 0; calm < CALM; calm++) asks_and_hears(s);
    print_latencies(s, "alone");
    for (; i < streams && (seconds == 0 || stage_now() < end); i++) {
        struct rogue *r = &s->rogues[i % SHOWN];
        s->streams = i;
        s->seeds[i % SHOWN] = s->seed = first + i;
        rogue_make(r, first + i, from, to);
        plays_stream(s, r);
    }
    if (s->last) leaves(s->last, s->last_end);
    print_latencies(s, "beside a rogue");
    server_never_fell(s);
    printf("SEED=%u STREAMS=%u (%s)\n", first, i, b->name);
}
