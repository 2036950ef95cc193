/* A get of many keys becomes calls to many servers, whose values come in any order, a few at a time. Each is kept in the place
 * of its key; when all calls have ended, the places are read in the order of the client's keys. Short values are copied into
 * the reply's store, one after the other as they come; a long one stays in the blob that it was read into. A failed server
 * costs the keys that it should have had; the answer then ends in the first failure instead of END, so that the client knows
 * that it is not whole. Where the server's pool answers as twemproxy does, the failure is all of the answer. */
#include "client/parts.h"

#include <assert.h>
#include <string.h>

#include "base/slab.h"
#include "client/reply.h"
#include "client/state.h"

static const char END[] = "END\r\n";

enum {
    VALUE_WORD = sizeof "VALUE " - 1,
    IN_BLOB_FROM = 8192, /* bytes: shorter ones are copied */
};

/* The places count as held, too: a get may name very many keys. */
void parts_create(struct reply *reply, uint32_t keys)
{
    assert(keys > 1 && !reply->parts);
    reply->parts_n = keys;
    reply->parts = slab_borrow(sizeof *reply->parts * keys);
    memset(reply->parts, 0, sizeof *reply->parts * keys);
    reply_hold(reply, sizeof *reply->parts * keys);
}

void parts_destroy(struct reply *reply)
{
    for (uint32_t i = 0; i < reply->parts_n; i++) {
        if (reply->parts[i].blob) blob_give(reply->parts[i].blob);
    }
    slab_return(reply->parts, sizeof *reply->parts * reply->parts_n);
    if (reply->failure) slab_return(reply->failure, reply->failure_len);
    reply->failure = NULL;
    reply->parts = NULL;
    reply->parts_n = 0;
}

/* --- keeping ----------------------------------------------------------------------------------- */

/* Bytes in the store do not move: the queue grows by segments. */
static uint8_t *store(struct reply *reply, const void *bytes, size_t len)
{
    uint8_t *to = outq_reserve(&reply->store, len);
    memcpy(to, bytes, len);
    outq_commit(&reply->store, len);
    reply_hold(reply, len);
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
    reply_hold(reply, p->tail_len);
}

/* A VALUE line names the key. Where the script has sent another key, the line gets the client's own: the rest of it is as it
 * came. */
void parts_keep(struct reply *reply, const struct call_news *news)
{
    const struct response *r = news->response;
    struct reply_part *p = &reply->parts[news->key.part];
    assert(news->key.part < reply->parts_n && !p->len && !p->tail_len); /* I1: one value a key */
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
    reply_hold(reply, p->len);
    p->at = to;
}

void parts_fail(struct reply *reply, const char *word, const void *text, size_t len)
{
    size_t word_len = strlen(word);
    if (reply->failure) return;
    reply->failure_len = (uint32_t)(word_len + len + 2);
    reply->failure = slab_borrow(reply->failure_len);
    memcpy(reply->failure, word, word_len);
    memcpy(reply->failure + word_len, text, len);
    memcpy(reply->failure + word_len + len, "\r\n", 2);
}

/* I6: stores may answer many keys in one turn, at whose end only a client that holds too much is closed. */
void parts_keep_lone(struct reply *reply, const struct call_news *news)
{
    static const char TEXT[] = "the answer is larger than --client-buffer: ask for fewer keys";
    struct response value = *news->response;
    if (client_holds_too_much(reply->client)) {
        parts_fail(reply, "SERVER_ERROR ", TEXT, sizeof TEXT - 1);
        return;
    }
    assert(value.len > sizeof END - 1);
    struct call_news part = *news;
    value.len -= sizeof END - 1;
    part.response = &value;
    parts_keep(reply, &part);
}

/* --- together ---------------------------------------------------------------------------------- */

/* After a failure, a key without a value may be a miss or not, so misses are not counted. */
static void count_keys(const struct reply *reply, uint32_t found)
{
    reply_count(reply, RESPONSE_VALUE, found);
    if (!reply->failure) reply_count(reply, RESPONSE_END, reply->parts_n - found);
}

/* A get is answered in one piece, when all is there: so a failure can still take the place of END, and the keys come in order. */
size_t parts_append(const struct reply *reply, struct outq *to)
{
    size_t before = to->bytes;
    uint32_t found = 0;
    for (uint32_t i = 0; i < reply->parts_n && !reply->fails_whole; i++) {
        const struct reply_part *p = &reply->parts[i];
        found += p->len || p->tail_len;
        outq_append(to, p->at, p->len);
        if (p->tail_len) outq_append_blob(to, p->blob, p->tail, p->tail_len);
    }
    count_keys(reply, found);
    if (reply->failure)
        outq_append(to, reply->failure, reply->failure_len);
    else
        outq_append(to, END, sizeof END - 1);
    return to->bytes - before;
}
