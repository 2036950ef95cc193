/* How a dump goes. Its reply takes its place among the client's. When all before it are answered (it is the head of the list), its
 * servers are noted, and are asked one after the other, each on a connection of its own (backend/question.h). Each line that names a
 * key goes right into the client's output; over HELD bytes there, the connection is paused, and the server waits for the client.
 * What the client asks behind the dump is answered behind it (I1).
 *
 * One end for all: memcached's END (or EN) comes only when the last server has sent its own. A dump that lacks keys must not look
 * whole, so any fault ends it with a line `ERROR server reason` in place of that. ERROR, because libmemcached takes a CLIENT_ERROR in
 * answer to cachedump for the end of a class, and stops the whole program at a SERVER_ERROR (an assertion in dump.cc of 1.1.4). Programs
 * that read a dump by lru_crawler wait for END alone (memcached-tool), so there the client is closed behind that line, as it would see
 * of a memcached that dies.
 *
 * memcached runs one dump by lru_crawler at a time and answers BUSY to others. So does moongate, over all workers: each counts its
 * own on the board. A server that is busy, with its own crawl or the dump of another client, or as its hash table
 * grows, is asked again for a while, because one of many often is. Dumps by cachedump are short, at most 2 MB a server; so many run at once in a worker, and others wait.
 *
 * A dump outlives reloads: a server that no pool names any more when its turn comes is left out. */
#include "client/dumps.h"

#include <assert.h>
#include <stdio.h>

#include "backend/backend.h"
#include "backend/question.h"
#include "base/board.h"
#include "base/slab.h"
#include "client/dump_stores.h"
#include "client/reply.h"
#include "client/state.h"
#include "protocol/dialect.h"

enum {
    HELD = 32 * 1024,  /* bytes of the client's output over which servers wait */
    AT_ONCE = 16,      /* that run in a worker */
    DUMPS_MAX = 1024,  /* with those that wait for their turn */
    REASON = 400,      /* bytes */
    HASH_FROM = 10638, /* memcached whose `metadump hash` holds up nobody */
};

/* Seconds. */
static const double PATIENCE = 30, BUSY_PAUSE = 0.1, BUSY_LIMIT = 5;

#define BUSY_LINE "BUSY currently processing crawler request\r\n"

typedef char server_name[BACKEND_NAME_MAX];

/* Invariant: servers is there once it has begun; `at` is the one that is asked; lines is open, or the timer runs (it is asked again),
 * while it has begun. It frees itself when its reply is complete. */
struct dump {
    struct dump *next, **prev; /* in dumps.first */
    struct clients *set;
    struct reply *reply;
    struct dump_order order;
    struct question lines;
    ev_timer
        timer; /* until a busy server is asked again; or while lines is paused, until the client is given up */
    bool says_ok;
    bool has_begun;
    bool has_answered; /* a byte of the answer has gone to the client */
    bool has_heard;    /* a line of this server has come */
    bool has_named;    /* and one that was not OK */
    uint64_t passed;   /* lines */
    double busy_since; /* as turn.now; 0: the server is not busy */
    size_t unread;     /* bytes that the client had not read when the timer was set */
    uint32_t at, n;
    server_name *servers;
    struct dump_stores stores; /* they come first */
    bool is_held;              /* the client has enough of what stores have, for now */
};

static void ask(struct dump *d);

static double now_of(const struct dump *d)
{
    return d->set->turn->now;
}

static struct board_row *row_of(const struct dump *d)
{
    return d->set->turn->row;
}

/* --- the end ----------------------------------------------------------------------------------- */

static void dump_destroy(struct dump *d)
{
    struct dumps *all = &d->set->dumps;
    question_close(&d->lines);
    if (d->has_begun) {
        ev_timer_stop(d->set->turn->loop, &d->timer);
        assert(all->running > 0);
        all->running--;
        if (d->order.kind != DUMP_CACHE) row_of(d)->dumps--;
        slab_return(d->servers, sizeof *d->servers * (d->n + 1));
        dump_stores_end(&d->stores);
    }
    *d->prev = d->next;
    if (d->next) d->next->prev = d->prev;
    all->n--;
    slab_return(d, sizeof *d);
}

