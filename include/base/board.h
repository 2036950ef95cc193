/* board: counters of all workers in one shared memory block, mapped by the master before it forks.
 *
 * Each worker slot has its own cache-aligned row, written with plain stores by the worker in that slot only and
 * read by whoever sums. A row outlives its worker: a respawned worker goes on counting where the last one
 * stopped, except for gauges, which the master sets to zero when a worker is gone.
 */
#ifndef MOONGATE_BASE_BOARD_H
#define MOONGATE_BASE_BOARD_H

#include <stdint.h>

/* name, kind (COUNTER only grows, GAUGE goes up and down), meaning */
#define BOARD_CELLS(X)                                                                             \
    X(ready, GAUGE, "1 once the worker has a script and serves")                                   \
    X(generation, GAUGE, "generation of the script that routes")                                   \
    X(curr_connections, GAUGE, "clients connected now")                                            \
    X(total_connections, COUNTER, "clients ever taken over from the master")                       \
    X(closed_connections, COUNTER, "clients ever closed")                                          \
    X(requests, COUNTER, "requests parsed (a multi-key get counts once)")                          \
    X(keys_routed, COUNTER, "routing decisions made")                                              \
    X(client_errors, COUNTER, "requests refused for what the client sent")                         \
    X(script_errors, COUNTER, "requests failed by the script")                                     \
    X(calls, COUNTER, "requests sent to backends")                                                 \
    X(call_failures, COUNTER, "calls that ended without a response")                               \
    X(call_timeouts, COUNTER, "calls that passed their deadline")                                  \
    X(desyncs, COUNTER, "backend connections closed for an anomaly in their byte stream")          \
    X(backend_connects, COUNTER, "backend connections that became ready")                          \
    X(backend_closes, COUNTER, "backend connections closed or refused")                            \
    X(clients_shed, COUNTER, "clients closed because they did not read their replies")             \
    X(bytes_read, COUNTER, "bytes read from clients")                                              \
    X(bytes_written, COUNTER, "bytes written to clients")

struct board_row {
#define X(name, kind, meaning) uint64_t name;
    BOARD_CELLS(X)
#undef X
} __attribute__((aligned(64)));

struct board {
    uint32_t workers;
    struct board_row rows[];
};

/* Maps a zeroed board of `workers` rows, shared with every process forked later. NULL when out of memory. */
struct board *board_create(uint32_t workers);
void board_destroy(struct board *board);

/* Sets the gauges of a row to zero (its worker is gone). */
void board_clear_gauges(struct board_row *row);

/* The sum of all rows. */
struct board_row board_sum(const struct board *board);

#endif
