/* Bytes that clients, servers and scripts chose end up on terminals: in the log, in explain, in the repl. A terminal obeys
 * control characters, so they are escaped; so is whatever is not UTF-8, which a terminal may read in an older encoding. Overlong
 * forms and surrogates count as not UTF-8, as they are other spellings of a character that would have been escaped. Source of the
 * ranges: RFC 3629, section 4. */
#include "base/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

size_t utf8_length(const unsigned char *p, size_t n)
{
    assert(n > 0);
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xc2 ? 0
                 : p[0] < 0xe0 ? 2
                 : p[0] < 0xf0 ? 3
                 : p[0] < 0xf5 ? 4
                               : 0;
    if (len == 0 || len > n) return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0; /* longer than needed */
    if (p[0] == 0xed && p[1] > 0x9f) return 0; /* a surrogate */
    if (p[0] == 0xf0 && p[1] < 0x90) return 0;
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0; /* beyond U+10FFFF */
    return len;
}

/* Characters that are not seen, and change the order in which the others of the line are shown: U+200E, U+200F, U+2028..U+202E and
 * U+2066..U+2069. */
static bool is_order(const unsigned char *p)
{
    if (p[0] != 0xe2) return false;
    if (p[1] == 0x81) return p[2] >= 0xa6 && p[2] <= 0xa9;
    return p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae));
}

/* len 2: U+0080..U+009F, the controls that have two bytes; and U+061C, which is as is_order says. */
bool utf8_is_control(const unsigned char *p, size_t len)
{
    if (len == 1) return p[0] < 0x20 || p[0] == 0x7f;
    if (len == 2) return (p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xd8 && p[1] == 0x9c);
    return len == 3 && is_order(p);
}

size_t utf8_show(char *to, size_t room, const void *bytes, size_t n)
{
    const unsigned char *p = bytes, *end = p + n;
    size_t used = 0;
    assert(room > 0);
    while (p < end) {
        char escaped[8];
        size_t len = utf8_length(p, (size_t)(end - p));
        bool plain = len > 0 && !utf8_is_control(p, len);
        size_t takes = plain ? len : 4; /* \xff */
        if (used + takes >= room) break;
        if (!plain) snprintf(escaped, sizeof escaped, "\\x%02x", *p);
        memcpy(to + used, plain ? (const char *)p : escaped, takes);
        used += takes;
        p += plain ? len : 1;
    }
    assert(used < room);
    to[used] = '\0';
    return used;
}
