/* played_worker: a whole worker in memory, around a route in C: real but for its script, and for the clock, which is the schedule's.
 *
 * For tests/fuzz/worker_fuzz.c alone: it owns all that is here, and is the only one to include it.
 */
#ifndef TESTS_FUZZ_PLAYED_WORKER_H
#define TESTS_FUZZ_PLAYED_WORKER_H

#include "fuzz/played_client.h"
#include "fuzz/played_server.h"

#include <sys/syscall.h>
#include <time.h>

#include "backend/conn.h"
#include "backend/pool.h"
#include "client/clients.h"
#include "route/generation.h"
#include "route/kinds.h"

enum { PLAYERS = 3, SERVERS = 3, POOLS = 2 };

static struct player players[PLAYERS];
static struct server servers[SERVERS];

static struct {
    struct ev_loop *loop;
    struct arena arena;
    struct backends backends;
    struct turn turn;
    struct clients clients;
    struct pool *pools[POOLS];
    struct generation generation;
    char letter; /* of the next client */
    uint8_t how; /* as the pools are made */
} worker;

static double now = 1000;
/* libev's clock, too: the program's own function comes before the C library's. */
int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
    if (clock_id != CLOCK_MONOTONIC) return (int)syscall(SYS_clock_gettime, clock_id, tp);
    tp->tv_sec = (time_t)now;
    tp->tv_nsec = (long)((now - (double)tp->tv_sec) * 1e9);
    return 0;
}

/* --- the worker -------------------------------------------------------------------------------- */

static void rewrite(struct request *r)
{
    char *to = (char *)arena_alloc(&worker.arena, r->key_len + 2u);
    memcpy(to, "R:", 2);
    memcpy(to + 2, (const void *)r->key_at, r->key_len);
    r->shown_key_at = r->key_at;
    r->shown_key_len = r->key_len;
    r->key_at = (uintptr_t)to;
    r->key_len = (uint16_t)(r->key_len + 2);
}

/* The first letter decides. */
static void route(void *router, struct request *slots, struct answer *answers, uint32_t n)
{
    static const char refused[] = "refused";
    for (uint32_t i = 0; i < n; i++) {
        struct request *r = &slots[i];
        char kind = *(const char *)r->key_at;
        answers[i] = (struct answer){.route = kind == 's' || kind == 'n'};
        if (kind == 'm') answers[i].route = ANSWER_MISS;
        if (kind == 'e') answers[i] = (struct answer){ANSWER_REFUSE, 7, (uintptr_t)refused};
        if (kind == 'r' && r->key_len < 180) rewrite(r);
    }
}

static void retire(void *router)
{
    generation_release(&worker.generation);
}

static const struct route *trace(void *router, struct request *slots, struct answer *answers,
                                 uint32_t at, struct path *path)
{
    *path = (struct path){.len = 0};
    path_add(path, "letter", 6);
    route(router, &slots[at], &answers[at], 1);
    return answers[at].route >= 0 ? worker.generation.routes[answers[at].route] : NULL;
}

static bool no_stats(void *about, const char *what, size_t len, struct outq *out)
{
    outq_append(out, ENDS, strlen(ENDS));
    return true;
}

static struct pool *make_pool(const int *which)
{
    struct pool_settings settings = {.name = "p",
                                     .selector = {.distribution = DISTRIBUTION_KETAMA},
                                     .timeout = 0.5,
                                     .backend = backend_settings_default()};
    settings.backend.depth = 20;
    settings.backend.connections = 1 + (worker.how & 1);
    settings.backend.requests = worker.how & 4 ? REQUESTS_ONE : REQUESTS_MANY;
    struct pool *p = pool_create(&settings, &worker.backends);
    for (; *which >= 0; which++) {
        char text[128];
        struct server_spec spec;
        int n = snprintf(text, sizeof text, "unix:%s", servers[*which].path);
        check(!server_spec_parse(&spec, text, (size_t)n));
        check(!pool_add_server(p, &spec, settings.timeout, &settings.backend));
    }
    check(!pool_close(p));
    return p;
}

