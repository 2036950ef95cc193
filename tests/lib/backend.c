#include "lib/backend_state.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/overtls.h"
#include "lib/program.h"
#include "lib/secure.h"

/* What moongate asks each connection first. */
static const char *const questions[PROBES] = {"version\r\n", "mn\r\n"};

/* What it asks on connections of their own. */
static const char *const asides[ASIDES] = {"stats\r\n", "stats settings\r\n"};

static struct backend *backends;

/* --- links ---------------------------------------------------------------------------------- */

static bool link_begins_with(const struct link *l, const char *text)
{
    size_t n = strlen(text);
    return octets_n(&l->peer.in) >= n && memcmp(octets_at(&l->peer.in), text, n) == 0;
}

/* True: moongate asks it on a connection of its own for statistics. That is no link of the play, which gets nothing of it. */
static bool link_is_aside(struct link *l)
{
    for (int i = 0; i < ASIDES; i++) {
        const char *answer = l->backend->told[i];
        if (!link_begins_with(l, asides[i])) continue;
        octets_take(&l->peer.in, strlen(asides[i]));
        if (answer) peer_queues(&l->peer, answer, strlen(answer));
        l->is_over = true;
        return true;
    }
    return false;
}

/* True: a dump is asked for, which comes on a connection of its own and is the play's to answer. */
static bool link_is_dump(const struct link *l)
{
    return link_begins_with(l, "lru_crawler ") || link_begins_with(l, "stats cachedump ");
}

/* The next of what moongate asks first has come. */
static bool link_is_asked(const struct link *l, unsigned which)
{
    size_t n = strlen(questions[which]);
    if (octets_n(&l->peer.in) < n) return false;
    return memcmp(octets_at(&l->peer.in), questions[which], n) == 0;
}

static void link_is_probed(struct link *l)
{
    struct backend *b = l->backend;
    const char *question = questions[l->probed], *answer = b->answers[l->probed];
    if (octets_n(&l->peer.in) < strlen(question)) return;
    if (!link_is_asked(l, l->probed))
        stage_fails("%s: the first bytes are %s", l->peer.name,
                    octets_escape(octets_at(&l->peer.in), octets_n(&l->peer.in)));
    octets_take(&l->peer.in, strlen(question));
    l->probed++;
    l->is_validated = l->probed == b->probes || !b->answers[l->probed];
    peer_queues(&l->peer, answer, strlen(answer));
}

static void link_acts(struct actor *actor, short revents)
{
    struct link *l = (struct link *)(void *)actor;
    peer_acts(actor, revents);
    if (l->backend->is_silent || l->is_over) return;
    if (l->probed == 0 && link_is_aside(l)) return;
    if (l->probed == 0 && link_is_dump(l)) l->is_validated = true;
    if (!l->is_validated) {
        link_is_probed(l);
    } else if (!l->backend->answers[PROBES - 1] && link_is_asked(l, PROBES - 1)) {
        shutdown(l->peer.actor.fd, SHUT_RDWR);
        l->is_over = true;
    }
}

static bool link_leaves(struct actor *actor)
{
    struct link *l = (struct link *)(void *)actor;
    l->is_over = true;
    peer_release(&l->peer);
    return true;
}

