#include "backend/intake.h"

#include <assert.h>
#include <string.h>

#include "backend/alone.h"
#include "backend/fifo.h"
#include "backend/meter.h"
#include "backend/sharers.h"
#include "backend/streamed.h"
#include "backend/taking.h"
#include "backend/translate.h"
#include "backend/wins.h"
#include "protocol/echo.h"
#include "protocol/reword.h"

/* When the byte stream of a server is in step.
 *
 * The text protocol does not number its messages: the n-th response is that of the n-th request, and a mistake in counting gives
 * each client that comes later another client's answer. So a connection is in step as long as all of these hold, and is closed
 * when one does not (I3):
 *
 * - A byte comes only while a call waits that was written (take_next). A call that was made just now, by an owner that ran for a
 *   response before these bytes, is not what they answer.
 * - The bytes are a response by the grammar, and one that this command can have.
 * - A value has a key that the call asked for, after those that were answered before (call_seek_key). The value for a get of one
 *   key has END right after it (take_single).
 * - The answer to a meta command repeats the key and the opaque that the request had (call_fits).
 * - The answer to a get that was asked as mg has the key that was asked for, and all that mg was asked for (take_mg).
 * - A value that is passed on while it comes (streamed.c) has its CRLF, and END, right behind its data (take_end).
 * - What the server did with the bytes of a value is known. A server that refuses a store may read the value as commands, and
 *   answer them: dialect_in_step knows which texts of which versions are safe.
 *
 * A refusal that is in step is a response like any other (I9). Each response goes to the owner of the first call in the FIFO, and
 * to no one if that has none any more (I2).
 *
 * Responses are used where they lie: in the turn's arena, or in a blob when a long message is read in place. The start of a cut
 * response is kept in c->in until the rest comes; its length, where it is known, lets the rest be read right behind it.
 */

/* I3: the rest of an answer that was wrong is not asked for again, as it is where the connection ends in the middle of a line. */
enum taken taking_wrong(struct intake *in, const char *anomaly)
{
    struct call *head = in->c->head;
    if (head && head->marks & CALL_HEARD) head->marks |= CALL_SENT_AGAIN;
    in->anomaly = anomaly;
    return TAKEN_WRONG;
}

/* The value for a get of one key is the whole answer together with its END. */
static enum taken take_single(struct intake *in, struct response *r)
{
    struct call_news news = {.event = CALL_ANSWERED, .response = r, .blob = in->blob};
    size_t behind = (size_t)(in->end - (r->bytes + r->len));
    if (behind < strlen("END\r\n")) {
        r->need = r->len;
        return TAKEN_NEED;
    }
    if (memcmp(r->bytes + r->len, "END\r\n", strlen("END\r\n")) != 0)
        return taking_wrong(in, "desync: no END after the value of a single key");
    r->len += strlen("END\r\n");
    call_key(in->c->head, &news.key);
    fifo_answer(in->c, &news);
    return TAKEN_OK;
}

/* --- a line with keys of several owners --------------------------------------------------------- */

/* The keys from the first one that is left up to `until` were not found: the server answers in the order asked. */
static void miss_until(struct call *call, struct conn *c, uint32_t until)
{
    static const uint8_t end[] = "END\r\n";
    static const struct response miss = {.kind = RESPONSE_END, .bytes = end, .len = sizeof end - 1};
    struct call_news news = {.event = CALL_ANSWERED, .response = &miss};
    while (call->keys_seen < until) {
        call_key(call, &news.key);
        meter_key(c, RESPONSE_END);
        sharers_tell_key(call, &news);
        call_pass_key(call);
    }
}

/* A copy of a value with an END behind it, as each owner would have got it alone. A long one gets a blob, which the owners share. */
static struct response with_end(const struct response *r, uint8_t *to)
{
    struct response whole = *r;
    memcpy(to, r->bytes, r->len);
    memcpy(to + r->len, "END\r\n", strlen("END\r\n"));
    whole.bytes = to;
    whole.key = to + (r->key - r->bytes);
    whole.rest = to + (r->rest - r->bytes);
    whole.len = r->len + strlen("END\r\n");
    return whole;
}

/* I3: that the value's key was asked for is known before a key is taken for a miss. */
static enum taken take_line_value(struct intake *in, struct response *r)
{
    struct call *call = in->c->head;
    uint32_t seen = call->seen, keys_seen = call->keys_seen;
    struct call_key key;
    if (!call_seek_key(call, r->key, r->key_len, &key))
        return taking_wrong(in, "desync: a value for a key that was not requested");
    uint32_t found = call->keys_seen;
    call->seen = seen;
    call->keys_seen = keys_seen;
    miss_until(call, in->c, found);
    size_t room = r->len + strlen("END\r\n");
    struct blob *blob = in->blob ? blob_reuse(room) : NULL;
    uint8_t *to = blob ? blob->bytes : arena_alloc(in->c->backend->set->arena, room);
    struct response whole = with_end(r, to);
    if (blob) blob->len = room;
    struct call_news news = {.event = CALL_ANSWERED, .response = &whole, .blob = blob, .key = key};
    meter_line_value(in->c, r, found - keys_seen);
    sharers_tell_key(call, &news);
    call_pass_key(call);
    if (blob) blob_give(blob);
    return TAKEN_OK;
}

