#include "client/reply.h"

#include <assert.h>
#include <string.h>

#include "base/slab.h"
#include "client/client.h"

static const char SERVER_ERROR[] = "SERVER_ERROR ";
static const char END[] = "END\r\n";

enum { VALUE_WORD = sizeof "VALUE " - 1, IN_BLOB_FROM = 8192 };

/* Counts n bytes as held for the client. */
static void hold(struct reply *reply, size_t n)
{
    reply->held += n;
    reply->client->stored += n;
    if (n) client_check_held(reply->client);
}

static void hold_no_more(struct reply *reply)
{
    reply->client->stored -= reply->held;
    reply->held = 0;
}

struct reply *reply_create(struct client *c, unsigned command, uint32_t keys)
{
    struct reply *reply = slab_borrow(sizeof *reply);
    *reply = (struct reply){.client = c, .command = (uint8_t)command, .waiting = keys};
    if (keys > 1) {
        reply->parts_n = keys;
        reply->parts = slab_borrow(sizeof *reply->parts * keys);
        memset(reply->parts, 0, sizeof *reply->parts * keys);
        hold(reply, sizeof *reply->parts * keys);
    }
    if (c->tail)
        c->tail->next = reply;
    else
        c->head = reply;
    c->tail = reply;
    c->owed++;
    return reply;
}

static void drop_parts(struct reply *reply)
{
    for (uint32_t i = 0; i < reply->parts_n; i++) {
        if (reply->parts[i].blob) blob_give(reply->parts[i].blob);
    }
    if (reply->parts) slab_return(reply->parts, sizeof *reply->parts * reply->parts_n);
    reply->parts = NULL;
    reply->parts_n = 0;
}

static void reply_destroy(struct reply *reply)
{
    drop_parts(reply);
    outq_release(&reply->store);
    if (reply->failure) slab_return(reply->failure, reply->failure_len);
    slab_return(reply, sizeof *reply);
}

/* Moves the complete replies at the head into the client's output. */
static void flush_head(struct client *c)
{
    while (c->head && c->head->waiting == 0) {
        struct reply *reply = c->head;
        c->head = reply->next;
        if (!c->head) c->tail = NULL;
        c->owed--;
        hold_no_more(reply);
        outq_splice(&c->out, &reply->store);
        reply_destroy(reply);
    }
    client_mark_dirty(c);
}

/* Where a reply's finished answer goes: out at once when it is the head's. */
static struct outq *place_of(struct reply *reply)
{
    struct client *c = reply->client;
    return c->head == reply ? &c->out : &reply->store;
}

/* It is complete and its answer, of that many bytes, is in its place. */
static void complete(struct reply *reply, size_t bytes)
{
    struct client *c = reply->client;
    reply->waiting = 0;
    client_note_reply(c, bytes);
    hold_no_more(reply);
    hold(reply, reply->store.bytes);
    if (c->head == reply) flush_head(c);
}

/* Nobody reads it: true, and it is gone if it was complete. */
static bool nobody_reads(struct reply *reply)
{
    if (reply->client) return false;
    if (reply->waiting == 0) reply_destroy(reply);
    return true;
}

/* --- one key ----------------------------------------------------------------------------------- */

static void answer_line(struct reply *reply, const void *bytes, size_t len)
{
    reply->waiting = 0;
    if (nobody_reads(reply)) return;
    outq_append_alone(place_of(reply), bytes, len);
    complete(reply, len);
}

static bool answered_silently(struct reply *reply)
{
    if (!reply->silent) return false;
    answer_line(reply, "", 0);
    return true;
}

static void answer_failure(struct reply *reply, const char *text, size_t len)
{
    reply->waiting = 0;
    if (nobody_reads(reply)) return;
    struct outq *to = place_of(reply);
    outq_append(to, SERVER_ERROR, sizeof SERVER_ERROR - 1);
    outq_append(to, text, len);
    outq_append(to, "\r\n", 2);
    complete(reply, len);
}

static void append_value(struct outq *to, const struct call_news *news, bool alone)
{
    const struct response *r = news->response;
    if (news->key.shown != news->key.sent) {
        size_t rest = (size_t)(r->bytes + r->len - r->rest);
        outq_append(to, "VALUE ", VALUE_WORD);
        outq_append(to, news->key.shown, news->key.shown_len);
        outq_append_blob(to, news->blob, r->rest, rest);
    } else if (news->blob) {
        outq_append_blob(to, news->blob, r->bytes, r->len);
    } else if (alone) {
        outq_append_alone(to, r->bytes, r->len);
    } else {
        outq_append(to, r->bytes, r->len);
    }
}

static void answer_value(struct reply *reply, const struct call_news *news)
{
    reply->waiting = 0;
    if (nobody_reads(reply)) return;
    struct outq *to = place_of(reply);
    append_value(to, news, to == &reply->store);
    complete(reply, news->response->len);
}

/* --- one of several keys ----------------------------------------------------------------------- */

static void put_together(struct reply *reply)
{
    struct outq *to = place_of(reply);
    struct outq answer = {0};
    if (to == &reply->store) to = &answer;
    size_t before = to->bytes;
    for (uint32_t i = 0; i < reply->parts_n; i++) {
        const struct reply_part *p = &reply->parts[i];
        outq_append(to, p->at, p->len);
        if (p->tail_len) outq_append_blob(to, p->blob, p->tail, p->tail_len);
    }
    if (reply->failure)
        outq_append(to, reply->failure, reply->failure_len);
    else
        outq_append(to, END, sizeof END - 1);
    size_t bytes = to->bytes - before;
    drop_parts(reply);
    outq_release(&reply->store);
    reply->store = answer;
    complete(reply, bytes);
}

