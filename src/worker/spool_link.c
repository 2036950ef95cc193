#include "worker/spool_link.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/gate.h"
#include "net/socket.h"
#include "worker/worker_state.h"

/* What follows from the spooler's words is said at the head of keeping.c. A link that is left has no descriptor, and tries to get one
 * until it is destroyed. What its flows wait for goes back among what was not said yet, in its order. */

enum { PACKETS_A_TURN = 64 }; /* that are read in a row, so that others have their turn */

static const double RETRY = 0.05; /* seconds between attempts to reach a spooler */

static bool link_sane(const struct spool_link *link)
{
    return (link->state == LINK_AWAY) == (link->fd < 0) && link->settled <= link->number;
}

/* --- servers ----------------------------------------------------------------------------------- */

struct spooled *link_find(const struct spool_link *link, const char *name, size_t len)
{
    for (struct spooled *s = link->servers; s; s = s->next)
        if (strlen(s->name) == len && memcmp(s->name, name, len) == 0) return s;
    return NULL;
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    replay_try(timer->data);
}

struct spooled *link_get(struct spool_link *link, const char *name, size_t len)
{
    struct spooled *s = link_find(link, name, len);
    if (s) return s;
    s = calloc(1, sizeof *s);
    if (!s) abort();
    s->link = link;
    memcpy(s->name, name, len);
    ev_timer_init(&s->again, on_again, 0, 0);
    s->again.data = s;
    s->next = link->servers;
    link->servers = s;
    gate_close(&link->worker->backends, s->name);
    return s;
}

/* Opens its gate. */
static void drop(struct spooled *s)
{
    struct spool_link *link = s->link;
    struct spooled **at = &link->servers;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    replay_end(s);
    ev_timer_stop(link->worker->loop, &s->again);
    gate_open(&link->worker->backends, s->name);
    free(s);
}

/* A KEEP for it is not answered, or not said yet. */
static bool is_owed(const struct spooled *s)
{
    if (s->last_keep > s->link->settled && s->last_keep > s->refused) return true;
    for (const struct spool_wait *wait = s->link->fresh.first; wait; wait = wait->next)
        if (strcmp(wait->server, s->name) == 0) return true;
    return false;
}

/* --- connecting -------------------------------------------------------------------------------- */

static void retry_after(struct spool_link *link, double seconds)
{
    ev_timer_stop(link->worker->loop, &link->retry);
    ev_timer_set(&link->retry, seconds, 0);
    ev_timer_start(link->worker->loop, &link->retry);
}

static void tell_away(struct spool_link *link, const char *why)
{
    if (link->is_told || link->worker->turn.now - link->away < SPOOL_GRACE) return;
    link->is_told = true;
    log_warn("spool %s: no spooler: %s: deletes are not kept until there is one", link->dir, why);
}

/* What was said and not answered comes first, when there is a spooler again. */
static void say_again(struct spool_link *link)
{
    struct spool_waits all;
    spool_waits_init(&all);
    while (link->sent.first) spool_waits_add(&all, link->sent.first);
    while (link->fresh.first) spool_waits_add(&all, link->fresh.first);
    while (all.first) spool_waits_add(&link->fresh, all.first);
}

static void leave(struct spool_link *link, const char *why)
{
    assert(link_sane(link) && link->state != LINK_AWAY);
    ev_io_stop(link->worker->loop, &link->io);
    close(link->fd);
    link->fd = -1;
    link->state = LINK_AWAY;
    link->away = link->worker->turn.now;
    link->number = link->settled = 0;
    for (struct spooled *s = link->servers; s; s = s->next) {
        replay_end(s);
        s->last_keep = s->refused = 0;
    }
    say_again(link);
    log_debug("spool %s: the spooler is left: %s", link->dir, why);
    retry_after(link, RETRY);
}

static void watch(struct spool_link *link, int events)
{
    if (link->io.events == events && ev_is_active(&link->io)) return;
    ev_io_stop(link->worker->loop, &link->io);
    ev_io_set(&link->io, link->fd, events);
    ev_io_start(link->worker->loop, &link->io);
}

bool link_send(struct spool_link *link)
{
    ssize_t n = send(link->fd, link->packet.bytes, link->packet.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) return true;
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
        watch(link, EV_READ | EV_WRITE);
    else
        leave(link, strerror(errno));
    return false;
}

void link_say(struct spool_link *link, enum spool_word word, uint64_t number, const char *server)
{
    if (link->state == LINK_AWAY) return;
    spool_packet_begin(&link->packet, word, number, server, server ? strlen(server) : 0);
    if (!link_send(link) && link->state != LINK_AWAY) leave(link, "it does not read");
}

/* 0, or errno. A socket of the kernel's own: to connect it waits for nobody. */
static int dial(struct spool_link *link)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    spool_place_socket(link->dir, addr.sun_path);
    link->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0) return errno;
    if (connect(link->fd, (struct sockaddr *)&addr, sizeof addr) == 0) return 0;
    int error = errno;
    close(link->fd);
    link->fd = -1;
    return error;
}

static void try_spooler(struct spool_link *link)
{
    assert(link_sane(link) && link->state == LINK_AWAY);
    int error = dial(link);
    if (error) {
        tell_away(link, strerror(error));
        retry_after(link, RETRY);
        return;
    }
    link->state = LINK_GREETING;
    for (struct spooled *s = link->servers; s; s = s->next) s->waits = false;
    watch(link, EV_READ);
    link_say(link, SPOOL_HELLO, SPOOL_VERSION, NULL);
}

