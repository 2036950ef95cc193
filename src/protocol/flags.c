/* Flags of meta commands. A server judges them, except where its judgement would do harm:
 *
 * - A flag of ms that the server refuses may leave the value in the server's stream (I10). So what no server takes is refused
 *   here, with memcached's own error line. A flag on which servers disagree makes the request an odd one (META_ODD; see
 *   dialect.c).
 * - A flag that moongate acts on itself (q, b, k, O, T, F) must mean the same here and there. */
#include "protocol/flags.h"

#include <assert.h>
#include <string.h>

#include "protocol/line.h"
#include "protocol/text.h"

#define ERROR_DUPLICATE            "CLIENT_ERROR duplicate flag\r\n"
#define ERROR_DUPLICATE_OR_INVALID "CLIENT_ERROR invalid or duplicate flag\r\n"
#define ERROR_TOO_LONG             "CLIENT_ERROR options flags are too long\r\n"
#define ERROR_TOKEN                "CLIENT_ERROR bad token in command line format\r\n"
#define ERROR_FLAG                 "CLIENT_ERROR invalid flag\r\n"
#define ERROR_OPAQUE               "CLIENT_ERROR opaque token too long\r\n"
#define ERROR_NUMERIC_DELTA        "CLIENT_ERROR invalid numeric delta value\r\n"
#define ERROR_NUMERIC_INITIAL      "CLIENT_ERROR invalid numeric initial value\r\n"

enum { META_TOKENS = 20 }; /* words of a meta command's line, at most, as in memcached */

/* Spaces in any number separate words. The text has no CR or LF: it ends where the line does. */
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

/* Sets the bits of flags that moongate acts on. A T that is not a number is the server's to refuse. */
static void note_flag(struct request *r, const uint8_t *flag, size_t len)
{
    switch (*flag) {
    case 'q': r->meta |= META_QUIET; break;
    case 'b': r->meta |= META_BASE64; break;
    case 'k': r->meta |= META_KEY; break;
    case 'O': r->meta |= META_OPAQUE; break;
    case 'T':
        if (line_take_exptime(r, flag + 1, len - 1)) r->meta |= META_EXPTIME;
        break;
    default: break;
    }
}

/* --- flags of ms ------------------------------------------------------------------------------- */

/* The letters that memcached 1.6.18 takes. E and x came later; S belongs to 1.6.9 and before. */
static const char KNOWN[] = "CDFIJLMNOPRTbcfhklqstuv", OTHERS[] = "ESx";

