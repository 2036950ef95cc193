/* fleet_servers: what a fleet (fleet.h) is made of, and its servers with their connections. Included by fleet.h alone, which says who owns
 * what.
 */
#ifndef TESTS_UNIT_FLEET_SERVERS_H
#define TESTS_UNIT_FLEET_SERVERS_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/process.h"
#include "lib/stage.h"
#include "script/tester.h"
#include "store/answer.h"
#include "worker/clock.h"
#include "worker/worker_state.h"
#include "worker/worker_tools.h"

enum {
    FLEET_MACHINES = 2,
    FLEET_WORKERS = 4,
    SERVERS = 8,
    LINKS = 64,
    GUESTS = 64,
    PENDING = 128,
    LATE = 64
};
enum { FLEET_ANSWER = 4096 };
enum { BUFFER = 16 * 1024, REQUEST = 4096, QUIET = 3 };

/* Seconds after a connection has ended in which a server may still carry out what came by it: less than WRITES_LINGER. */
static const double LINGERS = 0.9;

struct post {
    struct worker worker;
    struct worker_seat seat;
    struct fleet *fleet;
    struct post *next; /* in `killed` */
};

struct machine {
    struct board *board;
    struct store_region *stores;
    struct post *posts[FLEET_WORKERS];
};

/* A request at a server: its bytes, then the answer's. */
struct pending {
    size_t len, answer_len;
    bool is_done;
    char bytes[REQUEST], answer[REQUEST];
};

struct link {
    int fd; /* -1: it is free */
    unsigned server;
    const struct post *post;
    char in[BUFFER];
    size_t in_len;
    struct pending *queue[PENDING];
    unsigned queue_n;
};

struct late {
    double until;
    unsigned server;
    struct pending *request;
};

struct guest {
    int fd; /* -1: it has gone */
    const struct post *post;
};

/* A killed process does nothing more, not even at its end: what it had goes with this one. */
static struct post *killed;

struct fleet {
    struct options options;
    unsigned machines, workers;
    struct machine machine[FLEET_MACHINES];
    char *names[SERVERS];
    struct store *servers[SERVERS];
    struct link links[LINKS];
    unsigned links_n;
    struct late late[LATE];
    unsigned late_n;
    struct guest guests[GUESTS];
    unsigned guests_n;
    struct arena arena;
};

/* Seconds. */
static inline double fleet_now(void)
{
    return process_clock();
}

/* --- servers ------------------------------------------------------------------------------------- */

static unsigned server_of(struct fleet *f, const char *name)
{
    for (unsigned at = 0; at < SERVERS; at++) {
        if (!f->names[at]) f->names[at] = strdup(name);
        if (strcmp(f->names[at], name) == 0) return at;
    }
    fail_msg("too many servers");
    return 0;
}

static struct store *items_of(struct fleet *f, unsigned server)
{
    const struct store_settings settings = {.size = 1 << 20, .max_value = 64 * 1024};
    if (!f->servers[server]) f->servers[server] = store_create(&settings);
    return f->servers[server];
}

/* Adds the answer to one key, without the END of a get. */
static void answer_key(struct fleet *f, unsigned server, const struct request *r, struct pending *p)
{
    struct store_answer a;
    store_answer(items_of(f, server), r, store_clock(NULL), &f->arena, &a);
    size_t len = a.response.len;
    bool is_get = command_info(r->command_id)->shape == SHAPE_RETRIEVE;
    if (is_get) len -= strlen("END\r\n");
    if (p->answer_len + len + 8 > sizeof p->answer) fail_msg("an answer is too long");
    memcpy(p->answer + p->answer_len, a.response.bytes, len);
    p->answer_len += len;
    if (a.blob) blob_give(a.blob);
}

/* A request is parsed, and answered as memcached does. */
static void carry_out(struct fleet *f, unsigned server, struct pending *p)
{
    const struct request_rules rules = {.max_value = 64 * 1024};
    struct request r;
    struct request_parse parse = request_parse((const void *)p->bytes, p->len, &rules, &r);
    const uint8_t *at = (const void *)r.key_at, *end = (const uint8_t *)p->bytes + parse.keys_end;
    if (parse.status == REQUEST_OK)
        answer_key(f, server, &r, p);
    else if (parse.status == REQUEST_KEYS)
        while (request_next_key(&at, end, &r)) answer_key(f, server, &r, p);
    else
        fail_msg("a server cannot read %.*s", (int)p->len, p->bytes);
    if (command_info(r.command_id)->shape == SHAPE_RETRIEVE)
        p->answer_len += (size_t)sprintf(p->answer + p->answer_len, "END\r\n");
    p->is_done = true;
    arena_reset(&f->arena);
}

/* Asks the server itself, at once. The answer is good until the next one. */
static inline const char *fleet_asks(struct fleet *f, const char *server, const char *text)
{
    static struct pending p;
    p.len = strlen(text);
    p.answer_len = 0;
    memcpy(p.bytes, text, p.len);
    carry_out(f, server_of(f, server), &p);
    p.answer[p.answer_len] = '\0';
    return p.answer;
}

