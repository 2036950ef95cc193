/* Counting, without locks and without messages.
 *
 * `stats` from any worker shows the numbers of the whole service, and a scrape of the metrics must not disturb the workers. So
 * each process counts in its own part of one shared block, and the reader adds the parts up. Three rules make that safe:
 *
 * - One writer for each part. Its stores need no lock and no atomic addition; a cell is 64 bits wide and aligned, so a reader
 *   loads the old or the new number, never half of each. Cells of one part may be from different moments: a sum is close, not a
 *   snapshot.
 * - A name is written once, before the number of entries or its own first byte says that it is there, with release order: a reader
 *   that sees that sees all of the name.
 * - A part outlives its process. The next worker in the slot goes on counting from there, so sums never go back. Gauges are about
 *   things that died with the process, so the master sets them to zero (board_clear_gauges).
 *
 * `stats reset` must not store into other processes' parts, so it keeps the sums of that moment and board_sum subtracts them.
 *
 * Each slot has two parts, as a worker that drains and its successor live side by side for a while.
 *
 * Each board has two houses of parts. An upgrade (master/upgrade.h) starts a new master, which is another program with other
 * addresses, so the memory holds no pointers, and struct board is each process's own view of it. The new master lives in the
 * house that the old one leaves free. So counters are never copied: none is counted twice, and no sum goes back. A build that
 * lays the memory out otherwise makes a board of its own, and adds what the old one counts by the names of the counters
 * (elder.h). */
#include "base/board.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "base/bucket.h"
#include "base/elder.h"
#include "base/process.h"
#include "base/shared.h"
#include "base/writes.h"

/* --- its memory -------------------------------------------------------------------------------- */

/* The names of all cells, in their order: a build that counts something else, or in another order, has another hash. */
static const char cells[] =
#define X(name, kind, meaning) #name ":" #kind " "
    BOARD_CELLS(X)
#undef X
    ;

static const char *layout(char *text)
{
    const char *tables = board_tables_layout();
    snprintf(text, REGION_LAYOUT, "board 1: %zu %zu %zu cells %08x %08x",
             sizeof(struct board_memory), sizeof(struct board_worker),
             offsetof(struct board_worker, metrics), bucket_hash(cells, sizeof cells),
             bucket_hash(tables, strlen(tables)));
    return text;
}

static size_t memory_bytes(uint32_t parts_n)
{
    return sizeof(struct board_memory) + parts_n * sizeof(struct board_worker);
}

static struct board_memory *memory_create(uint32_t parts_n, int *fd)
{
    char text[REGION_LAYOUT];
    struct board_memory *memory = region_create(memory_bytes(parts_n), layout(text), fd);
    if (!memory) return NULL;
    memory->parts_n = parts_n;
    memory->plan.started = process_clock();
    elder_plan(memory);
    return memory;
}

static struct board_memory *memory_adopt(int fd, uint32_t parts_n)
{
    char text[REGION_LAYOUT];
    struct board_memory *memory = region_adopt(fd, layout(text));
    if (memory && memory->parts_n >= parts_n && memory->head.bytes == memory_bytes(memory->parts_n))
        return memory;
    region_destroy(memory);
    return NULL;
}

/* Also for a board that could not be finished. */
void board_destroy(struct board *board)
{
    if (!board) return;
    board_close_files(board);
    shared_destroy(board->shared);
    writes_destroy(board->writes);
    region_destroy(board->memory);
    elder_release(board->elder);
    free(board);
}

void board_close_files(struct board *board)
{
    int *const files[] = {&board->files.board, &board->files.shared, &board->files.writes};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (*files[i] >= 0) close(*files[i]);
        *files[i] = -1;
    }
}

static struct board *board_begin(uint32_t workers, uint32_t house)
{
    assert(workers > 0 && house < BOARD_HOUSES);
    struct board *board = calloc(1, sizeof *board);
    if (!board) return NULL;
    *board = (struct board){.workers = workers,
                            .parts_n = 2 * workers,
                            .house = house,
                            .files = {.board = -1, .shared = -1, .writes = -1}};
    return board;
}

