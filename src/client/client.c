#include "client/client.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/slab.h"
#include "client/local.h"
#include "client/stranger.h"
#include "client/unfinished.h"
#include "net/keepalive.h"

enum {
    READ_AT_MOST = 16 * 1024,  /* bytes a turn of one client: its fair share */
    HELD_AT_MOST = 256 * 1024, /* bytes of replies from which on a client must read first */
    OWED_AT_MOST = 1024,       /* replies from which on likewise */
    OWED_AT_FIRST = 16,        /* the same while it is not known how large its replies are */
    DRAIN_READS = 64,          /* reads for what has arrived when the drain begins */
};

/* --- state ------------------------------------------------------------------------------------- */

static bool client_sane(const struct client *c)
{
    return (c->state == CLIENT_CLOSED) == (c->fd < 0) && (c->head == NULL) == (c->owed == 0);
}

static void client_set_state(struct client *c, enum client_state state, const char *reason)
{
    c->state = state;
    c->reason = reason;
}

static size_t held(const struct client *c)
{
    return c->out.bytes + c->stored;
}

static size_t held_limit(const struct client *c)
{
    return c->turn->limits.client_buffer + c->turn->limits.max_value;
}

/* One more request may be sent: its reply will most likely find room. A client that pipelines large values faster than
 * it reads them is so slowed down to its own pace, not closed. */
static bool has_room(const struct client *c)
{
    if (c->owed == 0) return true;
    return c->owed < OWED_AT_MOST &&
           held(c) + (c->owed + (size_t)1) * c->usual <= c->turn->limits.client_buffer;
}

/* Half a request was read, or whole ones wait. */
static bool has_begun(const struct client *c)
{
    return c->in.kept || c->swallow > 0;
}

static bool takes_requests(const struct client *c)
{
    return c->state == CLIENT_OPEN || c->state == CLIENT_DRAINING || c->state == CLIENT_MOVING;
}

static bool wants_input(const struct client *c)
{
    switch (c->state) {
    case CLIENT_OPEN: return !c->waiting && held(c) < HELD_AT_MOST && has_room(c);
    case CLIENT_DRAINING:
    case CLIENT_MOVING: return !c->waiting && has_begun(c);
    case CLIENT_LINGERING: return true;
    default: return false;
    }
}

/* Interest, derived: at the end of each turn in which something changed. */
static void client_watch(struct client *c)
{
    int events = (wants_input(c) ? EV_READ : 0) | (outq_is_empty(&c->out) ? 0 : EV_WRITE);
    if ((ev_is_active(&c->io) ? c->io.events & (EV_READ | EV_WRITE) : 0) == events) return;
    ev_io_stop(c->turn->loop, &c->io);
    if (events == 0) return;
    ev_io_set(&c->io, c->fd, events);
    ev_io_start(c->turn->loop, &c->io);
}

void client_end(struct client *c, const char *reason)
{
    client_set_state(c, CLIENT_ENDING, reason);
    client_mark_dirty(c);
}

/* --- accept ------------------------------------------------------------------------------------ */

static void on_io(struct ev_loop *loop, ev_io *io, int events);

static struct client **place_of_number(struct turn *t, uint32_t number)
{
    return &t->numbered[number % TURN_NUMBERS];
}

struct client *client_create(struct turn *t, int fd)
{
    struct client *c = slab_borrow(sizeof *c);
    *c = (struct client){.turn = t, .fd = fd, .affinity = ++t->next_affinity, .next = t->clients};
    c->usual = t->limits.client_buffer / OWED_AT_FIRST;
    c->prev = &t->clients;
    if (c->next) c->next->prev = &c->next;
    t->clients = c;
    c->next_numbered = *place_of_number(t, c->affinity);
    *place_of_number(t, c->affinity) = c;
    t->clients_n++;
    t->row->curr_connections++;
    t->row->total_connections++;
    keepalive_set(fd, t->limits.keepalive); /* of no use to a unix socket */
    ev_io_init(&c->io, on_io, fd, EV_READ);
    c->io.data = c;
    ev_io_start(t->loop, &c->io);
    return c;
}

