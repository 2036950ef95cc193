/* played_server: a server as the worker sees it, played by worker_fuzz.c.
 *
 * Reads requests with a naive parser (played_request.h). What that does not understand, or what must not be in the stream
 * (a noreply, a q, a second space, half a value), is a broken promise. Answers from a tiny store, one for all servers; the
 * schedule says when and how many bytes at a time, and what goes wrong. A server owns its socket and its connections.
 */
#ifndef TESTS_FUZZ_PLAYED_SERVER_H
#define TESTS_FUZZ_PLAYED_SERVER_H

#include "fuzz/played.h"
#include "fuzz/played_dialect.h"
#include "fuzz/played_request.h"

#include <poll.h>
#include <sys/un.h>

enum { SERVER_CONNS = 14, STORED = 128 };

/* What the server does with the next request that it understands. */
enum mood {
    MOOD_GOOD,
    MOOD_MISS,
    MOOD_SERVER_ERROR,
    MOOD_CLIENT_ERROR,
    MOOD_WRONG_KEY, /* from here on it is an anomaly: the connection must be closed */
    MOOD_WRONG_KIND,
    MOOD_WRONG_OPAQUE,
    MOOD_TWICE, /* a value more than keys */
    MOOD_GARBAGE,
    MOOD_HALF, /* half an answer, and then nothing more: it is stuck */
    MOODS
};

struct server_conn {
    int fd; /* -1: free */
    struct bytes in, out;
    bool poisoned;      /* an anomaly is in `out`, or was: nothing behind it may count */
    size_t poison_left; /* bytes of `out` up to its end */
    unsigned steps;     /* of the worker since it was sent */
    bool stuck;         /* answers nothing more */
    bool leaves;        /* was asked mn and does not like it */
    const struct played_dialect *dialect;
};

struct server {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int listener; /* -1: refuses */
    enum mood mood;
    const struct played_dialect *dialect;
    bool one; /* is asked one thing at a time */
    struct server_conn conns[SERVER_CONNS];
};

/* --- the store --------------------------------------------------------------------------------- */

static struct {
    uint64_t key;
    uint32_t serial;
    bool is_there;
} store[STORED];

static size_t store_n;

/* A key that was never stored is there or not by its name. */
static size_t had_find(const char *key)
{
    uint64_t digest = 1;
    size_t i = 0;
    digest_bytes(&digest, key, strlen(key));
    while (i < store_n && store[i].key != digest) i++;
    if (i < store_n) return i;
    if (store_n == STORED) i = --store_n; /* only wild clients have so many */
    store[store_n].key = digest;
    store[store_n].serial = 0;
    store[store_n++].is_there = digest & 1;
    return i;
}

/* --- answers ----------------------------------------------------------------------------------- */

static void say_value(struct server_conn *c, const char *key, bool cas)
{
    size_t at = had_find(key);
    uint32_t serial = store[at].serial;
    if (!store[at].is_there) return;
    bytes_say(&c->out, "VALUE %s %u %zu", key, serial & 0xffff, value_len(key, serial));
    if (cas) bytes_say(&c->out, " %u", serial);
    bytes_say(&c->out, "\r\n");
    value_make(&c->out, key, serial, c->poisoned ? 'P' : 'C');
    bytes_say(&c->out, "\r\n");
}

static void answer_get(struct server_conn *c, const struct words *w, bool miss)
{
    size_t first = w->word[0][1] == 'a' ? 2 : 1;
    bool cas = w->word[0][strlen(w->word[0]) - 1] == 's';
    for (size_t i = first; i < w->n && !miss; i++) say_value(c, w->word[i], cas);
    bytes_say(&c->out, "END\r\n");
}

/* A value that came is either one of ours, and then whole, or a wild client's. */
static void answer_store(struct server_conn *c, const struct words *w, const uint8_t *value,
                         size_t len, bool miss)
{
    const char *key = w->word[1];
    uint32_t serial = 0;
    char mark;
    if (memchr(value, '|', len)) check(value_read(value, len, key, &serial, &mark) && mark == 'C');
    if (miss) {
        bytes_say(&c->out, serial % 2 ? "NOT_STORED\r\n" : "EXISTS\r\n");
        return;
    }
    if (w->word[0][1] != 'p' && strcmp(w->word[0], "prepend") != 0) {
        size_t at = had_find(key);
        store[at].serial = serial;
        store[at].is_there = true;
    }
    bytes_say(&c->out, "STORED\r\n");
}