static bool is_letter(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

/* A number that loose and strict readers understand alike: digits alone, and not more than 64 bits need. */
static bool is_plain_unsigned(const uint8_t *at, size_t len)
{
    uint64_t number;
    return len <= TEXT_NUMBER_ROOM && text_read_digits(at, len, &number);
}

/* The same for seconds, of which some servers keep 32 bits and some refuse more. */
static bool is_plain_seconds(const uint8_t *at, size_t len)
{
    int64_t number;
    size_t sign = len > 0 && *at == '-';
    return is_plain_unsigned(at + sign, len - sign) && text_read_signed(at, len, &number) &&
           number == (int32_t)number;
}

/* True when all servers that know `ms` understand the flag alike. */
static bool is_plain_flag(const uint8_t *flag, size_t len)
{
    switch (*flag) {
    case 'C':
    case 'D':
    case 'J': return is_plain_unsigned(flag + 1, len - 1);
    case 'N':
    case 'R': return is_plain_seconds(flag + 1, len - 1);
    case 'M': return len == 2 && memchr("AEPRS", flag[1], 5); /* a mode: add, append, ... */
    default: return memchr(KNOWN, *flag, sizeof KNOWN - 1) != NULL;
    }
}

/* The error line for a flag whose number no server takes, in memcached's words; NULL where some server may take it. */
static const char *refuse_number(struct request *r, const uint8_t *flag, size_t len)
{
    int64_t number;
    uint64_t positive;
    const uint8_t *at = flag + 1;
    len--;
    switch (*flag) {
    case 'F': return text_read_unsigned(at, len, &r->client_flags) ? NULL : ERROR_FORMAT;
    case 'N':
    case 'R':
    case 'T': return text_read_signed(at, len, &number) ? NULL : ERROR_TOKEN;
    case 'C': return text_read_unsigned(at, len, &positive) ? NULL : ERROR_TOKEN;
    case 'D': return text_read_unsigned(at, len, &positive) ? NULL : ERROR_NUMERIC_DELTA;
    case 'J': return text_read_unsigned(at, len, &positive) ? NULL : ERROR_NUMERIC_INITIAL;
    default: return NULL;
    }
}

/* The error line that every server has for such a flag, or NULL. A flag on which servers do not agree makes the request an odd
 * one. */
static const char *check_stored_flag(struct request *r, const uint8_t *flag, size_t len)
{
    if (!is_letter(*flag)) return ERROR_FLAG;
    if (*flag == 'O') return len > OPAQUE_MAX ? ERROR_OPAQUE : NULL;
    const char *error = refuse_number(r, flag, len);
    if (error) return error;
    if (*flag == 'F') r->meta |= META_FLAGS; /* encode.c writes it again from client_flags */
    if (!is_plain_flag(flag, len)) r->meta |= META_ODD;
    return NULL;
}

/* --- all flags --------------------------------------------------------------------------------- */

/* The error line for a flag that cannot be sent on, or that servers understand differently; else NULL. */
static const char *check_flag(struct request *r, const uint8_t *flag, size_t len)
{
    if (len > 1 && (*flag == 'b' || *flag == 'k'))
        return ERROR_TOKEN; /* servers differ in what it means */
    return r->command_id == COMMAND_META_SET ? check_stored_flag(r, flag, len) : NULL;
}

/* For a flag that stands twice. memcached stops at the first mistake, which is an earlier flag if no server knows that. */
static const char *refuse_second(const struct request *r, const uint8_t *at, const uint8_t *second)
{
    const uint8_t *flag;
    size_t len;
    if (r->command_id == COMMAND_META_DELETE || r->command_id == COMMAND_META_ARITHMETIC)
        return ERROR_DUPLICATE_OR_INVALID;
    while (request_next_flag(&at, second, &flag, &len)) {
        bool is_known =
            memchr(KNOWN, *flag, sizeof KNOWN - 1) || memchr(OTHERS, *flag, sizeof OTHERS - 1);
        if (!is_known) return ERROR_FLAG;
    }
    return ERROR_DUPLICATE;
}

/* One pass; a flag that was seen before is found by a bit for each byte. memcached's texts for a flag twice differ by command. */
const char *request_take_flags(struct request *r, const uint8_t *text, size_t n, size_t tokens)
{
    const uint8_t *at = text, *end = text + n, *flag;
    uint64_t seen[4] = {0};
    size_t len;
    for (const uint8_t *p = at; p < end; p++) {
        if (*p < ' ' || *p == 0x7f) return ERROR_FORMAT;
    }
    assert(n <= UINT16_MAX);
    tokens++; /* memcached counts the end of the line, too */
    while (request_next_flag(&at, end, &flag, &len)) {
        if (++tokens > META_TOKENS) return ERROR_TOO_LONG;
        uint64_t bit = (uint64_t)1 << (*flag & 63);
        if (seen[*flag >> 6] & bit) return refuse_second(r, text, flag);
        seen[*flag >> 6] |= bit;
        const char *error = check_flag(r, flag, len);
        if (error) return error;
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

/* For requests that share one call: each client gets the bytes of the same response. */
bool request_echoes_alike(const struct request *a, const struct request *b)
{
    const uint8_t *one, *other;
    size_t n, m;
    if ((a->meta ^ b->meta) & (META_KEY | META_OPAQUE | META_BASE64)) return false;
    if (!(a->meta & META_OPAQUE)) return true;
    return request_find_flag(a, 'O', &one, &n) && request_find_flag(b, 'O', &other, &m) && n == m &&
           memcmp(one, other, n) == 0;
}

bool request_may_have_key(const struct request *r, const uint8_t *key, size_t len, bool strict)
{
    if (r->meta & META_BASE64) return len > 0 && len <= KEY_MAX_BASE64;
    return request_key_is_valid(key, len, strict);
}
