#include "backend/fifo.h"

#include <assert.h>
#include <math.h>

#include "backend/meter.h"
#include "backend/sharers.h"
#include "backend/streamed.h"
#include "backend/texts.h"
#include "backend/written.h"

/* The numbers that go with the list (depth, unwritten, held_n, held_bytes) are changed by the functions of this file alone, apart
 * from two: conn_flush sets unwritten when it writes, and `join` in send.c adds bytes to a call that is held back.
 *
 * unwritten counts the calls at the end of the list of which no byte was given to the socket, those held back among them. It
 * tells intake whether a byte can be an answer, so a call counts from the moment it is pushed until conn_flush.
 */

/* Adds n calls that are held back, and the bytes of their requests; negative: takes them off. */
static void count_held(struct conn *c, int n, size_t bytes)
{
    assert(n >= 0 || c->held_n >= (uint32_t)-n);
    c->held_n += (uint32_t)n;
    c->held_bytes += bytes;
    if (c->is_apart) c->backend->apart_held += (uint32_t)n;
}

/* What waits apart may wait for a client's call on its usual connection, and keep others waiting there. */
static void look_at_values(const struct backend *b)
{
    for (uint32_t i = 0; i < b->settings.connections; i++)
        if (b->conns[i]->streamed) streamed_look(b->conns[i]);
}

/* A call that comes a second time, after its connection ended, keeps the time when it was first sent. */
void fifo_push(struct conn *c, struct call *call)
{
    assert(call->wire || !c->held);
    if (call->sent == 0) call->sent = conn_now(c);
    call->next = NULL;
    if (c->tail)
        c->tail->next = call;
    else
        c->head = call;
    c->tail = call;
    c->depth++;
    c->unwritten++;
    c->backend->stats->in_flight++;
    if (call->wire) {
        if (!c->held) c->held = call;
        count_held(c, 1, call->wire->bytes);
    }
    if (c->streamed) streamed_look(c);
    if (c->is_apart) look_at_values(c->backend);
}

void fifo_add(struct conn *c, struct call *call)
{
    if (!conn_awaits(c)) c->progress = conn_now(c);
    fifo_push(c, call);
    /* Alarms are lazy: one that is set already is looked at again when it goes off. */
    double at = ev_is_active(&c->timer) ? c->alarm : INFINITY;
    double stall = conn_stall_end(c);
    double wanted = call->owner && call->deadline < stall ? call->deadline : stall;
    if (wanted < at) conn_set_alarm(c, wanted);
}

void fifo_unhold(struct conn *c)
{
    assert(c->held && c->held->wire);
    count_held(c, -1, -c->held->wire->bytes);
    c->held = c->held->next;
}

/* Responses come in rows: while one is handled, the processor fetches what the next one needs. */
static void fetch_ahead(const struct call *next)
{
    if (!next) return;
    __builtin_prefetch(next->owner);
    __builtin_prefetch(next->next);
}

/* Removes the first call. A call may have waited for its end: one held back here, or one apart of the same client. */
static inline struct call *pop(struct conn *c)
{
    struct call *call = c->head;
    if (call == c->held) fifo_unhold(c);
    c->head = call->next;
    if (!c->head) {
        c->tail = NULL;
        c->line_open = false; /* of a get that was held back, and that failed */
    }
    fetch_ahead(c->head);
    c->depth--;
    c->last_client = call->affinity;
    if (c->unwritten > c->depth) c->unwritten = c->depth;
    c->backend->stats->in_flight--;
    if (c->held) conn_mark_unsent(c);
    if (c->backend->apart_held > 0) conn_report(c, NEWS_CALL_ENDED);
    return call;
}

struct call *fifo_take_first(struct conn *c)
{
    assert(c->head && !c->streamed);
    return pop(c);
}

struct call *fifo_detach(struct conn *c)
{
    struct call *first = c->head;
    assert(!c->streamed);
    c->backend->stats->in_flight -= c->depth;
    c->head = c->tail = NULL;
    c->depth = c->unwritten = 0;
    count_held(c, -(int)c->held_n, -c->held_bytes);
    c->held = NULL;
    return first;
}

