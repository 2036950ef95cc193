#include "backend/fifo.h"

#include <math.h>
#include <stdio.h>

#include "backend/written.h"

static double now_of(const struct conn *c)
{
    return c->backend->set->now;
}

void fifo_push(struct conn *c, struct call *call)
{
    call->sent = now_of(c);
    if (c->tail)
        c->tail->next = call;
    else
        c->head = call;
    c->tail = call;
    c->depth++;
    c->unwritten++;
    c->backend->stats->in_flight++;
}

/* Responses come in rows: while one is dealt with, what the next one's will need comes out of memory. */
static void fetch_ahead(const struct call *next)
{
    if (!next) return;
    __builtin_prefetch(next->owner);
    __builtin_prefetch(next->next);
}

static struct call *pop(struct conn *c)
{
    struct call *call = c->head;
    c->head = call->next;
    if (!c->head) c->tail = NULL;
    fetch_ahead(c->head);
    c->depth--;
    if (c->unwritten > c->depth) c->unwritten = c->depth;
    c->backend->stats->in_flight--;
    return call;
}

/* Who hears of the end of a write shall find it noted. */
static void finish(struct conn *c, const struct call_news *news)
{
    struct call *call = pop(c);
    written_end(c->backend->set, call, news);
    call_tell(call, news);
    call_destroy(call);
}

void fifo_answer(struct conn *c, const struct call_news *news)
{
    struct board_server *stats = c->backend->stats;
    stats->responses++;
    stats->server_errors += (news->response->kind & RESPONSE_ANY_ERROR) != 0;
    stats->latencies[board_latency_bucket(now_of(c) - c->head->sent)]++;
    c->backend->late = 0;
    finish(c, news);
}

static const char *failure_text(const struct conn *c, const char *reason)
{
    static char text[BACKEND_NAME_MAX + BACKEND_REASON_MAX + 2];
    snprintf(text, sizeof text, "%s %s", c->backend->name, reason);
    return text;
}

/* The failures are counted before, so that an owner sees a settled connection. */
void fifo_fail(struct conn *c, const char *reason)
{
    struct call_news news = {
        .event = CALL_FAILED, .why = FAILURE_LOST, .failure = failure_text(c, reason)};
    c->backend->set->row->call_failures += c->depth;
    c->backend->stats->failed += c->depth;
    while (c->head) finish(c, &news);
}

void fifo_expire(struct conn *c)
{
    double now = now_of(c);
    struct call_news news = {
        .event = CALL_FAILED, .why = FAILURE_TIMEOUT, .failure = failure_text(c, "timeout")};
    for (struct call *call = c->head; call; call = call->next) {
        if (!call->owner || call->deadline > now) continue;
        call_tell(call, &news);
        call->owner = NULL;
        c->backend->set->row->call_timeouts++;
        c->backend->stats->timeouts++;
        c->backend->late++;
    }
}

double fifo_deadline(const struct conn *c)
{
    double at = INFINITY;
    for (const struct call *call = c->head; call; call = call->next) {
        if (call->owner && call->deadline < at) at = call->deadline;
    }
    return at;
}
