/* How the parts are added up. Workers run the same script, so mostly their tables have the same names in the same order: the next
 * name of a part is looked for behind the one before. Where it is not there, a table of hashes finds it, so the time grows with the
 * number of entries, and not with their square. */
#include "base/survey.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bucket.h"
#include "base/process.h"

_Static_assert((int)SURVEY_SERVER_CELLS <= (int)SURVEY_CELLS &&
                   (int)SURVEY_POOL_CELLS <= (int)SURVEY_CELLS &&
                   (int)SURVEY_COMMAND_CELLS <= (int)SURVEY_CELLS &&
                   (int)SURVEY_LISTENER_CELLS <= (int)SURVEY_CELLS &&
                   (int)SURVEY_COMPARISON_CELLS <= (int)SURVEY_CELLS &&
                   (int)SURVEY_NEAR_CELLS <= (int)SURVEY_CELLS &&
                   (int)SURVEY_LEASE_CELLS <= (int)SURVEY_CELLS,
               "cells of any kind have room");

/* A list that is being made. Open addressing: places[hash and on] is the number of an entry plus 1; 0: free. */
struct gathering {
    struct survey_list *list;
    const struct board_table_shape *shape;
    enum survey_kind kind;
    size_t room;      /* entries that the list has room for */
    size_t likely;    /* where the next name is looked for first */
    uint32_t *places; /* owned: a power of two of them, at least twice `room` */
    size_t places_n;
    bool failed; /* no memory */
};

/* --- the list ---------------------------------------------------------------------------------- */

/* The place of that name, or a free one. */
static uint32_t *place_of(const struct gathering *g, const char *name)
{
    size_t at = bucket_hash(name, strlen(name));
    for (;; at++) {
        uint32_t *place = &g->places[at & (g->places_n - 1)];
        if (*place == 0 || strcmp(g->list->entries[*place - 1].name, name) == 0) return place;
    }
}

static bool grow(struct gathering *g)
{
    size_t room = g->room ? g->room * 2 : 32;
    struct survey_entry *entries = reallocarray(g->list->entries, room, sizeof *g->list->entries);
    if (entries) g->list->entries = entries;
    uint32_t *places = calloc(room * 2, sizeof *places);
    if (!entries || !places) {
        free(places);
        return false;
    }
    free(g->places);
    g->places = places;
    g->places_n = room * 2;
    g->room = room;
    for (size_t i = 0; i < g->list->n; i++) *place_of(g, entries[i].name) = (uint32_t)i + 1;
    return true;
}

static struct survey_entry *add_name(struct gathering *g, const char *name)
{
    if (g->list->n == g->room && !grow(g)) return NULL;
    struct survey_entry *e = &g->list->entries[g->list->n++];
    *e = (struct survey_entry){0};
    memcpy(e->name, name, BOARD_NAME);
    *place_of(g, name) = (uint32_t)g->list->n;
    return e;
}

/* NULL: no memory. */
static struct survey_entry *entry_of(struct gathering *g, const char *name)
{
    struct survey_list *list = g->list;
    if (g->likely < list->n && strcmp(list->entries[g->likely].name, name) == 0)
        return &list->entries[g->likely++];
    uint32_t *place = g->room ? place_of(g, name) : NULL;
    if (!place || *place == 0) return add_name(g, name);
    g->likely = *place;
    return &list->entries[*place - 1];
}

/* --- adding up --------------------------------------------------------------------------------- */

/* Another process may be storing into the cells meanwhile, so each is loaded whole. Parts of this house come first; where it has
 * levels, those of the other house do not count. */
static void add_cells(struct survey_entry *sum, const uint64_t *cells,
                      const struct board_table_shape *shape, bool is_own)
{
    for (uint32_t i = 0; i < shape->cells_n; i++) {
        uint64_t cell = __atomic_load_n(&cells[i], __ATOMIC_RELAXED);
        if (shape->cells[i].kind != LEVEL) {
            sum->cells[i] += cell;
        } else if (is_own || !sum->has_levels) {
            if (cell > sum->cells[i]) sum->cells[i] = cell;
            sum->has_levels |= is_own && cell > 0;
        }
    }
}

