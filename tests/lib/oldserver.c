#include "lib/oldserver.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/oldwords.h"
#include "lib/peer.h"

enum { LINE_MAX_BYTES = 2048 };

static const struct oldtraits traits[OLDSERVER_KINDS] = {
    [OLDSERVER_1_4_25] = {"VERSION 1.4.25\r\n", META_UNKNOWN, false},
    [OLDSERVER_1_5_22] = {"VERSION 1.5.22\r\n", META_UNKNOWN, true},
    [OLDSERVER_1_6_6] = {"VERSION 1.6.6\r\n", META_EARLY, true},
    [OLDSERVER_FOREIGN] = {"ERROR\r\n", META_UNKNOWN, false},
    [OLDSERVER_NUTCRACKER] = {"VERSION 1.6.18\r\n", META_CLOSES, false},
    [OLDSERVER_LF] = {"\n", META_UNKNOWN, false},
    [OLDSERVER_WORD] = {"VERSION\r\n", META_UNKNOWN, false},
};

static const char *const names[OLDSERVER_KINDS] = {
    "memcached 1.4.25",
    "memcached 1.5.22",
    "memcached 1.6.6",
    "a program that is no memcached",
    "nutcracker",
    "a server that says LF",
    "a server that says VERSION alone",
};

struct link {
    struct peer peer; /* first: the stage knows it by its actor */
    struct oldserver *server;
    struct link *next;
    struct oldsession session;
};

struct oldserver {
    struct actor listener; /* first */
    const char *address;
    enum oldserver_kind kind;
    struct olditems items;
    struct link *links;
    unsigned n;
    struct octets executed; /* lines, each with a NUL behind it */
};

/* --- a connection ---------------------------------------------------------------------------- */

/* Each takes one thing from what has come; false when it is not all there. */
static bool takes_value(struct link *l)
{
    struct oldsession *s = &l->session;
    if (octets_n(&l->peer.in) < s->rest_n) return false;
    oldwords_take_value(s, octets_at(&l->peer.in));
    octets_take(&l->peer.in, s->rest_n);
    return true;
}

static bool throws_away(struct link *l)
{
    struct oldsession *s = &l->session;
    size_t here = octets_n(&l->peer.in), taken = here < s->rest_n ? here : s->rest_n;
    octets_take(&l->peer.in, taken);
    s->rest_n -= taken;
    if (s->rest_n == 0) s->rest = REST_NONE;
    return taken > 0;
}

static bool takes_line(struct link *l)
{
    struct octets *in = &l->peer.in;
    const char *start = octets_at(in), *newline = memchr(start, '\n', octets_n(in));
    if (!newline) {
        bool is_get = strncmp(start, "get ", 4) == 0 || strncmp(start, "gets ", 5) == 0;
        l->session.wants_end = octets_n(in) > LINE_MAX_BYTES && !is_get;
        return false;
    }
    size_t n = (size_t)(newline - start), whole = n + 1;
    if (n > 0 && start[n - 1] == '\r') n--;
    char *line = strndup(start, n); /* ends at a NUL, as memcached's lines do */
    if (!line) abort();
    octets_take(in, whole);
    octets_add(&l->server->executed, line, strlen(line) + 1);
    oldwords_execute(&l->session, line);
    free(line);
    return true;
}

static bool takes_something(struct link *l)
{
    if (l->session.wants_end) return false;
    switch (l->session.rest) {
    case REST_VALUE: return takes_value(l);
    case REST_THROWN_AWAY: return throws_away(l);
    default: return takes_line(l);
    }
}

static void link_acts(struct actor *actor, short revents)
{
    struct link *l = (struct link *)(void *)actor;
    peer_acts(actor, revents);
    while (takes_something(l)) continue;
    peer_queues(&l->peer, "", 0); /* sends what was added */
    bool is_over = l->session.wants_end || (l->peer.is_closed && octets_n(&l->peer.out) == 0);
    if (is_over) peer_release(&l->peer);
}

