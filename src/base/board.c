#include "base/board.h"

#include <stddef.h>
#include <sys/mman.h>

_Static_assert(offsetof(struct board, rows) % 64 == 0, "rows start on a cache line");

static size_t board_bytes(uint32_t workers)
{
    return sizeof(struct board) + workers * sizeof(struct board_row);
}

struct board *board_create(uint32_t workers)
{
    void *memory =
        mmap(NULL, board_bytes(workers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    struct board *board = memory;
    board->workers = workers;
    return board;
}

void board_destroy(struct board *board)
{
    if (board) munmap(board, board_bytes(board->workers));
}

/* The kinds of cells, as what clearing gauges does to them. */
#define CLEAR_COUNTER(cell) (void)(cell)
#define CLEAR_GAUGE(cell)   ((cell) = 0)

void board_clear_gauges(struct board_row *row)
{
#define X(name, kind, meaning) CLEAR_##kind(row->name);
    BOARD_CELLS(X)
#undef X
}

/* Another process may be storing into the cells meanwhile: each is loaded whole, the sum is a
 * moment's. */
struct board_row board_sum(const struct board *board)
{
    struct board_row sum = {0};
    for (uint32_t i = 0; i < board->workers; i++) {
        const struct board_row *row = &board->rows[i];
#define X(name, kind, meaning) sum.name += __atomic_load_n(&row->name, __ATOMIC_RELAXED);
        BOARD_CELLS(X)
#undef X
    }
    return sum;
}
