/* compared: what plays of mg.compare share: two played servers, and what is counted. Owns nothing. */
#ifndef TESTS_E2E_COMPARED_H
#define TESTS_E2E_COMPARED_H

#include "lib/backend.h"
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

static struct backend *old, *new;

/* A script over `old` and `new`, with these further options of mg.compare. */
static inline const char *script_comparing(const char *options)
{
    return textf(MG "local old = mg.pool { '%s', name = 'old', timeout = 60 }\n"
                    "local new = mg.pool { '%s', name = 'new', timeout = 60 }\n"
                    "return mg.compare { old, new, share = 1, name = 'x'%s }\n",
                 backend_address(old), backend_address(new), options);
}

static inline struct moongate *moongate_compares(const char *options)
{
    old = backend_listens();
    new = backend_listens();
    return moongate_start(script_comparing(options), NULL);
}

static inline void counts(struct client *c, const char *cell, const char *n)
{
    stat_becomes(c, "comparisons", textf("x:%s", cell), n);
}

/* Each read that was to be compared has one outcome. */
static inline void all_are_counted(struct client *c)
{
    static const char *const outcomes[] = {
        "equal_hits",   "equal_misses",     "only_old", "only_new",   "values_differ",
        "flags_differ", "lifetimes_differ", "settled",  "old_errors", "new_errors",
    };
    unsigned long sum = 0;
    counts(c, "waiting", "0");
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        sum += stat_number(c, "comparisons", textf("x:%s", outcomes[i]));
    assert_int_equal(sum, stat_number(c, "comparisons", "x:requests"));
}

static inline void both_have(const char *of_old, const char *of_new)
{
    backend_sees(old, "get k\r\n");
    backend_sees(new, "get k\r\n");
    backend_answers(old, of_old);
    backend_answers(new, of_new);
}

#endif