static bool link_leaves(struct actor *actor)
{
    peer_release(&((struct link *)(void *)actor)->peer);
    return true;
}

/* --- the server ------------------------------------------------------------------------------ */

static void listener_acts(struct actor *actor, short revents)
{
    struct oldserver *s = (struct oldserver *)(void *)actor;
    (void)revents;
    int fd = accept4(actor->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    struct link *l = stage_memory(sizeof *l);
    peer_init(&l->peer, fd, textf("%s, connection %u", names[s->kind], ++s->n));
    l->server = s;
    l->session =
        (struct oldsession){.traits = &traits[s->kind], .items = &s->items, .out = &l->peer.out};
    l->peer.actor.rank = RANK_BACKEND;
    l->peer.actor.acts = link_acts;
    l->peer.actor.leaves = link_leaves;
    l->next = s->links;
    s->links = l;
    stage_enter(&l->peer.actor);
}

static bool oldserver_leaves(struct actor *actor)
{
    struct oldserver *s = (struct oldserver *)(void *)actor;
    close(actor->fd);
    olditems_clear(&s->items);
    octets_release(&s->executed);
    return true;
}

struct oldserver *oldserver_listens(enum oldserver_kind kind)
{
    struct oldserver *s = stage_memory(sizeof *s);
    struct address at = address_read("127.0.0.1:0");
    s->kind = kind;
    s->listener.rank = RANK_BACKEND;
    s->listener.acts = listener_acts;
    s->listener.leaves = oldserver_leaves;
    s->listener.fd = socket(at.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(s->listener.fd, &at.as.any, at.n) < 0 || listen(s->listener.fd, 64) < 0)
        stage_fails("%s cannot listen: %s", names[kind], strerror(errno));
    getsockname(s->listener.fd, &at.as.any, &at.n);
    s->address = textf("127.0.0.1:%d", ntohs(at.as.v4.sin_port));
    stage_enter(&s->listener);
    return s;
}

const char *oldserver_address(const struct oldserver *s)
{
    return s->address;
}

const char *oldserver_name(enum oldserver_kind kind)
{
    return names[kind];
}

size_t oldserver_executed(const struct oldserver *s, const char *pattern)
{
    size_t times = 0;
    const char *at = octets_at(&s->executed), *end = at + octets_n(&s->executed);
    for (; at < end; at += strlen(at) + 1) times += fnmatch(pattern, at, 0) == 0;
    return times;
}

void oldserver_executed_times(const struct oldserver *s, const char *pattern, size_t times)
{
    size_t seen = oldserver_executed(s, pattern);
    if (seen == times) return;
    const char *at = octets_at(&s->executed), *end = at + octets_n(&s->executed);
    for (; at < end; at += strlen(at) + 1) fprintf(stderr, "  executed  %s\n", at);
    stage_fails("%s executed '%s' %zu times, not %zu", names[s->kind], pattern, seen, times);
}

void oldserver_never_executed(const struct oldserver *s, const char *pattern)
{
    oldserver_executed_times(s, pattern, 0);
}

void oldserver_forgets(struct oldserver *s)
{
    octets_take(&s->executed, octets_n(&s->executed));
}

const char *oldserver_value(struct oldserver *s, const char *key)
{
    const struct olditem *item = olditems_find(&s->items, key);
    return item ? item->data : NULL;
}

unsigned oldserver_links(const struct oldserver *s)
{
    return s->n;
}

unsigned oldserver_open_links(const struct oldserver *s)
{
    unsigned n = 0;
    for (const struct link *l = s->links; l; l = l->next) n += l->peer.actor.fd >= 0;
    return n;
}

void oldserver_closes_links(struct oldserver *s)
{
    for (struct link *l = s->links; l; l = l->next) peer_release(&l->peer);
}

void oldserver_becomes(struct oldserver *s, enum oldserver_kind kind)
{
    s->kind = kind;
}
