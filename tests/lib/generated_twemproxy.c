#include "lib/generated.h"

#include "lib/stage.h"

#include <stdio.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

static void write_options(struct generating *g, FILE *out)
{
    static const char *const hashes[] = {"one_at_a_time", "md5",     "crc16",    "crc32",
                                         "crc32a",        "fnv1_64", "fnv1a_64", "fnv1_32",
                                         "fnv1a_32",      "hsieh",   "murmur",   "jenkins"};
    static const char *const distributions[] = {"ketama", "modula", "random"};
    static const char *const tags[] = {"{}", "::", "[]", "$%"};
    static const char *const timeouts[] = {"400", "0", "2000"};
    if (!generated_once_in(g, 4))
        fprintf(out, "  hash: %s\n", generated_one_of(g, hashes, COUNT(hashes)));
    if (!generated_once_in(g, 3)) /* random, the third, is rare: it has no place to compare */
        fprintf(out, "  distribution: %s\n",
                generated_one_of(g, distributions, generated_once_in(g, 8) ? 3 : 2));
    if (generated_once_in(g, 3))
        fprintf(out, "  hash_tag: \"%s\"\n", generated_one_of(g, tags, COUNT(tags)));
    if (generated_once_in(g, 2))
        fprintf(out, "  timeout: %s\n", generated_one_of(g, timeouts, COUNT(timeouts)));
    if (generated_once_in(g, 3)) fprintf(out, "  backlog: %u\n", 1 + generated_below(g, 2000));
    if (generated_once_in(g, 3)) fprintf(out, "  preconnect: true\n");
    if (generated_once_in(g, 4))
        fprintf(out, "  server_connections: %u\n", 1 + generated_below(g, 4));
    if (generated_once_in(g, 2)) {
        fprintf(out, "  auto_eject_hosts: true\n");
        if (generated_once_in(g, 2))
            fprintf(out, "  server_failure_limit: %u\n", 1 + generated_below(g, 5));
        if (generated_once_in(g, 2))
            fprintf(out, "  server_retry_timeout: %u\n", 1000 + generated_below(g, 60000));
    }
}

/* Names of all pools' servers differ in their numbers alone, as people give them; some stand in quotes, which belong to the name. */
static void write_servers(struct generating *g, FILE *out, unsigned pool)
{
    unsigned n = 1 + generated_below(g, 12);
    bool has_names = generated_once_in(g, 2), has_quotes = has_names && generated_once_in(g, 3);
    bool has_weights = generated_once_in(g, 2);
    fprintf(out, "  servers:\n");
    for (unsigned i = 0; i < n; i++) {
        unsigned weight = has_weights ? 1 + generated_below(g, 5) : 1;
        if (generated_once_in(g, 6))
            fprintf(out, "   - /tmp/nobody-%u-%u.sock:%u", pool, i, weight);
        else
            fprintf(out, "   - 127.0.0.%u:%u:%u", 1 + i,
                    generated_once_in(g, 2) ? 11211 : 11300 + i, weight);
        if (has_names) fprintf(out, has_quotes ? " \"cache%u\"" : " cache%u", i);
        putc('\n', out);
    }
}

/* Pools of redis stand between the others, and are left out. */
void generate_twemproxy(struct generating *g, FILE *out)
{
    unsigned pools = 1 + generated_below(g, 4);
    g->listeners_n = 0;
    if (generated_once_in(g, 3)) fprintf(out, "# a comment\n\n");
    for (unsigned i = 0; i < pools; i++) {
        bool is_redis = i > 0 && generated_once_in(g, 5);
        fprintf(out, "pool%u:\n  listen: ", i);
        if (generated_once_in(g, 2))
            fprintf(out, "/tmp/nobody-%u.sock%s\n", i, generated_once_in(g, 2) ? " 0666" : "");
        else
            fprintf(out, "127.0.0.1:%u\n", 22121 + i);
        if (is_redis) fprintf(out, "  redis: true\n");
        write_options(g, out);
        write_servers(g, out, i);
        if (!is_redis) g->listeners[g->listeners_n++] = textf("pool%u", i);
    }
}
