#include "tools/rehearsal.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/conn.h"
#include "client/clients.h"
#include "net/outq.h"
#include "route/explain.h"
#include "route/flow.h"
#include "script/script.h"
#include "worker/clock.h"
#include "worker/worker_tools.h"

enum {
    READ_AT_MOST = 64 * 1024,
    QUIET_TURNS = 4, /* of the loop, in which nothing moved: it will not move by itself */
};

/* Our end of a connection: of a client, or of a server's. */
struct wire {
    struct wire *next;
    uint32_t number;
    int fd;       /* -1: it has ended */
    char *server; /* NULL: a client's */
    struct outq out;
    ev_io io; /* with real servers: what comes to a client ends the loop's sleep */
};

struct refused {
    struct refused *next;
    char name[];
};

struct rehearsal {
    struct options options;
    bool connects;
    struct worker *worker;
    struct ev_loop *loop;    /* the worker's */
    struct clients *clients; /* likewise */
    struct turn *turn;       /* likewise */
    struct wire *wires, **wires_end;
    uint32_t wires_n;
    struct refused *refused;
    char bytes[READ_AT_MOST]; /* the news of last */
};

static void on_wire(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)io;
    (void)events;
}

/* --- wires ------------------------------------------------------------------------------------- */

/* A pair of sockets: one end is the new wire's, the other one is returned; -1 with errno. */
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
    ev_io_stop(r->loop, &wire->io);
    close(wire->fd);
    wire->fd = -1;
    outq_release(&wire->out);
}

/* Those that have ended are of no more use. */
static void drop_ended(struct rehearsal *r)
{
    r->wires_end = &r->wires;
    while (*r->wires_end) {
        struct wire *wire = *r->wires_end;
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

/* A backend_dial_fn. */
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

static uint32_t connect_client(struct rehearsal *r)
{
    int fd = add_wire(r, NULL);
    if (fd < 0) {
        log_error("client: no socket: %s", strerror(errno));
        return 0;
    }
    client_create(r->clients, fd);
    struct wire *wire = find_wire(r, r->wires_n);
    ev_io_init(&wire->io, on_wire, wire->fd, EV_READ);
    if (r->connects) ev_io_start(r->loop, &wire->io);
    return wire->number;
}

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

/* True when something came. */
static bool receive(struct rehearsal *r, struct wire *wire, struct tester_news *news)
{
    if (wire->fd < 0) return false;
    ssize_t n = recv(wire->fd, r->bytes, sizeof r->bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    *news =
        (struct tester_news){wire->number, wire->server, r->bytes, n > 0 ? (size_t)n : 0, n <= 0};
    if (n <= 0) end_wire(r, wire);
    return true;
}

/* Writes what waits in all wires; how many bytes still do. */
static size_t send_all(struct rehearsal *r)
{
    size_t left = 0;
    for (struct wire *wire = r->wires; wire; wire = wire->next) {
        if (wire->fd >= 0 && outq_write(&wire->out, wire->fd) == IO_ERROR)
            outq_release(&wire->out); /* that it has ended shows when it is read */
        left += wire->out.bytes;
    }
    return left;
}

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

/* The earlier of `at` and the timer's end. */
static double earlier(struct rehearsal *r, ev_timer *timer, double at)
{
    if (!ev_is_active(timer)) return at;
    double left = ev_timer_remaining(r->loop, timer);
    return at < 0 || left < at ? left : at;
}

static double next_alarm(struct rehearsal *r)
{
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

/* --- what it is asked -------------------------------------------------------------------------- */

static const char *server_name(struct rehearsal *r, uint32_t at)
{
    uint32_t n;
    struct pool *const *pools = script_pools(worker_parts(r->worker).script, &n);
    for (uint32_t i = 0; i < n; at -= pools[i++]->members_n) {
        if (at < pools[i]->members_n) return pools[i]->members[at].backend->name;
    }
    return NULL;
}

static void tell_field(void *to, const char *name, const char *text)
{
    fprintf(to, "%-13s %s\n", name, text);
}

static void told(void *to, const struct explanation *x)
{
    explain_fields(x, tell_field, to);
}

static void explain(struct rehearsal *r, const char *line, size_t len, const char *value,
                    size_t value_len, FILE *to)
{
    struct turn *t = r->turn;
    turn_route(t);
    struct explainer e = {.trace = script_trace,
                          .router = worker_parts(r->worker).script,
                          .slots = t->slots,
                          .answers = t->answers,
                          .at = t->used,
                          .arena = t->arena,
                          .rules = {t->limits.max_value, t->limits.strict_keys}};
    const char *wrong =
        explain_request(&e, line, len, (struct explain_value){value, value_len}, told, to);
    if (wrong) tell_field(to, "error", wrong);
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

static bool reload(struct rehearsal *r, const struct tester_script *script, char *error)
{
    struct option_list servers = {(const char **)script->servers, script->servers_n};
    return worker_use(r->worker, script->path, script->text, script->len, &servers, error);
}

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
    free(r);
}

struct rehearsal *rehearsal_create(const struct rehearsal_how *how,
                                   const struct tester_script *script, char *error)
{
    struct rehearsal *r = calloc(1, sizeof *r);
    if (!r) abort();
    r->options = *how->options;
    r->options.single_process = true; /* scripts see one worker, on any machine */
    r->connects = how->connects;
    r->wires_end = &r->wires;
    r->worker = worker_open(&r->options, how->connects ? NULL : dial, r);
    snprintf(error, SCRIPT_ERROR_MAX, "%s: no worker: no room", script->path);
    if (r->worker) {
        struct worker_parts parts = worker_parts(r->worker);
        r->loop = parts.loop;
        r->turn = parts.turn;
        r->clients = parts.clients;
        srand48(1); /* what is drawn is the same each time */
        if (reload(r, script, error)) return r;
    }
    destroy(r);
    return NULL;
}

struct tester_tools rehearsal_tools_with(const struct tester_tools *own)
{
    return (struct tester_tools){.open = own->open,
                                 .close = destroy,
                                 .reload = reload,
                                 .turn = run_turn,
                                 .connect = connect_client,
                                 .write = write_wire,
                                 .hang_up = hang_up,
                                 .refuse = refuse,
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
