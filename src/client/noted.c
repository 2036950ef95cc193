/* A recorded request is a take (record/take.h). Its bytes lie in the turn's arena, which is reset before the outcome comes: so key, flags of
 * meta commands and value are copied behind the take, but for a long value, which already lies in a blob: that gets a reference.
 *
 * Recorded are requests of clients about keys, once each, whatever answers them: servers, a policy, the script, or moongate, which refuses them.
 * Left out is what asks moongate itself: commands without a key, mcrouter's keys of its own, logins (which come before a client is in), and
 * the requests that moongate makes for itself.
 *
 * A frame of the binary protocol is recorded as the command of text that says the same, which is the one that its name has, where that can
 * say all of it; else as the meta command that is sent for it. */
#include "client/noted.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/blob.h"
#include "base/slab.h"
#include "client/feed.h"
#include "client/own_keys.h"
#include "client/parts.h"
#include "client/reply.h"
#include "client/state.h"
#include "protocol/binary_request.h"
#include "protocol/text.h"

enum {
    IN_BLOB_FROM = 512, /* bytes of a value: shorter ones are copied */
    FRAME_WORDS = 64,   /* more than the words of a frame that are added here */
};

struct noted {
    struct noted *next; /* of the same reply */
    uint32_t number;    /* of the recording: feed.number */
    uint32_t hash, size;
    struct blob *blob; /* that has the value, a reference; or NULL */
    struct take take;  /* points behind itself, or into the blob */
    uint8_t bytes[];
};

/* --- making ------------------------------------------------------------------------------------ */

static void fill(struct take *t, const struct request *r, enum recording_mode mode)
{
    *t = (struct take){.client = r->affinity,
                       .part = r->part,
                       .parts = 1,
                       .command = r->command_id,
                       .noreply = r->noreply,
                       .base64 = (r->meta & META_BASE64) != 0,
                       .key_len = r->key_len,
                       .args_len = r->args_len,
                       .value_len = mode == RECORDING_KEYS ? 0 : r->value_len,
                       .exptime = r->asked_exptime,
                       .client_flags = r->client_flags,
                       .number = r->number,
                       .key = (const uint8_t *)r->key_at,
                       .args = (const uint8_t *)r->args_at};
    if (t->args_len > TAKE_ARGS) t->args_len = 0;
    for (; t->args_len && t->args[0] == ' '; t->args_len--) t->args++;
    for (; t->args_len && t->args[t->args_len - 1] == ' '; t->args_len--) continue;
}

/* The cas that a frame compares: what stands behind C among its words. 0: none. */
static uint64_t cas_of(const struct request *r)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    uint64_t cas = 0;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len))
        if (*flag == 'C') (void)!text_read_unsigned(flag + 1, len - 1, &cas);
    return cas;
}

/* Makes the take of a frame what text would say. words: room for more of them. */
static void fill_frame(struct take *t, const struct client *c, const struct request *r,
                       uint8_t words[BINARY_WORDS_ROOM + FRAME_WORDS])
{
    unsigned shape = binary_table[c->framing.opcode].shape;
    bool stores = shape == BINARY_STORE || shape == BINARY_CONCAT;
    uint64_t cas = cas_of(r);
    if (shape == BINARY_COUNT) {
        t->command = COMMAND_META_ARITHMETIC;
    } else if (!t->base64 && shape == BINARY_STORE && cas) {
        t->command = COMMAND_CAS;
        t->number = cas;
        t->args_len = 0;
    } else if (!t->base64 && !cas) {
        t->args_len = 0;
    } else if (stores) {
        memcpy(words, t->args, t->args_len);
        int n = snprintf((char *)words + t->args_len, FRAME_WORDS, " F%llu T%lld",
                         (unsigned long long)t->client_flags, (long long)t->exptime);
        t->command = COMMAND_META_SET;
        t->args = words;
        if (shape == BINARY_STORE) t->args_len = (uint16_t)(t->args_len + n);
    } else {
        t->command = shape == BINARY_DELETE ? COMMAND_META_DELETE : COMMAND_META_GET;
    }
    bool is_quiet = binary_table[c->framing.opcode].answers & BINARY_QUIET;
    t->noreply = is_quiet && shape != BINARY_READ && shape != BINARY_TOUCH;
}

/* Bytes of the value that are copied. Where the value cannot be kept it is cut. */
static size_t plan_value(struct feed *f, struct noted *n, const struct request *r)
{
    bool has_blob = r->value_blob && r->value_len >= IN_BLOB_FROM;
    if (f->settings.mode != RECORDING_VALUES || !r->value_at) return 0;
    if (r->value_len > TAKE_VALUE || f->kept_bytes + r->value_len > FEED_KEEPS_BYTES) {
        n->take.cut = true;
        return 0;
    }
    n->take.value = (const uint8_t *)r->value_at;
    if (has_blob) n->blob = blob_take((struct blob *)r->value_blob);
    return has_blob ? 0 : r->value_len;
}

static const uint8_t *put(uint8_t **at, const uint8_t *bytes, size_t len)
{
    uint8_t *to = *at;
    if (len) memcpy(to, bytes, len);
    *at += len;
    return to;
}

