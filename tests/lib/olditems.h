/* olditems: what an oldserver keeps: items with a key, flags, a time, a cas number.
 *
 * A struct olditems owns its items; {0} is empty and ready. olditems_clear gives them back.
 */
#ifndef TESTS_LIB_OLDITEMS_H
#define TESTS_LIB_OLDITEMS_H

#include <stddef.h>
#include <stdint.h>

enum { OLDITEMS_KEY = 250, OLDITEMS_BUCKETS = 64 };

struct olditem {
    struct olditem *next;
    char key[OLDITEMS_KEY + 1];
    uint32_t flags;
    double expires; /* stage_now(); 0: never */
    uint64_t cas;
    char *data; /* n bytes, and a NUL */
    size_t n;
};

struct olditems {
    struct olditem *buckets[OLDITEMS_BUCKETS];
    uint64_t cas; /* of the last store */
};

/* How a store ends, as memcached says it. */
enum oldstore_mode { STORE_SET, STORE_ADD, STORE_REPLACE, STORE_APPEND, STORE_PREPEND, STORE_CAS };
enum oldstore_end { STORED, NOT_STORED, EXISTS, NOT_FOUND };

struct oldstore {
    enum oldstore_mode mode;
    char key[OLDITEMS_KEY + 1];
    uint32_t flags;
    int64_t exptime;
    uint64_t cas; /* with STORE_CAS */
    size_t n;     /* of the data to come */
};

/* The living item of that key, or NULL. */
struct olditem *olditems_find(struct olditems *all, const char *key);

enum oldstore_end olditems_store(struct olditems *all, const struct oldstore *s, const char *data);

/* Puts other data in an item's place, with a new cas number. */
void olditems_change(struct olditems *all, struct olditem *item, const char *data, size_t n);

/* An exptime as memcached reads it: seconds from now, seconds since 1970, or at once. */
void olditems_touch(struct olditem *item, int64_t exptime);

void olditems_remove(struct olditems *all, struct olditem *item);
void olditems_clear(struct olditems *all);

#endif
