/* Counting, without locks and without messages.
 *
 * `stats` from any worker shows the numbers of the whole service, and a scrape of the metrics must not disturb the workers.
 * So each process counts in its own part of one shared block, and the reader adds the parts up. Three rules make that safe:
 *
 * - One writer for each part. Its stores need no lock and no atomic addition; a cell is 64 bits wide and aligned, so a reader
 *   loads the old or the new number, never half of each. Cells of one part may be from different moments: a sum is close, not a
 *   snapshot.
 * - A name is written once, its first byte last and with release order. A reader that sees the first byte sees all of the name.
 * - A part outlives its process. The next worker in the slot goes on counting from there, so sums never go back. Gauges are about
 *   things that died with the process, so the master sets them to zero (board_clear_gauges).
 *
 * `stats reset` must not store into other processes' parts, so it keeps the sums of that moment and board_sum subtracts them.
 *
 * Each slot has two parts, as a worker that drains and its successor live side by side for a while. */
#include "base/board.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/shared.h"
#include "base/writes.h"

static const double LATENCY_FIRST = 10e-6; /* seconds: the longest time of the first bucket */

static size_t board_bytes(uint32_t parts_n)
{
    return sizeof(struct board) + parts_n * sizeof(struct board_worker);
}

static double monotonic_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Also for a board that board_create could not finish. */
void board_destroy(struct board *board)
{
    if (!board) return;
    shared_destroy(board->shared);
    writes_destroy(board->writes);
    munmap(board, board_bytes(board->parts_n));
}

struct board *board_create(uint32_t workers, size_t shared_bytes)
{
    assert(workers > 0);
    uint32_t parts_n = 2 * workers;
    void *memory =
        mmap(NULL, board_bytes(parts_n), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    struct board *board = memory;
    board->workers = workers;
    board->parts_n = parts_n;
    board->started = monotonic_clock();
    board->shared = shared_create(shared_bytes);
    board->writes = writes_create(parts_n);
    if (board->shared && board->writes) return board;
    board_destroy(board);
    return NULL;
}

double board_uptime(const struct board *board)
{
    return monotonic_clock() - board->started;
}

/* --- rows -------------------------------------------------------------------------------------- */

/* What each kind of cell does when its worker is gone (CLEAR), after a reset (SINCE) and in a sum (ADD). */
#define CLEAR_COUNTER(cell)         (void)(cell)
#define CLEAR_GAUGE(cell)           ((cell) = 0)
#define SINCE_COUNTER(cell, before) ((cell) -= (before))
#define SINCE_GAUGE(cell, before)   (void)(cell)
#define CLEAR_LEVEL(cell)           CLEAR_GAUGE(cell)
#define SINCE_LEVEL(cell, before)   SINCE_GAUGE(cell, before)
#define ADD_COUNTER(cell, more)     ((cell) += (more))
#define ADD_GAUGE(cell, more)       ((cell) += (more))
#define ADD_LEVEL(cell, more)       ((cell) = (cell) > (more) ? (cell) : (more))

void board_clear_gauges(struct board_worker *part)
{
#define X(name, kind, meaning) CLEAR_##kind(part->row.name);
    BOARD_CELLS(X)
#undef X
    for (uint32_t i = 0; i < BOARD_SERVERS; i++) {
        struct board_server *s = &part->servers[i];
#define X(name, kind, meaning) CLEAR_##kind(s->name);
        BOARD_SERVER_CELLS(X)
#undef X
    }
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

/* From the beginning on, without regard to the last reset. */
static struct board_row sum_all(const struct board *board)
{
    struct board_row sum = board->master;
    for (uint32_t i = 0; i < board->parts_n; i++) add_row(&sum, &board->parts[i].row);
    return sum;
}

struct board_row board_sum(const struct board *board)
{
    struct board_row sum = sum_all(board);
#define X(name, kind, meaning) SINCE_##kind(sum.name, board->before.name);
    BOARD_CELLS(X)
#undef X
    return sum;
}

void board_reset(struct board *board)
{
    board->before = sum_all(board);
}

/* --- servers ----------------------------------------------------------------------------------- */

/* A linear search: servers are looked up when a script is loaded, not for a request. A longer name is cut; two servers whose
 * names differ only behind that share an entry. */
struct board_server *board_server(struct board_worker *part, const char *name)
{
    assert(name[0]);
    char shown[BOARD_SERVER_NAME];
    snprintf(shown, sizeof shown, "%s", name);
    for (uint32_t i = 0; i < BOARD_SERVERS; i++) {
        struct board_server *s = &part->servers[i];
        if (strcmp(s->name, shown) == 0) return s;
        if (s->name[0]) continue;
        /* Other processes read the name once its first byte is there. A worker that died before that has left a free entry. */
        memcpy(s->name + 1, shown + 1, sizeof shown - 1);
        __atomic_store_n(&s->name[0], shown[0], __ATOMIC_RELEASE);
        return s;
    }
    return NULL;
}

/* A histogram of buckets that grow like the time: four to a doubling, from 10 us on, so that a percentile is at most a quarter
 * off. 96 of them reach two minutes; the last one has no limit. frexp splits a time into its doubling and its place within
 * that. */
unsigned board_latency_bucket(double seconds)
{
    int doublings;
    double times = seconds / LATENCY_FIRST;
    if (times <= 1) return 0;
    double place = frexp(times, &doublings); /* 0.5 .. 1 within its doubling */
    int bucket = (doublings - 1) * 4 + (int)((place - 0.5) * 8) + 1;
    return bucket < BOARD_LATENCIES ? (unsigned)bucket : BOARD_LATENCIES - 1;
}

/* The inverse of board_latency_bucket. */
double board_latency_limit(unsigned bucket)
{
    assert(bucket < BOARD_LATENCIES);
    if (bucket == 0) return LATENCY_FIRST;
    unsigned quarter = (bucket - 1) % 4;
    return ldexp(LATENCY_FIRST * (1 + (quarter + 1) / 4.0), (int)(bucket - 1) / 4);
}

void board_server_add(struct board_server *sum, const struct board_server *server)
{
#define X(name, kind, meaning) sum->name += __atomic_load_n(&server->name, __ATOMIC_RELAXED);
    BOARD_SERVER_CELLS(X)
#undef X
    for (unsigned i = 0; i < BOARD_LATENCIES; i++)
        sum->latencies[i] += __atomic_load_n(&server->latencies[i], __ATOMIC_RELAXED);
}