static void listener_acts(struct actor *actor, short revents)
{
    struct backend *b = (struct backend *)(void *)actor;
    (void)revents;
    int fd = accept4(actor->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    struct link *l = stage_memory(sizeof *l), **end = &b->links;
    peer_init(&l->peer, fd, textf("backend %s, connection %u", b->address, ++b->n));
    l->backend = b;
    l->is_validated = b->probes == 0;
    l->peer.actor.rank = RANK_BACKEND;
    l->peer.actor.acts = link_acts;
    l->peer.actor.leaves = link_leaves;
    while (*end) end = &(*end)->next;
    *end = l;
    stage_enter(&l->peer.actor);
    if (!b->wanted.is_server) return;
    peer_secures(&l->peer, &b->wanted);
}

static struct link *current_link(const struct backend *b)
{
    if (b->turned_to && !b->turned_to->is_over) return b->turned_to;
    struct link *l = b->links;
    while (l && l->is_over) l = l->next;
    return l;
}

static bool has_link(void *what)
{
    const struct backend *b = what;
    const struct link *l = current_link(b);
    return l && (l->is_validated || b->is_silent);
}

struct link *backend_awaited_link(struct backend *b)
{
    if (!stage_waits(has_link, b))
        stage_fails("backend %s: nobody connects and validates", b->address);
    return current_link(b);
}

void backend_is(struct backend *b, unsigned probes, const char *version, const char *noop)
{
    assert(probes <= PROBES);
    b->probes = probes;
    b->answers[0] = version;
    b->answers[1] = noop;
}

void backend_tells(struct backend *b, const char *stats, const char *settings)
{
    b->told[0] = stats;
    b->told[1] = settings;
}

/* --- the backend ---------------------------------------------------------------------------- */

static bool backend_leaves(struct actor *actor)
{
    struct backend *b = (struct backend *)(void *)actor;
    struct backend **at = &backends;
    while (*at != b) at = &(*at)->next;
    *at = b->next;
    if (actor->fd >= 0) close(actor->fd);
    secure_destroy(b->shared);
    return true;
}

static void bind_and_listen(struct backend *b)
{
    int on = 1;
    b->listener.fd = socket(b->at.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(b->listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (b->at.family == AF_UNIX) unlink(b->at.as.un.sun_path);
    if (bind(b->listener.fd, &b->at.as.any, b->at.n) < 0 || listen(b->listener.fd, 64) < 0)
        stage_fails("a backend cannot listen: %s", strerror(errno));
    getsockname(b->listener.fd, &b->at.as.any, &b->at.n);
}

static struct backend *backend_at(const char *address)
{
    struct backend *b = stage_memory(sizeof *b);
    b->at = address_read(address);
    backend_is(b, PROBES, "VERSION 1.6.45\r\n", "MN\r\n");
    backend_tells(b, "END\r\n", "END\r\n");
    b->listener.rank = RANK_BACKEND;
    b->listener.acts = listener_acts;
    b->listener.leaves = backend_leaves;
    if (over_tls()) backend_secures(b, &(struct secure_wanted){.cert = over_tls_cert()});
    bind_and_listen(b);
    b->address =
        b->at.family == AF_UNIX ? address : textf("127.0.0.1:%d", ntohs(b->at.as.v4.sin_port));
    b->next = backends;
    backends = b;
    stage_enter(&b->listener);
    return b;
}

struct backend *backend_listens(void)
{
    return backend_at("127.0.0.1:0");
}

struct backend *backend_listens_unix(void)
{
    return backend_at(textf("unix:%s/backend", program_folder()));
}

const char *backend_address(const struct backend *b)
{
    return b->address;
}

void backend_sees(struct backend *b, const char *text)
{
    backend_sees_bytes(b, text, strlen(text));
}

void backend_sees_bytes(struct backend *b, const void *bytes, size_t n)
{
    peer_sees(&backend_awaited_link(b)->peer, bytes, n);
}

char *backend_sees_line(struct backend *b)
{
    return peer_sees_line(&backend_awaited_link(b)->peer);
}

void backend_answers(struct backend *b, const char *text)
{
    backend_answers_bytes(b, text, strlen(text));
}

void backend_answers_bytes(struct backend *b, const void *bytes, size_t n)
{
    peer_sends(&backend_awaited_link(b)->peer, bytes, n);
}

void backend_answers_in_pieces(struct backend *b, const void *bytes, size_t n, size_t piece)
{
    peer_sends_in_pieces(&backend_awaited_link(b)->peer, bytes, n, piece);
}

void backend_begins_to_answer(struct backend *b, const void *bytes, size_t n)
{
    peer_queues(&backend_awaited_link(b)->peer, bytes, n);
}

void backend_answers_on_all_links(struct backend *b, const char *text)
{
    for (struct link *l = b->links; l; l = l->next)
        if (!l->is_over) peer_sends(&l->peer, text, strlen(text));
}

bool backend_has_input(const struct backend *b)
{
    const struct link *l = current_link(b);
    return l && (l->is_validated || b->is_silent) && octets_n(&l->peer.in) > 0;
}

void backend_has_nothing_yet(struct backend *b)
{
    const struct link *l = current_link(b);
    stage_turns(0);
    if (!backend_has_input(b)) return;
    stage_fails("%s\n  expected nothing\n  got %s", l->peer.name,
                octets_escape(octets_at(&l->peer.in), octets_n(&l->peer.in)));
}

static bool link_is_closed(void *what)
{
    return ((struct link *)what)->peer.is_closed;
}

void backend_sees_closed(struct backend *b)
{
    struct link *l = backend_awaited_link(b);
    if (!stage_waits(link_is_closed, l)) stage_fails("%s: is not closed", l->peer.name);
    stage_dismiss(&l->peer.actor);
}

void backend_closes(struct backend *b)
{
    stage_dismiss(&backend_awaited_link(b)->peer.actor);
}

void backend_closes_other_links(struct backend *b)
{
    const struct link *current = backend_awaited_link(b);
    for (struct link *l = b->links; l; l = l->next)
        if (l != current && !l->is_over) stage_dismiss(&l->peer.actor);
}

void backend_resets(struct backend *b)
{
    struct link *l = backend_awaited_link(b);
    peer_resets(&l->peer);
    stage_dismiss(&l->peer.actor);
}

struct wanted_links {
    const struct backend *backend;
    unsigned n;
};

static bool has_links(void *what)
{
    const struct wanted_links *w = what;
    unsigned n = 0;
    for (const struct link *l = w->backend->links; l; l = l->next)
        if (l->is_validated) n++;
    return n >= w->n;
}

void backend_sees_links(struct backend *b, unsigned n)
{
    struct wanted_links w = {b, n};
    if (!stage_waits(has_links, &w))
        stage_fails("backend %s: %u validated connections expected, %u made", b->address, n, b->n);
}

unsigned backend_links(const struct backend *b)
{
    return b->n;
}

static bool finds_input(void *what)
{
    struct backend *b = what;
    for (struct link *l = b->links; l; l = l->next) {
        if (l->is_over || !l->is_validated || octets_n(&l->peer.in) == 0) continue;
        b->turned_to = l;
        return true;
    }
    return false;
}

void backend_has_nothing_anywhere(struct backend *b)
{
    stage_turns(0);
    if (!finds_input(b)) return;
    const struct peer *p = &b->turned_to->peer;
    stage_fails("%s\n  expected nothing\n  got %s", p->name,
                octets_escape(octets_at(&p->in), octets_n(&p->in)));
}

unsigned backend_turns_to_input(struct backend *b)
{
    unsigned place = 0;
    if (!stage_waits(finds_input, b))
        stage_fails("backend %s: nothing comes on any connection", b->address);
    for (const struct link *l = b->links; l != b->turned_to; l = l->next) place++;
    return place;
}

void backend_stays_silent(struct backend *b)
{
    b->is_silent = true;
}

void backend_speaks_again(struct backend *b)
{
    b->is_silent = false;
}

void backend_stops_listening(struct backend *b)
{
    close(b->listener.fd);
    b->listener.fd = -1;
}

void backend_listens_again(struct backend *b)
{
    bind_and_listen(b);
}

void backend_stops_reading(struct backend *b)
{
    struct peer *p = &backend_awaited_link(b)->peer;
    int small = 65536;
    setsockopt(p->actor.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    p->is_paused = true;
}

void backend_reads_again(struct backend *b)
{
    backend_awaited_link(b)->peer.is_paused = false;
}

/* True where text names the address, not only one that starts alike (port 123 and 1234). */
static bool is_named(const char *text, const char *address)
{
    const char *at = text;
    while ((at = strstr(at, address))) {
        at += strlen(address);
        if (*at < '0' || *at > '9') return true;
    }
    return false;
}

static bool has_live_links(void *what)
{
    const struct wanted_links *w = what;
    unsigned n = 0;
    for (const struct link *l = w->backend->links; l; l = l->next)
        if (l->is_validated && !l->is_over && !l->peer.is_closed) n++;
    return n >= w->n;
}

void backends_have_links(const char *text, unsigned n)
{
    for (struct backend *b = backends; b; b = b->next) {
        struct wanted_links w = {b, n};
        if (b->listener.fd < 0 || b->is_silent || !is_named(text, b->address)) continue;
        if (!stage_waits(has_live_links, &w))
            stage_fails("backend %s: %u connections expected", b->address, n);
    }
}
