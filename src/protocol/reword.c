/* Why the VALUE fits into the place of the VA. With L, F, C, K for the lengths of length, flags, cas and key as they are written:
 *
 *     VA L fF cC kK'      3 + L + 2 + F + 2 + C + 2 + K' + 2 bytes, K' >= K: the key, or its base64
 *     VALUE K F L         6 + K + 1 + F + 1 + L + 2 bytes
 *
 * The first is longer by C + 1 bytes at least, and C is not 0. So the data stays where it is; a large value is not copied. */
#include "protocol/reword.h"

#include <assert.h>
#include <string.h>

#include "protocol/text.h"

static const char BEFORE[] = "mg ", BEHIND[] = " v f c k\r\n", VALUE[] = "VALUE ",
                  END[] = "END\r\n";

static uint8_t *put(uint8_t *to, const void *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

size_t reword_line(const uint8_t *key, size_t len, uint8_t *to)
{
    assert(len > 0 && len <= KEY_MAX);
    uint8_t *p = put(to, BEFORE, sizeof BEFORE - 1);
    p = put(p, key, len);
    return (size_t)(put(p, BEHIND, sizeof BEHIND - 1) - to);
}

/* --- the answer -------------------------------------------------------------------------------- */

/* Takes digits; false when there are none, or more than any number of 64 bits has. */
static inline bool take_digits(const uint8_t **at, const uint8_t *end, struct reword_piece *piece)
{
    const uint8_t *p = *at;
    piece->at = p;
    while (p < end && *p >= '0' && *p <= '9') p++;
    piece->len = (size_t)(p - piece->at);
    *at = p;
    return piece->len > 0 && piece->len <= TEXT_NUMBER_ROOM;
}

/* The same for the length of the data. */
static inline bool take_length(const uint8_t **at, const uint8_t *end, struct reword *w)
{
    if (!take_digits(at, end, &w->length) || w->length.len > TEXT_DIGITS_SAFE) return false;
    w->data_len = 0;
    for (size_t i = 0; i < w->length.len; i++)
        w->data_len = w->data_len * 10 + (w->length.at[i] - '0');
    return true;
}

static inline bool take_text(const uint8_t **at, const uint8_t *end, const void *text, size_t len)
{
    if ((size_t)(end - *at) < len || memcmp(*at, text, len) != 0) return false;
    *at += len;
    return true;
}

/* The usual answer: `VA L fF cC kKEY` and nothing more, the flags in the order in which they were asked for. False: it is another
 * one, or its line is cut. */
static bool parse_usual(const uint8_t *bytes, size_t len, const uint8_t *key, size_t key_len,
                        struct response *r, struct reword *w)
{
    const uint8_t *p = bytes, *end = bytes + len;
    bool is_usual = take_text(&p, end, "VA ", 3) && take_length(&p, end, w) &&
                    take_text(&p, end, " f", 2) && take_digits(&p, end, &w->flags) &&
                    take_text(&p, end, " c", 2) && take_digits(&p, end, &w->cas) &&
                    take_text(&p, end, " k", 2) && take_text(&p, end, key, key_len) &&
                    take_text(&p, end, "\r\n", 2);
    if (!is_usual) return false;
    *r = (struct response){.kind = RESPONSE_VA,
                           .key_len = (uint16_t)key_len,
                           .bytes = bytes,
                           .key = p - 2 - key_len,
                           .rest = p - 2,
                           .len = (size_t)(p - bytes)};
    return true;
}

/* The data of a usual answer, whose line has r->len bytes. */
static enum response_status take_data(size_t len, size_t max_value, struct response *r, size_t n)
{
    if (n > max_value) return RESPONSE_INVALID;
    r->need = r->len + n + 2;
    if (len < r->need) return RESPONSE_AGAIN;
    r->len = r->need;
    return memcmp(r->bytes + r->len - 2, "\r\n", 2) == 0 ? RESPONSE_DONE : RESPONSE_INVALID;
}

static struct reword_piece *piece_of(struct reword *w, uint8_t flag)
{
    if (flag == 'f') return &w->flags;
    return flag == 'c' ? &w->cas : NULL;
}

/* Any other VA: with W, X or Z, with a key in base64, with the flags in another order. False: something is not there. */
static bool read_pieces(const struct response *r, struct reword *w)
{
    const uint8_t *end = memchr(r->bytes, '\r', r->len), *at = r->bytes + 3, *flag;
    size_t len;
    *w = (struct reword){0};
    if (!take_length(&at, end, w)) return false;
    while (request_next_flag(&at, end, &flag, &len)) {
        struct reword_piece *piece = piece_of(w, *flag);
        if (*flag == 'W') w->is_won = true;
        if (!piece) continue;
        if (piece->len) return false; /* twice */
        flag++;
        if (!take_digits(&flag, flag + len - 1, piece) || piece->len != len - 1) return false;
    }
    return w->flags.len && w->cas.len && r->key;
}

enum response_status reword_parse(const uint8_t *bytes, size_t len, size_t max_value,
                                  const uint8_t *key, size_t key_len, struct response *r,
                                  struct reword *w)
{
    w->is_same = parse_usual(bytes, len, key, key_len, r, w);
    w->is_won = false;
    if (w->is_same) return take_data(len, max_value, r, w->data_len);
    enum response_status status = response_parse(bytes, len, max_value, r);
    if (status != RESPONSE_DONE || r->kind != RESPONSE_VA) return status;
    return read_pieces(r, w) ? RESPONSE_DONE : RESPONSE_INVALID;
}

/* Digits are few. */
static inline uint8_t *put_digits(uint8_t *to, const uint8_t *digits, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] = digits[i];
    return to + n;
}