static void on_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    try_spooler(timer->data);
}

/* --- what the spooler says --------------------------------------------------------------------- */

static void take_state(struct spool_link *link, const struct spool_said *said)
{
    struct spooled *s = link_find(link, said->name, said->head.name_len);
    bool is_known = s && s->waits;
    if (said->head.number == 0) {
        if (!s) return;
        replay_end(s);
        s->waits = false;
        if (!is_owed(s)) drop(s);
        return;
    }
    if (!s) s = link_get(link, said->name, said->head.name_len);
    s->waits = true;
    if (s->lease == LEASE_OTHERS) s->lease = LEASE_NONE;
    if (is_known)
        replay_later(s);
    else
        replay_try(s);
}

/* A delete may have been given up before it was said. */
void link_tidy(struct spool_link *link)
{
    struct spooled *next;
    for (struct spooled *s = link->servers; s && link->state == LINK_READY; s = next) {
        next = s->next;
        if (!s->waits && !is_owed(s)) drop(s);
    }
}

/* All STATEs of the beginning have come: the others have nothing that waits. */
static void take_ready(struct spool_link *link)
{
    link->state = LINK_READY;
    if (link->is_told) log_info("spool %s: there is a spooler", link->dir);
    link->is_told = false;
    link_tidy(link);
    for (struct spooled *s = link->servers; s && link->state == LINK_READY; s = s->next)
        if (s->waits) replay_try(s);
}

/* Others are to see the number before this worker's client sees an answer: they read their links then. */
static void take_kept(struct spool_link *link, uint64_t up_to)
{
    struct spool_wait *wait;
    if (up_to > link->number) {
        leave(link, "it has kept what was not said");
        return;
    }
    if (up_to > link->settled) link->settled = up_to;
    __atomic_add_fetch(link->worker->keeping.news, 1, __ATOMIC_RELEASE);
    while ((wait = link->sent.first) && wait->number <= up_to) {
        spool_forget(wait);
        wait->done(wait, NULL);
    }
}

/* Where nothing waits for the server STATE 0 follows. */
static void take_refused(struct spool_link *link, struct spooled *s, struct spool_said *said)
{
    struct spool_item item;
    char why[SPOOL_WHY_MAX];
    while (spool_said_next(said, &item)) {
        struct spool_wait *wait = link->sent.first;
        while (wait && wait->number != item.number) wait = wait->next;
        if (s && item.number > s->refused) s->refused = item.number;
        if (!wait) continue;
        snprintf(why, sizeof why, "%.*s", (int)item.len, item.bytes);
        spool_forget(wait);
        wait->done(wait, why);
    }
}

/* A later version's word is skipped. */
static void take(struct spool_link *link, struct spool_said *said)
{
    struct spooled *s = link_find(link, said->name, said->head.name_len);
    switch (said->head.word) {
    case SPOOL_STATE: take_state(link, said); break;
    case SPOOL_READY: take_ready(link); break;
    case SPOOL_KEPT: take_kept(link, said->head.number); break;
    case SPOOL_REFUSED: take_refused(link, s, said); break;
    case SPOOL_GIVE:
        if (!s) s = link_get(link, said->name, said->head.name_len);
        replay_take(s, said);
        break;
    case SPOOL_LEASED:
        if (s && s->lease == LEASE_ASKED) s->lease = LEASE_OTHERS;
        break;
    default: break;
    }
}

bool link_read(struct spool_link *link)
{
    struct spool_said said;
    ssize_t n = recv(link->fd, link->read, sizeof link->read, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (n <= 0) {
        leave(link, n == 0 ? "it has gone" : strerror(errno));
        return false;
    }
    if (!spool_packet_read(link->read, (size_t)n, &said)) {
        leave(link, "a packet is malformed");
        return false;
    }
    take(link, &said);
    return link->state != LINK_AWAY;
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct spool_link *link = io->data;
    (void)loop;
    if (events & EV_ERROR) {
        leave(link, SOCKET_NOT_WATCHED);
        return;
    }
    if (events & EV_WRITE) watch(link, EV_READ); /* the end of the turn says what has come */
    for (int i = 0; i < PACKETS_A_TURN && link_read(link); i++) continue;
}

/* --- life -------------------------------------------------------------------------------------- */

struct spool_link *link_create(struct worker *w, const char *dir)
{
    struct spool_link *link = calloc(1, sizeof *link);
    if (!link) abort();
    link->worker = w;
    link->fd = -1;
    link->away = w->turn.now;
    link->lines.burst = 10;
    snprintf(link->dir, sizeof link->dir, "%s", dir);
    spool_waits_init(&link->fresh);
    spool_waits_init(&link->sent);
    ev_init(&link->io, on_io);
    ev_set_priority(&link->io,
                    EV_MAXPRI - 1); /* before clients: their reads may be of what was deleted */
    ev_init(&link->retry, on_retry);
    link->io.data = link->retry.data = link;
    try_spooler(link);
    return link;
}

static void give_up(struct spool_waits *list, const char *why)
{
    struct spool_wait *wait;
    while ((wait = list->first)) {
        spool_forget(wait);
        wait->done(wait, why);
    }
}

void link_destroy(struct spool_link *link, const char *why)
{
    struct worker *w = link->worker;
    if (link->state != LINK_AWAY) leave(link, why);
    ev_timer_stop(w->loop, &link->retry);
    give_up(&link->fresh, why);
    for (struct spooled *s = link->servers, *next; s; s = next) {
        next = s->next;
        drop(s);
    }
    free(link);
}
