#include "backend/conn.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    READ_AT_MOST = 64 * 1024,
    VALUE_MAX =
        128 * 1024 * 1024, /* the longest value believed of a server, whatever clients may store */
};

static const char PROBE[] = "version\r\n";

/* --- state ------------------------------------------------------------------------------------- */

static bool conn_sane(const struct conn *c)
{
    bool open = c->state == CONN_CONNECTING || c->state == CONN_PROBING || c->state == CONN_READY;
    return open == (c->fd >= 0) && (c->head == NULL) == (c->depth == 0);
}

static double now_of(const struct conn *c)
{
    return c->backend->set->now;
}

static void conn_set_state(struct conn *c, enum conn_state state)
{
    c->backend->stats->ready += (state == CONN_READY) - (c->state == CONN_READY);
    c->state = state;
    c->since = now_of(c);
}

/* Interest, derived: called after each change of state and after each write. */
static void conn_watch(struct conn *c)
{
    struct ev_loop *loop = c->backend->set->loop;
    int events = 0;
    if (c->state == CONN_CONNECTING) events = EV_WRITE;
    if (c->state == CONN_PROBING) events = EV_READ;
    if (c->state == CONN_READY) events = EV_READ | (outq_is_empty(&c->out) ? 0 : EV_WRITE);
    if (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) == events) return;
    ev_io_stop(loop, &c->io);
    if (events == 0) return;
    ev_io_set(&c->io, c->fd, events);
    ev_io_start(loop, &c->io);
}

/* Doubled with each trouble, within a quarter of it by chance, so that many workers do not knock at once. */
static double back_off(const struct conn *c)
{
    const struct backend_settings *s = &c->backend->settings;
    double delay = ldexp(s->probe_min, (int)(c->troubles < 32 ? c->troubles : 32) - 1);
    if (delay > s->probe_max) delay = s->probe_max;
    return delay * (0.75 + 0.5 * drand48());
}

/* When something must be done though nothing happens; INFINITY: never. */
static double next_alarm(const struct conn *c)
{
    const struct backend_settings *s = &c->backend->settings;
    double at = INFINITY;
    switch (c->state) {
    case CONN_CONNECTING:
    case CONN_PROBING: at = c->since + s->connect_timeout; break;
    case CONN_READY: at = c->head ? c->progress + s->stall_timeout : INFINITY; break;
    default: return INFINITY;
    }
    for (const struct call *call = c->head; call; call = call->next) {
        if (call->owner && call->deadline < at) at = call->deadline;
    }
    return at;
}

static void set_alarm(struct conn *c, double at)
{
    struct ev_loop *loop = c->backend->set->loop;
    ev_timer_stop(loop, &c->timer);
    if (isinf(at)) return;
    double after = at - now_of(c);
    ev_timer_set(&c->timer, after > 0 ? after : 0, 0);
    ev_timer_start(loop, &c->timer);
}

/* --- the end of calls -------------------------------------------------------------------------- */

static struct call *pop_call(struct conn *c)
{
    struct call *call = c->head;
    c->head = call->next;
    if (!c->head) c->tail = NULL;
    c->depth--;
    c->backend->stats->in_flight--;
    return call;
}

static void finish_call(struct conn *c, const struct call_news *news)
{
    struct call *call = pop_call(c);
    call_tell(call, news);
    call_destroy(call);
}

/* The last event of a call that was answered. */
static void answer_call(struct conn *c, const struct call_news *news)
{
    struct board_server *stats = c->backend->stats;
    stats->responses++;
    stats->server_errors += (news->response->kind & RESPONSE_ANY_ERROR) != 0;
    stats->latencies[board_latency_bucket(now_of(c) - c->head->sent)]++;
    c->backend->late = 0;
    finish_call(c, news);
}

static const char *failure_text(const struct conn *c, const char *reason)
{
    static char text[BACKEND_NAME_MAX + BACKEND_REASON_MAX + 2];
    snprintf(text, sizeof text, "%s %s", c->backend->name, reason);
    return text;
}

