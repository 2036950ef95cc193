/* Requests with a value. Which bytes are a value and which are the next request must never be a guess: see the readings. */
#include <string.h>

#include "protocol/line.h"
#include "protocol/text.h"

#define ERROR_CHUNK     "CLIENT_ERROR bad data chunk\r\n"
#define ERROR_TOO_LARGE "SERVER_ERROR object too large for cache\r\n"

/* --- lengths ----------------------------------------------------------------------------------- */

enum { LENGTH_MAX = INT32_MAX - 2 };

/* What a token says as a length. */
enum length_kind {
    LENGTH_NONE,    /* it is none */
    LENGTH_GOOD,    /* so many bytes */
    LENGTH_ENDLESS, /* more than anybody can swallow */
};

static enum length_kind read_length(const uint8_t *at, size_t len, size_t *length)
{
    int64_t n;
    bool beyond = len > 18 && at[0] >= '0' && at[0] <= '9'; /* more than 64 bits hold */
    if (!text_read_signed(at, len, &n) || n < 0) return beyond ? LENGTH_ENDLESS : LENGTH_NONE;
    *length = (size_t)n;
    return n > LENGTH_MAX ? LENGTH_ENDLESS : LENGTH_GOOD;
}

/* --- refused, and what becomes of the value ---------------------------------------------------- */

/* A line that is refused may be read in more than one way: a word too many may be a part of a key with spaces, or stand behind the
 * length. Each reading says where the value ends, and so where the next request begins. */
struct readings {
    unsigned n; /* 2: more than one */
    size_t length;
};

static void add_reading(struct readings *w, const uint8_t *at, size_t len)
{
    size_t length = 0;
    enum length_kind kind = read_length(at, len, &length);
    if (kind == LENGTH_NONE) return;
    if (kind == LENGTH_ENDLESS || (w->n > 0 && w->length != length))
        w->n = 2;
    else if (w->n == 0)
        *w = (struct readings){1, length};
}

/* No byte that a reading takes for a value is run as a command: where all agree the value is swallowed, else the client must
 * begin anew. Either way the error does not wait for the value. */
static struct request_parse refuse(const struct line *l, const struct readings *w,
                                   const char *error)
{
    struct request_parse p = line_refuse(l, error);
    if (w->n == 1) p.swallow = w->length + 2;
    if (w->n > 1) p.status = REQUEST_CLOSE;
    return p;
}

/* Two spaces behind the command: the key may be an empty one, so that all else, which begins with that many numbers, stands a
 * place further to the left. */
static bool has_empty_key(const struct line *l, size_t numbers)
{
    const uint8_t *behind = l->token[0].at + l->token[0].len;
    if (behind + 1 >= l->end || behind[0] != ' ' || behind[1] != ' ') return false;
    for (size_t i = 1; i <= numbers; i++) {
        int64_t number;
        if (l->tokens <= i || !text_read_signed(l->token[i].at, l->token[i].len, &number))
            return false;
    }
    return true;
}

/* How many words the line has, but for a noreply at its end. */
static size_t count_words(const struct line *l)
{
    const uint8_t *at = l->start, *word;
    size_t len, n = 0;
    bool noreply = false;
    for (; request_next_flag(&at, l->end, &word, &len); n++)
        noreply = len == 7 && memcmp(word, "noreply", 7) == 0;
    return n - noreply;
}

/* Of the words from where the length stands on: a key with spaces pushes it there. The last word of a cas is its id. */
static struct request_parse refuse_store(const struct line *l, const struct request *r,
                                         const char *error)
{
    struct readings w = {0};
    const uint8_t *at = l->start, *word;
    size_t len, place = 0, first = has_empty_key(l, 3) ? 3 : 4, n = count_words(l);
    if (r->command_id == COMMAND_CAS && n > 5) n--;
    for (; place < n && request_next_flag(&at, l->end, &word, &len); place++) {
        if (place >= first) add_reading(&w, word, len);
    }
    return refuse(l, &w, error);
}

/* Flags are never numbers: a number among them is a length that a key with spaces pushed there, or has nothing to do there. The ms
 * of memcached 1.6.9 and before has its length in a flag S. */