/* One key fewer to wait for. */
static void one_less(struct reply *reply)
{
    assert(reply->waiting > 0);
    if (--reply->waiting > 0 || nobody_reads(reply)) return;
    put_together(reply);
}

static uint8_t *store(struct reply *reply, const void *bytes, size_t len)
{
    uint8_t *to = outq_reserve(&reply->store, len);
    memcpy(to, bytes, len);
    outq_commit(&reply->store, len);
    hold(reply, len);
    return to;
}

/* A value that stays in its blob: only a rewritten head is stored. */
static void keep_long_part(struct reply *reply, struct reply_part *p, const struct call_news *news)
{
    const struct response *r = news->response;
    const uint8_t *from = r->bytes;
    p->blob = blob_take(news->blob);
    if (news->key.shown != news->key.sent) {
        uint8_t head[VALUE_WORD + KEY_MAX];
        memcpy(head, "VALUE ", VALUE_WORD);
        memcpy(head + VALUE_WORD, news->key.shown, news->key.shown_len);
        p->len = (uint32_t)VALUE_WORD + news->key.shown_len;
        p->at = store(reply, head, p->len);
        from = r->rest;
    }
    p->tail = from;
    p->tail_len = (uint32_t)(r->bytes + r->len - from);
    hold(reply, p->tail_len);
}

static void keep_part(struct reply *reply, const struct call_news *news)
{
    const struct response *r = news->response;
    struct reply_part *p = &reply->parts[news->key.part];
    if (news->blob && r->len >= IN_BLOB_FROM) {
        keep_long_part(reply, p, news);
        return;
    }
    if (news->key.shown == news->key.sent) {
        p->at = store(reply, r->bytes, r->len);
        p->len = (uint32_t)r->len;
        return;
    }
    size_t rest = (size_t)(r->bytes + r->len - r->rest);
    p->len = (uint32_t)(VALUE_WORD + news->key.shown_len + rest);
    uint8_t *to = outq_reserve(&reply->store, p->len);
    memcpy(to, "VALUE ", VALUE_WORD);
    memcpy(to + VALUE_WORD, news->key.shown, news->key.shown_len);
    memcpy(to + VALUE_WORD + news->key.shown_len, r->rest, rest);
    outq_commit(&reply->store, p->len);
    hold(reply, p->len);
    p->at = to;
}

/* The only key of its call: its response ends in END, which the part does without. */
static void keep_lone_part(struct reply *reply, const struct call_news *news)
{
    struct response value = *news->response;
    struct call_news part = *news;
    value.len -= sizeof END - 1;
    part.response = &value;
    keep_part(reply, &part);
}

static void note_failure(struct reply *reply, const char *word, size_t word_len, const void *text,
                         size_t len)
{
    if (reply->failure) return;
    reply->failure_len = (uint32_t)(word_len + len + 2);
    reply->failure = slab_borrow(reply->failure_len);
    memcpy(reply->failure, word, word_len);
    memcpy(reply->failure + word_len, text, len);
    memcpy(reply->failure + word_len + len, "\r\n", 2);
}

/* --- what happens to a reply ------------------------------------------------------------------- */

void reply_joined(struct reply *reply)
{
    one_less(reply);
}

void reply_miss(struct reply *reply)
{
    const struct command_info *command = command_info(reply->command);
    if (answered_silently(reply)) return;
    if (reply->parts_n)
        one_less(reply);
    else
        answer_line(reply, command->miss, command->miss_len);
}

void reply_fail(struct reply *reply, const char *text, size_t len)
{
    if (answered_silently(reply)) return;
    if (reply->parts_n) {
        note_failure(reply, SERVER_ERROR, sizeof SERVER_ERROR - 1, text, len);
        one_less(reply);
    } else {
        answer_failure(reply, text, len);
    }
}

static void answered(struct reply *reply, const struct call_news *news)
{
    const struct response *r = news->response;
    if (answered_silently(reply)) return;
    if (r->kind == RESPONSE_VALUE && !reply->parts_n) {
        answer_value(reply, news);
    } else if (!reply->parts_n) {
        answer_line(reply, r->bytes, r->len);
    } else {
        if (r->kind == RESPONSE_VALUE && reply->client) keep_lone_part(reply, news);
        if (r->kind & RESPONSE_ANY_ERROR) note_failure(reply, "", 0, r->bytes, r->len - 2);
        one_less(reply);
    }
}

void reply_news(void *owner, const struct call_news *news)
{
    struct reply *reply = owner;
    switch (news->event) {
    case CALL_VALUE:
        if (reply->client) keep_part(reply, news);
        break;
    case CALL_ANSWERED: answered(reply, news); break;
    case CALL_FAILED: reply_fail(reply, news->failure, strlen(news->failure)); break;
    }
}

void reply_news_or_miss(void *owner, const struct call_news *news)
{
    if (news->event == CALL_FAILED)
        reply_miss(owner);
    else
        reply_news(owner, news);
}

void reply_at_once(struct client *c, const char *bytes, size_t len)
{
    if (c->head) {
        answer_line(reply_create(c, COMMAND_NONE, 1), bytes, len);
        return;
    }
    outq_append(&c->out, bytes, len);
    client_mark_dirty(c);
}

void replies_abandon(struct client *c)
{
    while (c->head) {
        struct reply *reply = c->head;
        c->head = reply->next;
        reply->client = NULL;
        if (reply->waiting == 0) reply_destroy(reply);
    }
    c->tail = NULL;
    c->owed = 0;
    c->stored = 0;
}