/* A write is noted as ended before its owner runs: what the owner reads next comes after the write. */
static inline __attribute__((always_inline)) void finish(struct conn *c,
                                                         const struct call_news *news)
{
    c->was_streamed = false;
    if (c->streamed) streamed_drop(c);
    struct call *call = pop(c);
    written_end(c->backend->set, call, news);
    meter_ended(c->backend->set, call);
    if (__builtin_expect(call->sharers != NULL, 0))
        sharers_tell_rest(call, news);
    else
        call_tell(call, news);
    call_destroy(call);
}

/* I2: intake has found that the first call was written. Any answer ends a row of calls that were late, errors too: the server is
 * there. */
void fifo_answer(struct conn *c, const struct call_news *news)
{
    if (__builtin_expect(c->head->sharers != NULL, 0))
        meter_answered_all(c, news->response);
    else
        meter_answered(c, news->response);
    c->backend->late = 0;
    c->backend->forgiven = c->backend->faults;
    finish(c, news);
}

static uint32_t writer_bit(uint32_t client)
{
    return client * 2654435769u >> 22;
}

void fifo_find_writers(const struct conn *c, struct fifo_writers *writers)
{
    *writers = (struct fifo_writers){0};
    for (const struct call *call = c->head->next; call; call = call->next) {
        bool reads = call->command == COMMAND_GET || call->command == COMMAND_GETS;
        uint32_t bit = writer_bit(call->affinity);
        if (!reads) writers->bits[bit / 64] |= (uint64_t)1 << bit % 64;
    }
}

bool fifo_has_writer(const struct fifo_writers *writers, uint32_t client)
{
    uint32_t bit = writer_bit(client);
    return writers->bits[bit / 64] >> bit % 64 & 1;
}

/* The text is its caller's: an owner that gets it may send a call that fails at once, on another connection. */
static struct call_news failed(const struct conn *c, enum call_failure why, const char *reason,
                               char text[FAILURE_ROOM])
{
    return (struct call_news){.event = CALL_FAILED,
                              .why = why,
                              .failure = failure_text(c->backend, reason, text),
                              .is_whole = failure_is_whole(c->backend)};
}

/* All failures are counted before the first owner runs, so that it sees a settled connection. A call that an owner adds here
 * meanwhile fails too. */
void fifo_fail(struct conn *c, const char *reason)
{
    char text[FAILURE_ROOM];
    if (!c->head) return;
    struct call_news news = failed(c, FAILURE_LOST, reason, text);
    conn_speaks(c);
    meter_lost(c);
    c->fails = true;
    while (c->head) finish(c, &news);
    c->fails = false;
}

/* True: the server is late with the call. It is not for a call that is held back behind others, as it has not got it; calls apart
 * never count for the server's health. */
static bool is_the_servers(const struct conn *c, bool is_held)
{
    return !c->is_apart && (!is_held || c->state != CONN_READY);
}

/* A call at hand, and whether the server would be late with it. */
struct expiry {
    struct conn *c;
    struct call *call;
    bool is_the_servers;
};

/* One of its owners is not answered in time. I11: a deadline is the owner's own, and the others go on waiting. For the server's health
 * the call counts once. */
static void one_late(void *about, uint8_t pool)
{
    struct expiry *e = about;
    bool is_first = !(e->call->marks & CALL_LATE);
    meter_late(e->c, e->call, pool);
    e->c->backend->late += is_first && e->is_the_servers;
}

static void expire(struct expiry *e, const struct call_news *news)
{
    struct call *call = e->call;
    double now = conn_now(e->c);
    if (call->owner && call->deadline <= now) {
        void *owner = call->owner;
        call->owner = NULL;
        one_late(e, call->pool);
        call->done(owner, news);
    }
    if (call->sharers) sharers_expire(call, now, news, one_late, e);
}

/* Owners may append calls meanwhile: those are looked at as well. */
void fifo_expire(struct conn *c)
{
    double now = conn_now(c);
    bool is_held = false;
    char text[FAILURE_ROOM];
    struct call_news news = failed(c, FAILURE_TIMEOUT, "timeout", text);
    conn_speaks(c);
    for (struct call *call = conn_first_awaited(c); call; call = call->next) {
        is_held = is_held || call == c->held;
        if (!call_is_awaited(call)) continue;
        if (c->streamed && call == c->head && call->deadline <= now) streamed_expire(c);
        struct expiry e = {.c = c, .call = call, .is_the_servers = is_the_servers(c, is_held)};
        expire(&e, &news);
        if (!call_is_awaited(call)) call->marks |= CALL_EXPIRED;
    }
}