/* Completes the reply. d is freed. */
static void finish(struct dump *d, const char *line)
{
    struct outq last = {0};
    outq_append(&last, line, strlen(line));
    d->set->dumps.has_finished = true;
    reply_finish(d->reply, &last);
    dump_destroy(d);
}

/* How many bytes of a text can be shown: those before the first control byte, at most `most`. */
static size_t shown_len(const char *text, size_t len, size_t most)
{
    size_t n = 0;
    while (n < len && n < most && (unsigned char)text[n] >= ' ' && text[n] != 0x7f) n++;
    return n;
}

/* d is freed. */
static void fail(struct dump *d, const char *server, const char *reason, size_t len)
{
    char line[BACKEND_NAME_MAX + REASON + 32];
    struct client *c = d->reply->client;
    bool closes = d->order.kind != DUMP_CACHE;
    snprintf(line, sizeof line, "ERROR %s %.*s\r\n", server, (int)shown_len(reason, len, REASON),
             reason);
    finish(d, line);
    if (closes && c && client_takes_requests(c)) client_end(c, "its dump has failed");
}

static void fail_at(struct dump *d, const char *reason)
{
    fail(d, d->servers[d->at], reason, strlen(reason));
}

/* --- to the client ----------------------------------------------------------------------------- */

/* I1: only while its reply is the head of the client's. */
static void put(struct dump *d, const void *bytes, size_t len)
{
    struct client *c = d->reply->client;
    assert(c && c->head == d->reply);
    outq_append(&c->out, bytes, len);
    client_mark_dirty(c);
}

/* Clients expect the form of the version that they were told. */
static void begin_answer(struct dump *d)
{
    bool is_first = !d->has_answered;
    d->has_answered = true;
    if (is_first && d->says_ok) put(d, "OK\r\n", 4);
}

static bool has_enough(const struct dump *d)
{
    return dump_order_has_enough(&d->order, d->passed);
}

/* The next server, or the end. d may be freed. */
static void go_on(struct dump *d)
{
    question_close(&d->lines);
    d->at++;
    if (d->at < d->n && !has_enough(d)) {
        ask(d);
        return;
    }
    begin_answer(d);
    finish(d, d->order.kind == DUMP_MG ? "EN\r\n" : "END\r\n");
}

/* --- from a server ----------------------------------------------------------------------------- */

static void set_timer(struct dump *d, double after)
{
    struct ev_loop *loop = d->set->turn->loop;
    ev_timer_stop(loop, &d->timer);
    ev_timer_set(&d->timer, after, 0);
    ev_timer_start(loop, &d->timer);
}

/* A client that takes nothing for so long holds up the server's crawler, and other dumps. */
static void look_at_reader(struct dump *d)
{
    struct client *c = d->reply->client;
    if (!d->lines.is_paused && !d->is_held) return;
    if (c->out.bytes == d->unread) {
        client_close(c, "does not read its dump"); /* dumps_look frees d */
        return;
    }
    d->unread = c->out.bytes;
    set_timer(d, PATIENCE);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct dump *d = timer->data;
    (void)loop;
    (void)events;
    if (!d->reply->client) return;
    if (question_is_open(&d->lines) || d->is_held)
        look_at_reader(d);
    else
        ask(d);
}

/* d may be freed. */
static void be_busy(struct dump *d)
{
    question_close(&d->lines);
    if (d->busy_since == 0) d->busy_since = now_of(d);
    if (now_of(d) - d->busy_since < BUSY_LIMIT) {
        set_timer(d, BUSY_PAUSE);
    } else if (d->has_answered) {
        fail_at(d, "is busy with another dump");
    } else {
        finish(d, BUSY_LINE);
    }
}

