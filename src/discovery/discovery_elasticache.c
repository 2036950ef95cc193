/* Membership that a configuration endpoint keeps: a node of a managed cluster that answers `config get cluster`, or the older
 * `get AmazonElastiCache:cluster`. Asked over a new connection each time: there is one question in many seconds. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/slab.h"
#include "discovery/discovery_source.h"

enum { ROOM_FIRST = 4096, ADDRS_MAX = 16 };

static const char ASK[] = "config get cluster\r\n";
static const char ASK_OLDER[] = "get AmazonElastiCache:cluster\r\n";

/* Doubled with each failure, up to the interval. */
static const double RETRY_FIRST = 0.5;

/* Each value says what comes next; set_state alone changes it. */
enum state {
    LOOKING,    /* the addresses of the endpoint */
    WAITING,    /* the timer: ask */
    CONNECTING, /* the kernel: connected or not */
    ASKING,     /* the endpoint: its answer */
};

/* Invariant: fd >= 0 in CONNECTING and ASKING only; at < addrs_n when not LOOKING. */
struct endpoint {
    struct discovery *discovery;
    struct ev_loop *loop;
    struct name_watch *watch;
    enum state state;
    struct addr *addrs;
    uint32_t addrs_n, at; /* the one asked */
    uint32_t tried;       /* addresses since the last answer or pause */
    uint32_t failures;    /* pauses in a row that came from them */
    int fd;
    ev_io io;
    ev_timer timer;      /* the next question, or the end of patience */
    const char *request; /* ASK, or ASK_OLDER when that is not known */
    size_t sent;
    char *bytes; /* of the answer */
    size_t len, room;
};

static void set_timer(struct endpoint *e, double after)
{
    ev_timer_stop(e->loop, &e->timer);
    ev_timer_set(&e->timer, after, 0);
    ev_timer_start(e->loop, &e->timer);
}

/* Interest follows from the state. */
static void set_state(struct endpoint *e, enum state state)
{
    int events = 0;
    e->state = state;
    if (state == CONNECTING) events = EV_WRITE;
    if (state == ASKING) events = e->sent < strlen(e->request) ? EV_WRITE : EV_READ;
    ev_io_stop(e->loop, &e->io);
    if (!events) return;
    ev_io_set(&e->io, e->fd, events);
    ev_io_start(e->loop, &e->io);
}

static void hang_up(struct endpoint *e)
{
    ev_io_stop(e->loop, &e->io);
    if (e->fd >= 0) close(e->fd);
    e->fd = -1;
    free(e->bytes);
    e->bytes = NULL;
    e->len = e->room = 0;
}

/* Within a quarter by chance, so that workers do not ask all at once. */
static void pause_for(struct endpoint *e, double seconds)
{
    e->tried = 0;
    set_state(e, WAITING);
    set_timer(e, seconds * (0.75 + 0.5 * drand48()));
}

static void connect_to_next(struct endpoint *e);

/* This address did not do: the next one at once, and when all were tried, all of them later. */
static void fail(struct endpoint *e, const char *what)
{
    char address[ADDR_TEXT_MAX], reason[DISCOVERY_REASON_MAX];
    double interval = discovery_settings_of(e->discovery)->interval;
    snprintf(reason, sizeof reason, "%s: %s", addr_print(&e->addrs[e->at], address), what);
    hang_up(e);
    e->at = (e->at + 1) % e->addrs_n;
    if (++e->tried < e->addrs_n) {
        connect_to_next(e);
        return;
    }
    discovery_failed(e->discovery, reason);
    double pause = ldexp(RETRY_FIRST, (int)(e->failures < 16 ? e->failures : 16));
    e->failures++;
    pause_for(e, pause < interval ? pause : interval);
}

static void ask(struct endpoint *e, const char *request)
{
    e->request = request;
    e->sent = e->len = 0;
    set_state(e, ASKING);
}

