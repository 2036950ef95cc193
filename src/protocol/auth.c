/* Words are separated by spaces alone, and a zero byte ends a line or a value, as in memcached 1.6.18. Any line that is not such a set
 * is refused by itself, so that the value of another command is taken for lines, too. */
#include "protocol/auth.h"

#include <string.h>

#include "protocol/request.h"
#include "protocol/text.h"

#define ERROR_UNKNOWN_CLIENT "CLIENT_ERROR unauthenticated\r\n"
#define ERROR_END            "CLIENT_ERROR bad command line termination\r\n"
#define ERROR_WORDS          "CLIENT_ERROR bad authentication token format\r\n"
#define ERROR_TOO_LONG       "CLIENT_ERROR auth token too long\r\n"

enum { LENGTH_WORD = 4 }; /* of set KEY FLAGS EXPTIME LENGTH */

/* The next word of *at .. end, and moves *at behind it; len 0: there is none. */
static struct auth_name next_word(const uint8_t **at, const uint8_t *end)
{
    while (*at < end && **at == ' ') ++*at;
    const uint8_t *from = *at;
    while (*at < end && **at != ' ') ++*at;
    return (struct auth_name){from, (size_t)(*at - from)};
}

static const uint8_t *text_end(const uint8_t *at, size_t len)
{
    const uint8_t *zero = memchr(at, 0, len);
    return zero ? zero : at + len;
}

static struct auth_parse refuse(enum auth_status status, size_t consumed, const char *error)
{
    return (struct auth_parse){.status = status, .consumed = consumed, .error = error};
}

/* False: the line is no set with a length. */
static bool read_length(const uint8_t *at, const uint8_t *end, uint64_t *length)
{
    struct auth_name word = next_word(&at, end);
    if (word.len != 3 || memcmp(word.at, "set", 3) != 0) return false;
    for (int i = 1; i <= LENGTH_WORD; i++) word = next_word(&at, end);
    return word.len > 0 && text_read_unsigned(word.at, word.len, length);
}

static struct auth_parse take_value(const uint8_t *at, size_t len, size_t consumed)
{
    struct auth_parse p = {.status = AUTH_TRY, .consumed = consumed};
    if (memcmp(at + len, "\r\n", 2) != 0) return refuse(AUTH_REFUSED, consumed, ERROR_END);
    const uint8_t *end = text_end(at, len);
    p.user = next_word(&at, end);
    p.password = next_word(&at, end);
    return p.password.len > 0 ? p : refuse(AUTH_REFUSED, consumed, ERROR_WORDS);
}

struct auth_parse auth_parse(const uint8_t *bytes, size_t len)
{
    uint64_t length;
    if (len < 2) return refuse(AUTH_AGAIN, 0, NULL); /* a line end alone waits, too */
    size_t most = len < LINE_MAX_BYTES + 1 ? len : LINE_MAX_BYTES + 1;
    const uint8_t *newline = memchr(bytes, '\n', most);
    if (!newline) return refuse(len > LINE_MAX_BYTES ? AUTH_CLOSE : AUTH_AGAIN, 0, NULL);
    size_t line = (size_t)(newline - bytes) + 1;
    if (!read_length(bytes, text_end(bytes, line - 1), &length))
        return refuse(AUTH_REFUSED, line, ERROR_UNKNOWN_CLIENT);
    if (length > AUTH_VALUE_MAX) return refuse(AUTH_CLOSE, line, ERROR_TOO_LONG);
    size_t all = line + (size_t)length + 2;
    if (len < all) return (struct auth_parse){.status = AUTH_AGAIN, .need = all};
    return take_value(newline + 1, (size_t)length, all);
}
