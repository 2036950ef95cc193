/* Requests with a value. Which bytes are the value and which are the next request must never be a guess.
 *
 * A client sends the value behind the line without waiting for an answer. When the line is refused, the value is still coming. If
 * it were parsed as requests, a user whose text the application caches could send commands. One client's connection carries the
 * requests of many users, so a wrong guess would harm others than the one who caused it.
 *
 * So when a line is refused, every reading of it is tried that a server or a client may have had in mind (struct readings). Where
 * all readings agree on the length, that many bytes are discarded and the client goes on (I9). Where they do not, the connection
 * is closed (I10). Where no reading has a length, there is no value.
 *
 * memcached before 1.6.40 skips no value of a refused set or its kin: each of its lines is a command there, and mostly gets ERROR. Who
 * stands for such a memcached (rules.answer_values) answers each line so, and runs none; where the lengths do not agree, nothing is
 * run any more: lines are refused until one comes that would have to be run, and that closes. In front of other servers there is one answer:
 * a client that gets two for a request takes the second for that of its next one. */
#include <assert.h>
#include <string.h>

#include "protocol/line.h"
#include "protocol/text.h"

#define ERROR_CHUNK     "CLIENT_ERROR bad data chunk\r\n"
#define ERROR_TOO_LARGE "SERVER_ERROR object too large for cache\r\n"

/* --- lengths ----------------------------------------------------------------------------------- */

enum { LENGTH_MAX = INT32_MAX - 2 };

/* A token, read as a length. */
enum length_kind {
    LENGTH_NONE,    /* it is not a length */
    LENGTH_GOOD,    /* a number of bytes */
    LENGTH_ENDLESS, /* more than LENGTH_MAX: too many to discard */
};

/* As memcached reads it, so `-0` and `+5` are lengths, too. */
static enum length_kind read_length(const uint8_t *at, size_t len, size_t *length)
{
    int64_t n;
    bool beyond = len > 18 && at[0] >= '0' && at[0] <= '9'; /* more than 64 bits hold */
    if (!text_read_signed(at, len, &n) || n < 0) return beyond ? LENGTH_ENDLESS : LENGTH_NONE;
    *length = (size_t)n;
    return n > LENGTH_MAX ? LENGTH_ENDLESS : LENGTH_GOOD;
}

/* --- refused lines and their values ------------------------------------------------------------ */

/* The lengths that a refused line may have meant. A word too many may be a part of a key with spaces, or stand behind the length.
 * Each reading says where the value ends, and so where the next request begins. */
struct readings {
    unsigned n;    /* 0: no value; 1: one length; 2: more than one, or one that is too large */
    size_t length; /* n == 1 */
};

/* Adds what the word says, if it is a number at all. */
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

/* No byte that one reading takes for a value is run as a command. The error is sent at once and does not wait for the value. */
static struct request_parse refuse(const struct line *l, const struct readings *w,
                                   const char *error)
{
    struct request_parse p = line_refuse(l, error);
    assert(w->n <= 2 && w->length <= LENGTH_MAX);
    if (w->n == 1) p.swallow = w->length + 2;
    if (w->n > 1) p.status = REQUEST_CLOSE;
    return p;
}

/* Where the next request begins is not known. */
static void be_in_doubt(const struct line *l, struct request_parse *p)
{
    p->in_doubt = l->rules->answer_values;
    p->status = p->in_doubt ? REQUEST_REFUSED : REQUEST_CLOSE;
}

/* Two spaces behind the command: the key may be empty, so that all other words, of which the first `numbers` are numbers, stand
 * one place further to the left. */
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

/* The number of words of the line, without a noreply at its end. */
static size_t count_words(const struct line *l)
{
    const uint8_t *at = l->start, *word;
    size_t len, n = 0;
    bool noreply = false;
    for (; request_next_flag(&at, l->end, &word, &len); n++)
        noreply = len == 7 && memcmp(word, "noreply", 7) == 0;
    return n - noreply;
}

/* Each word from the length's place on may be the length, as a key with spaces pushes it to the right. The last word of a cas is
 * its number. */
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
    struct request_parse p = refuse(l, &w, error);
    p.each_line = l->rules->answer_values && p.swallow > 0;
    if (p.status == REQUEST_CLOSE) be_in_doubt(l, &p);
    return p;
}

/* No flag is a number, so a number among the flags may be the length, pushed there by a key with spaces. The ms of memcached
 * 1.6.9 and before has its length in a flag S. */
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

/* As memcached does, the old value of a set that is too large is deleted: the application has replaced it, so it must not be read
 * again. */
static struct request_parse refuse_large(const struct line *l, size_t length, struct request *r)
{
    assert(length > l->rules->max_value && length <= LENGTH_MAX);
    struct request_parse p = line_refuse(l, ERROR_TOO_LARGE);
    p.swallow = length + 2;
    p.drop = r->command_id == COMMAND_SET || r->command_id == COMMAND_META_SET;
    p.dropped = r->command_id;
    if (p.drop) r->command_id = COMMAND_DELETE;
    return p;
}

/* --- values ------------------------------------------------------------------------------------ */

/* I4: OK only when all of the value and its CRLF are there. A value with another end has another length: it is refused, and
 * nothing of it is sent. */
static struct request_parse take_value(const struct line *l, size_t len, size_t length,
                                       struct request *r)
{
    assert(length <= l->rules->max_value);
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

/* In `set a 1 0 0 5` the number too many may be the length, behind a key with a space. When the value does not end where the
 * first length says, that is likely; what follows may then be a value, and the connection must be closed. */
static bool may_have_other_length(const struct line *l, size_t fixed, size_t length)
{
    struct readings w = {1, length};
    if (l->tokens == fixed || line_ends_in_noreply(l)) return false;
    add_reading(&w, l->token[5].at, l->token[5].len);
    return w.n > 1;
}

/* Reads all arguments, also behind a bad one: what they hold decides what a refused line may have meant. */
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

/* In memcached's order: the number of words, the numbers, the size, the value. A noreply counts from here on, as memcached
 * answers a line with too many words even so. */
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
    if (p.status == REQUEST_REFUSED && may_have_other_length(l, fixed, length)) be_in_doubt(l, &p);
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
