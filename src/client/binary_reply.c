/* What a client library makes of a status decides which one stands for what. A server that is down, slow or out of memory for now is
 * 0x86, with the reason as the body: libraries give the reason to the application and keep the connection. A script's error is 0x84.
 *
 * memcached's words for a failed add is that the item exists, for a failed replace that it does not; text has one line for both.
 *
 * A frame that is quiet is silent where what was asked for was done, and a quiet read where there is nothing. Errors are never quiet. */
#include "client/binary_reply.h"

#include <assert.h>
#include <string.h>

#include "base/blob.h"
#include "client/binary_steps.h"
#include "protocol/classic.h"
#include "protocol/request.h"
#include "protocol/text.h"
#include "protocol/value.h"

enum {
    FLAGS = 4,  /* bytes of extras of a read's answer */
    NUMBER = 8, /* bytes of the number that incr and decr answer */
    SHORT = 1024,
    HEAD_ROOM = BINARY_HEAD + FLAGS + KEY_MAX
};

/* What stands behind a head. */
struct body {
    uint8_t extras[FLAGS];
    const void *key, *value;
    struct blob *blob; /* holds the value; NULL: it is copied */
};

static const struct binary_info *info_of(const struct reply *reply)
{
    return &binary_table[reply->opcode];
}

static bool is_quiet(const struct reply *reply)
{
    return info_of(reply)->answers & BINARY_QUIET;
}

/* The client's key, where it was kept. */
static const void *key_of(const struct reply *reply)
{
    const struct binary_steps *s = binary_steps_of(reply);
    return s ? (const void *)s->key : (const void *)reply->echo;
}

static bool reads(const struct reply *reply)
{
    return info_of(reply)->shape == BINARY_READ || info_of(reply)->shape == BINARY_TOUCH;
}

/* --- bytes ------------------------------------------------------------------------------------- */

static struct binary_answer begin(const struct reply *reply, enum binary_status status)
{
    return (struct binary_answer){
        .opcode = reply->opcode, .opaque = reply->opaque, .status = (uint16_t)status};
}

static uint8_t *put(uint8_t *to, const void *bytes, size_t n)
{
    if (n) memcpy(to, bytes, n);
    return to + n;
}

/* Head, extras and key. */
static uint8_t *write_begin(uint8_t *to, const struct binary_answer *a, const struct body *body)
{
    assert(a->key_len <= KEY_MAX && a->extras_len <= FLAGS);
    binary_write_head(a, to);
    to = put(to + BINARY_HEAD, body->extras, a->extras_len);
    return put(to, body->key, a->key_len);
}

/* Returns how many bytes it has. A short one that must wait takes no more memory than it needs. */
static size_t append(struct outq *to, bool waits, const struct binary_answer *a,
                     const struct body *body)
{
    uint8_t own[HEAD_ROOM + SHORT];
    size_t n = BINARY_HEAD + (size_t)a->extras_len + a->key_len, copied = 0;
    if (a->value_len <= SHORT) copied = a->value_len;
    uint8_t *first = waits ? own : outq_reserve(to, n + copied);
    put(write_begin(first, a, body), body->value, copied);
    if (waits)
        outq_append_alone(to, own, n + copied);
    else
        outq_commit(to, n + copied);
    if (copied < a->value_len) outq_append_blob(to, body->blob, body->value, a->value_len);
    return n + a->value_len;
}

static void answer(struct reply *reply, const struct binary_answer *a, const struct body *body)
{
    if (!reply_take_answer(reply)) return;
    struct outq *to = reply_place(reply);
    reply_complete(reply, append(to, to == &reply->store, a, body));
}

static void answer_nothing(struct reply *reply)
{
    if (reply_take_answer(reply)) reply_complete(reply, 0);
}

void binary_answer_status(struct reply *reply, enum binary_status status, const char *text,
                          size_t len)
{
    struct binary_answer a = begin(reply, status);
    if (!text) {
        text = binary_status_text(status);
        len = strlen(text);
    }
    struct body body = {.value = text};
    a.value_len = len;
    answer(reply, &a, &body);
}

static void answer_error(struct reply *reply, enum binary_status status)
{
    binary_answer_status(reply, status, NULL, 0);
}

/* --- what was asked for ------------------------------------------------------------------------ */

/* The client's own key: where it was kept, or as it was sent, or as a script's answer has it. */
static void set_key(const struct reply *reply, const struct call_news *news,
                    struct binary_answer *a, struct body *body)
{
    if (!(info_of(reply)->answers & BINARY_KEYED)) return;
    const struct response *r = news->response;
    body->key = reply->echo       ? key_of(reply)
                : news->key.shown ? (const void *)news->key.shown
                                  : (const void *)r->key;
    a->key_len = reply->echo ? reply->echo_len : news->key.shown ? news->key.shown_len : r->key_len;
}

