/* Entrants. All have the same time, so they stand in a queue in the order of their coming, and only its head is looked at. The queue knows
 * them by their numbers: one that is in, or has gone, costs nothing before its time is over, and is skipped then.
 *
 * Idle ones. A client that sends notes nothing: a look compares how many bytes it has sent with what the last look has seen. All clients
 * are looked at once in an eighth of the time, a few of them each time; so one is closed between one and one and a quarter times of
 * --idle-timeout after its last byte. One that is owed an answer is never idle. */
#include "client/waits.h"

#include <assert.h>
#include <stdlib.h>

#include "client/client.h"
#include "client/clients.h"
#include "client/entry.h"
#include "client/state.h"
#include "net/outq.h"

static const double TICKS = 8;        /* of c->idle_since, a second */
static const double LOOKS_A_PASS = 8; /* and passes in the time that a client may be idle */
static const double LOOK_MOST = 0.25, ENTRANTS_LOOK = 0.5; /* seconds between looks */
static const double LOOK_ON = 0.01;                        /* where one has not closed all */

enum { CLOSED_A_LOOK = 64 }; /* so that thousands that go at once do not stop the others */

/* --- entrants ---------------------------------------------------------------------------------- */

static struct waits_entrant *entrant(struct waits *w, uint32_t at)
{
    return &w->entrants[(w->first + at) % w->room];
}

static void grow(struct waits *w)
{
    uint32_t room = w->room ? 2 * w->room : 64;
    struct waits_entrant *all = malloc(room * sizeof *all);
    if (!all) abort();
    for (uint32_t i = 0; i < w->entrants_n; i++) all[i] = *entrant(w, i);
    free(w->entrants);
    w->entrants = all;
    w->room = room;
    w->first = 0;
}

void waits_note_entrant(struct client *c)
{
    struct waits *w = &c->set->waits;
    if (w->entrants_n == w->room) grow(w);
    *entrant(w, w->entrants_n++) = (struct waits_entrant){c->affinity, c->turn->now};
    waits_follow(c->set);
}

static void close_late(struct client *c)
{
    char address[ADDR_TEXT_MAX];
    const char *what = c->entry == ENTRY_PROXY ? "PROXY header"
                       : c->entry == ENTRY_TLS ? "TLS handshake"
                                               : "authentication";
    const char *listener = client_listener(c);
    c->set->waits.left--;
    c->turn->row->entry_timeouts++;
    if (log_allows(&c->set->entry_lines, c->turn->now))
        log_warn("client %s%s%s: closed: no %s within %d s", client_address(c, address),
                 *listener ? " at listener " : "", listener, what, ENTRY_SECONDS);
    client_close(c, "did not come in");
}

static void look_at_entrants(struct clients *set)
{
    struct waits *w = &set->waits;
    while (w->left > 0 && w->entrants_n > 0 &&
           set->turn->now - entrant(w, 0)->since >= ENTRY_SECONDS) {
        struct client *c = clients_find(set, entrant(w, 0)->number);
        w->first = (w->first + 1) % w->room;
        w->entrants_n--;
        if (c && entry_is_timed(c)) close_late(c);
    }
}

/* --- idle ones --------------------------------------------------------------------------------- */

static void look_at(struct client *c, double limit)
{
    uint32_t now = (uint32_t)(c->turn->now * TICKS), sent = (uint32_t)c->bytes_read;
    bool is_owed = c->owed > 0 || !outq_is_empty(&c->out);
    if (is_owed || sent != c->idle_bytes || c->state != CLIENT_OPEN || c->idle_since == 0) {
        c->idle_bytes = sent;
        c->idle_since = now;
    } else if (now - c->idle_since > limit * TICKS) {
        c->set->waits.left--;
        c->turn->row->idle_kicks++;
        client_close(c, "idle");
    }
}

static void look_at_idle(struct clients *set, double every)
{
    struct waits *w = &set->waits;
    double limit = set->limits.idle_timeout;
    uint32_t left = 1 + (uint32_t)(set->n * every * LOOKS_A_PASS / limit);
    if (!w->next) w->next = set->all;
    for (; left > 0 && w->left > 0 && w->next; left--) {
        struct client *c = w->next;
        w->next = c->next;
        look_at(c, limit);
    }
}

/* --- both -------------------------------------------------------------------------------------- */

/* Seconds between looks; 0: there is nothing to look at. */
static double look_every(const struct clients *set)
{
    double idle = set->limits.idle_timeout / 64;
    if (set->waits.left == 0) return LOOK_ON;
    if (idle > 0) return idle < LOOK_MOST ? idle : LOOK_MOST;
    return set->waits.entrants_n > 0 ? ENTRANTS_LOOK : 0;
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct clients *set = timer->data;
    (void)loop;
    (void)events;
    set->waits.left = CLOSED_A_LOOK;
    look_at_entrants(set);
    if (set->limits.idle_timeout > 0) look_at_idle(set, timer->repeat);
    waits_follow(set);
}

void waits_follow(struct clients *set)
{
    struct waits *w = &set->waits;
    double every = look_every(set);
    if (every == w->look.repeat && (every > 0) == ev_is_active(&w->look)) return;
    w->look.repeat = every;
    ev_timer_again(set->turn->loop, &w->look);
}

void waits_init(struct clients *set)
{
    set->waits = (struct waits){.left = CLOSED_A_LOOK};
    ev_timer_init(&set->waits.look, on_look, 0, 0);
    set->waits.look.data = set;
    waits_follow(set);
}

void waits_forget(struct client *c)
{
    struct waits *w = &c->set->waits;
    if (w->next == c) w->next = c->next;
}

void waits_release(struct clients *set)
{
    assert(set->n == 0);
    ev_timer_stop(set->turn->loop, &set->waits.look);
    free(set->waits.entrants);
    set->waits = (struct waits){.room = 0};
}