/* Finds this house in the memory. NULL when not all of it could be had. */
static struct board *board_settle(struct board *board, uint32_t houses)
{
    if (!board->memory || !board->shared || !board->writes) {
        board_destroy(board);
        return NULL;
    }
    board->parts = board->memory->parts + board->house * (board->memory->parts_n / houses);
    board->master = &board->memory->masters[board->house];
    board->first_writer = board->house * (writes_rows(board->writes) / houses);
    return board;
}

struct board *board_create(uint32_t workers, size_t shared_bytes)
{
    struct board *board = board_begin(workers, 0);
    if (!board) return NULL;
    board->memory = memory_create(board->parts_n, NULL);
    board->shared = shared_create(shared_bytes, NULL);
    board->writes = writes_create(board->parts_n, NULL);
    return board_settle(board, 1);
}

/* What of it is missing is made. */
static struct board *board_complete(struct board *board, size_t shared_bytes)
{
    uint32_t all = BOARD_HOUSES * board->parts_n;
    if (!board->memory) board->memory = memory_create(all, &board->files.board);
    if (!board->shared) board->shared = shared_create(shared_bytes, &board->files.shared);
    if (!board->writes) board->writes = writes_create(all, &board->files.writes);
    return board_settle(board, BOARD_HOUSES);
}

struct board *board_create_files(uint32_t workers, size_t shared_bytes)
{
    struct board *board = board_begin(workers, 0);
    return board ? board_complete(board, shared_bytes) : NULL;
}

/* Keeps the file of what was adopted, and closes any other. */
static void keep_file(int *file, int fd, bool is_adopted)
{
    if (is_adopted)
        *file = fd;
    else if (fd >= 0)
        close(fd);
}

struct board *board_adopt(uint32_t workers, size_t shared_bytes, const struct board_files *files,
                          uint32_t house, struct board_losses *losses)
{
    struct board *board = board_begin(workers, house);
    if (!board) return NULL;
    uint32_t all = BOARD_HOUSES * board->parts_n;
    if (files->board >= 0) board->memory = memory_adopt(files->board, all);
    if (files->board >= 0 && !board->memory) board->elder = elder_map(files->board);
    if (files->shared >= 0) board->shared = shared_adopt(files->shared);
    if (files->writes >= 0) board->writes = writes_adopt(files->writes, all);
    *losses = (struct board_losses){.counters = !board->memory && !board->elder,
                                    .details = !board->memory,
                                    .dictionaries = !board->shared,
                                    .writes = !board->writes};
    keep_file(&board->files.board, files->board, board->memory);
    keep_file(&board->files.shared, files->shared, board->shared);
    keep_file(&board->files.writes, files->writes, board->writes);
    board = board_complete(board, shared_bytes);
    if (!board || !board->elder) return board;
    board->memory->before = elder_before(board->elder);
    board->memory->plan.started = elder_started(board->elder);
    return board;
}

struct writer board_writer(const struct board *board, uint32_t part)
{
    assert(part < board->parts_n);
    return (struct writer){board->writes, board->first_writer + part};
}

double board_uptime(const struct board *board)
{
    return process_clock() - board->memory->plan.started;
}

/* --- the other house --------------------------------------------------------------------------- */

static struct board_worker *neighbour(const struct board *board, uint32_t i)
{
    return &board->memory->parts[(1 - board->house) * (board->memory->parts_n / 2) + i];
}

/* A process that has ended and was not waited for does not live. */
static bool lives(pid_t pid)
{
    char state = pid > 0 ? process_state(pid) : 0;
    return state && state != 'Z' && state != 'X';
}

bool board_has_neighbours(const struct board *board)
{
    for (uint32_t i = 0; board->elder && i < elder_parts(board->elder); i++)
        if (lives(elder_pid(board->elder, i))) return true;
    for (uint32_t i = 0; i < board->memory->parts_n / 2; i++)
        if (lives(__atomic_load_n(&neighbour(board, i)->pid, __ATOMIC_RELAXED))) return true;
    return false;
}

static void forget(const struct board *board, struct board_worker *part, uint32_t writer,
                   double now)
{
    board_clear_gauges(part);
    presence_clear(&part->presence);
    if (writer < writes_rows(board->writes)) writes_forget(board->writes, writer, now);
    part->pid = 0;
}

void board_forget(struct board *board, uint32_t part, double now)
{
    assert(part < board->parts_n);
    forget(board, &board->parts[part], board->first_writer + part, now);
}