/* All of a read's frame but the data. */
static void set_value(const struct reply *reply, const struct call_news *news,
                      const struct response_value *v, struct binary_answer *a, struct body *body)
{
    *a = begin(reply, BINARY_OK);
    *body = (struct body){.value = v->at, .blob = news->blob};
    a->cas = v->cas;
    a->extras_len = FLAGS;
    binary_write32(body->extras, (uint32_t)v->flags);
    if (reply->opcode == BINARY_OP_TOUCH) return;
    a->value_len = v->len;
    set_key(reply, news, a, body);
}

void binary_append_begun(const struct reply *reply, const struct call_news *news, struct outq *to)
{
    struct response_value v = response_read(news->response);
    struct binary_answer a;
    struct body body;
    set_value(reply, news, &v, &a, &body);
    size_t n = BINARY_HEAD + (size_t)a.extras_len + a.key_len;
    write_begin(outq_reserve(to, n), &a, &body);
    outq_commit(to, n);
}

static void answer_number(struct reply *reply, const struct response_value *v)
{
    struct binary_answer a = begin(reply, BINARY_OK);
    uint64_t number = v->number;
    uint8_t bytes[NUMBER];
    if (!binary_steps_made(reply, &number) && v->at)
        (void)text_read_unsigned(v->at, v->len, &number);
    binary_write64(bytes, number);
    a.cas = v->cas;
    a.value_len = NUMBER;
    answer(reply, &a, &(struct body){.value = bytes});
}

static void answer_done(struct reply *reply, const struct call_news *news)
{
    struct response_value v = response_read(news->response);
    struct binary_answer a;
    struct body body = {0};
    if (reads(reply)) {
        set_value(reply, news, &v, &a, &body);
        answer(reply, &a, &body);
    } else if (is_quiet(reply)) {
        answer_nothing(reply);
    } else if (info_of(reply)->shape == BINARY_COUNT) {
        answer_number(reply, &v);
    } else {
        a = begin(reply, BINARY_OK);
        if (info_of(reply)->shape != BINARY_DELETE) a.cas = v.cas;
        answer(reply, &a, &body);
    }
}

/* --- what was not done ------------------------------------------------------------------------- */

static void answer_not_found(struct reply *reply)
{
    struct binary_answer a = begin(reply, BINARY_NOT_FOUND);
    if (reads(reply) && is_quiet(reply)) {
        answer_nothing(reply);
    } else if (reply->echo && info_of(reply)->answers & BINARY_KEYED) {
        a.key_len = reply->echo_len;
        answer(reply, &a, &(struct body){.key = key_of(reply)});
    } else {
        answer_error(reply, BINARY_NOT_FOUND);
    }
}

static void answer_not_stored(struct reply *reply)
{
    switch (info_of(reply)->command) {
    case COMMAND_ADD: answer_error(reply, BINARY_EXISTS); break;
    case COMMAND_REPLACE: answer_not_found(reply); break;
    default: answer_error(reply, BINARY_NOT_STORED); break;
    }
}

static bool begins(const char *text, size_t len, const char *with)
{
    size_t n = strlen(with);
    return len >= n && memcmp(text, with, n) == 0;
}

/* len: without CRLF. */
static void error_of_line(const char **text, size_t *len, enum binary_status *status)
{
    static const char CLIENT[] = "CLIENT_ERROR ", SERVER[] = "SERVER_ERROR ";
    const char *line = *text;
    bool is_client = begins(line, *len, CLIENT), is_server = begins(line, *len, SERVER);
    *status = is_client   ? BINARY_INVALID
              : is_server ? BINARY_FAILED_FOR_NOW
                          : BINARY_UNKNOWN_COMMAND;
    if (is_client || is_server) *text += sizeof CLIENT - 1, *len -= sizeof CLIENT - 1;
    if (is_client && begins(*text, *len, "cannot increment or decrement"))
        *status = BINARY_NOT_NUMERIC;
    if (is_server && begins(*text, *len, "object too large")) *status = BINARY_TOO_LARGE;
    if (is_server && begins(*text, *len, "out of memory")) *status = BINARY_NO_MEMORY;
    bool has_words = *status == BINARY_INVALID || *status == BINARY_FAILED_FOR_NOW;
    if (!has_words) *text = NULL;
}

static void answer_refused(struct reply *reply, const struct response *r)
{
    const char *text = (const char *)r->bytes;
    size_t len = r->len - 2;
    enum binary_status status;
    error_of_line(&text, &len, &status);
    if (classic_is_lacking(r)) status = BINARY_NOT_SUPPORTED;
    binary_answer_status(reply, status, text, len);
}

