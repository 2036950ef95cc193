/* A client's way to a worker. The descriptor goes through the channel, and lies there until the worker reads it; if the worker dies first,
 * that copy is lost with the channel. So the master keeps its own copy, and a word on the board (base/handover.h) decides once who has the
 * client: the worker that takes or declines it, or the master that withdraws it. Both write that word with one atomic step, so no client
 * is served twice and none is forgotten (I15).
 *
 * A worker that leaves an offer unanswered for LATE seconds is late: stopped, or in a long call of its script. Its offers are withdrawn and
 * go to others, and it is the last choice until it answers again. Where all are late, clients wait for the first that answers.
 */
#include "master/offers.h"

#include "base/log.h"
#include "base/process.h"
#include "master/crew.h"
#include "net/listener.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double LOOK = 0.1;  /* seconds between looks at what is on its way */
static const double LATE = 0.25; /* seconds that a worker has for taking a client */

/* --- one worker's ----------------------------------------------------------------------------- */

static bool offers_sane(const struct offers *o)
{
    return o->settled <= o->made && o->made <= o->settled + HANDOVERS;
}

static struct handover *slot_handover(const struct slot *s)
{
    return &s->crew->board->parts[s->part].handover;
}

static struct offer *offer_of(struct offers *o, uint64_t number)
{
    return &o->items[number % HANDOVERS];
}

void offers_begin(struct slot *s)
{
    assert(s->offers.made == s->offers.settled);
    s->offers = (struct offers){.made = 0};
    memset(slot_handover(s), 0, sizeof(struct handover));
}

static void refuse(struct newcomer *n)
{
    listener_refuse(n->fd, n->rules);
    newcomer_forget(n);
}

static void offer_refuse(struct slot *s, struct offer *offer)
{
    struct crew *crew = s->crew;
    s->handed--;
    refuse(&offer->client);
    crew->board->master->rejected_connections++;
    if (log_allows(&crew->refusal_lines, process_clock()))
        log_warn("client: refused: worker %u has no descriptor for it; raise the limit (ulimit -n)",
                 s->index);
}

void offers_settle(struct slot *s, bool reported)
{
    struct offers *o = &s->offers;
    assert(offers_sane(o));
    if (reported) o->is_late = false;
    for (; o->settled < o->made; o->settled++) {
        struct offer *offer = offer_of(o, o->settled + 1);
        enum handover_state state = handover_state_of(slot_handover(s), o->settled + 1);
        if (state == HANDOVER_OFFERED) break;
        if (state != HANDOVER_WITHDRAWN) o->is_late = false;
        if (state == HANDOVER_TAKEN) {
            newcomer_close(&offer->client);
            handover_release(slot_handover(s), o->settled + 1);
        }
        if (state == HANDOVER_DECLINED) offer_refuse(s, offer);
    }
    assert(offers_sane(o));
}

/* --- clients that wait ------------------------------------------------------------------------ */

static void queue_add(struct crew *crew, struct newcomer n)
{
    struct offers_queue *q = &crew->waiting;
    assert(n.fd >= 0 && q->n <= q->room);
    if (q->n == q->room) {
        size_t room = q->room ? 2 * q->room : HANDOVERS;
        struct offer *items = realloc(q->items, room * sizeof *items);
        if (!items) {
            refuse(&n);
            return;
        }
        q->items = items;
        q->room = room;
    }
    q->items[q->n++] = (struct offer){.client = n};
}

void offers_withdraw(struct slot *s)
{
    struct offers *o = &s->offers;
    offers_settle(s, false);
    for (uint64_t number = o->settled + 1; number <= o->made; number++) {
        struct offer *offer = offer_of(o, number);
        if (!handover_decide(slot_handover(s), number, HANDOVER_WITHDRAWN)) continue;
        s->handed--;
        queue_add(s->crew, offer->client);
    }
    offers_settle(s, false);
    assert(o->settled == o->made);
}

/* What a process sent before it went still lies in its channel. */
void offers_rescue(struct slot *s)
{
    struct channel_message message;
    int fd;
    while (channel_receive(s->channel, &message, &fd) == CHANNEL_OK) {
        if (fd < 0) continue;
        if (message.type == CHANNEL_GIVEN)
            queue_add(s->crew, crew_newcomer(s->crew, &message, fd));
        else
            close(fd);
    }
}

/* --- who gets a client ------------------------------------------------------------------------ */

static bool has_room(const struct slot *s)
{
    return s->state == SLOT_READY && s->offers.made < s->offers.settled + HANDOVERS &&
           s->tried_turn != s->crew->turn;
}

/* How much speaks against a worker: most if it is late, less if it is about to be replaced. */
static unsigned burden(const struct slot *s)
{
    return (s->offers.is_late ? 2 : 0) + (s->leaves ? 1 : 0);
}

/* The fewest clients count; among equals, who got the last one longest ago. */
static bool is_better(const struct slot *s, const struct slot *best)
{
    if (burden(s) != burden(best)) return burden(s) < burden(best);
    uint64_t clients = slot_clients(s), fewest = slot_clients(best);
    return clients < fewest || (clients == fewest && s->last_turn < best->last_turn);
}

static struct slot *crew_choose(struct crew *crew)
{
    struct slot *best = NULL;
    for (uint32_t i = 0; i < crew->slots_n; i++) {
        struct slot *s = &crew->slots[i];
        if (has_room(s) && (!best || is_better(s, best))) best = s;
    }
    return best;
}

static void slot_offer(struct slot *s, const struct newcomer *n)
{
    struct offers *o = &s->offers;
    o->made++;
    *offer_of(o, o->made) = (struct offer){.client = *n, .since = process_clock()};
    s->handed++;
    s->last_turn = s->crew->turn;
    assert(offers_sane(o));
}

