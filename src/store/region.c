/* The region: a directory of stores, and their memory behind it.
 *
 * Its lock guards the directory alone; a store that is open never moves. Each entry has a state, which is written last when one is made. A
 * process that dies with the lock leaves an entry that is not there yet, or a store that is closed in part: the next call goes on with it.
 *
 * A store that no script names is closed: each shard says, under its lock, that nothing is found there, then its pages are given back. Its
 * heads stay, so that a worker of an earlier script that still has it may go on. Only when a second reload does not name it either is its
 * place used again. */
#include <assert.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/region.h"
#include "store/shard.h"
#include "store/store.h"

enum { PAGE = 4096 };

enum entry_state { ENTRY_NONE, ENTRY_OPEN, ENTRY_CLOSED };

struct entry {
    char name[STORE_NAME];
    uint64_t at; /* offset of the store from the region's first byte: a whole page */
    uint64_t size;
    uint64_t max_value;
    uint32_t policy;
    uint32_t state; /* enum entry_state */
};

struct store_region {
    struct region_head head;
    uint64_t room;  /* bytes for stores */
    int64_t offset; /* of the clock: what is added to the monotonic one */
    pthread_mutex_t lock;
    struct entry entries[STORES_MAX];
};

/* --- the clock ------------------------------------------------------------------------------------- */

static int64_t seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec;
}

int64_t store_clock(const struct store_region *r)
{
    static int64_t own;
    if (!r && own == 0) own = seconds(CLOCK_REALTIME) - seconds(CLOCK_MONOTONIC);
    return seconds(CLOCK_MONOTONIC) + (r ? r->offset : own);
}

/* --- the region ------------------------------------------------------------------------------------ */

static uint64_t pages(uint64_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static uint64_t first_store(void)
{
    return pages(sizeof(struct store_region));
}

/* A lock means the same to two builds only if the C library is the same. */
static const char *layout(char *text)
{
    snprintf(text, REGION_LAYOUT, "stores 1: %zu %zu %zu %d libc %s", sizeof(struct store_region),
             sizeof(struct store_shard), sizeof(struct store_item), STORE_ITEM_HEAD,
             gnu_get_libc_version());
    return text;
}

struct store_region *store_region_create(uint64_t room, int *fd)
{
    char text[REGION_LAYOUT];
    uint64_t bytes = first_store() + pages(room);
    struct store_region *r = region_create(bytes, layout(text), fd);
    if (!r) return NULL;
    r->room = pages(room);
    r->offset = seconds(CLOCK_REALTIME) - seconds(CLOCK_MONOTONIC);
    shard_lock_init(&r->lock);
    return r;
}

struct store_region *store_region_adopt(int fd)
{
    char text[REGION_LAYOUT];
    return region_adopt(fd, layout(text));
}

void store_region_destroy(struct store_region *r)
{
    region_destroy(r);
}

uint64_t store_region_room(const struct store_region *r)
{
    return r->room;
}

static void lock(struct store_region *r)
{
    if (pthread_mutex_lock(&r->lock) == EOWNERDEAD) pthread_mutex_consistent(&r->lock);
}

/* --- memory ---------------------------------------------------------------------------------------- */

/* The whole pages in there are zero again, and the system's. Other bytes are cleared. */
static void give_back(void *from, void *to)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)from + page - 1) / page * page, end = (uintptr_t)to / page * page;
    if (begin >= end || madvise((void *)begin, end - begin, MADV_REMOVE) != 0) {
        memset(from, 0, (size_t)((uint8_t *)to - (uint8_t *)from));
        return;
    }
    memset(from, 0, begin - (uintptr_t)from);
    memset((void *)end, 0, (uintptr_t)to - end);
}

static uint8_t *shard_end(const struct store *s, struct store_shard *shard)
{
    return (uint8_t *)shard + s->shard_bytes;
}

void store_close(struct store *s)
{
    for (uint32_t i = 0; i < s->shards_n; i++) {
        struct store_shard *shard = store_shard_at(s, i);
        shard_lock(shard);
        shard->is_closed = 1;
        give_back(shard + 1, shard_end(s, shard));
        shard_unlock(shard);
    }
}

/* is_closed is cleared last, by shard_open: a process that dies before has opened nothing. */
static void shard_reopen(const struct store *s, struct store_shard *shard)
{
    if (!__atomic_load_n(&shard->is_closed, __ATOMIC_ACQUIRE)) return;
    shard_lock(shard);
    if (shard->is_closed) {
        give_back(&shard->undo_n, shard_end(s, shard));
        shard_open(s, shard);
    }
    shard_unlock(shard);
}