/* --- one call, one owner ------------------------------------------------------------------------- */

/* One of several values; keys that it skips are misses. */
static enum taken take_value(struct intake *in, struct response *r)
{
    struct call *call = in->c->head;
    struct call_news news = {.event = CALL_VALUE, .response = r, .blob = in->blob};
    uint32_t seen = call->keys_seen;
    if (call_is_merged(call)) return take_line_value(in, r);
    if (!call_seek_key(call, r->key, r->key_len, &news.key))
        return taking_wrong(in, "desync: a value for a key that was not requested");
    if (call->keys_n == 1) return take_single(in, r);
    meter_value(in->c, r, call->keys_seen - seen);
    call_tell(call, &news);
    call_pass_key(call);
    return TAKEN_OK;
}

/* True: the answer lacks the key that the client wants to see, or has it with line ends inside. */
static bool wants_key(const struct call *call, const struct response *r)
{
    if (r->kind & META_RESPONSES) return call->marks & CALL_HIDES_KEY;
    return r->kind == RESPONSE_ME && echo_breaks_lines(r->key, r->key_len);
}

bool taking_may_stream(const struct intake *in, const struct response *r, size_t line)
{
    const struct call *call = in->c->head;
    const struct stream_limits *limits = &in->c->backend->set->streams;
    return call->may_stream && !call_is_shared(call) && r->need - line - 2 > limits->from &&
           limits->window > 0 && call->keys_n == 1 && call->owner && !wants_key(call, r);
}

/* Learns which values are safe to share a connection, where the version does not say it: those up to the longest that the server
 * took, or up to half of one whose refusal left the stream out of step. */
static void learn_size(struct backend *b, uint32_t n, const struct response *r, bool in_step)
{
    bool refused = r->kind & RESPONSE_ANY_ERROR;
    if (refused && !in_step && n / 2 < b->large_value) b->large_value = n / 2;
    if (!refused && n >= b->large_value) b->large_value = n + 1;
}

bool taking_is_in_step(struct intake *in, const struct response *r)
{
    const struct call *call = in->c->head;
    bool in_step = dialect_in_step(&in->c->dialect, call_asked(call), r);
    learn_size(in->c->backend, call->value_len, r, in_step);
    return in_step;
}

/* An error to a get of several keys. Where further lines may follow, nobody can tell where the answer ends. */
static enum taken take_line_error(struct intake *in, const struct response *r)
{
    struct call_news news = {.event = CALL_ANSWERED, .response = r, .blob = in->blob};
    struct call *call = in->c->head;
    in->is_refusal = dialect_repeats_errors(&in->c->dialect);
    if (call_is_merged(call)) {
        alone_ask(in->c, r, in->blob, in->is_refusal);
    } else {
        call_key(call, &news.key);
        fifo_answer(in->c, &news);
    }
    return in->is_refusal ? taking_wrong(in, "desync: an error to a get of several keys")
                          : TAKEN_OK;
}

static enum taken take_response(struct intake *in, struct response *r)
{
    struct call *call = in->c->head;

    if (!(command_info(call->command)->responses & r->kind))
        return taking_wrong(in, "desync: a response that does not fit the request");
    if (r->kind == RESPONSE_VALUE) return take_value(in, r);
    if (r->kind == RESPONSE_STAT) {
        struct call_news line = {.event = CALL_VALUE, .response = r};
        call_tell(call, &line);
        return TAKEN_OK;
    }
    if (call->keys_n > 1 && r->kind & RESPONSE_ANY_ERROR) return take_line_error(in, r);
    struct response whole = *r;
    struct call_news news = {.event = CALL_ANSWERED, .response = &whole, .blob = in->blob};
    if (wants_key(call, r)) {
        call_put_key(call, &whole, in->c->backend->set->arena);
        news.blob = NULL;
    }
    if (!call_fits(call, &whole))
        return taking_wrong(in, "desync: an answer with the key or opaque of another request");
    call_key(call, &news.key);
    if (call->marks & CALL_RETURNS) whole.kind = RESPONSE_EXISTS; /* neither hit nor miss */
    bool in_step = taking_is_in_step(in, r);
    fifo_answer(in->c, &news);
    in->is_refusal = !in_step;
    return in_step ? TAKEN_OK : taking_wrong(in, "desync: the server refused the line of a store");
}

