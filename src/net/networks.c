#include "net/networks.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char sentence[160];

/* The bytes of an IPv4 or IPv6 address, with IPv4 in IPv6 as IPv4. NULL: it is of another family. */
static const uint8_t *bytes_of(const struct addr *addr, size_t *len)
{
    const struct in6_addr *v6 = &addr->sa.v6.sin6_addr;
    switch (addr->sa.any.sa_family) {
    case AF_INET: *len = 4; return (const uint8_t *)&addr->sa.v4.sin_addr;
    case AF_INET6: *len = IN6_IS_ADDR_V4MAPPED(v6) ? 4 : 16; return v6->s6_addr + (16 - *len);
    default: return NULL;
    }
}

/* --- reading ----------------------------------------------------------------------------------- */

static const char *complain(const char *text, size_t len, const char *wrong)
{
    snprintf(sentence, sizeof sentence, "%.*s: %s", (int)(len < 60 ? len : 60), text, wrong);
    return sentence;
}

/* At most three digits. -1: it is not such a number. */
static int read_bits(const char *text, size_t len)
{
    int bits = 0;
    if (len == 0 || len > 3) return -1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        bits = bits * 10 + (text[i] - '0');
    }
    return bits;
}

/* True: a bit behind the first `bits` is set. */
static bool has_more(const struct addr *addr, unsigned bits)
{
    size_t len = 0;
    const uint8_t *bytes = bytes_of(addr, &len);
    for (unsigned i = bits; i < len * 8; i++)
        if (bytes[i / 8] & (0x80 >> i % 8)) return true;
    return false;
}

/* ::ffff:10.0.0.0/104 is 10.0.0.0/8. Fewer than 96 bits: a network of IPv6, to which no IPv4 belongs. */
static const char *take_mapped(struct network *to)
{
    if (!addr_unmap(&to->addr)) return NULL;
    if (to->bits < 96) return "IPv4 in IPv6 takes 96 bits at least";
    to->bits -= 96;
    return NULL;
}

const char *network_parse(struct network *to, const char *text, size_t len)
{
    struct addr_spec spec;
    const char *slash = len ? memchr(text, '/', len) : NULL;
    size_t host = slash ? (size_t)(slash - text) : len;
    memset(to, 0, sizeof *to);
    if (len == 4 && memcmp(text, "unix", len) == 0) {
        to->addr.sa.any.sa_family = AF_UNIX;
        return NULL;
    }
    if (host == 0 || memchr(text, '%', host) || addr_spec_parse_host(&spec, text, host) ||
        !addr_spec_is_literal(&spec, 0, &to->addr))
        return complain(text, len, "it is not a network such as 10.0.0.0/8 or fd00::/8");
    int most = to->addr.sa.any.sa_family == AF_INET ? 32 : 128;
    int bits = slash ? read_bits(slash + 1, len - host - 1) : most;
    if (bits < 0 || bits > most)
        return complain(text, len,
                        most == 32 ? "0 to 32 bits may stand after '/'"
                                   : "0 to 128 bits may stand after '/'");
    to->bits = (unsigned)bits;
    const char *wrong = take_mapped(to);
    if (wrong) return complain(text, len, wrong);
    if (has_more(&to->addr, to->bits))
        return complain(text, len, "its address has bits set behind those that count: make them 0");
    return NULL;
}

const char *networks_add(struct networks *to, const char *text, size_t len, char between)
{
    for (const char *end = text + len;; text++) {
        const char *stop = text < end ? memchr(text, between, (size_t)(end - text)) : NULL;
        size_t n = (size_t)((stop ? stop : end) - text);
        struct network one;
        const char *wrong = network_parse(&one, text, n);
        if (wrong) return wrong;
        to->items = reallocarray(to->items, to->n + 1, sizeof *to->items);
        if (!to->items) abort();
        to->items[to->n++] = one;
        if (!stop) return NULL;
        text = stop;
    }
}

/* --- comparing --------------------------------------------------------------------------------- */

static bool holds(const struct network *n, const struct addr *addr)
{
    size_t len, own;
    const uint8_t *at = bytes_of(addr, &len), *mine = bytes_of(&n->addr, &own);
    if (!at || !mine) return !at && !mine && n->addr.sa.any.sa_family == addr->sa.any.sa_family;
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    assert(n->bits <= own * 8);
    if (len != own || memcmp(at, mine, whole) != 0) return false;
    return rest == 0 || (at[whole] ^ mine[whole]) >> (8 - rest) == 0;
}

bool networks_hold(const struct networks *n, const struct addr *addr)
{
    for (uint32_t i = 0; i < n->n; i++)
        if (holds(&n->items[i], addr)) return true;
    return false;
}

void networks_release(struct networks *n)
{
    free(n->items);
    *n = (struct networks){NULL, 0};
}
