/* A place has a sequence number, as in samples.c: odd while it is written, so a reader that finds another one behind its copy than before
 * it does not use the copy. A worker that dies while it writes leaves an odd number; the next worker of that slot goes on counting from
 * `taken`, and writes that place again. */
#include "base/compared.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/board.h"

static const struct {
    const char *name;
    bool is_error;
} kinds[COMPARED_KIND_COUNT] = {
#define X(name, is_error) [COMPARED_##name] = {#name, is_error},
    COMPARED_KINDS(X)
#undef X
};

_Static_assert((int)COMPARED_DIFFERENCES + (int)COMPARED_ERRORS == (int)COMPARED_KEPT,
               "each place is for one of both");

const char *compared_kind_name(unsigned kind)
{
    assert(kind < COMPARED_KIND_COUNT);
    return kinds[kind].name;
}

/* The fence keeps the stores of the sample behind the odd number, and the release keeps them before the even one. */
static void write_place(struct compared_place *p, const struct compared_sample *sample)
{
    uint32_t odd = p->sequence | 1;
    __atomic_store_n(&p->sequence, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    p->sample = *sample;
    __atomic_store_n(&p->sequence, odd + 1, __ATOMIC_RELEASE);
}

void compared_add(struct compared *c, const struct compared_sample *sample)
{
    assert(sample->kind < COMPARED_KIND_COUNT && sample->key_len <= COMPARED_KEY);
    bool is_error = kinds[sample->kind].is_error;
    uint64_t *taken = &c->taken[is_error];
    uint64_t at =
        is_error ? COMPARED_DIFFERENCES + *taken % COMPARED_ERRORS : *taken % COMPARED_DIFFERENCES;
    write_place(&c->places[at], sample);
    __atomic_store_n(taken, *taken + 1, __ATOMIC_RELEASE);
}

/* --- who reads ---------------------------------------------------------------------------------- */

#define END(text) ((text)[sizeof(text) - 1] = '\0')

static bool is_sane(struct compared_sample *s)
{
    END(s->name);
    END(s->old.server);
    END(s->new.server);
    END(s->text);
    return s->kind < COMPARED_KIND_COUNT && s->key_len <= COMPARED_KEY;
}

static bool read_place(const struct compared_place *p, struct compared_sample *to)
{
    uint32_t before = __atomic_load_n(&p->sequence, __ATOMIC_ACQUIRE);
    if (before == 0 || before & 1) return false;
    *to = p->sample;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&p->sequence, __ATOMIC_RELAXED) == before && is_sane(to);
}

static int later_first(const void *a, const void *b)
{
    double x = ((const struct compared_sample *)a)->at, y = ((const struct compared_sample *)b)->at;
    return (x < y) - (x > y);
}

/* Places that were never written are not looked at: they take no memory as long as nobody does. Returns how many samples of that
 * comparison were read. */
static size_t read_some(const struct compared *c, bool errors, const char *name,
                        struct compared_sample *to)
{
    uint64_t taken = __atomic_load_n(&c->taken[errors], __ATOMIC_ACQUIRE);
    size_t from = errors ? COMPARED_DIFFERENCES : 0, n = 0;
    size_t most = errors ? COMPARED_ERRORS : COMPARED_DIFFERENCES;
    if (taken < most) most = (size_t)taken;
    for (size_t i = 0; i < most; i++) {
        if (!read_place(&c->places[from + i], &to[n])) continue;
        if (!name || strcmp(name, to[n].name) == 0) n++;
    }
    return n;
}

/* Parts of workers that are gone count, too, and those of the master before an upgrade. */
uint32_t compared_gather(const struct board *board, const char *name, struct compared_sample *to,
                         uint32_t most)
{
    const struct board_memory *memory = board->memory;
    size_t n = 0;
    struct compared_sample *all = malloc((size_t)memory->parts_n * COMPARED_KEPT * sizeof *all);
    if (!all) return 0;
    for (uint32_t part = 0; part < memory->parts_n; part++) {
        n += read_some(&memory->parts[part].compared, false, name, all + n);
        n += read_some(&memory->parts[part].compared, true, name, all + n);
    }
    qsort(all, n, sizeof *all, later_first);
    if (n > most) n = most;
    memcpy(to, all, n * sizeof *to);
    free(all);
    return (uint32_t)n;
}