/* The connection goes on where there is another descriptor of it. */
static void client_part(struct client *c, const char *reason)
{
    struct turn *t = c->turn;
    assert(client_sane(c) && c->state != CLIENT_CLOSED);
    log_debug("client %d: closed: %s (%u owed)", c->fd, reason, c->owed);
    ev_io_stop(t->loop, &c->io);
    t->shut(t->shuts_for, c->fd, c->handover);
    c->fd = -1;
    client_set_state(c, CLIENT_CLOSED, reason);
    replies_abandon(c);
    inbuf_release(&c->in);
    unfinished_note(c, 0);
    outq_release(&c->out);
    *c->prev = c->next;
    if (c->next) c->next->prev = c->prev;
    struct client **at = place_of_number(t, c->affinity);
    while (*at != c) at = &(*at)->next_numbered;
    *at = c->next_numbered;
    t->clients_n--;
    t->row->curr_connections--;
    t->row->closed_connections++;
    if (c->dirty) { /* it leaves that list here, so that it can be in the other */
        struct client **p = &t->dirty;
        while (*p != c) p = &(*p)->next_dirty;
        *p = c->next_dirty;
        c->dirty = false;
    }
    c->next_dirty = t->closed;
    t->closed = c;
}

/* --- readable ---------------------------------------------------------------------------------- */

static void answer_error(struct client *c, const struct request *r, const char *error)
{
    c->turn->row->client_errors++;
    if (error && !r->noreply) reply_at_once(c, error, strlen(error));
}

/* A base64 key is routed by what it stands for. False when it stands for nothing. */
static bool decode_key(struct client *c, struct request *r)
{
    return !(r->meta & META_BASE64) || request_decode_key(r, arena_alloc(c->turn->arena, KEY_MAX));
}

static void count_request(struct board_row *row, const struct request *r, uint32_t keys)
{
    unsigned shape = command_info(r->command_id)->shape;
    row->cmd_get += shape == SHAPE_RETRIEVE ? keys : r->command_id == COMMAND_META_GET;
    row->cmd_set += shape == SHAPE_STORE || shape == SHAPE_META_STORE;
    row->cmd_meta += shape == SHAPE_META || shape == SHAPE_META_STORE;
    row->cmd_touch += r->command_id == COMMAND_TOUCH;
    if (r->command_id == COMMAND_GAT || r->command_id == COMMAND_GATS) row->cmd_touch += keys;
}

static void take_one(struct client *c, struct request *r, struct blob *blob)
{
    count_request(c->turn->row, r, 1);
    if (!decode_key(c, r)) {
        answer_error(c, r, "CLIENT_ERROR error decoding key\r\n");
        return;
    }
    r->affinity = c->affinity;
    r->value_blob = (uintptr_t)blob;
    struct reply *reply = reply_create(c, r, 1);
    reply->silent = r->noreply;
    r->owner = (uintptr_t)reply;
    c->turn->used++;
}

/* A delete that nobody waits for. */
static void drop_value(struct client *c, struct request *r)
{
    r->meta &= META_BASE64;
    r->noreply = 1;
    r->args_len = 0;
    take_one(c, r, NULL);
}

/* Each key of a get is routed by itself; `r` is the slot that holds what they have in common. */
static void take_keys(struct client *c, const struct request *r, const uint8_t *end, uint32_t keys)
{
    struct request common = *r;
    count_request(c->turn->row, r, keys);
    const uint8_t *at = (const uint8_t *)r->key_at;
    common.affinity = c->affinity;
    common.multi = 1;
    common.owner = (uintptr_t)reply_create(c, r, keys);
    while (request_next_key(&at, end, &common)) {
        *turn_slot(c->turn) = common;
        c->turn->used++;
        common.part++;
    }
}

