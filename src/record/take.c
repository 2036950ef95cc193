/* A take is its length, then numbers, then texts: the numbers are collected first, so that the length is known when it is written, and the
 * texts are copied once. What a take does not have takes no byte: `fields` says what is there.
 *
 * The decoder takes numbers and texts from the bytes of the take alone, by a reader that fails for good at its first fault: so each
 * length is checked in one place. */
#include "record/take.h"

#include <assert.h>
#include <string.h>

#include "base/live.h"
#include "protocol/command.h"

/* Bits of `fields`. They are a part of the format: never change one, only add. */
enum {
    HAS_NOREPLY = 1,
    HAS_BASE64 = 2,
    HAS_CUT = 4,
    HAS_PARTS = 8,
    HAS_EXPTIME = 16,
    HAS_FLAGS = 32,
    HAS_NUMBER = 64,
    HAS_VALUE_LEN = 128,
    HAS_ARGS = 256,
    HAS_ERROR = 512,
    HAS_LISTENER = 1024,
    HAS_VALUE = 2048
};

enum { FORM = 1, VARINT_MOST = 10 };

/* --- writing ----------------------------------------------------------------------------------- */

static size_t put(uint8_t *to, uint64_t number)
{
    size_t n = 0;
    for (; number >= 128; number >>= 7) to[n++] = (uint8_t)(number | 128);
    to[n++] = (uint8_t)number;
    return n;
}

/* Small numbers of either sign become small ones without a sign. */
static uint64_t folded(int64_t number)
{
    return (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
}

static int64_t unfolded(uint64_t number)
{
    return (int64_t)(number >> 1 ^ (number & 1 ? UINT64_MAX : 0));
}

/* The texts, as they will be written. */
struct texts {
    size_t key, args, error, listener, value;
};

static size_t at_most(size_t len, size_t most)
{
    return len < most ? len : most;
}

static struct texts texts_of(const struct take *t)
{
    return (struct texts){.key = t->key_len <= TAKE_KEY ? t->key_len : 0,
                          .args = t->args_len <= TAKE_ARGS ? t->args_len : 0,
                          .error = at_most(t->error_len, TAKE_ERROR),
                          .listener = at_most(t->listener_len, TAKE_LISTENER),
                          .value = t->value && t->value_len <= TAKE_VALUE ? t->value_len : 0};
}

static uint64_t fields_of(const struct take *t, const struct texts *x)
{
    bool has_value = t->value && t->value_len <= TAKE_VALUE;
    return (t->noreply ? HAS_NOREPLY : 0) | (t->base64 ? HAS_BASE64 : 0) |
           (t->cut || (t->value && !has_value) ? HAS_CUT : 0) | (t->parts > 1 ? HAS_PARTS : 0) |
           (t->exptime ? HAS_EXPTIME : 0) | (t->client_flags ? HAS_FLAGS : 0) |
           (t->number ? HAS_NUMBER : 0) | (t->value_len ? HAS_VALUE_LEN : 0) |
           (x->args ? HAS_ARGS : 0) | (x->error ? HAS_ERROR : 0) |
           (x->listener ? HAS_LISTENER : 0) | (has_value ? HAS_VALUE : 0);
}

/* The numbers, in their order. */
static size_t put_numbers(uint8_t *to, const struct take *t, const struct texts *x, uint64_t before)
{
    uint64_t fields = fields_of(t, x);
    size_t n = put(to, fields);
    n += put(to + n, folded((int64_t)(t->at_us - before)));
    n += put(to + n, t->worker);
    n += put(to + n, t->client);
    n += put(to + n, t->command);
    n += put(to + n, t->result);
    n += put(to + n, t->us);
    n += put(to + n, t->bytes);
    n += put(to + n, x->key);
    if (fields & HAS_PARTS) n += put(to + n, t->part);
    if (fields & HAS_PARTS) n += put(to + n, t->parts);
    if (fields & HAS_EXPTIME) n += put(to + n, folded(t->exptime));
    if (fields & HAS_FLAGS) n += put(to + n, t->client_flags);
    if (fields & HAS_NUMBER) n += put(to + n, t->number);
    if (fields & HAS_VALUE_LEN) n += put(to + n, t->value_len);
    if (fields & HAS_ARGS) n += put(to + n, x->args);
    if (fields & HAS_ERROR) n += put(to + n, x->error);
    if (fields & HAS_LISTENER) n += put(to + n, x->listener);
    return n;
}

static uint8_t *put_text(uint8_t *to, const uint8_t *text, size_t len)
{
    if (len) memcpy(to, text, len);
    return to + len;
}

size_t take_room(const struct take *t)
{
    struct texts x = texts_of(t);
    return TAKE_NUMBERS + x.key + x.args + x.error + x.listener + x.value;
}

size_t take_encode(const struct take *t, uint64_t *time, uint8_t *to, size_t room)
{
    uint8_t numbers[TAKE_NUMBERS], length[VARINT_MOST];
    struct texts x = texts_of(t);
    size_t n = put_numbers(numbers, t, &x, *time);
    assert(n + VARINT_MOST <= sizeof numbers);
    size_t len = n + x.key + x.args + x.error + x.listener + x.value;
    size_t head = put(length, len);
    if (head + len > room) return 0;
    uint8_t *at = put_text(to, length, head);
    at = put_text(at, numbers, n);
    at = put_text(at, t->key, x.key);
    at = put_text(at, t->args, x.args);
    at = put_text(at, t->error, x.error);
    at = put_text(at, t->listener, x.listener);
    at = put_text(at, t->value, x.value);
    assert(at == to + head + len);
    *time = t->at_us;
    return head + len;
}

/* --- reading ----------------------------------------------------------------------------------- */

/* Invariant: at <= end. Once it is bad it stays so, and gives zeros and empty texts. */
struct source {
    const uint8_t *at, *end;
    bool is_bad;
};

/* A number of at most `most`. */
static uint64_t take_number(struct source *s, uint64_t most)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && s->at < s->end && !s->is_bad; shift += 7) {
        uint8_t byte = *s->at++;
        if (shift == 63 && byte > 1) break;
        number |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            s->is_bad = number > most;
            return s->is_bad ? 0 : number;
        }
    }
    s->is_bad = true;
    return 0;
}

