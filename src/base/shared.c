/* Dictionaries that outlive scripts and workers, and what a worker's death may do to them.
 *
 * All workers read and change the same memory, so each dictionary has a lock. A worker may die at any instruction, also with the
 * lock held: the kernel kills it, its script runs into the watchdog, a bug. The lock is therefore a robust one: the next process
 * that wants it gets it together with EOWNERDEAD. What the dictionary holds then depends on where the other process died:
 *
 * - Outside a change: everything is whole. The lock is made consistent and work goes on.
 * - Within a change (is_changing): lists may be cut. Nothing can be repaired from that, so the dictionary is emptied, which is
 *   right for a cache, and the loss is counted and logged.
 *
 * So items.c keeps each change between change_begin and change_end, and a change is short: no call that may wait, no allocation,
 * at most as many steps as chunks must be freed for it. A process that dies while it empties leaves is_changing set, and the next
 * one empties again.
 *
 * Where things lie: the region is one mapping, struct shared first, the dictionaries behind it. Offsets and chunk numbers stand
 * where pointers would, so the memory means the same in every process. A dictionary is carved once and never given back: scripts
 * of workers that still drain may use it. dicts_n is stored last, with release order, so that a dictionary that can be found is
 * complete.
 *
 * The region's own lock guards carve alone. Its holder may die there, too; dicts_n does not yet count the new dictionary then,
 * and the next carve starts from the same place.
 *
 * I6: a dictionary never takes more than its size. When it is full, the item that was used longest ago goes, and a value of more
 * than half of the dictionary is refused. */
#include "base/shared.h"

#include <assert.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>

#include "base/items.h"
#include "base/log.h"

/* --- locks ------------------------------------------------------------------------------------- */

/* A lock that outlives its holder: see above. */
static void lock_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(lock, &kind);
    pthread_mutexattr_destroy(&kind);
}

/* The lock came with EOWNERDEAD. */
static void recover(struct place *p)
{
    if (items_recover(p))
        log_warn("shared %s: emptied: a worker died while it changed it", p->d->name);
    pthread_mutex_consistent(&p->d->lock);
}

/* Every operation is between dict_lock and dict_unlock. The hash of the key is computed before the lock is taken. */
static struct place dict_lock(struct shared *s, struct shared_dict *d, struct shared_key key)
{
    assert(d >= s->dicts && d < s->dicts + SHARED_DICTS && key.len <= SHARED_KEY_MAX);
    struct place p = items_place(s, d, key);
    if (pthread_mutex_lock(&d->lock) == EOWNERDEAD) recover(&p);
    return p;
}

static void dict_unlock(const struct place *p)
{
    assert(p->d->used <= p->d->chunks_n && p->d->items <= p->d->used); /* I6 */
    assert(!p->d->is_changing);
    pthread_mutex_unlock(&p->d->lock);
}

/* --- the region -------------------------------------------------------------------------------- */

/* A lock means the same to two builds only if the C library is the same. */
static const char *layout(char *text)
{
    snprintf(text, REGION_LAYOUT, "shared 1: %zu %zu %d %d libc %s", sizeof(struct shared),
             sizeof(struct shared_dict), ITEMS_CHUNK, SHARED_KEY_MAX, gnu_get_libc_version());
    return text;
}

struct shared *shared_create(size_t size, int *fd)
{
    char text[REGION_LAYOUT];
    struct shared *s = region_create(sizeof(struct shared) + size, layout(text), fd);
    if (!s) return NULL;
    s->size = size;
    lock_init(&s->lock);
    return s;
}

struct shared *shared_adopt(int fd)
{
    char text[REGION_LAYOUT];
    return region_adopt(fd, layout(text));
}

void shared_destroy(struct shared *s)
{
    region_destroy(s);
}

/* Makes the next dictionary, behind the last one. NULL, or a sentence that says why not. */
static const char *carve(struct shared *s, const char *name, size_t len, size_t size)
{
    if (s->dicts_n == SHARED_DICTS)
        return "there are 64 already, those of earlier scripts included";
    struct shared_dict *d = &s->dicts[s->dicts_n];
    const struct shared_dict *before = s->dicts_n ? d - 1 : NULL;
    size_t at =
        before ? before->at + (before->size + ITEMS_CHUNK - 1) / ITEMS_CHUNK * ITEMS_CHUNK : 0;
    if (at > s->size || size > s->size - at)
        return "there is not enough left: give more with --shared-memory (what earlier scripts "
               "made stays until a restart)";
    memset(d, 0, sizeof *d);
    memcpy(d->name, name, len);
    d->size = size;
    d->at = at;
    items_init(d);
    assert(d->at + d->size <= s->size);
    lock_init(&d->lock);
    __atomic_store_n(&s->dicts_n, s->dicts_n + 1, __ATOMIC_RELEASE);
    return NULL;
}

static struct shared_dict *dict_find(struct shared *s, const char *name, size_t len)
{
    for (uint32_t i = 0; i < s->dicts_n; i++) {
        struct shared_dict *d = &s->dicts[i];
        if (strlen(d->name) == len && memcmp(d->name, name, len) == 0) return d;
    }
    return NULL;
}