/* From now on all requests are watched, and slow; those of the letter k by two. */
static void watch(struct live_ring *ring)
{
    static struct live_filters filters;
    struct live_filter all = {.sample = UINT32_MAX},
                       some = {.sample = UINT32_MAX, .prefix_len = 1, .prefix = "k"};
    live_watch(&filters, 0, &all);
    live_watch(&filters, 1, &some);
    sighting_init(&worker.clients.sighting, &filters, ring);
    worker.clients.sighting.lines.burst = 0;
    worker.clients.limits.slow_log = 1e-9;
    sighting_look(&worker.clients);
    ring->read = ring->written;
}

static void worker_start(uint8_t how)
{
    static struct board_worker part;
    struct turn_limits limits = {.rules = {.max_value = VALUE_LIMIT}};
    struct clients_limits of_clients = {.allow_flush = FLUSH_NEAR,
                                        .client_buffer = how & 2 ? 2048 : 256 * 1024,
                                        .input_buffer = SIZE_MAX};
    memset(&part.row, 0, sizeof part.row);
    board_tables_clear_gauges(&part.tables);
    worker.letter = 'a';
    worker.how = how;
    worker.loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    check(worker.loop);
    arena_init(&worker.arena, 128 * 1024);
    backends_init(&worker.backends, worker.loop, &worker.arena, &part);
    worker.backends.now = now;
    worker.backends.log.burst = 0;
    turn_init(&worker.turn, worker.loop, &worker.arena, &worker.backends, &part.row, &limits);
    clients_init(&worker.clients, &worker.turn, &of_clients);
    worker.clients.log.burst = 0;
    if (how & 16) watch(&part.live);
    worker.turn.now = now;
    worker.turn.trace = trace;
    worker.clients.stats = no_stats;
    worker.pools[0] = make_pool((const int[]){0, 1, -1});
    worker.pools[1] = make_pool((const int[]){1, 2, -1});
    generation_init(&worker.generation, route, retire, NULL);
    for (int i = 0; i < POOLS; i++)
        generation_add(&worker.generation,
                       &(struct route){.kind = ROUTE_POOL, .pool = worker.pools[i]}, NULL, 0);
    turn_adopt(&worker.turn, &worker.generation);
    backends_start(&worker.backends);
}

static void worker_stop(void)
{
    clients_release(&worker.clients);
    turn_release(&worker.turn);
    for (int i = 0; i < POOLS; i++) pool_destroy(worker.pools[i]);
    backends_release(&worker.backends);
    arena_release(&worker.arena);
    ev_loop_destroy(worker.loop);
}

/* One turn: what the worker does before it sleeps, and what has happened by then. */
static void step(void)
{
    worker.backends.now = worker.turn.now = now;
    clients_end_turn(&worker.clients);
    ev_run(worker.loop, EVRUN_NOWAIT);
    game.shed = (uint32_t)worker.turn.row->clients_shed;
    for (int i = 0; i < SERVERS * SERVER_CONNS; i++)
        server_conn_step(&servers[i / SERVER_CONNS].conns[i % SERVER_CONNS]);
    check(worker.turn.row->desyncs <= game.anomalies); /* I9: an error is just a response */
    for (const struct backend *b = worker.backends.first; b; b = b->next) {
        game.faulty |= b->stats->refused > 0; /* too many calls wait */
        for (uint32_t i = 0; i < b->settings.connections; i++)
            check(b->conns[i]->depth <= b->settings.depth); /* I6 */
    }
}

/* Another script with the same servers, or fewer, or other settings. */
static void reload(uint8_t how)
{
    struct pool *old = worker.pools[1];
    clients_end_turn(&worker.clients);
    worker.how ^= how & 4;
    for (int i = 0; i < SERVERS; i++) servers[i].one = false; /* not of all pools */
    worker.pools[1] = make_pool(how & 1 ? (const int[]){1, -1} : (const int[]){1, 2, -1});
    worker.generation.routes[1]->pool = worker.pools[1];
    backends_start(&worker.backends);
    pool_destroy(old);
    backends_sweep(&worker.backends);
    game.faulty =
        true; /* a server that comes back has a new connection, perhaps one too many waits */
}

#endif