/* A wild client's: memcached refuses it. */
static bool has_long_opaque(const struct words *w)
{
    if (!is_one_of(w->word[0], META)) return false;
    for (size_t i = 2; i < w->n; i++) {
        if (w->word[i][0] == 'O' && strlen(w->word[i]) > 33) return true;
    }
    return false;
}

/* What k and O ask to be repeated; b behind k. */
static void say_flags(struct server_conn *c, const struct words *w)
{
    for (size_t i = strcmp(w->word[0], "ms") == 0 ? 3 : 2; i < w->n; i++) {
        if (w->word[i][0] == 'k') bytes_say(&c->out, " k%s", w->word[1]);
        if (w->word[i][0] == 'O') bytes_say(&c->out, " %.40s", w->word[i]);
        if (w->word[i][0] == 'b') bytes_say(&c->out, " b");
    }
    bytes_say(&c->out, "\r\n");
}

/* The worker's own question in place of a get. */
static bool is_reworded_get(const struct words *w)
{
    return w->n == 6 && strcmp(w->word[0], "mg") == 0 && w->word[3][0] == 'f' &&
           w->word[4][0] == 'c' && w->word[5][0] == 'k';
}

/* What an item has of what is asked for, and some items are stale. */
static void say_item_flags(struct server_conn *c, const struct words *w, uint32_t serial)
{
    for (size_t i = 2; i < w->n; i++) {
        if (w->word[i][0] == 'f') bytes_say(&c->out, " f%u", serial & 0xffff);
        if (w->word[i][0] == 'c') bytes_say(&c->out, " c%u", serial);
        if (w->word[i][0] == 'k') bytes_say(&c->out, " k%s", w->word[1]);
        if (w->word[i][0] == 'O') bytes_say(&c->out, " %.40s", w->word[i]);
        if (w->word[i][0] == 'b') bytes_say(&c->out, " b");
    }
    bytes_say(&c->out, is_reworded_get(w) && serial % 8 == 1 ? " X W\r\n" : "\r\n");
}

static bool has_flag(const struct words *w, char flag)
{
    for (size_t i = 2; i < w->n; i++) {
        if (w->word[i][0] == flag) return true;
    }
    return false;
}

static void answer_meta_get(struct server_conn *c, const struct words *w, bool miss)
{
    const char *key = w->word[1];
    size_t at = had_find(key);
    if (miss || !store[at].is_there) {
        bytes_say(&c->out, "EN");
        say_flags(c, w);
    } else if (!has_flag(w, 'v')) {
        bytes_say(&c->out, "HD");
        say_flags(c, w);
    } else {
        bytes_say(&c->out, "VA %zu", value_len(key, store[at].serial));
        say_item_flags(c, w, store[at].serial);
        value_make(&c->out, key, store[at].serial, c->poisoned ? 'P' : 'C');
        bytes_say(&c->out, "\r\n");
    }
}

static void answer_meta(struct server_conn *c, const struct words *w, bool miss)
{
    char kind = w->word[0][1];
    char number[24];
    if (kind == 'g') {
        answer_meta_get(c, w, miss);
    } else if (kind == 'e') {
        bytes_say(&c->out, miss ? "EN\r\n" : "ME %s exp=-1 la=0\r\n", w->word[1]);
    } else if (kind == 'a' && has_flag(w, 'v') && !miss) {
        int n = sprintf(number, "%llu", (unsigned long long)number_base(w->word[1]) + 1);
        bytes_say(&c->out, "VA %d", n);
        say_flags(c, w);
        bytes_say(&c->out, "%s\r\n", number);
    } else {
        bytes_say(&c->out, !miss ? "HD" : kind == 's' ? "NS" : "NF");
        say_flags(c, w);
    }
}