/* Fails what is outstanding. The failures were counted before, so that an owner sees a settled connection. */
static void fail_calls(struct conn *c, const char *reason)
{
    struct call_news news = {
        .event = CALL_FAILED, .why = FAILURE_LOST, .failure = failure_text(c, reason)};
    c->backend->set->row->call_failures += c->depth;
    c->backend->stats->failed += c->depth;
    while (c->head) finish_call(c, &news);
}

/* Deadlines: the owner is told, the call stays and its late response will be dropped. */
static void expire_calls(struct conn *c)
{
    double now = now_of(c);
    struct call_news news = {
        .event = CALL_FAILED, .why = FAILURE_TIMEOUT, .failure = failure_text(c, "timeout")};
    for (struct call *call = c->head; call; call = call->next) {
        if (!call->owner || call->deadline > now) continue;
        call_tell(call, &news);
        call->owner = NULL;
        c->backend->set->row->call_timeouts++;
        c->backend->stats->timeouts++;
        c->backend->late++;
    }
}

/* So many calls in a row passed their deadline that the server is taken for down. */
static bool is_late(const struct backend *b)
{
    return b->late >= b->settings.failure_limit;
}

/* --- connecting -------------------------------------------------------------------------------- */

static void conn_connect(struct conn *c);

/* The one way to close; what happens next depends on what there was before. */
static void conn_close(struct conn *c, const char *reason)
{
    struct backends *set = c->backend->set;
    bool was_ready = c->state == CONN_READY, late = is_late(c->backend);
    bool settled = was_ready && now_of(c) - c->since >= c->backend->settings.probe_settle;
    uint32_t in_flight = c->depth;
    assert(conn_sane(c) && c->fd >= 0);
    ev_io_stop(set->loop, &c->io);
    ev_timer_stop(set->loop, &c->timer);
    close(c->fd);
    c->fd = -1;
    snprintf(c->reason, sizeof c->reason, "%s", reason);
    set->row->backend_closes++;
    c->backend->stats->closes++;
    if (settled) c->troubles = 0;
    c->troubles += !settled || late;
    c->failed = !was_ready || late;
    if (log_allows(&set->log, set->now))
        log_warn("backend %s: closed: %s (%u in flight)", c->backend->name, c->reason, in_flight);
    conn_set_state(c, CONN_WAITING);
    inbuf_release(&c->in);
    outq_release(&c->out);
    c->line_open = false;
    fail_calls(c, c->reason);
    /* A server that closed a good connection may well take the next one: try at once, but only once. */
    if (was_ready && !late && c->troubles <= 1)
        conn_connect(c);
    else
        set_alarm(c, set->now + back_off(c));
    backend_note_health(c->backend);
}

static void conn_close_errno(struct conn *c, int error)
{
    conn_close(c, strerror(error));
}

static void conn_anomaly(struct conn *c, const char *what)
{
    c->backend->set->row->desyncs++;
    c->backend->stats->desyncs++;
    conn_close(c, what);
}

/* A socket for the server's address, or -1 with errno. */
static int open_socket(const struct addr *addr)
{
    int fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || addr_is_unix(addr)) return fd;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0)
        return fd;
    close(fd);
    return -1;
}

static void conn_connected(struct conn *c)
{
    if (write(c->fd, PROBE, sizeof PROBE - 1) != sizeof PROBE - 1) {
        conn_close(c, "the first write failed");
        return;
    }
    double since = c->since;
    conn_set_state(c, CONN_PROBING);
    c->since = since; /* one limit for connecting and probing */
    conn_watch(c);
}

/* Begins to connect: 0 (it is), or errno. */
static int dial(struct conn *c)
{
    const struct backends *set = c->backend->set;
    const struct addr *addr = &c->backend->addr;
    if (set->dial) return set->dial(set->dials_for, c->backend, &c->fd);
    c->fd = open_socket(addr);
    return c->fd >= 0 && connect(c->fd, &addr->sa.any, addr->len) == 0 ? 0 : errno;
}

