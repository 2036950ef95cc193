/* generated: random configurations of other proxies, that their readers accept, for tests of what they become.
 *
 * A struct generating is a plain value; the stage owns the texts. The same seed gives the same configurations. Servers are addresses of
 * nobody: nothing is sent. A generator for another kind is a function in a file of its own, lib/generated_KIND.c, and a row in the table
 * of e2e/tools/roundtrip_test.c.
 */
#ifndef TESTS_LIB_GENERATED_H
#define TESTS_LIB_GENERATED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { GENERATED_LISTENERS = 8 };

struct generating {
    unsigned seed;
    const char
        *listeners[GENERATED_LISTENERS]; /* names of listeners that the last configuration has */
    size_t listeners_n;                  /* 0: it has a route for all */
};

/* Writes the next configuration to out. */
typedef void generate_fn(struct generating *g, FILE *out);
generate_fn generate_twemproxy, generate_mcrouter, generate_routelib;

/* Below n, by chance. */
unsigned generated_below(struct generating *g, unsigned n);

/* True once in n times. */
bool generated_once_in(struct generating *g, unsigned n);

/* One of n words. */
const char *generated_one_of(struct generating *g, const char *const *words, size_t n);

#endif
