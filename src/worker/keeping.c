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
 * know, it counts board.kept up, and others that see the new number read their links before they route what came (spool_look). One whose
 * link is not there at that moment does not know which server it is, and gates all of that folder until it does.
 *
 * When the spooler goes (it was killed, or there is another one after an upgrade) the link is tried again and again. What was said
 * and not answered is said once more then: a line that waits already is kept once. Servers stay gated meanwhile.
 *
 * What must never happen: that a gate is opened while the spooler may have a delete that this worker has said (settled); that a wait's
 * flow is told twice (a wait leaves its list first). */
#include "worker/keeping.h"

#include <stdlib.h>
#include <string.h>

#include "script/spools.h"
#include "worker/spool_link.h"
#include "worker/worker_state.h"

/* I6: deletes that wait for the answers of one spooler. */
enum { WAITS_MOST = 20000 };

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
    link_find(link, first->server, strlen(first->server))->last_keep = number;
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

void keeping_look(struct worker *w)
{
    for (struct spool_link *link = w->keeping.links; link; link = link->next) link_tidy(link);
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
    if (link->state == LINK_AWAY && w->turn.now - link->away >= SPOOL_GRACE)
        return "there is no spooler";
    if (link->fresh.n + link->sent.n >= WAITS_MOST) return "too many deletes wait for the spooler";
    if (strlen(wait->server) > SPOOL_NAME_MAX) return "the name of the server is too long";
    (void)link_get(link, wait->server, strlen(wait->server));
    spool_waits_add(&link->fresh, wait);
    return NULL;
}

/* --- life -------------------------------------------------------------------------------------- */

static void suspect(void *link, const char *server)
{
    (void)link_get(link, server, strlen(server));
}

/* A link that the spooler does not tell yet for which server a delete was kept has all of its servers gated; READY opens those for which
 * nothing waits. */
static void look(void *about)
{
    struct worker *w = about;
    for (struct spool_link *link = w->keeping.links; link; link = link->next) {
        while (link->state != LINK_AWAY && link_read(link)) continue;
        if (link->state == LINK_READY) continue;
        for (const struct generation *g = w->turn.generation; g; g = g->next)
            spool_servers(g, link->dir, suspect, link);
    }
}

void keeping_init(struct worker *w)
{
    uint64_t *news = &w->seat->board->memory->kept;
    w->keeping = (struct keeping){.news = news,
                                  .desk = {.keep = keep, .look = look, .about = w, .news = news}};
    w->backends.on_gated = replay_gated;
    w->backends.gated_for = w;
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

static void add_link(struct worker *w, const char *dir)
{
    struct spool_link *link = link_create(w, dir);
    link->next = w->keeping.links;
    w->keeping.links = link;
}

void keeping_want(struct worker *w, const struct script *s)
{
    const struct spool_place *place;
    for (uint32_t i = 0; (place = script_spool(s, i)); i++)
        if (!link_of(w, place->dir)) add_link(w, place->dir);
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

/* Its servers are read again from now on. */
static void note_left(const struct spool_link *link)
{
    uint32_t n = 0;
    for (const struct spooled *s = link->servers; s; s = s->next) n += s->waits;
    if (n)
        log_warn("spool %s: the script does not name the folder any more, and deletes for %u "
                 "server%s wait in it: what they were to remove may be read",
                 link->dir, n, n == 1 ? "" : "s");
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
        note_left(link);
        link_destroy(link, "the script does not name the folder any more");
    }
    if (w->keeping.links) w->turn.spool = &w->keeping.desk;
}
