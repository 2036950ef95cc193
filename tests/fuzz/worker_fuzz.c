/* Any schedule of clients and servers around a whole worker in memory: each request gets one answer, in its order (I1), without
 * another client's bytes (I2); an anomaly closes the server's connection (I3); what is sent on is whole and canonical (I4, I5); and
 * when all is quiet, every request has its answer and every server is in use again.
 * The worker is the real one, but for the script, in whose place a route in C stands, and for the clock, which is the schedule's.
 */
#include "fuzz/played_client.h"
#include "fuzz/played_server.h"
#include "fuzz/watched.h"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "backend/conn.h"
#include "backend/pool.h"
#include "client/clients.h"
#include "route/generation.h"
#include "route/kinds.h"
#include "route/walk.h"

enum { PLAYERS = 3, SERVERS = 3, POOLS = 2, ACTIONS = 300, LETTERS = 24, QUIET_STEPS = 400 };

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

static void decide(void *router, struct request *slots, struct answer *answers, uint32_t at,
                   struct walk *w, const struct walk_way *way)
{
    path_add(walk_path(w, *way), "letter", 6);
    route(router, &slots[at], &answers[at], 1);
}

static const struct route_tracer tracer = {.decide = decide}; /* no function waits */

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
    settings.backend.ask = worker.how >> 5 & 3; /* the first is auto */
    settings.backend.requests = worker.how & 4 ? REQUESTS_ONE : REQUESTS_MANY;
    settings.backend.merge = worker.how >> 7;
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

static void worker_start(uint8_t how)
{
    static struct board_worker part;
    struct turn_limits limits = {.rules = {.max_value = VALUE_LIMIT}};
    struct clients_limits of_clients = {.allow_flush = ALLOW_NEAR,
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
    worker.backends.streams = (struct stream_limits){24, (how >> 7) * 16u << (how & 8), how & 16};
    turn_init(&worker.turn, worker.loop, &worker.arena, &worker.backends, &part.row, &limits);
    clients_init(&worker.clients, &worker.turn, &of_clients);
    fuzz_quiet(&worker.clients, how & 16 ? &part.live : NULL);
    worker.turn.now = now;
    worker.turn.trace = &tracer;
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
    check(worker.clients.feed.kept == 0 && worker.clients.feed.kept_bytes == 0);
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
    game.shed = (uint32_t)(worker.turn.row->clients_shed + worker.turn.row->streamed_cut);
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
    game.faulty = true; /* a server that comes back has a new connection: one may wait too many */
}

/* --- the players ------------------------------------------------------------------------------- */

static void player_come(struct player *c, uint8_t how)
{
    int pair[2], room = 1;
    if (c->fd >= 0 || worker.letter == 'a' + LETTERS) return;
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    if (how & 1) check(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room) == 0);
    *c = (struct player){.fd = pair[0], .letter = worker.letter++, .heads = 1};
    client_create(&worker.clients, (struct newcomer){.fd = pair[1]});
}

static void player_end(struct player *c, uint8_t how)
{
    if (c->fd < 0 || c->ending) return;
    if (how % 3 == 0) {
        player_leave(c);
        return;
    }
    if (how % 3 == 1) bytes_say(&c->out, "quit\r\n");
    /* A half-closed client has sent all it wanted; a broken server may keep it from doing so. */
    if (how % 3 == 2) {
        player_write(c, SIZE_MAX);
        if (c->out.len || shutdown(c->fd, SHUT_WR) < 0) return;
    }
    c->ending = true;
}

static bool player_has_reason_to_end(const struct player *c)
{
    return c->ending || c->wild || game.shed > 0;
}

/* --- what goes wrong --------------------------------------------------------------------------- */

static bool is_idle(const struct server *s)
{
    for (const struct backend *b = worker.backends.first; b; b = b->next) {
        if (strstr(b->name, s->path) == NULL) continue;
        for (uint32_t i = 0; i < b->settings.connections; i++) {
            if (b->conns[i]->state != CONN_READY || b->conns[i]->head) return false;
        }
    }
    return worker.turn.used == 0;
}

/* Bytes that nobody asked for, at a moment when the worker owes and awaits nothing. */
static void speak_unasked(struct server *s, struct server_conn *c)
{
    clients_end_turn(&worker.clients);
    if (c->fd < 0 || c->out.len || c->poisoned || !is_idle(s)) return;
    server_read(s, c, SIZE_MAX);
    if (c->out.len || is_hung_up(c)) return;
    poison(c);
    bytes_say(&c->out, "STORED\r\n");
    server_write(c, SIZE_MAX);
    step();
    check(c->fd < 0 || is_hung_up(c));
}

static void go_wrong(struct server *s, struct server_conn *c, uint8_t how)
{
    game.faulty |= how % 4 == 1 || how % 4 == 2;
    switch (how % 4) {
    case 0: speak_unasked(s, c); break;
    case 1: server_hang_up(c); break;
    case 2: server_refuse(s); break;
    default: server_listen(s); break;
    }
}

static void jump(uint8_t how)
{
    static const double jumps[] = {0.01, 0.2, 0.6, 3.5};
    now += jumps[how % 4];
    game.faulty = true;
}

/* --- the game ---------------------------------------------------------------------------------- */

/* One that is open, if there is any. */
static struct server_conn *pick_conn(struct server *s, unsigned which)
{
    struct server_conn *open[SERVER_CONNS] = {&s->conns[0]};
    unsigned n = 0;
    for (int i = 0; i < SERVER_CONNS; i++)
        if (s->conns[i].fd >= 0) open[n++] = &s->conns[i];
    return open[n ? which % n : 0];
}