static void answer_well(struct server_conn *c, const struct words *w, const uint8_t *value,
                        size_t len, bool miss)
{
    const char *name = w->word[0];
    if (is_one_of(name, " get gets gat gats "))
        answer_get(c, w, miss);
    else if (is_one_of(name, STORES))
        answer_store(c, w, value, len, miss);
    else if (is_one_of(name, META))
        answer_meta(c, w, miss);
    else if (strcmp(name, "version") == 0)
        bytes_say(&c->out, "%s", c->dialect->version);
    else if (strcmp(name, "mn") == 0 && !c->dialect->noop)
        c->leaves = true;
    else if (strcmp(name, "mn") == 0)
        bytes_say(&c->out, "%s", c->dialect->noop);
    else if (strcmp(name, "flush_all") == 0)
        bytes_say(&c->out, "OK\r\n");
    else if (strcmp(name, "stats") == 0)
        bytes_say(&c->out, "STAT items:1:number 1\r\nEND\r\n");
    else if (miss)
        bytes_say(&c->out, "NOT_FOUND\r\n");
    else if (strcmp(name, "delete") == 0)
        bytes_say(&c->out, "DELETED\r\n");
    else if (strcmp(name, "touch") == 0)
        bytes_say(&c->out, "TOUCHED\r\n");
    else
        bytes_say(&c->out, "%llu\r\n", (unsigned long long)number_base(w->word[1]) + 1);
    if (strcmp(name, "delete") == 0 && !miss) store[had_find(w->word[1])].is_there = false;
}

/* What is said now, at the latest, must close the connection. */
static void poison(struct server_conn *c)
{
    game.faulty = c->poisoned = true;
    game.anomalies++;
}

static void answer_badly(struct server_conn *c, const struct words *w, enum mood mood)
{
    bool had_like = is_one_of(w->word[0], STORES " delete ");
    if (mood == MOOD_TWICE && (strcmp(w->word[0], "get") != 0 || w->n > 2)) mood = MOOD_WRONG_KEY;
    if (mood == MOOD_WRONG_OPAQUE && !is_one_of(w->word[0], " mg ms md ")) mood = MOOD_WRONG_KIND;
    poison(c);
    switch (mood) {
    case MOOD_WRONG_OPAQUE: bytes_say(&c->out, "HD O?\r\n"); break;
    case MOOD_TWICE:
        store[had_find(w->word[1])].is_there = true;
        say_value(c, w->word[1], false);
        answer_get(c, w, false);
        break;
    case MOOD_WRONG_KEY: /* one client's own key, so that another would see its value */
        if (is_reworded_get(w))
            bytes_say(&c->out, "VA 8 f0 c1 kpz0\r\npz0|1|P.\r\n");
        else
            bytes_say(&c->out, "VALUE pz0 0 8\r\npz0|1|P.\r\nEND\r\n");
        break;
    case MOOD_WRONG_KIND: bytes_say(&c->out, had_like ? "TOUCHED\r\n" : "STORED\r\n"); break;
    default: bytes_say(&c->out, "bogus\r\n"); break;
    }
}

/* memcached's own proxy sends an error for each key, and END; what it says of itself is what a server of that version says. */
static void refuse_each_key(struct server_conn *c, const struct words *w)
{
    size_t first = is_one_of(w->word[0], " gat gats ") ? 2 : 1;
    if (!is_one_of(w->word[0], " get gets gat gats ") || !c->dialect->has_meta || w->n <= first + 1)
        return;
    for (size_t i = first + 1; i < w->n; i++)
        bytes_say(&c->out, "SERVER_ERROR backend failure\r\n");
    bytes_say(&c->out, "END\r\n");
    poison(c);
}

static void answer(struct server *s, struct server_conn *c, const struct words *w,
                   const uint8_t *value, size_t len)
{
    enum mood mood = c->poisoned ? MOOD_GOOD : s->mood;
    if (mood == MOOD_GOOD && has_long_opaque(w)) mood = MOOD_CLIENT_ERROR;
    if (is_one_of(w->word[0], " version mn ") && mood != MOOD_HALF)
        mood = MOOD_GOOD; /* any line does */
    size_t before = c->out.len;
    bool was_poisoned = c->poisoned;
    s->mood = MOOD_GOOD;
    if (mood > MOOD_MISS) game.faulty = true;
    switch (mood) {
    case MOOD_SERVER_ERROR:
        bytes_say(&c->out, "SERVER_ERROR out of memory\r\n");
        refuse_each_key(c, w);
        if (is_one_of(w->word[0], STORES " ms ") && !c->dialect->is_seen) poison(c);
        break;
    case MOOD_CLIENT_ERROR:
        bytes_say(&c->out, "CLIENT_ERROR invalid flag\r\n"); /* which swallows the value of an ms */
        refuse_each_key(c, w);
        if (is_one_of(w->word[0], STORES) || /* it may take the value for commands */
            (is_one_of(w->word[0], " ms ") && !c->dialect->is_seen))
            poison(c);
        break;
    case MOOD_WRONG_KEY:
    case MOOD_WRONG_KIND:
    case MOOD_WRONG_OPAQUE:
    case MOOD_TWICE:
    case MOOD_GARBAGE: answer_badly(c, w, mood); break;
    default: answer_well(c, w, value, len, mood == MOOD_MISS); break;
    }
    if (c->poisoned && !was_poisoned) c->poison_left = c->out.len;
    if (mood != MOOD_HALF) return;
    c->out.len = before + (c->out.len - before) / 2;
    c->stuck = true;
}