struct shared_dict *shared_open(struct shared *s, const char *name, size_t len, size_t size,
                                const char **wrong)
{
    assert(len > 0 && len < SHARED_NAME && size >= SHARED_LEAST);
    *wrong = NULL;
    if (pthread_mutex_lock(&s->lock) == EOWNERDEAD) pthread_mutex_consistent(&s->lock);
    struct shared_dict *d = dict_find(s, name, len);
    if (!d) {
        *wrong = carve(s, name, len, size);
        d = *wrong ? NULL : dict_find(s, name, len);
    } else if (d->size != size) {
        *wrong = "it has another size already, which it keeps until a restart";
        d = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    return d;
}

/* Under its lock, which other processes wait for. */
static void copy_items(struct shared *to, struct shared *from, struct shared_dict *d)
{
    struct place p = dict_lock(from, d, (struct shared_key){"", 0});
    if (items_bytes(&p) <= SHARED_COPY_MOST) items_copy(to, &to->dicts[d - from->dicts], &p);
    dict_unlock(&p);
}

void shared_copy(struct shared *to, struct shared *from)
{
    uint32_t n = __atomic_load_n(&from->dicts_n, __ATOMIC_ACQUIRE);
    assert(to->size == from->size && to->dicts_n == 0);
    for (uint32_t i = 0; i < n; i++) {
        struct shared_dict *d = &from->dicts[i];
        const char *wrong = carve(to, d->name, strlen(d->name), d->size);
        assert(!wrong && to->dicts[i].at == d->at);
        copy_items(to, from, d);
    }
}

/* --- operations -------------------------------------------------------------------------------- */

enum shared_status shared_get(struct shared *s, struct shared_dict *d, struct shared_key key,
                              double now, struct shared_value *value, char *text)
{
    struct place p = dict_lock(s, d, key);
    uint32_t item = items_find(&p, now);
    if (item) {
        items_value(&p, item, value, text);
        items_touch(&p, item);
    }
    dict_unlock(&p);
    return item ? SHARED_OK : SHARED_ABSENT;
}

enum shared_status shared_set(struct shared *s, struct shared_dict *d, struct shared_key key,
                              const struct shared_value *value, double expires)
{
    struct place p = dict_lock(s, d, key);
    enum shared_status status = items_put(&p, items_find(&p, 0), value, expires);
    dict_unlock(&p);
    return status;
}

enum shared_status shared_add(struct shared *s, struct shared_dict *d, struct shared_key key,
                              const struct shared_value *value, double expires, double now)
{
    struct place p = dict_lock(s, d, key);
    enum shared_status status =
        items_find(&p, now) ? SHARED_EXISTS : items_put(&p, 0, value, expires);
    dict_unlock(&p);
    return status;
}

/* Without an item, the first sum is `initial` plus *number. */
static enum shared_status incr(const struct place *p, double *number, const double *initial,
                               double expires, double now)
{
    uint32_t item = items_find(p, now);
    if (!item && !initial) return SHARED_ABSENT;
    if (!item) {
        struct shared_value value = {.kind = SHARED_NUMBER, .number = *initial + *number};
        *number = value.number;
        return items_put(p, 0, &value, expires);
    }
    if (!items_add(p, item, number)) return SHARED_NO_NUMBER;
    items_touch(p, item);
    return SHARED_OK;
}

enum shared_status shared_incr(struct shared *s, struct shared_dict *d, struct shared_key key,
                               double *number, const double *initial, double expires, double now)
{
    struct place p = dict_lock(s, d, key);
    enum shared_status status = incr(&p, number, initial, expires, now);
    dict_unlock(&p);
    return status;
}

enum shared_status shared_delete(struct shared *s, struct shared_dict *d, struct shared_key key,
                                 double now)
{
    struct place p = dict_lock(s, d, key);
    uint32_t item = items_find(&p, now);
    if (item) items_remove(&p, item);
    dict_unlock(&p);
    return item ? SHARED_OK : SHARED_ABSENT;
}

enum shared_status shared_expires(struct shared *s, struct shared_dict *d, struct shared_key key,
                                  double now, double *expires)
{
    struct place p = dict_lock(s, d, key);
    uint32_t item = items_find(&p, now);
    if (item) *expires = items_expiry(&p, item);
    dict_unlock(&p);
    return item ? SHARED_OK : SHARED_ABSENT;
}

/* The master asks, too, and must not wait for a worker that is stopped while it holds the lock: then each number is read as it is. */
struct shared_usage shared_usage(struct shared *s, struct shared_dict *d)
{
    struct place p = items_place(s, d, (struct shared_key){"", 0});
    int error = pthread_mutex_trylock(&d->lock);
    if (error == EOWNERDEAD) recover(&p);
    struct shared_usage usage = {.capacity = (size_t)d->chunks_n * ITEMS_CHUNK,
                                 .used = (size_t)d->used * ITEMS_CHUNK,
                                 .items = d->items,
                                 .evictions = d->evictions,
                                 .losses = d->losses};
    if (error != EBUSY) dict_unlock(&p);
    return usage;
}

bool shared_is_sane(struct shared *s, struct shared_dict *d)
{
    struct place p = dict_lock(s, d, (struct shared_key){"", 0});
    bool sane = items_are_sane(&p);
    dict_unlock(&p);
    return sane;
}