static void add_part(struct gathering *g, const struct board_tables *t, bool is_own)
{
    uint32_t n = board_table_used(t, (enum board_table)g->kind);
    g->likely = 0;
    for (uint32_t i = 0; i < n && !g->failed; i++) {
        char name[BOARD_NAME];
        memcpy(name, board_entry_name(t, (enum board_table)g->kind, i), BOARD_NAME);
        name[BOARD_NAME - 1] = '\0';
        struct survey_entry *sum = entry_of(g, name);
        g->failed = !sum;
        if (!sum) break;
        add_cells(sum, board_entry_cells(t, (enum board_table)g->kind, i), g->shape, is_own);
        latency_add(&sum->latency, board_entry_latency(t, (enum board_table)g->kind, i));
    }
}

static bool is_used(const struct survey_entry *e, enum survey_kind kind)
{
    switch (kind) {
    case SURVEY_SERVERS: return e->cells[SURVEY_SERVER_connections] > 0;
    case SURVEY_POOLS: return e->cells[SURVEY_POOL_users] > 0;
    case SURVEY_COMMANDS: return e->cells[SURVEY_COMMAND_requests] > 0;
    case SURVEY_COMPARISONS:
        return e->cells[SURVEY_COMPARISON_requests] + e->cells[SURVEY_COMPARISON_left_out] > 0;
    case SURVEY_NEARS: return e->cells[SURVEY_NEAR_users] > 0;
    case SURVEY_LEASES: return e->cells[SURVEY_LEASE_users] > 0;
    default:
        return e->cells[SURVEY_LISTENER_workers] > 0 ||
               e->cells[SURVEY_LISTENER_curr_connections] > 0;
    }
}

/* False: no memory. */
static bool gather(struct survey *s, const struct board *board, enum survey_kind kind)
{
    const struct board_memory *memory = board->memory;
    struct gathering g = {
        .list = &s->lists[kind], .shape = board_table_shape((enum board_table)kind), .kind = kind};
    for (uint32_t i = 0; i < board->parts_n && !g.failed; i++)
        add_part(&g, &board->parts[i].tables, true);
    for (uint32_t i = 0; i < memory->parts_n && !g.failed; i++)
        if (!board_is_own(board, i)) add_part(&g, &memory->parts[i].tables, false);
    for (size_t i = 0; i < g.list->n; i++)
        g.list->entries[i].is_used = is_used(&g.list->entries[i], kind);
    free(g.places);
    return !g.failed;
}

struct survey *survey_take(const struct board *board)
{
    struct survey *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->taken = process_clock();
    s->uptime = board_uptime(board);
    s->row = board_sum(board);
    for (unsigned kind = 0; kind < SURVEY_KINDS; kind++) {
        if (gather(s, board, kind)) continue;
        survey_destroy(s);
        return NULL;
    }
    return s;
}

void survey_destroy(struct survey *s)
{
    if (!s) return;
    for (unsigned kind = 0; kind < SURVEY_KINDS; kind++) free(s->lists[kind].entries);
    free(s);
}

/* --- looking ----------------------------------------------------------------------------------- */

const struct survey_cell *survey_cells(enum survey_kind kind, size_t *n)
{
    const struct board_table_shape *shape = board_table_shape((enum board_table)kind);
    *n = shape->cells_n;
    return shape->cells;
}

uint64_t survey_get(const struct survey_entry *e, enum survey_kind kind, const char *cell)
{
    size_t n, i = 0;
    const struct survey_cell *cells = survey_cells(kind, &n);
    while (i < n && strcmp(cells[i].name, cell) != 0) i++;
    assert(i < n);
    return i < n ? e->cells[i] : 0;
}

const struct survey_entry *survey_find(const struct survey *s, enum survey_kind kind,
                                       const char *name)
{
    const struct survey_list *list = &s->lists[kind];
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->entries[i].name, name) == 0) return &list->entries[i];
    return NULL;
}
