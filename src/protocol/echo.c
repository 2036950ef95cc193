/* I2: a key with a line end in it, repeated raw, would end the response's line in the middle, and its rest would be read as the
 * next response, which is another client's. So moongate leaves k out of such a request and adds the key to the answer itself, at
 * the place where the server would have put it: flags come back in the order in which they were sent. */
#include "protocol/echo.h"

#include <assert.h>
#include <string.h>

static const char DEBUG_WORD[] = "ME ";
enum { DEBUG_WORD_LEN = sizeof DEBUG_WORD - 1 };

/* memcpy may not get NULL, even for no bytes. */
static uint8_t *put(uint8_t *to, const void *bytes, size_t len)
{
    if (len) memcpy(to, bytes, len);
    return to + len;
}

/* --- requests ---------------------------------------------------------------------------------- */

bool echo_breaks_lines(const uint8_t *key, size_t len)
{
    return memchr(key, ' ', len) || memchr(key, '\n', len) || memchr(key, '\r', len);
}

/* The order is what counts: key_place compares the response's flags with it. */
size_t echo_letters(const struct request *r, uint8_t *letters)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    size_t n = 0, len;
    while (n < ECHO_LETTERS_MAX && request_next_flag(&at, end, &flag, &len) && *flag != 'k')
        letters[n++] = *flag;
    return n;
}

/* --- responses --------------------------------------------------------------------------------- */

/* A response that response_parse has found whole has a CR. */
static const uint8_t *line_end(const struct response *r)
{
    return memchr(r->bytes, '\r', r->len);
}

/* Where the key goes: behind those flags of the response that the request had before its k. A server may leave out flags, but
 * does not change their order. */
static const uint8_t *key_place(const struct response *r, const uint8_t *letters, size_t n)
{
    const uint8_t *at = r->bytes + 2, *end = line_end(r), *flag, *place;
    size_t len, seen = 0;
    if (r->kind == RESPONSE_VA) request_next_flag(&at, end, &flag, &len); /* the length */
    for (place = at; request_next_flag(&at, end, &flag, &len); place = at) {
        const uint8_t *found = memchr(letters + seen, *flag, n - seen);
        if (!found) break;
        seen = (size_t)(found - letters) + 1;
    }
    return place;
}

/* Copies the response in three parts: up to the key's place, the key with `b` behind it as memcached writes it, and the rest. The
 * pointers into the response move along; the opaque may be in the first or the last part. */
void echo_insert(struct response *r, const uint8_t *letters, size_t n, const uint8_t *key,
                 size_t key_len, uint8_t *to)
{
    assert(r->kind & META_RESPONSES);
    const uint8_t *place = key_place(r, letters, n);
    uint8_t *at = put(to, r->bytes, (size_t)(place - r->bytes));
    at = put(at, " k", 2);
    const uint8_t *shown = at;
    at = put(at, key, key_len);
    r->rest = at;
    at = put(at, " b", 2);
    if (r->opaque && r->opaque > place)
        r->opaque = at + (r->opaque - place);
    else if (r->opaque)
        r->opaque = to + (r->opaque - r->bytes);
    at = put(at, place, (size_t)(r->bytes + r->len - place));
    assert((size_t)(at - to) <= echo_room(r, key_len));
    r->bytes = to;
    r->len = (size_t)(at - to);
    r->key = shown;
    r->key_len = (uint16_t)key_len;
}

/* --- me ---------------------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* response_parse would end the line at the key's first line end. The key is known here, so its bytes are compared and skipped,
 * and the line ends at the first LF behind them. A server that has encoded the key is read by response_parse. */
enum response_status echo_parse_debug(const uint8_t *bytes, size_t len, const uint8_t *raw,
                                      size_t raw_len, struct response *r)
{
    size_t head = DEBUG_WORD_LEN + raw_len;
    bool is_raw = echo_breaks_lines(raw, raw_len) &&
                  memcmp(bytes, DEBUG_WORD, least(len, DEBUG_WORD_LEN)) == 0 &&
                  (len <= DEBUG_WORD_LEN ||
                   memcmp(bytes + DEBUG_WORD_LEN, raw, least(len - DEBUG_WORD_LEN, raw_len)) == 0);
    if (!is_raw) return response_parse(bytes, len, 0, r);
    assert(raw_len <= KEY_MAX);
    *r = (struct response){.bytes = bytes, .kind = RESPONSE_ME};
    if (len <= head) return RESPONSE_AGAIN;
    size_t seen = least(len, RESPONSE_LINE_MAX) - head;
    const uint8_t *newline = memchr(bytes + head, '\n', seen);
    if (!newline) return len < RESPONSE_LINE_MAX ? RESPONSE_AGAIN : RESPONSE_INVALID;
    if (bytes[head] != ' ' || newline[-1] != '\r') return RESPONSE_INVALID;
    r->key = bytes + DEBUG_WORD_LEN;
    r->key_len = (uint16_t)raw_len;
    r->rest = bytes + head;
    r->len = (size_t)(newline - bytes) + 1;
    return RESPONSE_DONE;
}

void echo_replace_debug(struct response *r, const uint8_t *key, size_t key_len, uint8_t *to)
{
    const uint8_t *end = r->bytes + r->len;
    assert(r->kind == RESPONSE_ME && r->rest && r->rest < end);
    uint8_t *at = put(to, DEBUG_WORD, DEBUG_WORD_LEN);
    r->key = at;
    at = put(at, key, key_len);
    at = put(at, r->rest, (size_t)(end - r->rest));
    r->rest = r->key + key_len;
    r->key_len = (uint16_t)key_len;
    r->bytes = to;
    r->len = (size_t)(at - to);
}
