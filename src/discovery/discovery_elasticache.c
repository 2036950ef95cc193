/* Membership from a configuration endpoint: a node of a managed cluster that answers `config get cluster`, or the older
 * `get AmazonElastiCache:cluster`.
 *
 * Each request has a connection of its own: there is one in many seconds, and a connection that is kept would need a check
 * of its own. The timer is the timeout while an address is tried, and the pause otherwise. An address that fails, in
 * whatever way, is followed by the next one at once; when all have failed, the discovery gets the reason of the last, and a
 * pause follows that doubles up to the interval.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/slab.h"
#include "discovery/discovery_source.h"
#include "net/socket.h"

enum { ROOM_FIRST = 4096, ADDRS_MAX = 16, NO_KEEPALIVE = -1 };

static const char REQUEST[] = "config get cluster\r\n";
static const char REQUEST_OLDER[] = "get AmazonElastiCache:cluster\r\n";

/* Seconds before the first retry; doubled with each failure, up to the interval. */
static const double RETRY_FIRST = 0.5;

/* What the endpoint waits for. Only set_state writes it. */
enum state {
    LOOKING,    /* for addresses of the endpoint */
    WAITING,    /* for the timer: then it connects */
    CONNECTING, /* for the kernel: connected or not */
    REQUESTING, /* for room to send, then for the response */
};

/* Invariant: fd >= 0 in CONNECTING and REQUESTING only; at < addrs_n when not LOOKING. I6: bytes are at most about
 * CONFIG_MAX, which the parser enforces. */
struct endpoint {
    struct discovery *discovery;
    struct ev_loop *loop;
    struct name_watch *watch;
    enum state state;
    struct addr *addrs;
    uint32_t addrs_n, at; /* at: the address in use */
    uint32_t tried;       /* addresses that failed since the last pause */
    uint32_t failures;    /* rounds in a row in which all addresses failed */
    int fd;
    ev_io io;
    ev_timer timer;      /* the pause, or the timeout */
    const char *request; /* REQUEST, or REQUEST_OLDER when the endpoint does not know that */
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

/* What the loop watches for follows from the state. */
static void set_state(struct endpoint *e, enum state state)
{
    int events = 0;
    e->state = state;
    if (state == CONNECTING) events = EV_WRITE;
    if (state == REQUESTING) events = e->sent < strlen(e->request) ? EV_WRITE : EV_READ;
    ev_io_stop(e->loop, &e->io);
    if (!events) return;
    ev_io_set(&e->io, e->fd, events);
    ev_io_start(e->loop, &e->io);
}

/* Closes the connection and forgets what came over it. The state is the caller's to set. */
static void hang_up(struct endpoint *e)
{
    ev_io_stop(e->loop, &e->io);
    if (e->fd >= 0) close(e->fd);
    e->fd = -1;
    free(e->bytes);
    e->bytes = NULL;
    e->len = e->room = 0;
}

/* Up to a quarter more or less by chance, so that workers do not connect all at once. */
static void pause_for(struct endpoint *e, double seconds)
{
    e->tried = 0;
    set_state(e, WAITING);
    set_timer(e, seconds * (0.75 + 0.5 * drand48()));
}

static void connect_to_next(struct endpoint *e);

/* This address failed: the next one at once, and after the last one all of them again, later. */
static void fail(struct endpoint *e, const char *what)
{
    char address[ADDR_TEXT_MAX], reason[DISCOVERY_REASON_MAX];
    double interval = discovery_settings_of(e->discovery)->interval;
    assert(e->addrs_n > 0 && e->at < e->addrs_n);
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

/* On the connection that is there: the older request follows the newer one on the same connection. */
static void send_request(struct endpoint *e, const char *request)
{
    e->request = request;
    e->sent = e->len = 0;
    set_state(e, REQUESTING);
}

static void connect_to_next(struct endpoint *e)
{
    const struct addr *addr = &e->addrs[e->at];
    assert(e->fd < 0 && e->at < e->addrs_n && !e->bytes);
    int error = socket_connect(addr, NO_KEEPALIVE, &e->fd);
    if (e->fd >= 0) set_timer(e, discovery_settings_of(e->discovery)->timeout);
    if (error == 0)
        send_request(e, REQUEST);
    else if (error == EINPROGRESS)
        set_state(e, CONNECTING);
    else
        fail(e, strerror(error));
}

/* After connect the socket is writable for better or worse: SO_ERROR says which. A short send is continued by the next call. */
static void writable(struct endpoint *e)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (e->state == CONNECTING) {
        if (getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
        if (error)
            fail(e, strerror(error));
        else
            send_request(e, REQUEST);
        return;
    }
    ssize_t n = send(e->fd, e->request + e->sent, strlen(e->request) - e->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        fail(e, strerror(errno));
        return;
    }
    e->sent += n > 0 ? (size_t)n : 0;
    set_state(e, REQUESTING);
}

/* A configuration that cannot be read is a failure of this address: the next node may have a better one. */
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

/* The parser gets all bytes each time. An answer is small, and comes in one or two pieces. */
static void take_answer(struct endpoint *e)
{
    struct config_answer answer;
    switch (config_parse(e->bytes, e->len, &answer)) {
    case CONFIG_AGAIN: return;
    case CONFIG_OK: take_config(e, &answer); return;
    case CONFIG_WRONG: fail(e, answer.wrong); return;
    case CONFIG_UNKNOWN:
        if (e->request == REQUEST)
            send_request(e, REQUEST_OLDER);
        else
            fail(e, "it does not know the command: it is not a configuration endpoint");
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

/* One timer: the state says whether a pause or a timeout has ended. */
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

/* New addresses: in a pause they are used after it, and otherwise at once. A request under way is given up: its address may
 * be gone. */
static void on_addresses(void *owner, const struct name_news *news)
{
    struct endpoint *e = owner;
    if (news->n == 0) {
        if (news->failure) discovery_failed(e->discovery, news->failure);
        return;
    }
    if (e->state == CONNECTING || e->state == REQUESTING) hang_up(e);
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