/* memcached's own refusal is the answer, as long as there is no other. d is freed. */
static void be_refused(struct dump *d, const char *line, size_t len)
{
    char text[REASON];
    size_t shown = shown_len(line, len, REASON - 16);
    bool is_fatal = strncmp(line, "SERVER_ERROR", strlen("SERVER_ERROR")) == 0;
    if (!d->has_answered && !is_fatal) {
        snprintf(text, sizeof text, "%.*s\r\n", (int)shown, line);
        finish(d, text);
        return;
    }
    snprintf(text, sizeof text, "answers: %.*s", (int)shown, line);
    fail_at(d, text);
}

/* A question_take_fn. I3: what memcached would not send here ends the connection, and with it the dump. */
static bool dump_takes(void *owner, const uint8_t *line, size_t len)
{
    struct dump *d = owner;
    enum dump_line is = dump_line_of(d->order.kind, line, len);
    if (!d->reply->client) { /* dumps_look frees it */
        question_close(&d->lines);
        return false;
    }
    if (is == DUMP_LINE_OK && !d->has_heard) {
        d->has_heard = true;
        return true;
    }
    bool is_first = !d->has_named;
    d->has_heard = d->has_named = true;
    if (is != DUMP_LINE_BUSY) d->busy_since = 0;
    if (is == DUMP_LINE_KEY && !has_enough(d)) {
        begin_answer(d);
        put(d, line, len);
        d->passed++;
        return true;
    }
    if (is == DUMP_LINE_END)
        go_on(d);
    else if (is == DUMP_LINE_BUSY && is_first)
        be_busy(d);
    else if (is == DUMP_LINE_REFUSED && is_first)
        be_refused(d, (const char *)line, len);
    else
        fail_at(d, "sends what is no line of a dump");
    return false;
}

/* A question_end_fn. */
static void dump_ends(void *owner, const char *reason)
{
    struct dump *d = owner;
    if (d->reply->client) fail_at(d, reason);
}

/* What this server is asked. While a reader of `metadump hash` keeps memcached 1.6.9 and 1.6.18 waiting, they hold the lock of a part of
 * their keys, and clients wait, too; so do all before HASH_FROM, as far as we know. A client that is slow must not stop a server. */
static void write_question(const struct dump *d, const struct backend *b, char *to)
{
    struct dump_order order = d->order;
    bool is_meta = order.kind == DUMP_META;
    if (is_meta && dialect_number(b->version, strlen(b->version)) < HASH_FROM)
        order.is_hash = false;
    dump_order_write(&order, order.limit ? order.limit - d->passed : 0, to, QUESTION_MOST + 1);
}

/* Asks server `at`, or the next one that a pool still names. d may be freed. */
static void ask_server(struct dump *d)
{
    char question[QUESTION_MOST + 1];
    struct backend *b = NULL;
    while (d->at < d->n && !(b = backends_find(d->set->turn->backends, d->servers[d->at]))) d->at++;
    if (!b) {
        go_on(d);
        return;
    }
    d->has_heard = d->has_named = false;
    write_question(d, b, question);
    const char *reason = b->down ? "is down" : question_open(&d->lines, b, question, PATIENCE);
    if (reason) fail_at(d, reason);
}

/* What the script's own stores have. False: more is to come, once the client has room, or in the next turn. */
static bool put_stores(struct dump *d)
{
    struct client *c = d->reply->client;
    begin_answer(d);
    enum dump_stores_status is = dump_stores_put(&d->stores, c, &d->order, &d->passed, HELD);
    d->is_held = is == DUMP_STORES_HELD;
    d->unread = c->out.bytes;
    if (is == DUMP_STORES_DONE) return true;
    set_timer(d, d->is_held ? PATIENCE : 0);
    return false;
}

/* Stores first, then the servers, from `at` on. d may be freed. */
static void ask(struct dump *d)
{
    if (dump_stores_are_there(&d->stores) && !put_stores(d)) return;
    has_enough(d) ? go_on(d) : ask_server(d);
}

/* --- its turn ---------------------------------------------------------------------------------- */

/* Notes the servers, in the order in which scripts name them: the set has the newest first. Returns one that is down, or NULL: nothing
 * is dumped when it cannot be whole. */
