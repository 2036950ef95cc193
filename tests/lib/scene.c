#include "lib/scene.h"

#include <string.h>

#include "lib/moongate.h"

const char *script_of_one(const char *server, const char *options)
{
    return textf(MG "return mg.pool { '%s', %s }\n", server, options);
}

const char *script_by_letter(const char *a, const char *b, const char *options)
{
    return textf(MG "local a = mg.pool { '%s', %s }\n"
                    "local b = mg.pool { '%s', %s }\n"
                    "return function(req)\n"
                    "  if req:has_prefix 'a' then return a end\n"
                    "  return b\n"
                    "end\n",
                 a, options, b, options);
}

const char *hit(const char *key, const char *data)
{
    return textf("VALUE %s 0 %zu\r\n%s\r\n", key, strlen(data), data);
}

const char *hit_and_end(const char *key, const char *data)
{
    return textf("%sEND\r\n", hit(key, data));
}

const char *failure_of(const char *server)
{
    return textf("SERVER_ERROR %s ", server);
}

unsigned random_next(unsigned *state)
{
    /* xorshift32: never 0, and good enough to pick commands and bytes */
    if (*state == 0) *state = 2463534242U;
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

unsigned random_below(unsigned *state, unsigned n)
{
    return random_next(state) % n;
}

char *noise(size_t n, unsigned seed)
{
    char *bytes = stage_memory(n + 1);
    for (size_t i = 0; i < n; i++) bytes[i] = (char)(random_next(&seed) >> 11);
    return bytes;
}
