/* shared: named dictionaries in one region of memory that all workers share.
 *
 * The master maps the region before it forks; every process may use it, and whoever mapped it destroys it. A dictionary is
 * carved out of it once and stays: its values outlive scripts and workers. Each has a lock of its own, held for one
 * operation. A process that dies with the lock in its hand stops nobody: the next one gets it, and finds the dictionary
 * emptied if it was being changed. When a dictionary is full, what was used longest ago goes.
 */
#ifndef MOONGATE_BASE_SHARED_H
#define MOONGATE_BASE_SHARED_H

#ifndef MOONGATE_CDEF
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

/* The kinds of value. Read by LuaJIT's FFI too (through script/abi.h). */
enum shared_kind { SHARED_TEXT, SHARED_NUMBER, SHARED_BOOLEAN };

struct shared_value {
    const char *text; /* of a text: its bytes; else unused */
    double number;    /* of a number; of a boolean 0 or 1 */
    uint32_t text_len;
    uint32_t kind;
};

enum shared_status {
    SHARED_OK,
    SHARED_ABSENT, /* there is no such key, or its time is over */
    SHARED_EXISTS, /* add: there is one already */
    SHARED_TOO_LARGE, /* key and value take more than half of the dictionary, or a text is over SHARED_TEXT_MAX */
    SHARED_NO_NUMBER /* incr: the value is none */
};

enum { SHARED_KEY_MAX = 250, SHARED_TEXT_MAX = 65536 };

#ifndef MOONGATE_CDEF

enum { SHARED_NAME = 64, SHARED_DICTS = 64, SHARED_LEAST = 4096 };

/* Its items: see base/items.h. Invariants (shared_is_sane): used chunks = those of all items; the list of ages and the chains hold every item once.
 * Numbers of chunks count from 1, so that fresh memory, which is all zero, is an empty dictionary. */
struct shared_dict {
    char name[SHARED_NAME];
    size_t size; /* bytes of it in the region */
    size_t at;   /* where they begin */
    uint32_t chunks_n;
    uint32_t buckets_n; /* a power of two */
    pthread_mutex_t lock;
    bool
        is_changing; /* the holder of the lock is at it: if it dies now, nothing here can be believed */
    uint32_t unused; /* list of chunks given back */
    uint32_t begun;  /* chunks that were ever used: those behind it are fresh */
    uint32_t used;
    uint32_t items;
    uint32_t newest, oldest;
    uint64_t evictions;
    uint64_t losses; /* times that it was emptied because a process died */
};

struct shared {
    size_t size; /* bytes for dictionaries, which lie behind this struct */
    pthread_mutex_t lock;
    uint32_t dicts_n; /* written last when a dictionary is made: the others are whole */
    struct shared_dict dicts[SHARED_DICTS];
} __attribute__((aligned(64)));

/* Maps a region with that many bytes for dictionaries. NULL with errno. */
struct shared *shared_create(size_t size);
void shared_destroy(struct shared *s);

/* The dictionary of that name, made if need be; NULL when it cannot be, and *wrong says why. */
struct shared_dict *shared_open(struct shared *s, const char *name, size_t len, size_t size,
                                const char **wrong);

/* Keys have 1..SHARED_KEY_MAX bytes. Times are seconds of the monotonic clock; a value that expires at 0 never does. */

struct shared_key {
    const char *bytes;
    size_t len;
};

/* The text is copied to `text`, which has SHARED_TEXT_MAX bytes. */
enum shared_status shared_get(struct shared *s, struct shared_dict *d, struct shared_key key,
                              double now, struct shared_value *value, char *text);
enum shared_status shared_set(struct shared *s, struct shared_dict *d, struct shared_key key,
                              const struct shared_value *value, double expires);
enum shared_status shared_add(struct shared *s, struct shared_dict *d, struct shared_key key,
                              const struct shared_value *value, double expires, double now);

/* *number is what is added, and becomes the sum. Where there is none yet, `initial` begins it (NULL: ABSENT) and it
 * expires as said; else its time stays. */
enum shared_status shared_incr(struct shared *s, struct shared_dict *d, struct shared_key key,
                               double *number, const double *initial, double expires, double now);
enum shared_status shared_delete(struct shared *s, struct shared_dict *d, struct shared_key key,
                                 double now);

/* *expires: when, or 0. */
enum shared_status shared_expires(struct shared *s, struct shared_dict *d, struct shared_key key,
                                  double now, double *expires);

struct shared_usage {
    size_t capacity, used; /* bytes of items, with what is around them */
    uint32_t items;        /* those included whose time is over and that nobody asked for since */
    uint64_t evictions, losses;
};

struct shared_usage shared_usage(struct shared *s, struct shared_dict *d);

/* Looks at all of it: for tests. */
bool shared_is_sane(struct shared *s, struct shared_dict *d);

#endif
#endif