/* I10: it understands the request, and nobody else's is there where its value could be left over. */
static void check_company(const struct server *s, const struct server_conn *c,
                          const struct words *w, size_t whole)
{
    bool apart = strcmp(w->word[0], "ms") == 0 && !c->dialect->is_seen;
    if (is_one_of(w->word[0], META)) check(c->dialect->has_meta);
    if ((apart || s->one) && !c->poisoned) check(c->in.len == whole && c->out.len == 0);
}

/* The first request of what came; false when it is not whole. */
static bool take_one(struct server *s, struct server_conn *c)
{
    size_t line = line_len(c->in.at, c->in.len);
    struct words w;
    if (line == 0) return false;
    char *text = malloc(line + 1);
    check(text && line >= 3 && c->in.at[line - 2] == '\r');
    check(!memchr(c->in.at, 0, line));
    memcpy(text, c->in.at, line - 2);
    text[line - 2] = 0;
    split(&w, text);
    long value = value_follows(&w);
    size_t whole = line + (value < 0 ? 0 : (size_t)value + 2);
    bool is_whole = c->in.len >= whole;
    if (is_whole) {
        check_request(&w);
        check_company(s, c, &w, whole);
        if (value >= 0) check(memcmp(c->in.at + whole - 2, "\r\n", 2) == 0);
        answer(s, c, &w, c->in.at + line, value < 0 ? 0 : (size_t)value);
        bytes_drop(&c->in, whole);
    }
    free(text);
    return is_whole;
}

/* --- connections ------------------------------------------------------------------------------- */

static void server_hang_up(struct server_conn *c)
{
    if (c->fd >= 0) close(c->fd);
    bytes_free(&c->in);
    bytes_free(&c->out);
    *c = (struct server_conn){.fd = -1};
}

static bool is_hung_up(const struct server_conn *c)
{
    struct pollfd p = {.fd = c->fd};
    return poll(&p, 1, 0) == 1 && p.revents & (POLLHUP | POLLERR);
}

/* Those that the worker closed are forgotten before new ones come, so that a client's writes keep their order. */
static void server_accept(struct server *s)
{
    for (int i = 0; i < SERVER_CONNS; i++) {
        struct server_conn *c = &s->conns[i];
        if (c->fd >= 0 && is_hung_up(c)) server_hang_up(c);
        if (c->fd < 0 && s->listener >= 0)
            c->fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        c->dialect = s->dialect;
    }
}

static void server_listen(struct server *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (s->listener >= 0) return;
    unlink(s->path);
    memcpy(a.sun_path, s->path, sizeof a.sun_path);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check(s->listener >= 0 && bind(s->listener, (struct sockaddr *)&a, sizeof a) == 0);
    check(listen(s->listener, 16) == 0);
}

static void server_refuse(struct server *s)
{
    if (s->listener >= 0) close(s->listener);
    s->listener = -1;
}

/* Reads and understands; answers are ready to be sent, none is. */
static void server_read(struct server *s, struct server_conn *c, size_t most)
{
    if (c->fd < 0) return;
    bytes_receive(&c->in, c->fd, most);
    while (!c->stuck && !c->leaves && take_one(s, c)) {
    }
    if (c->leaves) server_hang_up(c);
}

static void server_write(struct server_conn *c, size_t most)
{
    size_t before = c->out.len;
    if (c->fd >= 0 && !bytes_send(&c->out, c->fd, most)) server_hang_up(c);
    size_t sent = before - c->out.len;
    c->poison_left -= sent < c->poison_left ? sent : c->poison_left;
}

/* The worker had time to read what it was sent: soon after an anomaly it must have closed (I3). */
static void server_conn_step(struct server_conn *c)
{
    if (c->fd < 0 || !c->poisoned || c->poison_left > 0 || ++c->steps < 8) return;
    check(is_hung_up(c));
    server_hang_up(c);
}

#endif