/* --- values that are passed on while they come --------------------------------------------------- */

static const char CRLF[] = "\r\n", CRLF_END[] = "\r\nEND\r\n";

/* The head of a cut value. It is compared with the call as that of a whole one, before anything of it is passed on. */
static enum taken take_head(struct intake *in, struct response *r)
{
    struct call *call = in->c->head;
    struct call_key key = {0};
    const uint8_t *newline = memchr(r->bytes, '\n', RESPONSE_LINE_MAX);
    size_t line = (size_t)(newline + 1 - r->bytes);
    if (!taking_may_stream(in, r, line) || !(command_info(call->command)->responses & r->kind))
        return TAKEN_NEED;
    r->len = line;
    if (!call_fits(call, r))
        return taking_wrong(in, "desync: an answer with the key or opaque of another request");
    call_key(call, &key);
    const char *end = r->kind == RESPONSE_VALUE ? CRLF_END : CRLF;
    return streamed_begin(in->c, r, &(struct streamed_shape){r, end, end}, &key) ? TAKEN_OK
                                                                                 : TAKEN_NEED;
}

/* The same for a get that was asked as mg: the client gets the head and the end of a VALUE. */
static enum taken take_mg_head(struct intake *in, const struct response *r, const struct reword *w,
                               const struct call_key *key)
{
    uint8_t line[REWORD_HEAD_ROOM];
    if (!w->is_same || !taking_may_stream(in, r, r->len)) return TAKEN_NEED;
    struct response head = reword_head(w, key->sent, key->sent_len, line);
    return streamed_begin(in->c, r, &(struct streamed_shape){&head, CRLF, CRLF_END}, key)
               ? TAKEN_OK
               : TAKEN_NEED;
}

/* Behind the data. I3: the client gets the end of its answer only if this one is right. */
static enum taken take_end(struct intake *in, const uint8_t *at, struct response *r)
{
    const struct streamed *s = in->c->streamed;
    size_t has = (size_t)(in->end - at);
    *r = (struct response){.bytes = at, .len = s->tail_len, .need = s->tail_len};
    if (memcmp(at, s->tail, has < r->len ? has : r->len) != 0)
        return taking_wrong(in, "desync: no right end behind a value");
    if (has < r->len) return TAKEN_NEED;
    struct response end = {
        .kind = s->kind, .bytes = (const uint8_t *)s->end, .len = strlen(s->end)};
    struct call_news news = {.event = CALL_ANSWERED, .response = &end, .paused = s->paused};
    meter_pool(in->c->backend->set, in->c->head)->bytes_read += r->len - end.len;
    fifo_answer(in->c, &news);
    return TAKEN_OK;
}

static enum taken take_streamed(struct intake *in, const uint8_t *at, struct response *r)
{
    if (!streamed_lacks(in->c)) return take_end(in, at, r);
    *r = (struct response){.bytes = at};
    r->len = streamed_pass(in->c, at, (size_t)(in->end - at));
    return TAKEN_OK;
}

/* --- a get that was asked as mg ----------------------------------------------------------------- */

/* The owner gets what the server would have answered to a get: `whole`. r is what came, of which `len` bytes were read. */
static void answer_get(struct intake *in, const struct call_key *key, const struct response *whole,
                       size_t len)
{
    struct call_news news = {
        .event = CALL_ANSWERED, .response = whole, .blob = in->blob, .key = *key};
    meter_pool(in->c->backend->set, in->c->head)->bytes_read += len - whole->len;
    fifo_answer(in->c, &news);
}

/* END is written over what follows: the next response, or bytes to spare. In the arena, who gets the value copies it, so what was
 * there comes back. In a blob others refer to it from now on; there nothing follows. */
static void take_hit(struct intake *in, const struct response *r, const struct reword *w,
                     const struct call_key *key)
{
    uint8_t *bytes = (uint8_t *)(uintptr_t)r->bytes, *behind = bytes + r->len, saved[REWORD_END];
    _Static_assert((int)REWORD_END <= (int)INBUF_SPARE, "END has room behind the last response");
    assert(!in->blob || behind == in->end);
    if (w->is_won) wins_return(in->c, w->cas.at, w->cas.len);
    memcpy(saved, behind, sizeof saved);
    struct response value = reword_value(r, w, bytes, key->sent, key->sent_len);
    if (in->blob) in->blob->len += sizeof saved;
    answer_get(in, key, &value, r->len);
    if (!in->blob) memcpy(behind, saved, sizeof saved);
}

