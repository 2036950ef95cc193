/* differential: what plays that compare moongate's answers with memcached's share. Owns nothing. */
#ifndef TESTS_E2E_DIFFERENTIAL_H
#define TESTS_E2E_DIFFERENTIAL_H

#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/octets.h"
#include "lib/stage.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the environment. */
static inline unsigned number_from(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static inline unsigned long long next_cas(struct client *probe)
{
    unsigned long long cas = 0;
    client_sends(probe, "set probe 0 0 1\r\nx\r\ngets probe\r\n");
    client_sees(probe, "STORED\r\n");
    if (sscanf(client_sees_line(probe), "VALUE probe 0 1 %llu", &cas) != 1) stage_fails("no cas");
    client_sees(probe, "x\r\nEND\r\n");
    return cas;
}

/* Stores until both memcacheds have given out the same cas, which is returned: after streams that differed, the two may have counted
 * differently. */
static inline unsigned long long equal_cas(struct client *probe_direct, struct client *probe_behind)
{
    unsigned long long direct = next_cas(probe_direct), behind = next_cas(probe_behind);
    while (direct < behind) direct = next_cas(probe_direct);
    while (behind < direct) behind = next_cas(probe_behind);
    return direct;
}

static inline bool are_equal(const struct octets *a, const struct octets *b)
{
    return octets_n(a) == octets_n(b) && memcmp(octets_at(a), octets_at(b), octets_n(a)) == 0;
}

#endif