/* False: no worker has room. The word on the board is written before the descriptor is sent, since the worker may read it at once. */
static bool crew_offer(struct crew *crew, const struct newcomer *n)
{
    struct slot *s;
    crew->turn++;
    while ((s = crew_choose(crew))) {
        handover_offer(slot_handover(s), s->offers.made + 1);
        enum channel_status status = channel_send_client(s->channel, CHANNEL_CLIENT, n,
                                                         labels_text(crew->labels, n->listener));
        if (status == CHANNEL_OK) {
            slot_offer(s, n);
            return true;
        }
        s->tried_turn = crew->turn;
        if (status == CHANNEL_CLOSED) slot_abandon(s);
    }
    return false;
}

static void crew_look_later(struct crew *crew)
{
    if (ev_is_active(&crew->look)) return;
    ev_timer_set(&crew->look, LOOK, LOOK);
    ev_timer_start(crew->loop, &crew->look);
}

/* False: nobody has room. */
static bool crew_give(struct crew *crew, struct newcomer *n)
{
    if (!crew->pass) return crew_offer(crew, n);
    if (!crew->pass(crew->arg, n)) return false;
    newcomer_close(n);
    return true;
}

void crew_hand(struct crew *crew, struct newcomer n)
{
    if (crew->waiting.n > 0 || !crew_give(crew, &n)) queue_add(crew, n);
    crew_look_later(crew);
}

/* A process of an earlier version sends the label alone: it had no rules, and its clients may be in the middle of what they say. */
struct newcomer crew_newcomer(struct crew *crew, const struct channel_message *m, int fd)
{
    const char *rules = channel_text(m, CLIENT_RULES), *who = channel_text(m, CLIENT_WHO);
    struct newcomer n = {.fd = fd, .listener = m->number};
    n.rules = rules_of(&crew->rules, rules ? rules : "tls=off");
    if (!who) who = "1 entry=knocks front=unknown";
    if (*who && !(n.who = strdup(who))) abort();
    return n;
}

/* A draining worker is not read while many clients wait: fewer do now. */
static void crew_heed(struct crew *crew)
{
    for (uint32_t i = 0; i < crew->slots_n; i++) slot_watch(&crew->slots[i]);
}

void crew_refuse_waiting(struct crew *crew)
{
    for (size_t i = 0; i < crew->waiting.n; i++) refuse(&crew->waiting.items[i].client);
    crew->waiting.n = 0;
    crew_heed(crew);
}

/* While the service drains, its workers take those that came before; once they have gone, nobody does. */
void crew_hand_waiting(struct crew *crew)
{
    struct offers_queue *q = &crew->waiting;
    size_t given = 0;
    while (given < q->n && crew_give(crew, &q->items[given].client)) given++;
    if (given > 0) {
        q->n -= given;
        memmove(q->items, q->items + given, q->n * sizeof *q->items);
        crew_heed(crew);
        if (q->n == 0) crew->on_event(crew->arg, CREW_ROOM, NULL, 0, "");
    }
    if (crew->pass) return;
    if (crew->retired && crew_count(crew, SLOT_READY) == 0) crew_refuse_waiting(crew);
    crew_send_drain(crew);
}

bool crew_has_waiting(const struct crew *crew)
{
    return crew->waiting.n > 0;
}

/* --- what is late ----------------------------------------------------------------------------- */

static bool has_better(const struct crew *crew, const struct slot *late)
{
    for (uint32_t i = 0; i < crew->slots_n; i++) {
        const struct slot *s = &crew->slots[i];
        if (s != late && s->state == SLOT_READY && !s->offers.is_late) return true;
    }
    return false;
}

/* Finds a worker that is late. */
static void slot_look(struct slot *s, double now)
{
    struct offers *o = &s->offers;
    offers_settle(s, false);
    if (o->settled == o->made) return;
    if (now - offer_of(o, o->settled + 1)->since < LATE) return;
    if (!o->is_late)
        log_debug("worker %u[%d]: takes no clients: others get them", s->index, (int)s->pid);
    o->is_late = true;
    if (has_better(s->crew, s)) offers_withdraw(s);
}

static void crew_on_look(struct ev_loop *loop, ev_timer *w, int events)
{
    struct crew *crew = w->data;
    bool more = false;
    double now = process_clock();
    for (uint32_t i = 0; i < crew->slots_n; i++)
        if (crew->slots[i].state != SLOT_EMPTY) slot_look(&crew->slots[i], now);
    crew_hand_waiting(crew);
    for (uint32_t i = 0; i < crew->slots_n; i++)
        if (crew->slots[i].offers.settled < crew->slots[i].offers.made) more = true;
    if (!more && !crew_has_waiting(crew)) ev_timer_stop(loop, w);
}

void offers_init(struct crew *crew)
{
    crew->refusal_lines.burst = 1;
    ev_init(&crew->look, crew_on_look);
    crew->look.data = crew;
}

static void offers_close(struct offers *o)
{
    for (uint64_t number = o->settled + 1; number <= o->made; number++)
        newcomer_close(&offer_of(o, number)->client);
    o->settled = o->made;
}

void offers_release(struct crew *crew)
{
    ev_timer_stop(crew->loop, &crew->look);
    for (uint32_t i = 0; i < crew->slots_n; i++) offers_close(&crew->slots[i].offers);
    for (size_t i = 0; i < crew->waiting.n; i++) newcomer_close(&crew->waiting.items[i].client);
    free(crew->waiting.items);
    rules_set_release(&crew->rules);
    crew->waiting = (struct offers_queue){.n = 0};
}
