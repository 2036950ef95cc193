/* exporter: what prometheus's memcached_exporter 0.16 makes of a server's statistics, by its rules.
 *
 * It asks by way of the library gomemcache for stats, stats slabs, stats items and stats settings. Owns nothing: the stage frees the
 * readings when the test ends.
 */
#ifndef TESTS_LIB_EXPORTER_H
#define TESTS_LIB_EXPORTER_H

#include <stdbool.h>
#include <stddef.h>

struct client;

enum { READINGS_MAX = 2048 };

struct reading {
    const char *
        name; /* as the server calls it: `bytes`, `1:chunk_size`, `items:1:age`, `settings:maxconns` */
    double value;
};

struct readings {
    bool up;         /* memcached_up */
    const char *why; /* it is not up */
    size_t n;
    struct reading all[READINGS_MAX];
};

/* Reads all from c, for what c has no answers to come. */
struct readings *exporter_reads(struct client *c);

/* NULL: there is none of that name. */
const struct reading *reading_of(const struct readings *from, const char *name);

#endif