static struct noted *make(struct feed *f, const struct reply *reply, const struct request *r)
{
    uint8_t words[BINARY_WORDS_ROOM + FRAME_WORDS];
    struct noted plan;
    plan.blob = NULL;
    fill(&plan.take, r, f->settings.mode);
    if (reply->manner & REPLY_IN_FRAMES) fill_frame(&plan.take, reply->client, r, words);
    size_t copied = plan_value(f, &plan, r);
    plan.size = (uint32_t)(sizeof plan + plan.take.key_len + plan.take.args_len + copied);
    struct noted *n = slab_borrow(plan.size);
    *n = plan;
    uint8_t *at = n->bytes;
    n->take.key = put(&at, n->take.key, n->take.key_len);
    n->take.args = put(&at, n->take.args, n->take.args_len);
    if (n->take.value && !n->blob) n->take.value = put(&at, n->take.value, copied);
    f->kept++;
    if (n->take.value) f->kept_bytes += n->take.value_len;
    return n;
}

static bool is_wanted(struct feed *f, const struct client *c, const struct request *r,
                      uint32_t *hash)
{
    const uint8_t *key = (const uint8_t *)r->key_at;
    if (!key || r->key_len == 0 || r->key_len > KEY_MAX) return false;
    if (!feed_takes_key(f, key, r->key_len, hash)) return false;
    return !c->set->own_keys || !own_key_is(c->set, r);
}

struct noted *noted_create(const struct reply *reply, const struct request *r, uint32_t keys,
                           struct noted *next)
{
    const struct client *c = reply->client;
    struct feed *f = &c->set->feed;
    uint32_t hash;
    if (!is_wanted(f, c, r, &hash)) return next;
    if (f->kept >= FEED_KEEPS) {
        f->row->recorded_requests++;
        feed_lose(f, 1);
        return next;
    }
    bool is_long = f->settings.mode == RECORDING_VALUES && r->value_len >= IN_BLOB_FROM;
    double began = feed_starts(f, FEED_NOTES, is_long);
    struct noted *n = make(f, reply, r);
    n->next = next;
    n->number = f->number;
    n->hash = hash;
    n->take.client = c->affinity;
    n->take.parts = keys;
    feed_spent(f, FEED_NOTES, began, is_long);
    return n;
}

/* --- its end ----------------------------------------------------------------------------------- */

static void noted_destroy(struct feed *f, struct noted *n)
{
    assert(f->kept > 0);
    f->kept--;
    if (n->take.value) f->kept_bytes -= n->take.value_len;
    if (n->blob) blob_give(n->blob);
    slab_return(n, n->size);
}

static void set_outcome(struct take *t, const struct feed *f, const struct client *c,
                        const struct noted_end *end)
{
    double took = end->end - end->began;
    t->at_us = feed_time(f, end->began);
    t->us = took > 0 ? (uint64_t)(took * 1e6 + 0.5) : 0;
    t->result = (uint8_t)end->result;
    t->bytes = end->bytes;
    if (live_result_is_error(end->result) && end->result != LIVE_GONE) {
        size_t len = strlen(end->text);
        t->error = (const uint8_t *)end->text;
        t->error_len = (uint16_t)(len < TAKE_ERROR ? len : TAKE_ERROR);
    }
    if (!c) return;
    const char *listener =
        c->by_listener ? client_listener(c) : ""; /* the script may treat it otherwise */
    t->listener = (const uint8_t *)listener;
    t->listener_len = (uint16_t)strnlen(listener, TAKE_LISTENER);
}

static void finish(struct feed *f, struct noted *n, const struct reply *reply,
                   const struct noted_end *end)
{
    bool is_long = n->take.value && n->take.value_len >= IN_BLOB_FROM;
    double began = feed_starts(f, FEED_TAKES, is_long);
    if (n->number == f->number && !reply->is_own) {
        set_outcome(&n->take, f, reply->client, end);
        feed_add(f, &n->take, n->hash);
    }
    noted_destroy(f, n);
    feed_spent(f, FEED_TAKES, began, is_long);
}

/* They were put in front of each other: the last key is the first. */
static struct noted *reversed(struct noted *first)
{
    struct noted *last = NULL;
    while (first) {
        struct noted *next = first->next;
        first->next = last;
        last = first;
        first = next;
    }
    return last;
}

void noted_finish(struct noted *first, const struct reply *reply, struct feed *f,
                  const struct noted_end *end)
{
    for (struct noted *n = reversed(first), *next; n; n = next) {
        next = n->next;
        finish(f, n, reply, end);
    }
}

void noted_finish_parts(struct noted *first, const struct reply *reply, struct feed *f,
                        const struct noted_end *end)
{
    for (struct noted *n = reversed(first), *next; n; n = next) {
        const struct reply_part *part = &reply->parts[n->take.part];
        struct noted_end one = *end;
        one.bytes = (size_t)part->len + part->tail_len;
        if (one.bytes) one.result = LIVE_HIT;
        next = n->next;
        finish(f, n, reply, &one);
    }
}

void noted_refused(struct client *c, const struct request *r, const struct noted_end *end)
{
    struct feed *f = &c->set->feed;
    struct take t;
    uint32_t hash;
    if (!is_wanted(f, c, r, &hash)) return;
    double began = feed_starts(f, FEED_TAKES, false);
    fill(&t, r, f->settings.mode);
    t.client = c->affinity;
    if (r->value_len && f->settings.mode == RECORDING_VALUES) t.cut = true;
    set_outcome(&t, f, c, end);
    feed_add(f, &t, hash);
    feed_spent(f, FEED_TAKES, began, false);
}