/* Acts on one parsed request. False when no more of the input may be used. */
static bool take_request(struct client *c, const uint8_t *bytes, const struct request_parse *p,
                         struct request *r, struct blob *blob)
{
    c->turn->row->requests++;
    switch (p->status) {
    case REQUEST_OK:
        if (p->keys)
            take_one(c, r, blob);
        else
            local_answer(c, r);
        return c->state != CLIENT_ENDING;
    case REQUEST_KEYS: take_keys(c, r, bytes + p->keys_end, p->keys); return true;
    case REQUEST_REFUSED:
        answer_error(c, r, p->error);
        if (p->drop) drop_value(c, r);
        c->swallow = p->swallow;
        return true;
    default:
        answer_error(c, r, p->error);
        client_set_state(c, CLIENT_ENDING,
                         p->error ? "where its request ends is not known"
                                  : "not a memcache client");
        return false;
    }
}

static const uint8_t *swallow(struct client *c, const uint8_t *at, const uint8_t *end)
{
    size_t has = (size_t)(end - at);
    size_t n = c->swallow < has ? (size_t)c->swallow : has;
    c->swallow -= n;
    return at + n;
}

/* Uses the whole requests in a span as far as there is room for their replies; keeps the rest. blob: what the span lies
 * in, or NULL: the arena. */
static void take_span(struct client *c, struct span span, struct blob *blob, bool keep)
{
    const uint8_t *at = span.at, *end = span.at + span.len;
    const struct turn_limits *limits = &c->turn->limits;
    struct request_rules rules = {limits->max_value, limits->strict_keys};
    struct request_parse p = {0};
    bool cut = false;
    while (takes_requests(c) && !cut && has_room(c)) {
        if (c->swallow) at = swallow(c, at, end);
        if (at == end) break;
        struct request *r = turn_slot(c->turn);
        p = request_parse(at, (size_t)(end - at), &rules, r);
        cut = p.status == REQUEST_AGAIN;
        if (!cut) at = take_request(c, at, &p, r, blob) ? at + p.consumed : end;
    }
    if (c->state == CLIENT_ENDING) at = end;
    if (!keep) return;
    c->waiting = at < end && !cut;
    inbuf_keep(&c->in, c->turn->arena, at, (size_t)(end - at), cut ? p.need : 0);
}

static void discard_input(struct client *c)
{
    uint8_t bytes[4096];
    ssize_t n = read(c->fd, bytes, sizeof bytes);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) client_close(c, "drained");
}

static enum io_status read_requests(struct client *c, size_t most)
{
    struct inbuf_input input;
    turn_make_room(c->turn, READ_AT_MOST * 2);
    enum io_status status = inbuf_read(&c->in, c->fd, c->turn->arena, most, &input);
    if (status != IO_OK) return status;
    c->turn->row->bytes_read += input.bytes;
    if (!c->is_known && !stranger_may_go_on(c, input.rest)) return IO_OK;
    if (input.whole.len) take_span(c, input.whole, input.blob, false);
    take_span(c, input.rest, NULL, true);
    unfinished_note(c, input.bytes);
    return IO_OK;
}

/* Of one that moves nothing but what it has begun: the rest is the next worker's. */
static size_t read_at_most(const struct client *c)
{
    if (c->state != CLIENT_MOVING) return READ_AT_MOST;
    if (c->swallow) return c->swallow < READ_AT_MOST ? (size_t)c->swallow : READ_AT_MOST;
    return inbuf_missing(&c->in, c->fd, LINE_MAX_BYTES);
}

static void client_readable(struct client *c)
{
    if (c->state == CLIENT_LINGERING) {
        discard_input(c);
        return;
    }
    /* What came before in this turn may have taken the room: then nothing may be read. */
    if (!wants_input(c)) {
        client_mark_dirty(c);
        return;
    }
    switch (read_requests(c, read_at_most(c))) {
    case IO_END:
        /* What it has asked is answered; what it has only begun is dropped, as memcached does. */
        inbuf_release(&c->in);
        unfinished_note(c, 0);
        client_set_state(c, CLIENT_ENDING, "closed by the client");
        client_mark_dirty(c);
        break;
    case IO_ERROR: client_close(c, strerror(errno)); break;
    default:
        if (!wants_input(c)) client_mark_dirty(c);
        break;
    }
}

