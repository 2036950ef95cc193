/* Deletes that wait: how a worker keeps them, and how it knows of them.
 *
 * For each folder that the script names there is a link: a connection to the spooler's socket in it. Behind HELLO the spooler says for
 * which servers deletes wait, and READY. Those servers are gated (gate.h) as long as they are in the link's list. A worker is not ready
 * before its links are (succession.c), so that it does not read what it does not know to be deleted; for SPOOLS_WAIT seconds, as a
 * service without its deletes is better than none.
 *
 * A delete that failed comes by `keep`. Its server is gated at once: no read that begins after the delete's answer may find the old value.
 * At the end of the turn all that have come are said to the spooler, in their order, those of one server in one packet. Its answer, KEPT
 * or REFUSED, ends the waits of their flows. The spooler has said STATE to all workers before KEPT. So before this worker lets its client
 * know, it counts board.kept up, and others that see the new number read their links before they route what came (spool_look).
 *
 * When the spooler goes (it was killed, or there is another one after an upgrade) the link is tried again and again. What was said
 * and not answered is said once more then: a line that waits already is kept once. Servers stay gated meanwhile.
 *
 * What must never happen: that a gate is opened while the spooler may have a delete that this worker has said (settled); that a wait's
 * flow is told twice (a wait leaves its list first). */
#include "worker/keeping.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/gate.h"
#include "net/socket.h"
#include "script/spools.h"
#include "worker/spool_link.h"
#include "worker/worker_state.h"

/* I6: deletes that wait for the answers of one spooler, and packets that are read from it in a row. */
enum { WAITS_MOST = 20000, PACKETS_A_TURN = 64 };

static const double RETRY = 0.05; /* seconds between attempts to reach a spooler */
static const double GRACE = 1.0;  /* seconds without a spooler until deletes are refused at once */

static bool link_sane(const struct spool_link *link)
{
    return (link->state == LINK_AWAY) == (link->fd < 0) && link->settled <= link->number;
}

/* --- servers ----------------------------------------------------------------------------------- */

static struct spooled *find(const struct spool_link *link, const char *name, size_t len)
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

static struct spooled *get(struct spool_link *link, const char *name, size_t len)
{
    struct spooled *s = find(link, name, len);
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
    if (link->is_told || link->worker->turn.now - link->away < GRACE) return;
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
    struct spooled *s = find(link, said->name, said->head.name_len);
    bool is_known = s && s->waits;
    if (said->head.number == 0) {
        if (!s) return;
        replay_end(s);
        s->waits = false;
        if (!is_owed(s)) drop(s);
        return;
    }
    if (!s) s = get(link, said->name, said->head.name_len);
    s->waits = true;
    if (s->lease == LEASE_OTHERS) s->lease = LEASE_NONE;
    if (is_known)
        replay_later(s);
    else
        replay_try(s);
}

/* All STATEs of the beginning have come: the others have nothing that waits. */
static void take_ready(struct spool_link *link)
{
    struct spooled *next;
    link->state = LINK_READY;
    if (link->is_told) log_info("spool %s: there is a spooler", link->dir);
    link->is_told = false;
    for (struct spooled *s = link->servers; s; s = next) {
        next = s->next;
        if (s->waits)
            replay_try(s);
        else if (!is_owed(s))
            drop(s);
    }
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
    struct spooled *s = find(link, said->name, said->head.name_len);
    switch (said->head.word) {
    case SPOOL_STATE: take_state(link, said); break;
    case SPOOL_READY: take_ready(link); break;
    case SPOOL_KEPT: take_kept(link, said->head.number); break;
    case SPOOL_REFUSED: take_refused(link, s, said); break;
    case SPOOL_GIVE:
        if (!s) s = get(link, said->name, said->head.name_len);
        replay_take(s, said);
        break;
    case SPOOL_LEASED:
        if (s && s->lease == LEASE_ASKED) s->lease = LEASE_OTHERS;
        break;
    default: break;
    }
}

/* True: a packet was taken. */
static bool read_one(struct spool_link *link)
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
    for (int i = 0; i < PACKETS_A_TURN && read_one(link); i++) continue;
}

/* --- deletes ----------------------------------------------------------------------------------- */