static struct request_parse refuse_meta(const struct line *l, const char *error)
{
    struct readings w = {0};
    const uint8_t *at = l->start, *word;
    size_t length, len, place = 0, first = has_empty_key(l, 1) ? 1 : 2;
    bool old =
        l->tokens < 3 || read_length(l->token[2].at, l->token[2].len, &length) == LENGTH_NONE;
    for (; request_next_flag(&at, l->end, &word, &len); place++) {
        if (place < first) continue;
        add_reading(&w, word, len);
        if (old && *word == 'S') add_reading(&w, word + 1, len - 1);
    }
    return refuse(l, &w, error);
}

/* memcached drops what a set would have replaced, so that nobody goes on reading the old value. */
static struct request_parse refuse_large(const struct line *l, size_t length, struct request *r)
{
    struct request_parse p = line_refuse(l, ERROR_TOO_LARGE);
    p.swallow = length + 2;
    p.drop = r->command_id == COMMAND_SET || r->command_id == COMMAND_META_SET;
    if (p.drop) r->command_id = COMMAND_DELETE;
    return p;
}

/* --- taken ------------------------------------------------------------------------------------- */

static struct request_parse take_value(const struct line *l, size_t len, size_t length,
                                       struct request *r)
{
    size_t whole = l->consumed + length + 2;
    if (len < whole) return (struct request_parse){.status = REQUEST_AGAIN, .need = whole};
    const uint8_t *value = l->start + l->consumed;
    struct request_parse p = {.status = REQUEST_OK, .consumed = whole, .keys = 1};
    if (value[length] != '\r' || value[length + 1] != '\n') {
        p.status = REQUEST_REFUSED;
        p.error = ERROR_CHUNK;
    }
    r->value_at = (uintptr_t)value;
    r->value_len = (uint32_t)length;
    return p;
}

/* A number too many behind the length, `set a 1 0 0 5`, may be the length of a key with a space. That the value does not end where
 * the first one says speaks for it, so what follows may be a value, and the client must begin anew. */
static bool may_have_other_length(const struct line *l, size_t fixed, size_t length)
{
    struct readings w = {1, length};
    if (l->tokens == fixed || line_ends_in_noreply(l)) return false;
    add_reading(&w, l->token[5].at, l->token[5].len);
    return w.n > 1;
}

static bool take_arguments(struct request *r, const struct line *l)
{
    const struct token *flags = &l->token[2], *exptime = &l->token[3], *cas = &l->token[5];
    bool good = line_take_key(l, r, &l->token[1]);
    good = text_read_unsigned(flags->at, flags->len, &r->client_flags) && good;
    good = line_take_exptime(r, exptime->at, exptime->len) && good;
    if (r->command_id == COMMAND_CAS)
        good = text_read_unsigned(cas->at, cas->len, &r->number) && good;
    return good;
}

struct request_parse store_parse(struct line *l, size_t len, struct request *r)
{
    size_t fixed = r->command_id == COMMAND_CAS ? 6 : 5, length = 0;
    if (l->tokens < fixed || l->tokens > fixed + 1) return refuse_store(l, r, ERROR_UNKNOWN);
    const struct token *t = &l->token[4];
    r->noreply = line_ends_in_noreply(l);
    bool good = take_arguments(r, l);
    if (read_length(t->at, t->len, &length) != LENGTH_GOOD || !good)
        return refuse_store(l, r, ERROR_FORMAT);
    if (length > l->rules->max_value) return refuse_large(l, length, r);
    struct request_parse p = take_value(l, len, length, r);
    if (p.status == REQUEST_REFUSED && may_have_other_length(l, fixed, length))
        p.status = REQUEST_CLOSE;
    return p;
}

struct request_parse store_parse_meta(struct line *l, size_t len, struct request *r)
{
    size_t length = 0;
    const struct token *t = &l->token[2];
    line_take(l, 3);
    if (l->tokens < 2) return line_refuse(l, ERROR_UNKNOWN);
    if (l->tokens < 3 || read_length(t->at, t->len, &length) != LENGTH_GOOD)
        return refuse_meta(l, ERROR_FORMAT);
    const char *error = line_take_meta(l, r);
    if (error) return refuse_meta(l, error);
    if (length > l->rules->max_value) return refuse_large(l, length, r);
    return take_value(l, len, length, r);
}