void binary_answered(struct reply *reply, const struct call_news *news)
{
    const struct response *r = news->response;
    if (reply->is_streamed) {
        reply_end_streamed(reply, news, NULL);
        return;
    }
    switch (r->kind) {
    case RESPONSE_END:
    case RESPONSE_EN:
    case RESPONSE_NF:
    case RESPONSE_NOT_FOUND: answer_not_found(reply); break;
    case RESPONSE_NS:
    case RESPONSE_NOT_STORED: answer_not_stored(reply); break;
    case RESPONSE_EX:
    case RESPONSE_EXISTS: answer_error(reply, BINARY_EXISTS); break;
    case RESPONSE_ERROR:
    case RESPONSE_CLIENT_ERROR:
    case RESPONSE_SERVER_ERROR: answer_refused(reply, r); break;
    default: answer_done(reply, news); break;
    }
}

/* A policy that answers a store with a miss says that it was not stored, whatever is there. */
void binary_missed(struct reply *reply)
{
    unsigned shape = info_of(reply)->shape;
    if (shape == BINARY_STORE || shape == BINARY_CONCAT)
        answer_error(reply, BINARY_NOT_STORED);
    else
        answer_not_found(reply);
}

void binary_failed(struct reply *reply, bool by_script, const char *text, size_t len)
{
    binary_answer_status(reply, by_script ? BINARY_INTERNAL : BINARY_FAILED_FOR_NOW, text, len);
}

/* --- lines that moongate has made -------------------------------------------------------------- */

/* `STAT name value` */
static void put_stat(const struct reply *reply, const char *line, size_t len, struct outq *to)
{
    struct binary_answer a = begin(reply, BINARY_OK);
    const char *name = line + strlen("STAT "), *end = line + len;
    const char *space = memchr(name, ' ', (size_t)(end - name));
    if (!space) space = end;
    const char *value = space < end ? space + 1 : end;
    size_t key_len = (size_t)(space - name);
    a.key_len = (uint16_t)(key_len <= KEY_MAX ? key_len : KEY_MAX);
    a.value_len = (size_t)(end - value);
    append(to, false, &a, &(struct body){.key = name, .value = value});
}

/* A value of an own key: `VALUE key flags bytes`, with its data, and END. */
static void put_value(const struct reply *reply, const struct response *r, struct outq *to)
{
    struct call_news news = {.event = CALL_ANSWERED, .response = r};
    struct response_value v = response_read(r);
    struct binary_answer a;
    struct body body;
    set_value(reply, &news, &v, &a, &body);
    append(to, false, &a, &body);
}

static void put_line(const struct reply *reply, const char *line, size_t len, struct outq *to)
{
    static const char VERSION[] = "VERSION ";
    struct binary_answer a = begin(reply, BINARY_OK);
    enum binary_status status = BINARY_OK;
    const char *text = NULL;
    if (begins(line, len, "STAT ")) {
        put_stat(reply, line, len, to);
        return;
    }
    if (begins(line, len, VERSION)) {
        text = line + strlen(VERSION);
        len -= strlen(VERSION);
    } else if (!begins(line, len, "END") && !begins(line, len, "OK") && !begins(line, len, "MN") &&
               !begins(line, len, "RESET")) {
        text = line;
        error_of_line(&text, &len, &status);
        if (reply->opcode == BINARY_OP_STAT) status = BINARY_NOT_FOUND, text = NULL;
        if (info_of(reply)->shape == BINARY_FLUSH && status == BINARY_INVALID)
            status = BINARY_AUTH_FAILED; /* it is not allowed, as with memcached's -F */
        if (!text) text = binary_status_text(status), len = strlen(text);
    } else if (is_quiet(reply)) {
        return;
    }
    a.status = (uint16_t)status;
    a.value_len = text ? len : 0;
    append(to, false, &a, &(struct body){.value = text});
}

static struct blob *all_bytes_of(const struct outq *q)
{
    struct blob *blob = blob_reuse(q->bytes);
    for (const struct outq_segment *s = q->head; s; s = s->next) {
        size_t n = (size_t)(s->end - s->at);
        assert(!s->pipe && blob->len + n <= blob->cap);
        memcpy(blob->bytes + blob->len, s->at, n);
        blob->len += n;
    }
    return blob;
}

void binary_put_in_frames(const struct reply *reply, struct outq *lines)
{
    struct outq frames = {0};
    struct response r;
    if (outq_is_empty(lines)) return;
    struct blob *all = all_bytes_of(lines);
    const uint8_t *at = all->bytes, *end = at + all->len;
    if (response_parse(at, all->len, all->len, &r) == RESPONSE_DONE && r.kind == RESPONSE_VALUE) {
        put_value(reply, &r, &frames);
        at = end;
    }
    while (at < end) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *next = newline ? newline + 1 : end;
        put_line(reply, (const char *)at, (size_t)(next - at) - (newline ? 2 : 0), &frames);
        at = next;
    }
    blob_give(all);
    outq_release(lines);
    *lines = frames;
}
