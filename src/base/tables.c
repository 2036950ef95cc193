/* Tables of entries that grow and never shrink. Other processes read an entry once it is counted in `used`, which is stored after
 * its name and with release order: a reader that sees the number sees the names. A worker that died before that has left a free
 * entry.
 *
 * The memory of a board is sparse: it has a part for every process that may ever be, and what nobody touches takes no page. So
 * nothing here reads or writes behind the entries that are made. */
#include "base/tables.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define CELL(name, kind, meaning) {#name, kind, meaning},

static const struct survey_cell server_cells[] = {BOARD_SERVER_CELLS(CELL)};
static const struct survey_cell pool_cells[] = {BOARD_POOL_CELLS(CELL)};
static const struct survey_cell command_cells[] = {BOARD_COMMAND_CELLS(CELL)};
static const struct survey_cell listener_cells[] = {BOARD_LISTENER_CELLS(CELL)};
static const struct survey_cell comparison_cells[] = {BOARD_COMPARISON_CELLS(CELL)};
static const struct survey_cell near_cells[] = {BOARD_NEAR_CELLS(CELL)};
static const struct survey_cell lease_cells[] = {BOARD_LEASE_CELLS(CELL)};

#define SHAPE(table, kind, type, list)                                                             \
    [BOARD_TABLE_##kind] = {.cells = list,                                                         \
                            .cells_n = sizeof list / sizeof *(list),                               \
                            .entries = BOARD_##kind,                                               \
                            .at = offsetof(struct board_tables, table),                            \
                            .entry_bytes = sizeof(struct type),                                    \
                            .latency_at = offsetof(struct type, latency)}

static const struct board_table_shape shapes[BOARD_TABLE_COUNT] = {
    SHAPE(servers, SERVERS, board_server, server_cells),
    SHAPE(pools, POOLS, board_pool, pool_cells),
    SHAPE(commands, COMMANDS, board_command, command_cells),
    SHAPE(listeners, LISTENERS, board_listener, listener_cells),
    SHAPE(comparisons, COMPARISONS, board_comparison, comparison_cells),
    SHAPE(nears, NEARS, board_near, near_cells),
    SHAPE(leases, LEASES, board_lease, lease_cells),
};

const struct board_table_shape *board_table_shape(enum board_table kind)
{
    assert(kind < BOARD_TABLE_COUNT);
    const struct board_table_shape *s = &shapes[kind];
    assert(s->latency_at == BOARD_NAME + s->cells_n * sizeof(uint64_t));
    return s;
}

/* Readers see it as const, by the functions below. */
static char *entry(const struct board_tables *t, enum board_table kind, uint32_t i)
{
    const struct board_table_shape *s = board_table_shape(kind);
    assert(i < s->entries);
    return (char *)(uintptr_t)t + s->at + i * s->entry_bytes;
}

/* --- reading ----------------------------------------------------------------------------------- */

/* The number lies in memory that others write, so it is not trusted. */
uint32_t board_table_used(const struct board_tables *t, enum board_table kind)
{
    uint32_t used = __atomic_load_n(&t->used[kind], __ATOMIC_ACQUIRE);
    return used < shapes[kind].entries ? used : shapes[kind].entries;
}

const char *board_entry_name(const struct board_tables *t, enum board_table kind, uint32_t i)
{
    return entry(t, kind, i);
}

const uint64_t *board_entry_cells(const struct board_tables *t, enum board_table kind, uint32_t i)
{
    return (const uint64_t *)(const void *)(entry(t, kind, i) + BOARD_NAME);
}

const struct latency *board_entry_latency(const struct board_tables *t, enum board_table kind,
                                          uint32_t i)
{
    return (const void *)(entry(t, kind, i) + board_table_shape(kind)->latency_at);
}

/* --- writing ----------------------------------------------------------------------------------- */

static void *add_entry(struct board_tables *t, enum board_table kind, const char *name)
{
    uint32_t i = t->used[kind];
    char *e = entry(t, kind, i);
    snprintf(e, BOARD_NAME, "%s", name);
    __atomic_store_n(&t->used[kind], i + 1, __ATOMIC_RELEASE);
    return e;
}

/* A name has at least one byte. */
static const char NAMELESS[] = "(no name)";

/* A linear search: entries are looked up when a script is loaded, not for a request. last: the name of the last entry, which is
 * for all that finds no room; NULL: there is none. */
static void *find_or_add(struct board_tables *t, enum board_table kind, const char *name,
                         const char *last)
{
    if (!name[0]) name = NAMELESS;
    uint32_t used = board_table_used(t, kind), most = board_table_shape(kind)->entries;
    for (uint32_t i = 0; i < used; i++)
        if (strncmp(entry(t, kind, i), name, BOARD_NAME - 1) == 0) return entry(t, kind, i);
    if (used + (last != NULL) < most) return add_entry(t, kind, name);
    if (!last) return NULL;
    return used < most ? add_entry(t, kind, last) : entry(t, kind, most - 1);
}

static const char OTHER[] = "other";

struct board_server *board_server(struct board_tables *t, const char *name)
{
    return find_or_add(t, BOARD_TABLE_SERVERS, name, NULL);
}

struct board_pool *board_pool(struct board_tables *t, const char *name)
{
    return find_or_add(t, BOARD_TABLE_POOLS, name, OTHER);
}

struct board_command *board_command(struct board_tables *t, const char *name)
{
    return find_or_add(t, BOARD_TABLE_COMMANDS, name, OTHER);
}

struct board_listener *board_listener(struct board_tables *t, const char *name)
{
    return find_or_add(t, BOARD_TABLE_LISTENERS, name, OTHER);
}

struct board_comparison *board_comparison(struct board_tables *t, const char *name)
{
    return find_or_add(t, BOARD_TABLE_COMPARISONS, name, OTHER);
}

struct board_near *board_near(struct board_tables *t, const char *name)
{
    return find_or_add(t, BOARD_TABLE_NEARS, name, OTHER);
}

struct board_lease *board_lease(struct board_tables *t, const char *name)
{
    return find_or_add(t, BOARD_TABLE_LEASES, name, OTHER);
}

static void clear_gauges(struct board_tables *t, enum board_table kind)
{
    const struct board_table_shape *s = board_table_shape(kind);
    for (uint32_t i = 0; i < board_table_used(t, kind); i++) {
        uint64_t *cells = (uint64_t *)(void *)(entry(t, kind, i) + BOARD_NAME);
        for (uint32_t c = 0; c < s->cells_n; c++)
            if (s->cells[c].kind != COUNTER) cells[c] = 0;
    }
}

void board_tables_clear_gauges(struct board_tables *t)
{
    for (unsigned kind = 0; kind < BOARD_TABLE_COUNT; kind++) clear_gauges(t, kind);
}

/* --- layout ------------------------------------------------------------------------------------ */

const char *board_tables_layout(void)
{
    static const char text[] =
#define X(name, kind, meaning) #name ":" #kind " "
        BOARD_SERVER_CELLS(X) BOARD_POOL_CELLS(X) BOARD_COMMAND_CELLS(X) BOARD_LISTENER_CELLS(X)
            BOARD_COMPARISON_CELLS(X) BOARD_NEAR_CELLS(X) BOARD_LEASE_CELLS(X)
#undef X
        ;
    return text;
}