/* 1, 2, 4 ... bytes, or all. */
static size_t amount(uint8_t how)
{
    return how % 12 == 11 ? SIZE_MAX : (size_t)1 << how % 12;
}

static void act(void)
{
    uint8_t what = take(&game.in), how = take(&game.in);
    struct player *p = &players[how % PLAYERS];
    struct server *s = &servers[how % SERVERS];
    struct server_conn *c = pick_conn(s, how / SERVERS);
    switch (what % 16) {
    case 0:
    case 1:
    case 2:
        player_ask(p);
        if (what & 16) player_write(p, SIZE_MAX);
        break;
    case 3:
    case 4: player_write(p, amount(what / 16)); break;
    case 5: player_read(p, amount(what / 16)); break;
    case 6:
    case 7:
        server_accept(s);
        c = pick_conn(s, how / SERVERS);
        server_read(s, c, amount(what / 16));
        break;
    case 8:
    case 9: server_write(c, amount(what / 16)); break;
    case 10: step(); break;
    case 11: s->mood = what / 16 % MOODS; break;
    case 12: go_wrong(s, c, what / 16); break;
    case 13: jump(what / 16); break;
    case 14:
        if (what & 64 && what & 32 && player_may_ask_frames(p))
            player_ask_frames(p);
        else if (what & 64)
            player_ask_wildly(p);
        else if (what & 16)
            reload(what / 32);
        else
            player_end(p, what / 32);
        break;
    default:
        player_come(p, what / 16);
        step();
        break;
    }
}

static bool all_is_quiet(void)
{
    for (int i = 0; i < PLAYERS; i++) {
        struct player *p = &players[i];
        if (p->fd < 0 || p->ended) continue;
        if (p->out.len || p->in.len || !player_is_answered(p)) return false;
    }
    for (const struct backend *b = worker.backends.first; b; b = b->next) {
        for (uint32_t i = 0; i < b->settings.connections; i++) {
            if (b->counts && (b->conns[i]->state != CONN_READY || b->conns[i]->head)) return false;
        }
    }
    return backends_in_flight(&worker.backends) == 0;
}

static void serve_well(struct server *s)
{
    s->mood = MOOD_GOOD;
    server_listen(s);
    server_accept(s);
    for (int i = 0; i < SERVER_CONNS; i++) {
        server_read(s, &s->conns[i], SIZE_MAX);
        server_write(&s->conns[i], SIZE_MAX);
    }
}

/* Everybody is well-behaved again; a second passes now and then, so that everything that waits for time gets it. */
static void let_it_end(void)
{
    for (int n = 0; n < QUIET_STEPS && (n < 4 || !all_is_quiet()); n++) {
        for (int i = 0; i < PLAYERS; i++) player_write(&players[i], SIZE_MAX);
        step();
        for (int i = 0; i < SERVERS; i++) serve_well(&servers[i]);
        step();
        for (int i = 0; i < PLAYERS; i++) player_read(&players[i], SIZE_MAX);
        if (n % 8 != 7) continue;
        game.faulty = true;
        now += 1;
    }
    check(all_is_quiet());
}

static void check_the_end(void)
{
    for (int i = 0; i < PLAYERS; i++) {
        struct player *p = &players[i];
        if (p->fd < 0) continue;
        check(!p->ended || player_has_reason_to_end(p));
        check(p->wild || game.shed || (player_is_answered(p) && p->in.len == 0));
    }
    clients_end_turn(&worker.clients);
    check(worker.turn.used == 0 && !worker.clients.dirty);
}

/* --- a process --------------------------------------------------------------------------------- */

static char folder[64];

static void clean_up(void)
{
    for (int i = 0; i < SERVERS; i++) unlink(servers[i].path);
    rmdir(folder);
}

static void make_servers(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/moongate-fuzz-XXXXXX", tmp ? tmp : "/tmp");
    check(mkdtemp(folder));
    for (int i = 0; i < SERVERS; i++) {
        servers[i].listener = -1;
        snprintf(servers[i].path, sizeof servers[i].path, "%s/%d", folder, i);
        for (int k = 0; k < SERVER_CONNS; k++) servers[i].conns[k].fd = -1;
    }
    for (int i = 0; i < PLAYERS; i++) players[i].fd = -1;
    signal(SIGPIPE, SIG_IGN); /* as the worker's process does */
    atexit(clean_up);
}

/* Connections that nobody accepted belong to the game that is over. */
static void clear_table(void)
{
    for (int i = 0; i < SERVERS; i++) {
        int fd;
        for (int k = 0; k < SERVER_CONNS; k++) server_hang_up(&servers[i].conns[k]);
        while ((fd = accept(servers[i].listener, NULL, NULL)) >= 0) close(fd);
        servers[i].mood = MOOD_GOOD;
    }
    for (int i = 0; i < PLAYERS; i++) player_leave(&players[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!servers[0].path[0]) make_servers();
    game = (struct game){.in = {data, data + size}};
    store_n = 0;
    srand48(1);
    uint8_t how = take(&game.in);
    for (int i = 0; i < SERVERS; i++) {
        server_listen(&servers[i]);
        servers[i].dialect = &dialects[how / 8 * (i + 1) % DIALECTS];
        servers[i].one = how & 4;
        game.lacks_meta |= !servers[i].dialect->has_meta;
        game.closes |= !servers[i].dialect->noop;
    }
    worker_start(how);
    for (int i = 0; i < PLAYERS; i++) player_come(&players[i], i == 0);
    for (int i = 0; i < ACTIONS && game.in.at < game.in.end; i++) act();
    let_it_end();
    check_the_end();
    worker_stop();
    clear_table();
    return 0;
}