static const struct backend *note_servers(struct dump *d)
{
    const struct backends *set = d->set->turn->backends;
    const struct backend *down = NULL;
    for (const struct backend *b = set->first; b; b = b->next) d->n += backend_is_first(b);
    d->servers = slab_borrow(sizeof *d->servers * (d->n + 1)); /* there may be none */
    uint32_t n = d->n;
    for (const struct backend *b = set->first; b; b = b->next) {
        if (!backend_is_first(b)) continue;
        snprintf(d->servers[--n], sizeof *d->servers, "%s", b->name);
        if (b->down) down = b;
    }
    assert(n == 0);
    return down;
}

/* Another dump by lru_crawler runs, here or in another worker. Each worker counts before it looks, so of two that begin at once
 * one at least sees the other. */
static bool is_busy(const struct dump *d)
{
    const struct board *board = d->set->board;
    return (board ? board_sum(board).dumps : row_of(d)->dumps) > 1;
}

/* d may be freed. */
static void dump_begin(struct dump *d)
{
    d->has_begun = true;
    d->set->dumps.running++;
    ev_init(&d->timer, on_timer);
    d->timer.data = d;
    const struct backend *down = note_servers(d);
    dump_stores_begin(&d->stores, d->set->turn);
    if (d->order.kind != DUMP_CACHE) row_of(d)->dumps++;
    if (d->order.kind != DUMP_CACHE && is_busy(d))
        finish(d, BUSY_LINE);
    else if (down)
        fail(d, down->name, "is down", strlen("is down"));
    else
        ask(d);
}

/* I6: HELD, and what one read brings. */
static void regulate(struct dump *d)
{
    const struct client *c = d->reply->client;
    bool is_full = c->out.bytes >= HELD;
    if (!question_is_open(&d->lines) || d->lines.is_paused == is_full) return;
    question_pause(&d->lines, is_full);
    d->unread = c->out.bytes;
    if (is_full)
        set_timer(d, PATIENCE);
    else
        ev_timer_stop(d->set->turn->loop, &d->timer);
}

/* What has changed for one dump. d may be freed. */
static void dump_look(struct dump *d)
{
    struct client *c = d->reply->client;
    if (!c) {
        finish(d, ""); /* frees the reply */
    } else if (d->is_held && c->out.bytes < HELD) {
        ask(d);
    } else if (d->has_begun) {
        regulate(d);
    } else if (c->head == d->reply && d->set->dumps.running < AT_ONCE) {
        dump_begin(d);
    }
}

bool dumps_look(struct clients *set)
{
    struct dump *next;
    for (struct dump *d = set->dumps.first; d; d = next) {
        next = d->next;
        dump_look(d);
    }
    bool has_finished = set->dumps.has_finished;
    set->dumps.has_finished = false;
    return has_finished;
}

/* --- requests ---------------------------------------------------------------------------------- */

/* The error line for what is not begun; NULL: it may be. */
static const char *judge(const struct client *c, enum dump_kind kind, const struct arguments *w,
                         struct dump_order *order)
{
    if (!client_is_allowed(c, c->set->limits.allow_dump)) return dump_order_refusal(kind);
    const char *error = dump_order_read(order, kind, w);
    if (error) return error;
    if (c->set->dumps.n < DUMPS_MAX) return NULL;
    return kind == DUMP_CACHE ? "ERROR too many dumps wait\r\n" : BUSY_LINE;
}

void dumps_take(struct client *c, const struct request *r, enum dump_kind kind,
                const struct arguments *w, bool says_ok)
{
    struct dumps *all = &c->set->dumps;
    struct dump_order order;
    const char *error = judge(c, kind, w, &order);
    if (error) {
        reply_at_once(c, r->command_id, error, strlen(error));
        return;
    }
    struct dump *d = slab_borrow(sizeof *d);
    *d = (struct dump){.set = c->set,
                       .order = order,
                       .says_ok = says_ok && kind != DUMP_CACHE,
                       .next = all->first,
                       .prev = &all->first,
                       .reply = reply_create(c, r, 1)};
    d->lines.take = dump_takes;
    d->lines.end = dump_ends;
    d->lines.owner = d;
    if (d->next) d->next->prev = &d->next;
    all->first = d;
    all->n++;
}