static void conn_connect(struct conn *c)
{
    int error = dial(c);
    if (c->fd < 0) {
        snprintf(c->reason, sizeof c->reason, "no socket: %s", strerror(error));
        c->failed = true;
        c->troubles++;
        conn_set_state(c, CONN_WAITING);
        fail_calls(c, c->reason);
        set_alarm(c, now_of(c) + back_off(c));
        backend_note_health(c->backend);
        return;
    }
    conn_set_state(c, CONN_CONNECTING);
    set_alarm(c, next_alarm(c));
    if (error == 0)
        conn_connected(c);
    else if (error == EINPROGRESS)
        conn_watch(c);
    else
        conn_close_errno(c, error);
}

static void conn_writable(struct conn *c)
{
    if (c->state == CONN_READY) {
        conn_flush(c);
        return;
    }
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) error = errno;
    if (error)
        conn_close_errno(c, error);
    else
        conn_connected(c);
}

/* --- responses --------------------------------------------------------------------------------- */

enum taken {
    TAKEN_OK,
    TAKEN_NEED,  /* more bytes */
    TAKEN_CLOSED /* the connection is gone, and with it the bytes */
};

/* How long the message at hand will be in all, so that its rest is read in place. */
static size_t message_need(const struct conn *c, const struct response *r)
{
    bool single = r->kind == RESPONSE_VALUE && c->head && c->head->keys_n == 1;
    if (r->need == 0) return 0;
    return r->need + (single ? strlen("END\r\n") : 0);
}

/* How much of a response may be shown: its line up to the first control byte, as the reason goes to clients. */
static int shown_len(const struct response *r)
{
    size_t n = 0;
    while (n < r->len && r->bytes[n] >= ' ' && r->bytes[n] != 0x7f) n++;
    return (int)n;
}

static enum taken take_probe(struct conn *c, const struct response *r)
{
    char text[BACKEND_REASON_MAX];
    if (r->kind == RESPONSE_VERSION) {
        c->failed = false;
        c->backend->late = 0;
        conn_set_state(c, CONN_READY);
        backend_note_health(c->backend);
        c->progress = c->since;
        c->backend->set->row->backend_connects++;
        c->backend->stats->connects++;
        log_debug("backend %s: ready (%u calls waited)", c->backend->name, c->depth);
        set_alarm(c, next_alarm(c));
        conn_mark_unsent(c);
        return TAKEN_OK;
    }
    snprintf(text, sizeof text, "answers version with: %.*s", shown_len(r), (const char *)r->bytes);
    conn_close(c, text);
    return TAKEN_CLOSED;
}

/* A value for a get of one key: together with its END it is the whole answer. */
static enum taken take_single(struct conn *c, struct response *r, const uint8_t *end,
                              struct blob *blob)
{
    struct call_news news = {.event = CALL_ANSWERED, .response = r, .blob = blob};
    size_t behind = (size_t)(end - (r->bytes + r->len));
    if (behind < strlen("END\r\n")) {
        r->need = r->len;
        return TAKEN_NEED;
    }
    if (memcmp(r->bytes + r->len, "END\r\n", strlen("END\r\n")) != 0) {
        conn_anomaly(c, "desync: no END behind the value of a single key");
        return TAKEN_CLOSED;
    }
    r->len += strlen("END\r\n");
    call_key(c->head, &news.key);
    answer_call(c, &news);
    return TAKEN_OK;
}

static enum taken take_value(struct conn *c, struct response *r, const uint8_t *end,
                             struct blob *blob)
{
    struct call_news news = {.event = CALL_VALUE, .response = r, .blob = blob};
    if (!call_seek_key(c->head, r->key, r->key_len, &news.key)) {
        conn_anomaly(c, "desync: a value for a key that was not asked for");
        return TAKEN_CLOSED;
    }
    if (c->head->keys_n == 1) return take_single(c, r, end, blob);
    call_tell(c->head, &news);
    call_pass_key(c->head);
    return TAKEN_OK;
}