/* The last sums of the elder, which every process of this house reads from now on. They are complete before has_carried says that
 * they are there. */
static void carry(struct board *board)
{
    board->memory->carried = elder_sum(board->elder, false);
    __atomic_store_n(&board->memory->has_carried, true, __ATOMIC_RELEASE);
}

void board_clear_neighbours(struct board *board, double now)
{
    uint32_t rows = writes_rows(board->writes) / 2, first = (1 - board->house) * rows;
    for (uint32_t i = 0; i < board->memory->parts_n / 2; i++)
        if (neighbour(board, i)->pid) forget(board, neighbour(board, i), first + i, now);
    if (!board->elder || board->memory->has_carried) return;
    for (uint32_t i = 0; i < rows; i++) writes_forget(board->writes, first + i, now);
    carry(board);
}

/* --- rows -------------------------------------------------------------------------------------- */

/* What each kind of cell does when its worker is gone (CLEAR), after a reset (SINCE), in a sum (ADD), and when what others have
 * counted comes to it (JOIN). */
#define CLEAR_COUNTER(cell)         (void)(cell)
#define CLEAR_GAUGE(cell)           ((cell) = 0)
#define SINCE_COUNTER(cell, before) ((cell) -= (before))
#define SINCE_GAUGE(cell, before)   (void)(cell)
#define CLEAR_LEVEL(cell)           CLEAR_GAUGE(cell)
#define SINCE_LEVEL(cell, before)   SINCE_GAUGE(cell, before)
#define JOIN_COUNTER(cell, more)    ((cell) += (more))
#define JOIN_GAUGE(cell, more)      ((cell) += (more))
#define JOIN_LEVEL(cell, more)      ((cell) = (cell) ? (cell) : (more))
#define ADD_COUNTER(cell, more)     ((cell) += (more))
#define ADD_GAUGE(cell, more)       ((cell) += (more))
#define ADD_LEVEL(cell, more)       ((cell) = (cell) > (more) ? (cell) : (more))

void board_clear_gauges(struct board_worker *part)
{
#define X(name, kind, meaning) CLEAR_##kind(part->row.name);
    BOARD_CELLS(X)
#undef X
    board_tables_clear_gauges(&part->tables);
    metrics_clear_gauges(&part->metrics);
}

/* Another process may be storing into the cells meanwhile, so each is loaded whole. */
static void add_row(struct board_row *sum, const struct board_row *row)
{
#define X(name, kind, meaning)                                                                     \
    do {                                                                                           \
        uint64_t cell = __atomic_load_n(&row->name, __ATOMIC_RELAXED);                             \
        ADD_##kind(sum->name, cell);                                                               \
    } while (0);
    BOARD_CELLS(X)
#undef X
}

bool board_is_own(const struct board *board, uint32_t i)
{
    uint32_t first = (uint32_t)(board->parts - board->memory->parts);
    return i >= first && i - first < board->parts_n;
}

/* What all others have counted: the other house, processes before this one, the elder. */
static struct board_row sum_others(const struct board *board)
{
    const struct board_memory *memory = board->memory;
    struct board_row sum = {0};
    if (__atomic_load_n(&memory->has_carried, __ATOMIC_ACQUIRE))
        sum = memory->carried;
    else if (board->elder)
        sum = elder_sum(board->elder, true);
    add_row(&sum, &memory->masters[1 - board->house]);
    for (uint32_t i = 0; i < memory->parts_n; i++)
        if (!board_is_own(board, i)) add_row(&sum, &memory->parts[i].row);
    return sum;
}

/* From the beginning on, without regard to the last reset. */
static struct board_row sum_all(const struct board *board)
{
    struct board_row sum = {0}, others = sum_others(board);
    add_row(&sum, board->master);
    for (uint32_t i = 0; i < board->parts_n; i++) add_row(&sum, &board->parts[i].row);
#define X(name, kind, meaning) JOIN_##kind(sum.name, others.name);
    BOARD_CELLS(X)
#undef X
    return sum;
}

struct board_row board_sum(const struct board *board)
{
    struct board_row sum = sum_all(board);
#define X(name, kind, meaning) SINCE_##kind(sum.name, board->memory->before.name);
    BOARD_CELLS(X)
#undef X
    return sum;
}

void board_reset(struct board *board)
{
    board->memory->before = sum_all(board);
}
