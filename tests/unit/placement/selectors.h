/* selectors: selectors over servers that are numbered, and numbered keys to ask them for.
 *
 * The servers are static, until the next call that makes some. Included once, by a test program's only source.
 */
#ifndef TESTS_UNIT_SELECTORS_H
#define TESTS_UNIT_SELECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "placement/selector.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { NUMBERED_MAX = 100000 };

/* n servers called BEFORE0BEHIND, BEFORE1BEHIND ...; weights NULL: all are 1. */
static inline const struct selector_server *numbered(const char *before, const char *behind,
                                                     const double *weights, uint32_t n)
{
    static char names[NUMBERED_MAX][20];
    static struct selector_server servers[NUMBERED_MAX];
    assert_in_range(n, 1, NUMBERED_MAX);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "%s%u%s", before, i, behind);
        servers[i] = (struct selector_server){names[i], weights ? weights[i] : 1};
    }
    return servers;
}

/* n servers s0, s1 ... of weight 1. */
static inline void init_equal(struct selector *s, enum distribution distribution, enum hash hash,
                              uint32_t n)
{
    selector_init(s, &(struct selector_settings){.distribution = distribution, .hash = hash},
                  numbered("s", "", NULL, n), n);
}

static inline uint32_t pick(const struct selector *s, const char *key)
{
    return selector_pick(s, key, strlen(key)).server;
}

static inline uint32_t pick_numbered(const struct selector *s, const char *prefix, unsigned number)
{
    char key[32];
    snprintf(key, sizeof key, "%s%u", prefix, number);
    return pick(s, key);
}

/* The servers of k0, k1 ... in one number. */
static inline uint32_t sum_of_keys(const struct selector *s, unsigned keys)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < keys; i++) sum = sum * 31 + pick_numbered(s, "k", i);
    return sum;
}

#endif
