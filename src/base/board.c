#include "base/board.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/shared.h"
#include "base/writes.h"

static const double LATENCY_FIRST = 10e-6; /* seconds: what the first bucket holds at most */

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

void board_destroy(struct board *board)
{
    if (!board) return;
    shared_destroy(board->shared);
    writes_destroy(board->writes);
    munmap(board, board_bytes(board->parts_n));
}

struct board *board_create(uint32_t workers, size_t shared_bytes)
{
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

/* What each kind of cell takes part in. */
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

/* Another process may be storing into the cells meanwhile: each is loaded whole, the sum is a moment's. */
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

struct board_server *board_server(struct board_worker *part, const char *name)
{
    char shown[BOARD_SERVER_NAME];
    snprintf(shown, sizeof shown, "%s", name);
    for (uint32_t i = 0; i < BOARD_SERVERS; i++) {
        struct board_server *s = &part->servers[i];
        if (strcmp(s->name, shown) == 0) return s;
        if (s->name[0]) continue;
        /* Others read the name once its first byte is there. */
        memcpy(s->name + 1, shown + 1, sizeof shown - 1);
        __atomic_store_n(&s->name[0], shown[0], __ATOMIC_RELEASE);
        return s;
    }
    return NULL;
}

unsigned board_latency_bucket(double seconds)
{
    int doublings;
    double times = seconds / LATENCY_FIRST;
    if (times <= 1) return 0;
    double place = frexp(times, &doublings); /* 0.5 .. 1 within its doubling */
    int bucket = (doublings - 1) * 4 + (int)((place - 0.5) * 8) + 1;
    return bucket < BOARD_LATENCIES ? (unsigned)bucket : BOARD_LATENCIES - 1;
}

double board_latency_limit(unsigned bucket)
{
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
