/* What a worker remembers of its clients' requests, for a process that may read it at any moment.
 *
 * A place has a sequence number: odd while it is written. A reader copies the sample and looks at the number before and after; when
 * it was odd, or has changed, the copy may be torn, and is not used. A worker that dies while it writes leaves an odd number, so
 * nobody reads that place until the next worker has written it. `at` and `failed` change later, each with one store: a reader gets
 * the old or the new one.
 *
 * Requests that are alike are kept once, so a key that is asked for a thousand times a second leaves room for others. To find the one
 * that is there, the worker compares hashes, which lie side by side. */
#include "base/samples.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/board.h"
#include "base/bucket.h"

/* Never 0, which a place has that was not written yet. */
static uint32_t hash_of(unsigned command, const void *key, size_t len)
{
    return (bucket_hash(key, len) + command) | 1;
}

bool samples_are_alike(const struct sample *a, const struct sample *b)
{
    return a->command == b->command && a->listener == b->listener && a->key_len == b->key_len &&
           memcmp(a->key, b->key, a->key_len) == 0;
}

static bool is_sane(const struct sample *s)
{
    return s->key_len > 0 && s->key_len <= SAMPLE_KEY && s->args_len <= SAMPLE_ARGS;
}

/* --- the worker --------------------------------------------------------------------------------- */

void samples_begin(struct samples *s, uint32_t size)
{
    s->size = size < SAMPLES_MOST ? size : SAMPLES_MOST;
}

bool samples_are_full(const struct samples *s)
{
    return s->taken >= s->size;
}

static struct sample *find(struct samples *s, const struct sample *like, uint32_t hash)
{
    for (uint32_t i = 0; i < s->size; i++) {
        struct sample_place *p = &s->places[i];
        if (s->hashes[i] != hash || p->sequence & 1) continue;
        if (samples_are_alike(&p->sample, like)) return &p->sample;
    }
    return NULL;
}

/* The fence keeps the stores of the sample behind the odd number, and the release keeps them before the even one. */
static void write_place(struct sample_place *p, const struct sample *sample)
{
    uint32_t odd = p->sequence | 1;
    __atomic_store_n(&p->sequence, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    p->sample = *sample;
    __atomic_store_n(&p->sequence, odd + 1, __ATOMIC_RELEASE);
}

bool samples_add(struct samples *s, const struct sample *sample)
{
    uint32_t hash = hash_of(sample->command, sample->key, sample->key_len);
    assert(s->size > 0 && is_sane(sample));
    struct sample *old = find(s, sample, hash);
    if (old) {
        old->at = sample->at;
        return false;
    }
    uint32_t at = (uint32_t)(s->taken % s->size);
    s->hashes[at] = hash;
    write_place(&s->places[at], sample);
    s->taken++;
    return true;
}

/* Whatever the listener: a failure is seldom, and who looks for it counts requests. */
void samples_note_failure(struct samples *s, unsigned command, const void *key, size_t len,
                          uint32_t generation)
{
    uint32_t hash = hash_of(command, key, len);
    for (uint32_t i = 0; i < s->size; i++) {
        struct sample_place *p = &s->places[i];
        if (s->hashes[i] != hash || p->sequence & 1) continue;
        struct sample *old = &p->sample;
        if (old->command == command && old->key_len == len && memcmp(old->key, key, len) == 0)
            __atomic_store_n(&old->failed, generation, __ATOMIC_RELAXED);
    }
}

/* --- who reads ---------------------------------------------------------------------------------- */

bool samples_read(const struct samples *s, uint32_t at, struct sample *to)
{
    const struct sample_place *p = &s->places[at];
    assert(at < SAMPLES_MOST);
    uint32_t before = __atomic_load_n(&p->sequence, __ATOMIC_ACQUIRE);
    if (before == 0 || before & 1) return false;
    *to = p->sample;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&p->sequence, __ATOMIC_RELAXED) == before && is_sane(to);
}

/* Where a sample lies, and when it came: sorting moves these, not the samples. */
struct found {
    double at;
    uint32_t part, place;
};

static int later_first(const void *a, const void *b)
{
    double x = ((const struct found *)a)->at, y = ((const struct found *)b)->at;
    return (x < y) - (x > y);
}

static struct sample *like(const struct sample *one, struct sample *all, uint32_t n)
{
    while (n > 0 && !samples_are_alike(one, &all[n - 1])) n--;
    return n > 0 ? &all[n - 1] : NULL;
}

/* One more sample, behind the n that are there. What has come to several workers has failed when it did so in one of them. */
static uint32_t add_found(const struct samples *s, uint32_t place, struct sample *all, uint32_t n)
{
    struct sample *one = &all[n];
    if (!samples_read(s, place, one)) return n;
    struct sample *other = like(one, all, n);
    if (!other) return n + 1;
    if (one->failed > other->failed) other->failed = one->failed;
    return n;
}

/* Those that came last may be in any part: also in that of a worker that is gone. */
uint32_t samples_gather(const struct board *board, struct sample *to, uint32_t most)
{
    size_t all = 0;
    uint32_t n = 0;
    struct found *found = malloc((size_t)board->parts_n * SAMPLES_MOST * sizeof *found);
    if (!found) return 0;
    for (uint32_t part = 0; part < board->parts_n; part++) {
        const struct samples *s = &board->parts[part].samples;
        uint32_t size = s->size < SAMPLES_MOST ? s->size : SAMPLES_MOST;
        for (uint32_t i = 0; i < size; i++)
            if (s->places[i].sequence)
                found[all++] = (struct found){s->places[i].sample.at, part, i};
    }
    qsort(found, all, sizeof *found, later_first);
    for (size_t i = 0; i < all && n < most; i++)
        n = add_found(&board->parts[found[i].part].samples, found[i].place, to, n);
    free(found);
    return n;
}
