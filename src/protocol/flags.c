#include "protocol/flags.h"

#include <string.h>

#include "protocol/text.h"

#define ERROR_FORMAT               "CLIENT_ERROR bad command line format\r\n"
#define ERROR_DUPLICATE            "CLIENT_ERROR duplicate flag\r\n"
#define ERROR_DUPLICATE_OR_INVALID "CLIENT_ERROR invalid or duplicate flag\r\n"
#define ERROR_TOO_LONG             "CLIENT_ERROR options flags are too long\r\n"
#define ERROR_TOKEN                "CLIENT_ERROR bad token in command line format\r\n"

enum { META_TOKENS = 20 };

bool request_next_flag(const uint8_t **at, const uint8_t *end, const uint8_t **flag, size_t *len)
{
    const uint8_t *p = *at;
    while (p < end && *p == ' ') p++;
    *flag = p;
    while (p < end && *p != ' ') p++;
    *len = (size_t)(p - *flag);
    *at = p;
    return *len > 0;
}

/* Notes what a flag means here; what it means to the server is the server's business, errors included. */
static void note_flag(struct request *r, const uint8_t *flag, size_t len)
{
    bool stores = r->command_id == COMMAND_META_SET;
    int64_t exptime;
    uint64_t flags;
    switch (*flag) {
    case 'q': r->meta |= META_QUIET; break;
    case 'b': r->meta |= META_BASE64; break;
    case 'k': r->meta |= META_KEY; break;
    case 'O': r->meta |= META_OPAQUE; break;
    case 'T':
        if (!text_read_signed(flag + 1, len - 1, &exptime)) break;
        r->exptime = (double)(int32_t)(uint32_t)(uint64_t)exptime;
        r->meta |= META_EXPTIME;
        break;
    case 'F':
        if (!stores || !text_read_unsigned(flag + 1, len - 1, &flags)) break;
        r->flags = (double)(uint32_t)flags;
        r->meta |= META_FLAGS;
        break;
    default: break;
    }
}

const char *request_take_flags(struct request *r, const uint8_t *text, size_t n, size_t tokens)
{
    const uint8_t *at = text, *end = text + n, *flag;
    uint64_t seen[4] = {0};
    size_t len;
    bool strict = r->command_id == COMMAND_META_DELETE || r->command_id == COMMAND_META_ARITHMETIC;
    for (const uint8_t *p = at; p < end; p++) {
        if (*p < ' ' || *p == 0x7f) return ERROR_FORMAT;
    }
    tokens++; /* memcached counts the end of the line */
    while (request_next_flag(&at, end, &flag, &len)) {
        if (++tokens > META_TOKENS) return ERROR_TOO_LONG;
        uint64_t bit = (uint64_t)1 << (*flag & 63);
        if (seen[*flag >> 6] & bit) return strict ? ERROR_DUPLICATE_OR_INVALID : ERROR_DUPLICATE;
        seen[*flag >> 6] |= bit;
        if (len > 1 && (*flag == 'b' || *flag == 'k'))
            return ERROR_TOKEN; /* servers differ in what it means */
        note_flag(r, flag, len);
    }
    r->args_at = (uintptr_t)text;
    r->args_len = (uint16_t)n;
    return NULL;
}

bool request_find_flag(const struct request *r, uint8_t letter, const uint8_t **token, size_t *len)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    while (request_next_flag(&at, end, &flag, len)) {
        if (*flag != letter) continue;
        *token = flag + 1;
        *len -= 1;
        return true;
    }
    return false;
}

size_t request_flags_without(const struct request *r, uint8_t letter, uint8_t *to)
{
    const uint8_t *at = (const uint8_t *)r->args_at, *end = at + r->args_len, *flag;
    uint8_t *p = to;
    size_t len;
    while (request_next_flag(&at, end, &flag, &len)) {
        if (*flag == letter) continue;
        if (p > to) *p++ = ' ';
        memcpy(p, flag, len);
        p += len;
    }
    return (size_t)(p - to);
}

bool request_echoes_alike(const struct request *a, const struct request *b)
{
    const uint8_t *one, *other;
    size_t n, m;
    if ((a->meta ^ b->meta) & (META_KEY | META_OPAQUE | META_BASE64)) return false;
    if (!(a->meta & META_OPAQUE)) return true;
    return request_find_flag(a, 'O', &one, &n) && request_find_flag(b, 'O', &other, &m) && n == m &&
           memcmp(one, other, n) == 0;
}

bool request_may_have_key(const struct request *r, const uint8_t *key, size_t len)
{
    if (r->meta & META_BASE64) return len > 0 && len <= KEY_MAX_BASE64;
    return request_key_is_valid(key, len);
}