struct response reword_head(const struct reword *w, const uint8_t *key, size_t key_len, uint8_t *to)
{
    assert(key_len <= KEY_MAX);
    uint8_t *p = put(put(to, VALUE, sizeof VALUE - 1), key, key_len);
    const uint8_t *rest = p;
    *p++ = ' ';
    p = put_digits(p, w->flags.at, w->flags.len);
    *p++ = ' ';
    p = put_digits(p, w->length.at, w->length.len);
    p = put(p, "\r\n", 2);
    return (struct response){.kind = RESPONSE_VALUE,
                             .key_len = (uint16_t)key_len,
                             .bytes = to,
                             .len = (size_t)(p - to),
                             .key = rest - key_len,
                             .rest = rest};
}

struct response reword_value(const struct response *va, const struct reword *w, uint8_t *bytes,
                             const uint8_t *key, size_t key_len)
{
    size_t n = w->data_len;
    size_t head = sizeof VALUE - 1 + key_len + 1 + w->flags.len + 1 + w->length.len + 2;
    size_t line = va->len - n - 2;
    assert(bytes == va->bytes && head < line && key_len <= KEY_MAX);
    /* The head may be written over the digits. */
    uint8_t flags[TEXT_NUMBER_ROOM], length[TEXT_NUMBER_ROOM];
    put_digits(flags, w->flags.at, w->flags.len);
    put_digits(length, w->length.at, w->length.len);
    uint8_t *first = bytes + line - head, *p = put(first, VALUE, sizeof VALUE - 1);
    p = put(p, key, key_len);
    const uint8_t *rest = p;
    *p++ = ' ';
    p = put_digits(p, flags, w->flags.len);
    *p++ = ' ';
    p = put_digits(p, length, w->length.len);
    p = put(p, "\r\n", 2);
    assert(p == bytes + line);
    memcpy(bytes + va->len, END, REWORD_END);
    return (struct response){.kind = RESPONSE_VALUE,
                             .key_len = (uint16_t)key_len,
                             .bytes = first,
                             .len = head + n + 2 + REWORD_END,
                             .key = rest - key_len,
                             .rest = rest};
}