/* A server that refuses the line of a store may take its value for commands. memcached swallows the value of an ms that it
 * understood well enough to say what is wrong. */
static bool stays_in_step(const struct command_info *command, enum response_kind kind)
{
    if (command->shape == SHAPE_STORE) return !(kind & (RESPONSE_ERROR | RESPONSE_CLIENT_ERROR));
    return command->shape != SHAPE_META_STORE || kind != RESPONSE_ERROR;
}

static enum taken take_response(struct conn *c, struct response *r, const uint8_t *end,
                                struct blob *blob)
{
    if (c->state == CONN_PROBING) return take_probe(c, r);
    if (!c->head) {
        conn_anomaly(c, "desync: bytes that nobody asked for");
        return TAKEN_CLOSED;
    }
    const struct command_info *command = command_info(c->head->command);
    if (!(command->responses & r->kind)) {
        conn_anomaly(c, "desync: a response that does not fit the request");
        return TAKEN_CLOSED;
    }
    if (r->kind == RESPONSE_VALUE) return take_value(c, r, end, blob);
    if (r->kind == RESPONSE_STAT) {
        struct call_news line = {.event = CALL_VALUE, .response = r};
        call_tell(c->head, &line);
        return TAKEN_OK;
    }
    if (!call_fits(c->head, r)) {
        conn_anomaly(c, "desync: an answer with the key or opaque of another request");
        return TAKEN_CLOSED;
    }
    struct call_news news = {.event = CALL_ANSWERED, .response = r, .blob = blob};
    call_key(c->head, &news.key);
    bool in_step = stays_in_step(command, r->kind);
    answer_call(c, &news);
    if (in_step) return TAKEN_OK;
    conn_anomaly(c, "desync: it refused the line of a store");
    return TAKEN_CLOSED;
}

/* Uses the whole responses in a span; keeps the cut one. False when the connection is gone. */
static bool take_span(struct conn *c, struct span span, struct blob *blob, bool keep)
{
    const uint8_t *at = span.at, *end = span.at + span.len;
    struct response r = {0};
    while (at < end) {
        if (c->state == CONN_READY && !c->head) {
            conn_anomaly(c, "desync: bytes that nobody asked for");
            return false;
        }
        enum response_status status = response_parse(at, (size_t)(end - at), VALUE_MAX, &r);
        if (status == RESPONSE_INVALID) {
            conn_anomaly(c, "desync: bytes that are no response");
            return false;
        }
        enum taken taken = status == RESPONSE_AGAIN ? TAKEN_NEED : take_response(c, &r, end, blob);
        if (taken == TAKEN_CLOSED) return false;
        if (taken == TAKEN_NEED) break;
        at += r.len;
    }
    if (keep)
        inbuf_keep(&c->in, c->backend->set->arena, at, (size_t)(end - at), message_need(c, &r));
    return true;
}

static void conn_readable(struct conn *c)
{
    struct arena *arena = c->backend->set->arena;
    size_t mark = arena_mark(arena);
    struct inbuf_input input;
    enum io_status status = inbuf_read(&c->in, c->fd, arena, READ_AT_MOST, &input);
    if (status == IO_END) conn_close(c, "closed by the server");
    if (status == IO_ERROR) conn_close_errno(c, errno);
    if (status != IO_OK) {
        arena_rewind(arena, mark);
        return;
    }
    c->progress = now_of(c);
    bool open = !input.whole.len || take_span(c, input.whole, input.blob, false);
    if (open) take_span(c, input.rest, NULL, true);
    arena_rewind(arena, mark);
}

/* --- alarms ------------------------------------------------------------------------------------ */