/* All shards are looked at: one that died while it closed the store has closed some of them. */
void store_reopen(struct store *s)
{
    for (uint32_t i = 0; i < s->shards_n; i++) shard_reopen(s, store_shard_at(s, i));
}

static struct store *store_of(struct store_region *r, const struct entry *e)
{
    return (struct store *)(void *)((uint8_t *)r + e->at);
}

/* --- the directory --------------------------------------------------------------------------------- */

static bool is_of(const struct entry *e, const char *name, size_t len,
                  const struct store_settings *settings)
{
    return e->state != ENTRY_NONE && strlen(e->name) == len && memcmp(e->name, name, len) == 0 &&
           e->size == settings->size && e->max_value == settings->max_value &&
           e->policy == settings->policy;
}

/* Where the first store lies that is in the way of one at `at`. NULL: none is. */
static const struct entry *in_the_way(const struct store_region *r, uint64_t at, uint64_t size)
{
    for (int i = 0; i < STORES_MAX; i++) {
        const struct entry *e = &r->entries[i];
        if (e->state != ENTRY_NONE && e->at < at + size && at < e->at + pages(e->size)) return e;
    }
    return NULL;
}

/* The lowest place where so many bytes are not used. 0: there is none. */
static uint64_t place_for(const struct store_region *r, uint64_t size)
{
    uint64_t at = first_store(), end = first_store() + r->room;
    const struct entry *e;
    while ((e = in_the_way(r, at, pages(size)))) at = e->at + pages(e->size);
    return pages(size) <= end && at <= end - pages(size) ? at : 0;
}

static struct entry *unused_entry(struct store_region *r)
{
    for (int i = 0; i < STORES_MAX; i++)
        if (r->entries[i].state == ENTRY_NONE) return &r->entries[i];
    return NULL;
}

/* NULL with *wrong. */
static struct entry *make_entry(struct store_region *r, const char *name, size_t len,
                                const struct store_settings *settings, const char **wrong)
{
    struct entry *e = unused_entry(r);
    uint64_t at = e ? place_for(r, settings->size) : 0;
    if (!e) {
        *wrong = "there are 64 stores already, those of the last scripts included";
        return NULL;
    }
    if (!at) {
        *wrong =
            "there is not enough room left: give more with --store-memory (stores that the last "
            "scripts named take room until the second reload without them)";
        return NULL;
    }
    memset(e, 0, sizeof *e);
    memcpy(e->name, name, len);
    e->at = at;
    e->size = settings->size;
    e->max_value = settings->max_value;
    e->policy = settings->policy;
    give_back((uint8_t *)r + at, (uint8_t *)r + at + pages(e->size));
    store_lay_out(store_of(r, e), settings);
    __atomic_store_n(&e->state, ENTRY_OPEN, __ATOMIC_RELEASE);
    return e;
}

struct store *store_open(struct store_region *r, const char *name, size_t len,
                         const struct store_settings *settings, const char **wrong)
{
    struct entry *e = NULL;
    assert(len > 0 && len < STORE_NAME);
    *wrong = NULL;
    lock(r);
    for (int i = 0; i < STORES_MAX && !e; i++)
        if (is_of(&r->entries[i], name, len, settings)) e = &r->entries[i];
    if (e) {
        store_reopen(store_of(r, e));
        __atomic_store_n(&e->state, ENTRY_OPEN, __ATOMIC_RELEASE);
    } else
        e = make_entry(r, name, len, settings, wrong);
    pthread_mutex_unlock(&r->lock);
    return e ? store_of(r, e) : NULL;
}

struct store *store_region_next(struct store_region *r, uint32_t *at, const char **name)
{
    while (*at < STORES_MAX) {
        struct entry *e = &r->entries[(*at)++];
        if (__atomic_load_n(&e->state, __ATOMIC_ACQUIRE) != ENTRY_OPEN) continue;
        if (name) *name = e->name;
        return store_of(r, e);
    }
    return NULL;
}

static bool is_named(const struct store *s, struct store *const *named, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (named[i] == s) return true;
    return false;
}

/* Closed before it is said to be: one that is closed in part is closed again. */
void store_keep_only(struct store_region *r, struct store *const *named, size_t n)
{
    lock(r);
    for (int i = 0; i < STORES_MAX; i++) {
        struct entry *e = &r->entries[i];
        struct store *s = store_of(r, e);
        if (e->state == ENTRY_NONE || is_named(s, named, n)) continue;
        if (e->state == ENTRY_CLOSED) {
            __atomic_store_n(&e->state, ENTRY_NONE, __ATOMIC_RELEASE);
            give_back(s, (uint8_t *)s + pages(e->size));
            continue;
        }
        store_close(s);
        e->state = ENTRY_CLOSED;
    }
    pthread_mutex_unlock(&r->lock);
}
