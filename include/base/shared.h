/* shared: named dictionaries in one region of memory that all workers share.
 *
 * The master maps the region before it forks and destroys it; every process may use it. A dictionary is carved out of it once and
 * stays: its values outlive scripts and workers. Each has a lock, held for one operation. A process that dies with the lock held
 * stops no other: the next one gets the lock, and empties the dictionary if it was being changed. When a dictionary is full, the
 * item that was used longest ago goes. See src/base/shared.c.
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
    const char *text; /* SHARED_TEXT: its bytes; else unused */
    double number;    /* SHARED_NUMBER; SHARED_BOOLEAN: 0 or 1 */
    uint32_t text_len;
    uint32_t kind;
};

enum shared_status {
    SHARED_OK,
    SHARED_ABSENT, /* there is no such key, or it has expired */
    SHARED_EXISTS, /* add: there is such a key already */
    SHARED_TOO_LARGE, /* key and value take more than half of the dictionary, or a text is over SHARED_TEXT_MAX */
    SHARED_NO_NUMBER /* incr: the value is not a number */
};

enum { SHARED_KEY_MAX = 250, SHARED_TEXT_MAX = 65536 };

#ifndef MOONGATE_CDEF

#include "base/region.h"

enum { SHARED_NAME = 64, SHARED_DICTS = 64, SHARED_LEAST = 4096 };

/* For its items see base/items.h. Invariants (shared_is_sane): the chunks of all items are the used ones; the list by age and the
 * chains by hash hold every item once. I6: used <= chunks_n, which never grows. Chunk numbers count from 1, so that fresh memory,
 * which is all zero, is an empty dictionary. */
struct shared_dict {
    char name[SHARED_NAME];
    size_t size; /* its bytes in the region */
    size_t at;   /* offset of its first byte behind struct shared; a multiple of ITEMS_CHUNK */
    uint32_t chunks_n;
    uint32_t buckets_n;   /* a power of two */
    pthread_mutex_t lock; /* for all fields that follow, and the memory */
    bool is_changing;     /* a change has begun: if the holder dies now, the items are lost */
    uint32_t unused;      /* first of the list of freed chunks */
    uint32_t begun;       /* chunks that were ever used: those behind them are fresh */
    uint32_t used;        /* chunks of items */
    uint32_t items;
    uint32_t newest, oldest; /* ends of the list by age */
    uint64_t evictions;
    uint64_t losses; /* times that it was emptied because a process died */
};

struct shared {
    struct region_head head;
    size_t size; /* bytes for dictionaries, which lie behind this struct */
    pthread_mutex_t lock;
    uint32_t dicts_n; /* stored last when one is made: all that it counts are complete */
    struct shared_dict dicts[SHARED_DICTS];
} __attribute__((aligned(64)));

/* Maps a region with `size` bytes for dictionaries. fd: as region_create. NULL with errno. */
struct shared *shared_create(size_t size, int *fd);

/* Maps the region that another process made in that file, with the dictionaries that it holds. NULL: it is laid out otherwise. */
struct shared *shared_adopt(int fd);

/* Makes the dictionaries of `from` in `to`, which has the same size and is not used yet, with what they hold. One that holds more
 * than SHARED_COPY_MOST bytes begins empty: its lock is held while it is copied. */
enum { SHARED_COPY_MOST = 16 * 1024 * 1024 };
void shared_copy(struct shared *to, struct shared *from);

/* Unmaps it, in this process. NULL is allowed. */
void shared_destroy(struct shared *s);

/* The dictionary of that name (1..SHARED_NAME - 1 bytes), made with `size` bytes (>= SHARED_LEAST) when there is none. The region
 * owns it. NULL when it cannot be made or has another size; then *wrong is a static sentence that says why. */
struct shared_dict *shared_open(struct shared *s, const char *name, size_t len, size_t size,
                                const char **wrong);

/* The operations. Keys have 1..SHARED_KEY_MAX bytes. Times are seconds of the monotonic clock; a value with `expires` 0 never
 * expires. Each waits for the dictionary's lock. */

struct shared_key {
    const char *bytes;
    size_t len;
};

/* OK or ABSENT. A text is copied to `text`, which has SHARED_TEXT_MAX bytes; value->text points there. */
enum shared_status shared_get(struct shared *s, struct shared_dict *d, struct shared_key key,
                              double now, struct shared_value *value, char *text);
enum shared_status shared_set(struct shared *s, struct shared_dict *d, struct shared_key key,
                              const struct shared_value *value, double expires);
enum shared_status shared_add(struct shared *s, struct shared_dict *d, struct shared_key key,
                              const struct shared_value *value, double expires, double now);

/* Adds *number, and stores the sum there. Without such a key, the sum with *initial is stored and expires at `expires`; with
 * `initial` NULL the result is ABSENT. A key that is there keeps its time. */
enum shared_status shared_incr(struct shared *s, struct shared_dict *d, struct shared_key key,
                               double *number, const double *initial, double expires, double now);
enum shared_status shared_delete(struct shared *s, struct shared_dict *d, struct shared_key key,
                                 double now);

/* OK or ABSENT. *expires: the time, or 0 for never. */
enum shared_status shared_expires(struct shared *s, struct shared_dict *d, struct shared_key key,
                                  double now, double *expires);

struct shared_usage {
    size_t capacity, used; /* bytes, in whole chunks */
    uint32_t items;        /* expired ones included, until a read finds them or they are evicted */
    uint64_t evictions, losses;
};

/* Never waits: while another process changes the dictionary, the numbers may be of two moments. */
struct shared_usage shared_usage(struct shared *s, struct shared_dict *d);

/* True when all invariants hold. Walks through all items: for tests. */
bool shared_is_sane(struct shared *s, struct shared_dict *d);

#endif
#endif
