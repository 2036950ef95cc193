/* A question goes out once, as a message to each worker that is asked. Answers come in pieces, mixed with other reports and with pieces
 * of answers to other questions; the number says to which they belong. A question ends when no answer is waited for, or when its time
 * is up; a timer of 0 seconds ends one that nobody was asked, so that `done` is never called from within ask_begin.
 */
#include "master/ask.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ask {
    struct ask *next;
    struct asks *asks;
    uint32_t number;
    enum ask_whom whom;
    ask_done *done;
    void *arg;
    size_t bytes; /* of all answers */
    bool is_cut;  /* there were more */
    char error[ASK_ERROR_MAX];
    ev_timer limit;
    struct ask_answer answers[]; /* one a slot */
};

void asks_init(struct asks *asks, struct crew *crew)
{
    *asks = (struct asks){.crew = crew};
}

static void unlink_ask(struct asks *asks, struct ask *a)
{
    struct ask **at = &asks->first;
    while (*at != a) at = &(*at)->next;
    *at = a->next;
    asks->n--;
}

static void destroy(struct ask *a)
{
    ev_timer_stop(a->asks->crew->loop, &a->limit);
    for (uint32_t i = 0; i < a->asks->crew->slots_n; i++) records_release(&a->answers[i].records);
    free(a);
}

void ask_drop(struct asks *asks, struct ask *a)
{
    unlink_ask(asks, a);
    destroy(a);
}

static void finish(struct ask *a)
{
    struct asks *asks = a->asks;
    struct ask_result r = {
        .answers = a->answers, .n = asks->crew->slots_n, .error = a->error, .is_cut = a->is_cut};
    for (uint32_t i = 0; i < r.n; i++) {
        struct ask_answer *one = &a->answers[i];
        if (one->state == ASK_WAITS) one->state = ASK_LATE;
        r.answered += one->state == ASK_ANSWERED;
        r.missing += one->state == ASK_LATE || one->state == ASK_GONE ||
                     (one->state == ASK_UNASKED && one->has_channel);
    }
    unlink_ask(asks, a);
    a->done(a->arg, &r);
    destroy(a);
}

static bool is_over(const struct ask *a)
{
    bool waits = false, answered = false;
    for (uint32_t i = 0; i < a->asks->crew->slots_n; i++) {
        waits |= a->answers[i].state == ASK_WAITS;
        answered |= a->answers[i].state == ASK_ANSWERED || a->answers[i].state == ASK_REFUSED;
    }
    return !waits || (answered && a->whom == ASK_ONE);
}

static void on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    finish(timer->data);
}

static bool is_asked(const struct slot *s, enum ask_whom whom)
{
    return s->state == SLOT_READY || (whom == ASK_ALL && s->state == SLOT_DRAINING);
}

struct ask *ask_begin(struct asks *asks, enum ask_whom whom, const char *question, double seconds,
                      ask_done *done, void *arg)
{
    struct crew *crew = asks->crew;
    assert(strlen(question) < CHANNEL_TEXT_MAX);
    if (asks->n == ASKS_MOST) return NULL;
    struct ask *a = calloc(1, sizeof *a + crew->slots_n * sizeof *a->answers);
    if (!a) return NULL;
    *a = (struct ask){.asks = asks, .number = ++asks->last, .whom = whom, .done = done, .arg = arg};
    for (uint32_t i = 0; i < crew->slots_n; i++) {
        struct slot *s = &crew->slots[i];
        a->answers[i].worker = s->index;
        records_init(&a->answers[i].records, ASK_BYTES);
        if (!is_asked(s, whom)) continue;
        a->answers[i].has_channel = true;
        if (channel_send_text(s->channel, CHANNEL_ASK, a->number, question) == CHANNEL_OK)
            a->answers[i].state = ASK_WAITS;
    }
    a->next = asks->first;
    asks->first = a;
    asks->n++;
    ev_timer_init(&a->limit, on_limit, is_over(a) ? 0 : seconds, 0);
    a->limit.data = a;
    ev_timer_start(crew->loop, &a->limit);
    return a;
}

/* NULL: that worker owes no answer to such a question. */
static struct ask *find(struct asks *asks, const struct slot *s, uint32_t number)
{
    for (struct ask *a = asks->first; a; a = a->next)
        if (a->number == number) return a->answers[s->part].state == ASK_WAITS ? a : NULL;
    return NULL;
}

/* Half a record must not go on with another worker's first one. */
static void cut(struct ask *a, struct records *r)
{
    a->is_cut = true;
    while (r->len > 0 && r->bytes[r->len - 1] != '\n') r->len--;
}

void asks_take_piece(struct asks *asks, const struct slot *s, uint32_t number, const char *text)
{
    struct ask *a = find(asks, s, number);
    size_t len = strlen(text), left = a ? ASK_BYTES - a->bytes : 0;
    if (!a) return;
    struct records *r = &a->answers[s->part].records;
    records_append(r, text, len < left ? len : left);
    a->bytes += len < left ? len : left;
    if (len > left) cut(a, r);
}

void asks_take_end(struct asks *asks, const struct slot *s, uint32_t number, const char *error)
{
    struct ask *a = find(asks, s, number);
    if (!a) return;
    a->answers[s->part].state = error[0] ? ASK_REFUSED : ASK_ANSWERED;
    if (error[0]) snprintf(a->error, sizeof a->error, "%s", error);
    if (is_over(a)) finish(a);
}

static struct ask *find_waiting(struct asks *asks, uint32_t part)
{
    struct ask *a = asks->first;
    while (a && a->answers[part].state != ASK_WAITS) a = a->next;
    return a;
}

/* What a process that has ended had said in part is no answer. The list is searched again each time, as `done` may drop others. */
void asks_forget(struct asks *asks, const struct slot *s)
{
    for (struct ask *a; (a = find_waiting(asks, s->part));) {
        a->answers[s->part].state = ASK_GONE;
        a->answers[s->part].records.len = 0;
        if (is_over(a)) finish(a);
    }
}

void asks_release(struct asks *asks)
{
    while (asks->first) ask_drop(asks, asks->first);
}