/* What moongate asks on each connection is answered at once. */
static bool take_greeting(struct link *l)
{
    static const char *const greetings[][2] = {{"version\r\n", "VERSION 1.6.18\r\n"},
                                               {"mn\r\n", "MN\r\n"}};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(greetings[i][0]);
        if (l->in_len < n || memcmp(l->in, greetings[i][0], n) != 0) continue;
        (void)!write(l->fd, greetings[i][1], strlen(greetings[i][1]));
        memmove(l->in, l->in + n, l->in_len -= n);
        return true;
    }
    return false;
}

static bool take_request(struct link *l)
{
    const struct request_rules rules = {.max_value = 64 * 1024};
    struct request r;
    if (l->in_len == 0) return false;
    struct request_parse parse = request_parse((const void *)l->in, l->in_len, &rules, &r);
    if (parse.status == REQUEST_AGAIN) return false;
    if (parse.consumed > REQUEST || l->queue_n == PENDING) fail_msg("too much for a server");
    struct pending *p = calloc(1, sizeof *p);
    p->len = parse.consumed;
    memcpy(p->bytes, l->in, p->len);
    memmove(l->in, l->in + p->len, l->in_len -= p->len);
    l->queue[l->queue_n++] = p;
    return true;
}

static inline void fleet_breaks(struct fleet *f, unsigned link);

/* False: nothing has come. */
static bool link_reads(struct fleet *f, unsigned at)
{
    struct link *l = &f->links[at];
    ssize_t n = recv(l->fd, l->in + l->in_len, BUFFER - l->in_len, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return false;
    if (n <= 0) {
        fleet_breaks(f, at);
        return true;
    }
    l->in_len += (size_t)n;
    while (take_greeting(l) || take_request(l)) continue;
    return true;
}

static int dial(void *about, const struct backend *b, int *fd)
{
    struct post *post = about;
    struct fleet *f = post->fleet;
    int pair[2];
    if (f->links_n == LINKS) fail_msg("too many connections");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) return errno;
    struct link *l = &f->links[f->links_n++];
    l->fd = pair[0];
    l->server = server_of(f, b->name);
    l->post = post;
    l->in_len = l->queue_n = 0;
    *fd = pair[1];
    return 0;
}

/* Connections to servers: how many there are; their numbers change as they come and go. What can be done with one: */
static inline unsigned fleet_links(const struct fleet *f)
{
    return f->links_n;
}

static struct pending *first(const struct link *l, bool is_done)
{
    for (unsigned i = 0; i < l->queue_n; i++) {
        if (!l->queue[i]->is_done) return is_done ? NULL : l->queue[i];
        if (is_done) return l->queue[i];
    }
    return NULL;
}

/* a request has come that is not carried out */
static inline bool fleet_may_carry_out(const struct fleet *f, unsigned link)
{
    return first(&f->links[link], false);
}

/* one is, and is not answered */
static inline bool fleet_may_answer(const struct fleet *f, unsigned link)
{
    return first(&f->links[link], true);
}

static inline void fleet_carries_out(struct fleet *f, unsigned link)
{
    carry_out(f, f->links[link].server, first(&f->links[link], false));
}

static inline void fleet_answers(struct fleet *f, unsigned link)
{
    struct link *l = &f->links[link];
    struct pending *p = l->queue[0];
    (void)!write(l->fd, p->answer, p->answer_len);
    memmove(l->queue, l->queue + 1, --l->queue_n * sizeof *l->queue);
    free(p);
}

/* The connection breaks. What was not carried out yet may still be, within a second: see fleet_late. */
static inline void fleet_breaks(struct fleet *f, unsigned link)
{
    struct link *l = &f->links[link];
    for (unsigned i = 0; i < l->queue_n; i++) {
        if (l->queue[i]->is_done || f->late_n == LATE)
            free(l->queue[i]);
        else
            f->late[f->late_n++] = (struct late){fleet_now() + LINGERS, l->server, l->queue[i]};
    }
    close(l->fd);
    *l = f->links[--f->links_n];
}

/* Requests of broken connections: one of them is carried out, or is forgotten. False: there is none. */
static inline bool fleet_late(struct fleet *f, bool is_carried_out)
{
    if (f->late_n == 0) return false;
    struct late first = f->late[0];
    memmove(f->late, f->late + 1, --f->late_n * sizeof *f->late);
    if (is_carried_out && fleet_now() < first.until) carry_out(f, first.server, first.request);
    free(first.request);
    return true;
}

/* Items of servers are gone. */
static inline void fleet_empties(struct fleet *f)
{
    for (unsigned i = 0; i < SERVERS; i++) {
        if (f->servers[i]) store_destroy(f->servers[i]);
        f->servers[i] = NULL;
    }
}

#endif