/* The server is taken for down: its connections are of no use, whatever still waits on them. */
static void close_all(struct backend *b)
{
    char reason[64];
    snprintf(reason, sizeof reason, "timeout (%u calls in a row)", b->late);
    for (uint32_t i = 0; i < b->settings.connections; i++) {
        if (b->conns[i].fd >= 0) conn_close(&b->conns[i], reason);
    }
}

static void conn_alarm(struct conn *c)
{
    double now = now_of(c);
    if (c->state == CONN_WAITING) {
        /* While the server is down its first connection probes it; the others wait for what that one says. */
        if (!c->backend->down || c == c->backend->conns) conn_connect(c);
        return;
    }
    expire_calls(c);
    if (is_late(c->backend)) {
        close_all(c->backend);
        return;
    }
    if (c->state != CONN_READY && now - c->since >= c->backend->settings.connect_timeout) {
        conn_close(c, c->state == CONN_PROBING ? "no answer to version" : "connect timeout");
        return;
    }
    if (c->state == CONN_READY && c->head &&
        now - c->progress >= c->backend->settings.stall_timeout) {
        conn_close(c, "stalled");
        return;
    }
    set_alarm(c, next_alarm(c));
}

/* --- from the loop ----------------------------------------------------------------------------- */

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct conn *c = io->data;
    (void)loop;
    assert(conn_sane(c));
    if (events & EV_WRITE) {
        conn_writable(c);
        if (c->state != CONN_READY) return;
    }
    if (events & EV_READ) conn_readable(c);
}

static void on_alarm(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    conn_alarm(timer->data);
}

/* --- for the backend --------------------------------------------------------------------------- */

void conn_init(struct conn *c, struct backend *b)
{
    *c = (struct conn){.backend = b, .fd = -1, .state = CONN_IDLE};
    ev_init(&c->io, on_io);
    ev_init(&c->timer, on_alarm);
    c->io.data = c->timer.data = c;
}

void conn_start(struct conn *c)
{
    if (c->state == CONN_IDLE) conn_connect(c);
}

void conn_wake(struct conn *c)
{
    if (c->state == CONN_WAITING) set_alarm(c, now_of(c));
}

void conn_release(struct conn *c, const char *reason)
{
    struct ev_loop *loop = c->backend->set->loop;
    if (c->state == CONN_IDLE) return;
    ev_io_stop(loop, &c->io);
    ev_timer_stop(loop, &c->timer);
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    c->failed = false;
    conn_set_state(c, CONN_IDLE);
    inbuf_release(&c->in);
    outq_release(&c->out);
    fail_calls(c, reason);
}

bool conn_refuses(const struct conn *c)
{
    return c->state == CONN_WAITING || (c->failed && c->state != CONN_READY);
}

void conn_push(struct conn *c, struct call *call)
{
    if (!c->head) c->progress = now_of(c);
    call->sent = now_of(c);
    if (c->tail)
        c->tail->next = call;
    else
        c->head = call;
    c->tail = call;
    c->depth++;
    c->backend->stats->in_flight++;
    /* Alarms are lazy: one that is set already is looked at again when it goes off. */
    double at = ev_is_active(&c->timer)
                    ? now_of(c) + ev_timer_remaining(c->backend->set->loop, &c->timer)
                    : INFINITY;
    double stall = c->progress + c->backend->settings.stall_timeout;
    double wanted = call->owner && call->deadline < stall ? call->deadline : stall;
    if (wanted < at) set_alarm(c, wanted);
}

void conn_mark_unsent(struct conn *c)
{
    struct backends *set = c->backend->set;
    if (c->unsent) return;
    c->unsent = true;
    c->next_unsent = set->unsent;
    set->unsent = c;
}

void conn_flush(struct conn *c)
{
    if (c->line_open) {
        outq_append(&c->out, "\r\n", 2);
        c->line_open = false;
    }
    if (c->state != CONN_READY) return;
    if (outq_write(&c->out, c->fd) == IO_ERROR)
        conn_close_errno(c, errno);
    else
        conn_watch(c);
}