/* --- writable ---------------------------------------------------------------------------------- */

static void shed(struct client *c)
{
    c->turn->row->clients_shed++;
    if (log_allows(&c->turn->log, c->turn->now))
        log_warn("client %d: closed: does not read its replies (%zu bytes held; --client-buffer)",
                 c->fd, held(c));
    client_close(c, "does not read its replies");
}

static void give(struct client *c)
{
    struct turn *t = c->turn;
    if (!t->give || !t->give(t->gives_for, c->fd, c->listener)) return;
    t->row->moved_connections++;
    client_part(c, "moved to another worker");
}

/* Everything asked for is answered and written: what follows depends on why it is ending. */
static void finished(struct client *c)
{
    if (c->state == CLIENT_ENDING) {
        client_close(c, c->reason);
    } else if (c->state == CLIENT_DRAINING && !has_begun(c)) {
        client_set_state(c, CLIENT_LINGERING, c->reason);
        if (shutdown(c->fd, SHUT_WR) < 0) client_close(c, c->reason);
    } else if (c->state == CLIENT_MOVING && !has_begun(c)) {
        give(c);
    }
}

/* There is room again for what had to wait. */
static void resume(struct client *c)
{
    take_span(c, inbuf_take(&c->in, c->turn->arena), NULL, true);
    unfinished_note(c, 0);
    client_mark_dirty(c);
}

void client_note_reply(struct client *c, size_t n)
{
    size_t less = c->usual - c->usual / 64;
    c->usual = n > less ? n : less;
}

void client_check_held(struct client *c)
{
    if (held(c) > held_limit(c)) client_mark_dirty(c);
}

void client_settle(struct client *c)
{
    assert(client_sane(c));
    size_t before = c->out.bytes;
    enum io_status status = outq_write(&c->out, c->fd);
    c->turn->row->bytes_written += before - c->out.bytes;
    if (status == IO_ERROR) {
        client_close(c, strerror(errno));
        return;
    }
    if (held(c) > held_limit(c)) {
        shed(c);
        return;
    }
    if (c->waiting && held(c) < HELD_AT_MOST && has_room(c)) resume(c);
    if (outq_is_empty(&c->out) && !c->head) finished(c);
    if (c->state != CLIENT_CLOSED) client_watch(c);
}

void client_mark_dirty(struct client *c)
{
    if (c->dirty || c->state == CLIENT_CLOSED) return;
    c->dirty = true;
    c->next_dirty = c->turn->dirty;
    c->turn->dirty = c;
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct client *c = io->data;
    (void)loop;
    assert(client_sane(c) && c->state != CLIENT_CLOSED);
    if (events & EV_WRITE) client_mark_dirty(c);
    if (events & EV_READ) client_readable(c);
}

/* --- close ------------------------------------------------------------------------------------- */

static bool wants_more(const struct client *c)
{
    return c->state == CLIENT_DRAINING && !c->waiting && has_room(c);
}

void client_drain(struct client *c)
{
    if (c->state != CLIENT_OPEN && c->state != CLIENT_MOVING) return;
    client_set_state(c, CLIENT_DRAINING, "drained");
    for (int i = 0; i < DRAIN_READS && wants_more(c); i++) {
        enum io_status status = read_requests(c, READ_AT_MOST);
        if (status == IO_END) client_set_state(c, CLIENT_ENDING, "closed by the client");
        if (status == IO_ERROR) client_close(c, strerror(errno));
        if (status != IO_OK) break;
    }
    client_mark_dirty(c);
}

void client_move(struct client *c)
{
    if (c->state != CLIENT_OPEN) return;
    client_set_state(c, CLIENT_MOVING, "moved to another worker");
    client_mark_dirty(c);
}

void client_close(struct client *c, const char *reason)
{
    (void)shutdown(c->fd, SHUT_RDWR);
    client_part(c, reason);
}

void client_destroy(struct client *c)
{
    assert(c->state == CLIENT_CLOSED);
    slab_return(c, sizeof *c);
}
