/* How a worker runs in memory, with fake servers and a clock that stands still.
 *
 * `moongate test`, `moongate repl` and the rehearsal before a reload (exercise.c) must show what the daemon would do. So they do not imitate it: a rehearsal is the daemon's
 * own worker (worker_open), with its own parsers, routes, calls, timers and script. Only what is outside of the worker is
 * replaced.
 *
 *   Connections. Each one is a pair of sockets within this process. The worker has one end, and treats it as any connection. The
 *   other end is a struct wire, and belongs to the test: a client's wire (connect_client), or a server's, which is made when the
 *   worker connects (dial, a backend_dial_fn). Behind a server's wire stands a small memcached, written in Lua
 *   (lua/moongate/test/server.lua); it sees the bytes that the worker has sent and writes the bytes of a response. So a test
 *   covers the protocol on both sides, and no port, network or real server. With `connects` (repl without --fake) the worker
 *   connects to its real servers, and only clients have wires.
 *
 *   Time. clock_take (worker/clock.h) makes the process's clock stand still; all code in it, libev's timers too, goes by this
 *   clock. Time moves only when Lua calls advance. With the clock and the random numbers (srand48) fixed, a test gives the same
 *   result each time, and a test of an hour's timeout takes no time.
 *
 * Who drives: the loop never runs by itself. Lua (lua/moongate/test/clock.lua) calls, in turns,
 *
 *   1. turn: writes what the test has put into the wires, and looks at each wire for bytes of the worker. The first that come are
 *      returned as news, so that the fake server or the client can react before anything else happens. Without news the loop runs
 *      once, without sleeping. Some work takes more than one turn of the loop (a write in one, the read that it causes in the
 *      next), so the worker counts as quiet only after QUIET_TURNS turns in which nothing came and no wire got shorter.
 *   2. When the worker is quiet: next_alarm, the time until the first known timer (of a connection, a flow, the script). The
 *      clock advances to it, or to the next answer of a slow fake server, in small steps; then 1 again, until the test has what
 *      it waits for.
 *
 * So every event happens at its time and in order, and what becomes due at a moment has happened before the clock moves on.
 *
 * Lifetime. A wire is freed in the turn after it has ended (drop_ended), never at once: the news that Lua holds point into it. A
 * server's wire ends when the worker closes its end, or when the test hangs up. destroy closes the worker first, which closes its
 * ends of all wires.
 *
 * What must never happen: a second copy of the daemon's logic here; time that passes by itself; a loop that sleeps while the
 * clock is played (is_waiting is for real time alone).
 */
#include "worker/rehearsal.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/conn.h"
#include "base/heat.h"
#include "client/clients.h"
#include "client/entry.h"
#include "client/explain_stats.h"
#include "net/outq.h"
#include "route/explain.h"
#include "route/flow.h"
#include "script/script.h"
#include "worker/as_client.h"
#include "worker/clock.h"
#include "worker/worker_tools.h"

enum {
    READ_AT_MOST = 64 * 1024, /* bytes of one piece of news */
    QUIET_TURNS = 4, /* turns of the loop without any progress, after which none comes by itself */
};

/* The test's end of a connection. Invariant (wire_sane): one that has ended (fd -1) keeps no bytes. */
struct wire {
    struct wire *next;
    uint32_t number; /* never used again, so a test may name a wire that has ended */
    int fd;          /* -1: it has ended */
    char *server;    /* the server's name; NULL: a client's wire */
    uint32_t client; /* a client's number; 0: a server's wire */
    struct outq out; /* what the test has written, and the worker has not yet read */
    ev_io io;        /* of a client, with real servers: its bytes wake the loop */
};

/* A server that does not let the worker connect. */
struct refused {
    struct refused *next;
    char name[];
};

static bool wire_sane(const struct wire *wire)
{
    return wire->number > 0 && (wire->fd >= 0 || outq_is_empty(&wire->out));
}

struct rehearsal {
    struct options options;
    bool connects; /* to real servers */
    bool is_check; /* of the service's next script: timers do not run */
    struct worker *worker;
    struct ev_loop *loop; /* the worker's, as the next two */
    struct clients *clients;
    struct turn *turn;
    struct wire *wires, **wires_end; /* in the order in which they were made */
    uint32_t wires_n;                /* how many were ever made */
    struct as_client as; /* what scripts know of clients; but for listeners of a check */
    struct refused *refused;
    char bytes[READ_AT_MOST]; /* those of the last news */
};

