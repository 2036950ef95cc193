/* survey: what all processes have counted, at one moment: the sums over all parts of the board.
 *
 * survey_take makes one, and its caller destroys it. Any process that has the board may take one; the workers do not notice. It
 * costs no more than reading each entry once, so it may be taken each second.
 */
#ifndef MOONGATE_BASE_SURVEY_H
#define MOONGATE_BASE_SURVEY_H

#include <stdbool.h>

#include "base/board.h"

enum survey_kind {
#define X(kind, member, type, entries, cells) SURVEY_##kind = BOARD_TABLE_##kind,
    BOARD_TABLES(X)
#undef X
        SURVEY_KINDS
};

/* The places of cells in an entry: SURVEY_SERVER_requests, SURVEY_POOL_hits ... */
enum survey_server_cell {
#define X(name, kind, meaning) SURVEY_SERVER_##name,
    BOARD_SERVER_CELLS(X)
#undef X
        SURVEY_SERVER_CELLS
};

enum survey_pool_cell {
#define X(name, kind, meaning) SURVEY_POOL_##name,
    BOARD_POOL_CELLS(X)
#undef X
        SURVEY_POOL_CELLS
};

enum survey_command_cell {
#define X(name, kind, meaning) SURVEY_COMMAND_##name,
    BOARD_COMMAND_CELLS(X)
#undef X
        SURVEY_COMMAND_CELLS
};

enum survey_listener_cell {
#define X(name, kind, meaning) SURVEY_LISTENER_##name,
    BOARD_LISTENER_CELLS(X)
#undef X
        SURVEY_LISTENER_CELLS
};

enum survey_comparison_cell {
#define X(name, kind, meaning) SURVEY_COMPARISON_##name,
    BOARD_COMPARISON_CELLS(X)
#undef X
        SURVEY_COMPARISON_CELLS
};

enum survey_near_cell {
#define X(name, kind, meaning) SURVEY_NEAR_##name,
    BOARD_NEAR_CELLS(X)
#undef X
        SURVEY_NEAR_CELLS
};

enum survey_lease_cell {
#define X(name, kind, meaning) SURVEY_LEASE_##name,
    BOARD_LEASE_CELLS(X)
#undef X
        SURVEY_LEASE_CELLS
};

enum { SURVEY_CELLS = 28 }; /* room for any of them */

/* A name may hold any bytes but 0, as the path of a socket may. is_used: a script has the server or pool, a worker takes clients
 * from the listener or has some that came by it, a client has sent the command, a read was compared. Else its counters are of the past, and may be left out. */
struct survey_entry {
    char name[BOARD_NAME];
    uint64_t cells[SURVEY_CELLS];
    struct latency latency;
    bool is_used;
    bool has_levels; /* for survey.c alone: its levels are those of this house */
};

struct survey_list {
    struct survey_entry *entries; /* each name once, in the order in which they were made */
    size_t n;
};

struct survey {
    double taken;  /* seconds of the monotonic clock */
    double uptime; /* seconds since the service started */
    struct board_row
        row; /* as board_sum: counts from the last reset on. The lists count from the start on */
    struct survey_list lists[SURVEY_KINDS];
};

/* NULL: no memory. */
struct survey *survey_take(const struct board *board);

/* NULL is allowed. */
void survey_destroy(struct survey *s);

/* The *n cells of a kind, in the order of entry.cells. */
const struct survey_cell *survey_cells(enum survey_kind kind, size_t *n);

/* The cell of that name, which the kind has. */
uint64_t survey_get(const struct survey_entry *e, enum survey_kind kind, const char *cell);

/* The entry of that name; NULL: there is none. */
const struct survey_entry *survey_find(const struct survey *s, enum survey_kind kind,
                                       const char *name);

#endif