/* Says the first waits that are for one server. False: there are none, or no more can be said now. */
static bool say_some(struct spool_link *link)
{
    uint8_t line[REQUEST_LINE_ROOM];
    struct spool_wait *first = link->fresh.first, *wait;
    uint64_t number = link->number;
    if (!first) return false;
    spool_packet_begin(&link->packet, SPOOL_KEEP, 0, first->server, strlen(first->server));
    for (wait = first; wait && strcmp(wait->server, first->server) == 0; wait = wait->next) {
        size_t len = request_encode_line(wait->r, line);
        if (!spool_packet_add(&link->packet, number + 1, line, len)) break;
        number++;
    }
    if (!link_send(link)) return false;
    find(link, first->server, strlen(first->server))->last_keep = number;
    while (link->number < number) {
        wait = link->fresh.first;
        wait->number = ++link->number;
        spool_waits_add(&link->sent, wait);
    }
    return true;
}

void keeping_end_turn(struct worker *w)
{
    for (struct spool_link *link = w->keeping.links; link; link = link->next)
        while (link->state == LINK_READY && say_some(link)) continue;
}

static struct spool_link *link_of(const struct worker *w, const char *dir)
{
    for (struct spool_link *link = w->keeping.links; link; link = link->next)
        if (strcmp(link->dir, dir) == 0) return link;
    return NULL;
}

/* See struct spool_desk. about: the worker. */
static const char *keep(void *about, const char *dir, struct spool_wait *wait)
{
    struct worker *w = about;
    struct spool_link *link = link_of(w, dir);
    if (!link) return "the script does not name its folder any more";
    if (link->state == LINK_AWAY && w->turn.now - link->away >= GRACE) return "there is no spooler";
    if (link->fresh.n + link->sent.n >= WAITS_MOST) return "too many deletes wait for the spooler";
    if (strlen(wait->server) > SPOOL_NAME_MAX) return "the name of the server is too long";
    (void)get(link, wait->server, strlen(wait->server));
    spool_waits_add(&link->fresh, wait);
    return NULL;
}

/* --- life -------------------------------------------------------------------------------------- */

static void look(void *about)
{
    struct worker *w = about;
    for (struct spool_link *link = w->keeping.links; link; link = link->next)
        while (link->state != LINK_AWAY && read_one(link)) continue;
}

void keeping_init(struct worker *w, uint64_t *news)
{
    w->keeping = (struct keeping){.news = news,
                                  .desk = {.keep = keep, .look = look, .about = w, .news = news}};
    w->backends.on_gated = replay_gated;
    w->backends.gated_for = w;
}

static struct spool_link *link_create(struct worker *w, const char *dir)
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
    link->next = w->keeping.links;
    w->keeping.links = link;
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

static void link_destroy(struct spool_link *link, const char *why)
{
    struct worker *w = link->worker;
    if (link->state != LINK_AWAY) leave(link, why);
    ev_timer_stop(w->loop, &link->retry);
    give_up(&link->fresh, why);
    while (link->servers) drop(link->servers);
    free(link);
}

void keeping_release(struct worker *w)
{
    struct spool_link *next;
    for (struct spool_link *link = w->keeping.links; link; link = next) {
        next = link->next;
        link_destroy(link, "moongate ends");
    }
    w->keeping.links = NULL;
}

void keeping_want(struct worker *w, const struct script *s)
{
    const struct spool_place *place;
    for (uint32_t i = 0; (place = script_spool(s, i)); i++)
        if (!link_of(w, place->dir)) (void)link_create(w, place->dir);
}

bool keeping_is_known(const struct worker *w, const char **dir)
{
    for (const struct spool_link *link = w->keeping.links; link; link = link->next) {
        *dir = link->dir;
        if (link->state != LINK_READY) return false;
    }
    return true;
}

static bool names(const struct script *s, const char *dir)
{
    const struct spool_place *place;
    for (uint32_t i = 0; (place = script_spool(s, i)); i++)
        if (strcmp(place->dir, dir) == 0) return true;
    return false;
}

/* Deletes of the script before may still come to a link that goes: those are refused. */
void keeping_follow(struct worker *w, const struct script *s)
{
    struct spool_link **at = &w->keeping.links;
    keeping_want(w, s);
    while (*at) {
        struct spool_link *link = *at;
        if (names(s, link->dir)) {
            at = &link->next;
            continue;
        }
        *at = link->next;
        link_destroy(link, "the script does not name the folder any more");
    }
    if (w->keeping.links) w->turn.spool = &w->keeping.desk;
}