/* Nothing is to be done: that the loop wakes is enough, and turn reads the wire. */
static void on_wire(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)io;
    (void)events;
}

/* --- wires ------------------------------------------------------------------------------------- */

/* Makes a pair of sockets. One end is the new wire's; the other one is returned, for the worker to own. -1 with errno. */
static int add_wire(struct rehearsal *r, const char *server)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) return -1;
    struct wire *wire = calloc(1, sizeof *wire);
    if (!wire) abort();
    wire->number = ++r->wires_n;
    wire->fd = pair[0];
    wire->server = server ? strdup(server) : NULL;
    *r->wires_end = wire;
    r->wires_end = &wire->next;
    return pair[1];
}

static void end_wire(struct rehearsal *r, struct wire *wire)
{
    if (wire->fd < 0) return;
    assert(wire_sane(wire));
    ev_io_stop(r->loop, &wire->io);
    close(wire->fd);
    wire->fd = -1;
    outq_release(&wire->out);
}

/* Frees the wires that have ended. Call it only when no news points to one. */
static void drop_ended(struct rehearsal *r)
{
    r->wires_end = &r->wires;
    while (*r->wires_end) {
        struct wire *wire = *r->wires_end;
        assert(wire_sane(wire));
        if (wire->fd >= 0) {
            r->wires_end = &wire->next;
            continue;
        }
        *r->wires_end = wire->next;
        free(wire->server);
        free(wire);
    }
}

static struct wire *find_wire(struct rehearsal *r, uint32_t number)
{
    struct wire *wire = r->wires;
    while (wire && wire->number != number) wire = wire->next;
    return wire;
}

static bool is_refused(const struct rehearsal *r, const char *server)
{
    const struct refused *at = r->refused;
    while (at && strcmp(at->name, server) != 0) at = at->next;
    return at;
}

/* A backend_dial_fn: called when the worker connects to a server. A refusal is what connect(2) would report. */
static int dial(void *about, const struct backend *b, int *fd)
{
    struct rehearsal *r = about;
    if (is_refused(r, b->name)) {
        *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return *fd < 0 ? errno : ECONNREFUSED;
    }
    *fd = add_wire(r, b->name);
    return *fd < 0 ? errno : 0;
}

/* A check has the service's listeners. */
static int32_t find_listener(struct rehearsal *r, const char *name)
{
    return r->is_check ? -1 : as_client_listener(&r->as, name);
}

/* Takes the part of the master, which hands accepted connections to the worker. */
static uint32_t connect_client(struct rehearsal *r, uint32_t listener, const char *address,
                               const char *identity)
{
    int fd = add_wire(r, NULL);
    if (fd < 0) {
        log_error("client: no socket: %s", strerror(errno));
        return 0;
    }
    struct client *c = client_create(r->clients, (struct newcomer){.fd = fd, .listener = listener});
    struct wire *wire = find_wire(r, r->wires_n);
    assert(wire && !wire->server && wire_sane(wire));
    wire->client = c->affinity;
    if (address) c->as = as_client_address(&r->as, address);
    if (identity && identity_is_valid(identity)) strcpy(client_who(c)->identity, identity);
    ev_io_init(&wire->io, on_wire, wire->fd, EV_READ);
    if (r->connects) ev_io_start(r->loop, &wire->io);
    return wire->number;
}

/* A wire that has ended swallows bytes, as a socket whose peer has gone. */
static void write_wire(struct rehearsal *r, uint32_t number, const char *bytes, size_t len)
{
    struct wire *wire = find_wire(r, number);
    if (wire && wire->fd >= 0) outq_append(&wire->out, bytes, len);
}

static void hang_up(struct rehearsal *r, uint32_t number)
{
    struct wire *wire = find_wire(r, number);
    if (wire) end_wire(r, wire);
}