static void take_miss(struct intake *in, const struct response *r, const struct call_key *key)
{
    static const uint8_t END[] = "END\r\n";
    static const struct response miss = {.kind = RESPONSE_END, .bytes = END, .len = sizeof END - 1};
    struct blob *blob = in->blob;
    in->blob = NULL;
    answer_get(in, key, &miss, r->len);
    in->blob = blob;
}

/* A server that refuses an mg may answer a get: what the client sees must be that. */
static enum taken take_mg(struct intake *in, const uint8_t *at, struct response *r)
{
    struct call *call = in->c->head;
    struct call_key key;
    struct reword w;
    call_key(call, &key);
    switch (
        reword_parse(at, (size_t)(in->end - at), INTAKE_VALUE_MAX, key.sent, key.sent_len, r, &w)) {
    case RESPONSE_AGAIN: return r->need ? take_mg_head(in, r, &w, &key) : TAKEN_NEED;
    case RESPONSE_DONE: break;
    default: return taking_wrong(in, "desync: bytes that are not a response");
    }
    if (r->kind == RESPONSE_VA && w.is_same) {
        take_hit(in, r, &w, &key);
        return TAKEN_OK;
    }
    if (r->kind & RESPONSE_ANY_ERROR) {
        if (!wins_ask_again(in->c)) answer_get(in, &key, r, r->len);
        return TAKEN_OK;
    }
    if (!(r->kind & (RESPONSE_VA | RESPONSE_EN)))
        return taking_wrong(in, "desync: a response that does not fit the request");
    if (!call_fits(call, r))
        return taking_wrong(in, "desync: an answer with the key or opaque of another request");
    if (r->kind == RESPONSE_VA)
        take_hit(in, r, &w, &key);
    else
        take_miss(in, r, &key);
    return TAKEN_OK;
}

/* True: no call has been written whose response is not here yet. */
static bool awaits_nothing(const struct conn *c)
{
    return c->depth == c->unwritten;
}

/* The answer to `me` has the raw key, which may contain line ends when the request had it in base64. */
static enum response_status parse(const struct call *call, const uint8_t *at, size_t len,
                                  struct response *r)
{
    uint8_t raw[KEY_MAX];
    if (call->command != COMMAND_META_DEBUG || !(call->repeats & META_BASE64))
        return response_parse(at, len, INTAKE_VALUE_MAX, r);
    return echo_parse_debug(at, len, raw, call_raw_key(call, raw), r);
}

/* Uses one response, the one at `at`; or a part of one that is passed on while it comes. */
static enum taken take_next(struct intake *in, const uint8_t *at, struct response *r)
{
    if (awaits_nothing(in->c)) return taking_wrong(in, "desync: unsolicited bytes");
    if (in->c->streamed) return take_streamed(in, at, r);
    in->c->head->marks |= CALL_HEARD;
    if (in->c->head->marks & CALL_ASKED_MG) return take_mg(in, at, r);
    if (__builtin_expect(in->c->head->classic, 0)) return translate_take(in, at, r);
    switch (parse(in->c->head, at, (size_t)(in->end - at), r)) {
    case RESPONSE_AGAIN: return r->need ? take_head(in, r) : TAKEN_NEED;
    case RESPONSE_DONE: return take_response(in, r);
    default: return taking_wrong(in, "desync: bytes that are not a response");
    }
}

/* Bytes of the whole message at hand, so that its rest is read in place; 0: not known. */
static size_t message_need(const struct conn *c, const struct response *r)
{
    bool single = r->kind == RESPONSE_VALUE && c->head && c->head->keys_n == 1 && !c->streamed;
    if (r->need == 0) return 0;
    return r->need + (single ? strlen("END\r\n") : 0);
}

/* Uses the whole responses in a span. keep: the cut one is kept in c->in. */
static const char *take_span(struct intake *in, struct span span, bool keep)
{
    struct conn *c = in->c;
    const uint8_t *at = span.at;
    struct response r = {0};
    in->end = span.at + span.len;
    while (at < in->end) {
        enum taken taken = take_next(in, at, &r);
        if (taken == TAKEN_WRONG) return in->anomaly;
        if (taken == TAKEN_NEED) break;
        at += r.len;
    }
    if (keep)
        inbuf_keep(&c->in, c->backend->set->arena, at, (size_t)(in->end - at), message_need(c, &r));
    return NULL;
}

const char *intake_take(struct conn *c, const struct inbuf_input *input, bool *is_refusal)
{
    struct intake in = {.c = c, .blob = input->blob};
    const char *anomaly = NULL;
    if (input->whole.len) anomaly = take_span(&in, input->whole, false);
    in.blob = NULL;
    if (!anomaly) anomaly = take_span(&in, input->rest, true);
    *is_refusal = in.is_refusal;
    return anomaly;
}