static uint64_t optional(struct source *s, bool is_there, uint64_t most)
{
    return is_there ? take_number(s, most) : 0;
}

static const uint8_t *take_text(struct source *s, size_t len)
{
    if (s->is_bad || len > (size_t)(s->end - s->at)) {
        s->is_bad = true;
        return NULL;
    }
    const uint8_t *text = s->at;
    s->at += len;
    return text;
}

/* Returns fields. */
static uint64_t take_numbers(struct source *s, struct take *t, uint64_t before)
{
    uint64_t fields = take_number(s, UINT64_MAX);
    t->noreply = fields & HAS_NOREPLY;
    t->base64 = fields & HAS_BASE64;
    t->cut = fields & HAS_CUT;
    t->at_us = before + (uint64_t)unfolded(take_number(s, UINT64_MAX));
    t->worker = (uint32_t)take_number(s, UINT32_MAX);
    t->client = (uint32_t)take_number(s, UINT32_MAX);
    t->command = (uint8_t)take_number(s, UINT8_MAX);
    t->result = (uint8_t)take_number(s, UINT8_MAX);
    t->us = take_number(s, UINT64_MAX);
    t->bytes = take_number(s, UINT64_MAX);
    t->key_len = (uint16_t)take_number(s, TAKE_KEY);
    t->part = (uint32_t)optional(s, fields & HAS_PARTS, TAKE_PARTS);
    t->parts = fields & HAS_PARTS ? (uint32_t)take_number(s, TAKE_PARTS) : 1;
    t->exptime = unfolded(optional(s, fields & HAS_EXPTIME, UINT64_MAX));
    t->client_flags = optional(s, fields & HAS_FLAGS, UINT64_MAX);
    t->number = optional(s, fields & HAS_NUMBER, UINT64_MAX);
    t->value_len = (uint32_t)optional(s, fields & HAS_VALUE_LEN, UINT32_MAX);
    t->args_len = (uint16_t)optional(s, fields & HAS_ARGS, TAKE_ARGS);
    t->error_len = (uint16_t)optional(s, fields & HAS_ERROR, TAKE_ERROR);
    t->listener_len = (uint16_t)optional(s, fields & HAS_LISTENER, TAKE_LISTENER);
    if (t->part >= t->parts) s->is_bad = true;
    return fields;
}

size_t take_length(const uint8_t *at, const uint8_t *end)
{
    struct source s = {.at = at, .end = end};
    uint64_t len = take_number(&s, TAKE_MOST);
    return s.is_bad ? 0 : (size_t)(s.at - at) + len;
}

enum take_status take_decode(const uint8_t **at, const uint8_t *end, uint64_t *time,
                             struct take *to)
{
    struct source s = {.at = *at, .end = end};
    if (*at == end) return TAKE_END;
    uint64_t len = take_number(&s, TAKE_MOST);
    const uint8_t *body = take_text(&s, len);
    if (s.is_bad) return TAKE_BAD;
    struct source b = {.at = body, .end = body + len};
    memset(to, 0, sizeof *to);
    uint64_t fields = take_numbers(&b, to, *time);
    to->key = take_text(&b, to->key_len);
    to->args = take_text(&b, to->args_len);
    to->error = take_text(&b, to->error_len);
    to->listener = take_text(&b, to->listener_len);
    if (fields & HAS_VALUE) to->value = take_text(&b, to->value_len);
    if (b.is_bad) return TAKE_BAD;
    *at = s.at;
    *time = to->at_us;
    return TAKE_OK;
}

/* --- what numbers mean ------------------------------------------------------------------------- */

static uint32_t mix(uint32_t mark, const char *text)
{
    do mark = (mark ^ (unsigned char)*text) * 16777619u;
    while (*text++);
    return mark;
}

uint32_t take_mark(void)
{
    uint32_t mark = 2166136261u + FORM;
    for (unsigned i = 0; i < COMMAND_COUNT; i++) mark = mix(mark, command_info(i)->text);
    for (unsigned i = 0; i < LIVE_RESULT_COUNT; i++) mark = mix(mark, live_result_text(i));
    return mark;
}