/* From now on dial refuses that server, or connects to it. */
static void refuse(struct rehearsal *r, const char *server, bool is_to_be)
{
    struct refused **at = &r->refused;
    while (*at && strcmp((*at)->name, server) != 0) at = &(*at)->next;
    if (is_to_be && !*at) {
        *at = calloc(1, sizeof **at + strlen(server) + 1);
        if (!*at) abort();
        strcpy((*at)->name, server);
    } else if (!is_to_be && *at) {
        struct refused *gone = *at;
        *at = gone->next;
        free(gone);
    }
}

/* --- turns ------------------------------------------------------------------------------------- */

/* Reads one wire, once. True when there is news: bytes, or the end of the connection. */
static bool receive(struct rehearsal *r, struct wire *wire, struct tester_news *news)
{
    assert(wire_sane(wire));
    if (wire->fd < 0) return false;
    ssize_t n = recv(wire->fd, r->bytes, sizeof r->bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    *news =
        (struct tester_news){wire->number, wire->server, r->bytes, n > 0 ? (size_t)n : 0, n <= 0};
    if (n <= 0) end_wire(r, wire);
    return true;
}

/* Writes what the wires hold, as far as the sockets have room. Returns how many bytes are left. */
static size_t send_all(struct rehearsal *r)
{
    size_t left = 0;
    for (struct wire *wire = r->wires; wire; wire = wire->next) {
        struct stream to = stream_open(wire->fd);
        if (wire->fd >= 0 && outq_write(&wire->out, &to) == IO_ERROR)
            outq_release(&wire->out); /* its end is read, and reported, by receive */
        left += wire->out.bytes;
    }
    return left;
}

/* Step 1 of the essay. Only the last of the quiet turns may sleep (is_waiting): until then there may be more to do at once. */
static bool run_turn(struct rehearsal *r, bool is_waiting, struct tester_news *news)
{
    size_t left = 0;
    drop_ended(r);
    for (int quiet = 0; quiet < QUIET_TURNS; quiet++) {
        size_t before = left;
        left = send_all(r);
        if (left != before) quiet = 0;
        for (struct wire *wire = r->wires; wire; wire = wire->next) {
            if (receive(r, wire, news)) return true;
        }
        ev_run(r->loop, is_waiting && quiet == QUIET_TURNS - 1 ? EVRUN_ONCE : EVRUN_NOWAIT);
    }
    return false;
}

/* The earlier of `at` (below 0: never) and the end of the timer, in seconds from now. */
static double earlier(struct rehearsal *r, ev_timer *timer, double at)
{
    if (!ev_is_active(timer)) return at;
    double left = ev_timer_remaining(r->loop, timer);
    return at < 0 || left < at ? left : at;
}

/* Step 2. A timer that is in none of these places is found by the small steps of clock.lua. */
static double next_alarm(struct rehearsal *r)
{
    assert(r->worker && r->turn);
    double at = -1;
    for (struct backend *b = worker_parts(r->worker).backends->first; b; b = b->next) {
        for (uint32_t i = 0; i < b->settings.connections; i++)
            at = earlier(r, &b->conns[i]->timer, at);
        for (uint32_t i = 0; i < BACKEND_APART; i++)
            if (b->apart[i]) at = earlier(r, &b->apart[i]->timer, at);
    }
    for (struct flow *flow = r->turn->flows; flow; flow = flow->next_flow)
        at = earlier(r, &flow->timer, at);
    double timer = script_next_timer(worker_parts(r->worker).script);
    return at < 0 || (timer >= 0 && timer < at) ? timer : at;
}

static bool put_heat(struct rehearsal *r, const char *key, size_t len, double share)
{
    return heat_put(worker_parts(r->worker).heat, key, len, share);
}

/* --- for the prompt ----------------------------------------------------------------------------- */

/* Servers are numbered over all pools, in the script's order. */
static const char *server_name(struct rehearsal *r, uint32_t at)
{
    uint32_t n;
    struct pool *const *pools = script_pools(worker_parts(r->worker).script, &n);
    for (uint32_t i = 0; i < n; at -= pools[i++]->members_n) {
        if (at < pools[i]->members_n) return pools[i]->members[at].backend->name;
    }
    return NULL;
}

static void print_field(void *to, const char *name, const char *text)
{
    fprintf(to, "%-13s %s\n", name, text);
}

static void print_explanation(void *to, const struct explanation *x)
{
    explain_fields(x, print_field, to);
    explain_places(x, print_field, to);
    explain_place_lines(x, print_field, to);
}

/* As if the client on that wire asked. What was parsed in this turn is routed first: explaining uses the free slots behind those of the turn. */
static void explain(struct rehearsal *r, uint32_t number, const char *line, size_t len,
                    const char *value, size_t value_len, FILE *to)
{
    const struct wire *wire = find_wire(r, number);
    turn_route(r->turn);
    struct explainer e =
        explainer_of(r->turn, wire ? clients_find(r->clients, wire->client) : NULL);
    const char *wrong = explain_request(&e, line, len, (struct explain_value){value, value_len},
                                        print_explanation, to);
    if (wrong) print_field(to, "error", wrong);
}

static void describe(struct rehearsal *r, FILE *to)
{
    script_describe(worker_parts(r->worker).script, to);
}

static void evaluate(struct rehearsal *r, const char *text, size_t len, FILE *to)
{
    script_evaluate(worker_parts(r->worker).script, text, len, to);
}

/* --- life -------------------------------------------------------------------------------------- */

/* Loads and adopts a script, as a worker does in the daemon's reload (I8: on an error the one before goes on). */
static bool reload(struct rehearsal *r, const struct tester_script *script, char *error)
{
    bool good = worker_use(r->worker, script, error);
    if (good && r->is_check) script_stop_timers(worker_parts(r->worker).script);
    return good;
}

/* The worker first: it still uses its ends of the wires while it closes. */
static void destroy(struct rehearsal *r)
{
    if (r->worker) worker_close(r->worker);
    for (struct wire *wire = r->wires; wire; wire = wire->next) {
        if (wire->fd >= 0) close(wire->fd);
        wire->fd = -1;
        outq_release(&wire->out);
    }
    drop_ended(r);
    while (r->refused) refuse(r, r->refused->name, false);
    as_client_release(&r->as);
    free(r);
}

struct rehearsal *rehearsal_create(const struct rehearsal_how *how,
                                   const struct tester_script *script, char *error)
{
    struct rehearsal *r = calloc(1, sizeof *r);
    if (!r) abort();
    r->options = *how->options;
    r->options.auth_file = NULL; /* its clients are who they are said to be */
    r->connects = how->connects;
    r->is_check = how->shared;
    if (!r->is_check) r->options.single_process = true; /* a script sees one worker */
    r->wires_end = &r->wires;
    r->worker = worker_open(&r->options, how->connects ? NULL : dial, r);
    snprintf(error, SCRIPT_ERROR_MAX, "%s: no worker: no room", script->path);
    if (r->worker) {
        struct worker_parts parts = worker_parts(r->worker);
        if (how->rewords) parts.backends->asks_plainly = false;
        r->loop = parts.loop;
        r->turn = parts.turn;
        r->clients = parts.clients;
        if (!r->is_check)
            worker_name_listeners(r->worker, (const char *const *)r->as.listeners, AS_LISTENERS);
        worker_learn_listeners(r->worker, how->labels);
        if (how->shared) shared_copy(parts.shared, how->shared);
        for (uint32_t i = 0; i < how->hot_n; i++)
            heat_put(parts.heat, how->hot[i].name, how->hot[i].len, how->hot[i].share);
        srand48(1); /* each run draws the same random numbers */
        if (reload(r, script, error)) return r;
    }
    destroy(r);
    return NULL;
}

const struct options *rehearsal_options(const struct rehearsal *r)
{
    return worker_parts(r->worker).options;
}

uint64_t rehearsal_errors(const struct rehearsal *r)
{
    return r->turn->row->script_errors;
}

struct tester_tools rehearsal_tools_with(const struct tester_tools *own)
{
    return (struct tester_tools){.open = own->open,
                                 .close = destroy,
                                 .reload = reload,
                                 .turn = run_turn,
                                 .connect = connect_client,
                                 .listener = find_listener,
                                 .write = write_wire,
                                 .hang_up = hang_up,
                                 .refuse = refuse,
                                 .heat = put_heat,
                                 .server = server_name,
                                 .next_alarm = next_alarm,
                                 .explain = explain,
                                 .describe = describe,
                                 .evaluate = evaluate,
                                 .advance = clock_advance,
                                 .wall = clock_wall,
                                 .logged = own->logged,
                                 .report = own->report,
                                 .line = own->line};
}