static void connect_to_next(struct endpoint *e)
{
    const struct addr *addr = &e->addrs[e->at];
    e->fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (e->fd < 0) {
        fail(e, strerror(errno));
        return;
    }
    set_timer(e, discovery_settings_of(e->discovery)->timeout);
    if (connect(e->fd, &addr->sa.any, addr->len) == 0)
        ask(e, ASK);
    else if (errno == EINPROGRESS)
        set_state(e, CONNECTING);
    else
        fail(e, strerror(errno));
}

static void writable(struct endpoint *e)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (e->state == CONNECTING) {
        if (getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
        if (error)
            fail(e, strerror(error));
        else
            ask(e, ASK);
        return;
    }
    ssize_t n = send(e->fd, e->request + e->sent, strlen(e->request) - e->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        fail(e, strerror(errno));
        return;
    }
    e->sent += n > 0 ? (size_t)n : 0;
    set_state(e, ASKING);
}

static void take_config(struct endpoint *e, const struct config_answer *a)
{
    struct discovered_list list = {0};
    const char *wrong = discovered_from_config(&list, a->nodes, a->nodes_len);
    if (wrong) {
        fail(e, wrong);
    } else {
        hang_up(e);
        e->failures = 0;
        discovery_found(e->discovery, &list);
        pause_for(e, discovery_settings_of(e->discovery)->interval);
    }
    discovered_release(&list);
}

static void take_answer(struct endpoint *e)
{
    struct config_answer answer;
    switch (config_parse(e->bytes, e->len, &answer)) {
    case CONFIG_AGAIN: return;
    case CONFIG_OK: take_config(e, &answer); return;
    case CONFIG_WRONG: fail(e, answer.wrong); return;
    case CONFIG_UNKNOWN:
        if (e->request == ASK)
            ask(e, ASK_OLDER);
        else
            fail(e, "it does not know the question: it is no configuration endpoint");
        return;
    }
}

static void readable(struct endpoint *e)
{
    if (e->len == e->room) {
        e->room = e->room ? e->room * 2 : ROOM_FIRST; /* the parser refuses what is too long */
        e->bytes = realloc(e->bytes, e->room);
        if (!e->bytes) abort();
    }
    ssize_t n = recv(e->fd, e->bytes + e->len, e->room - e->len, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        fail(e, n < 0 ? strerror(errno) : "it closed the connection without an answer");
        return;
    }
    e->len += (size_t)n;
    take_answer(e);
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    if (events & EV_WRITE)
        writable(io->data);
    else
        readable(io->data);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct endpoint *e = timer->data;
    (void)loop;
    (void)events;
    if (e->state == WAITING)
        connect_to_next(e);
    else
        fail(e, "it did not answer in time");
}

/* Addresses that change are used from the next question on; the first ones at once. */
static void on_addresses(void *owner, const struct name_news *news)
{
    struct endpoint *e = owner;
    if (news->n == 0) {
        if (news->failure) discovery_failed(e->discovery, news->failure);
        return;
    }
    if (e->state == CONNECTING || e->state == ASKING) hang_up(e);
    free(e->addrs);
    e->addrs_n = news->n < ADDRS_MAX ? news->n : ADDRS_MAX;
    e->addrs = calloc(e->addrs_n, sizeof *e->addrs);
    if (!e->addrs) abort();
    memcpy(e->addrs, news->addrs, e->addrs_n * sizeof *e->addrs);
    e->at = e->tried = 0;
    if (e->state != WAITING) connect_to_next(e);
}

static void *start(struct discovery *d)
{
    const struct discovery_url *url = discovery_parsed(d);
    struct endpoint *e = slab_borrow(sizeof *e);
    *e = (struct endpoint){.discovery = d, .loop = discovery_set(d)->loop, .fd = -1};
    ev_init(&e->io, on_io);
    ev_init(&e->timer, on_timer);
    e->io.data = e->timer.data = e;
    e->watch = resolver_watch(discovery_set(d)->resolver, url->host, url->port, on_addresses, e);
    return e;
}

static void stop(void *state)
{
    struct endpoint *e = state;
    resolver_unwatch(e->watch);
    hang_up(e);
    ev_timer_stop(e->loop, &e->timer);
    free(e->addrs);
    slab_return(e, sizeof *e);
}

const struct discovery_source discovery_from_elasticache = {start, stop};
