/* A build with one more counter lays its board out otherwise, so it makes one of its own. The counters that both builds have
 * still go on: the new build looks for the old one's by their names, and adds them to its own sums for as long as the old one
 * counts; then the master stores their last sums in its own board (board_clear_neighbours), for the next upgrade.
 *
 * Nothing of what stands in the file is trusted to fit: each offset is checked against the size. */
#include "base/elder.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_HERE = -1 };

/* The cells of this build. */
static const char names[] =
#define X(name, kind, meaning) #kind ":" #name " "
    BOARD_CELLS(X)
#undef X
    ;

_Static_assert(sizeof names <= BOARD_NAMES, "the names of all cells have room");

enum { CELLS = sizeof(struct board_row) / sizeof(uint64_t) };

struct elder {
    const struct board_memory *memory; /* of which only head and plan mean the same here */
    uint32_t cells_n;
    int16_t places[BOARD_NAMES / 4]; /* of each of its cells among this build's, or NOT_HERE */
    bool is_gauge[BOARD_NAMES / 4];
    bool is_level[BOARD_NAMES / 4];
};

void elder_plan(struct board_memory *memory)
{
    memory->plan = (struct board_plan){.parts_n = memory->parts_n,
                                       .masters_n = BOARD_HOUSES,
                                       .masters_at = offsetof(struct board_memory, masters),
                                       .master_bytes = sizeof(struct board_row),
                                       .parts_at = offsetof(struct board_memory, parts),
                                       .part_bytes = sizeof(struct board_worker),
                                       .before_at = offsetof(struct board_memory, before),
                                       .carried_at = offsetof(struct board_memory, carried),
                                       .pid_at = offsetof(struct board_worker, pid),
                                       .started = memory->plan.started};
    memcpy(memory->plan.names, names, sizeof names);
}

/* --- names ------------------------------------------------------------------------------------- */

/* The number of the word among the words of `list`, each of which ends with a space. */
static int find_word(const char *list, const char *word, size_t len)
{
    for (int i = 0; *list; i++) {
        size_t n = strcspn(list, " ");
        if (n == len && memcmp(list, word, len) == 0) return i;
        list += n + (list[n] == ' ');
    }
    return NOT_HERE;
}

static void read_names(struct elder *e, const char *at)
{
    while (*at && e->cells_n < sizeof e->places / sizeof *e->places) {
        size_t n = strcspn(at, " ");
        e->is_gauge[e->cells_n] = strncmp(at, "COUNTER:", 8) != 0;
        e->is_level[e->cells_n] = strncmp(at, "LEVEL:", 6) == 0;
        e->places[e->cells_n++] = (int16_t)find_word(names, at, n);
        at += n + (at[n] == ' ');
    }
}

/* --- reading ----------------------------------------------------------------------------------- */

/* n things of so many bytes from `at` on, each with a row in it, lie within the region. */
static bool lies_within(const struct elder *e, uint64_t at, uint64_t n, uint64_t bytes)
{
    uint64_t all = e->memory->head.bytes, row = e->cells_n * sizeof(uint64_t);
    return at % sizeof(uint64_t) == 0 && bytes % sizeof(uint64_t) == 0 && bytes >= row &&
           at <= all && (bytes == 0 || n <= (all - at) / bytes);
}

static bool fits(const struct elder *e)
{
    const struct board_plan *plan = &e->memory->plan;
    return e->cells_n > 0 &&
           lies_within(e, plan->masters_at, plan->masters_n, plan->master_bytes) &&
           lies_within(e, plan->parts_at, plan->parts_n, plan->part_bytes) &&
           lies_within(e, plan->before_at, 1, plan->master_bytes) &&
           lies_within(e, plan->carried_at, 1, plan->master_bytes) &&
           plan->pid_at % sizeof(int32_t) == 0 &&
           plan->pid_at + sizeof(int32_t) <= plan->part_bytes;
}

struct elder *elder_map(int fd)
{
    struct elder *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->memory = region_adopt_any(fd, "board 1:");
    bool good = e->memory && e->memory->head.bytes >= sizeof *e->memory &&
                memchr(e->memory->plan.names, '\0', BOARD_NAMES);
    if (good) read_names(e, e->memory->plan.names);
    if (good && fits(e)) return e;
    elder_release(e);
    return NULL;
}

static const void *at(const struct elder *e, uint64_t offset)
{
    return (const char *)e->memory + offset;
}

static void add(const struct elder *e, uint64_t offset, bool with_gauges, struct board_row *sum)
{
    const uint64_t *cells = at(e, offset);
    uint64_t *own = (uint64_t *)(void *)sum;
    for (uint32_t i = 0; i < e->cells_n; i++) {
        if (e->places[i] == NOT_HERE || (e->is_gauge[i] && !with_gauges)) continue;
        assert(e->places[i] < CELLS);
        uint64_t cell = __atomic_load_n(&cells[i], __ATOMIC_RELAXED), *sum_of = &own[e->places[i]];
        if (!e->is_level[i])
            *sum_of += cell;
        else if (cell > *sum_of)
            *sum_of = cell;
    }
}

struct board_row elder_sum(const struct elder *e, bool with_gauges)
{
    const struct board_plan *plan = &e->memory->plan;
    struct board_row sum = {0};
    add(e, plan->carried_at, false, &sum);
    for (uint32_t i = 0; i < plan->masters_n; i++)
        add(e, plan->masters_at + i * plan->master_bytes, with_gauges, &sum);
    for (uint32_t i = 0; i < plan->parts_n; i++)
        add(e, plan->parts_at + i * plan->part_bytes, with_gauges, &sum);
    return sum;
}

double elder_started(const struct elder *e)
{
    return e->memory->plan.started;
}

struct board_row elder_before(const struct elder *e)
{
    struct board_row before = {0};
    add(e, e->memory->plan.before_at, false, &before);
    return before;
}

uint32_t elder_parts(const struct elder *e)
{
    return e->memory->plan.parts_n;
}

int32_t elder_pid(const struct elder *e, uint32_t i)
{
    const struct board_plan *plan = &e->memory->plan;
    assert(i < plan->parts_n);
    const int32_t *pid = at(e, plan->parts_at + i * plan->part_bytes + plan->pid_at);
    return __atomic_load_n(pid, __ATOMIC_RELAXED);
}

void elder_release(struct elder *e)
{
    if (!e) return;
    region_destroy((void *)(uintptr_t)e->memory);
    free(e);
}
