#include "lib/value.h"

#include <stdio.h>
#include <string.h>

#include "lib/scene.h"

enum { HEAD_ROOM = 128, LENGTH_MOST = 200000 };

unsigned value_length(unsigned *seed)
{
    unsigned kind = random_below(seed, 100);
    if (kind < 90) return random_below(seed, 200);
    if (kind < 99) return random_below(seed, 20000);
    return random_below(seed, LENGTH_MOST);
}

void value_write(struct octets *out, const char *key, unsigned number, unsigned length)
{
    char head[HEAD_ROOM];
    size_t n = (size_t)snprintf(head, sizeof head, "%s %u %u ", key, number, length);
    unsigned seed = number * 2654435761U + length;
    char *at = octets_reserve(out, n + length);
    memcpy(at, head, n);
    for (size_t i = 0; i < length; i++) at[n + i] = (char)random_next(&seed);
    octets_grow(out, n + length);
}

bool value_is_of(const char *key, const char *at, size_t n)
{
    static struct octets right;
    unsigned number = 0, length = 0;
    char head[HEAD_ROOM] = "";
    octets_take(&right, octets_n(&right));
    memcpy(head, at, n < sizeof head ? n : sizeof head - 1);
    if (sscanf(head, "%*s %u %u ", &number, &length) == 2 && length <= LENGTH_MOST)
        value_write(&right, key, number, length);
    return octets_n(&right) == n && memcmp(octets_at(&right), at, n) == 0;
}
