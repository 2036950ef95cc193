/* tables: what a worker counts for each server, pool, command, listener, comparison, near and lease: a table of named entries for each of
 * these kinds, in the worker's part of the board, which owns them.
 *
 * One process writes a part, and any may read it. An entry stays once it is made: it goes on counting over reloads and in the next
 * worker of that slot. base/survey.h has the sums over all parts.
 */
#ifndef MOONGATE_BASE_TABLES_H
#define MOONGATE_BASE_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "base/latency.h"

/* name, kind, meaning. A COUNTER only grows; a GAUGE goes up and down; a LEVEL does too, and the reader shows the highest of all
 * workers, not their sum. A counter of an unused entry stays, and gauges and levels are zero.
 *
 * What a worker counts for one server: */
#define BOARD_SERVER_CELLS(X)                                                                      \
    X(ready, GAUGE, "connections that serve")                                                      \
    X(connections, GAUGE, "connections that are to be open")                                       \
    X(down, GAUGE, "workers that take it for down")                                                \
    X(in_flight, GAUGE, "calls that wait for their response")                                      \
    X(requests, COUNTER, "calls made")                                                             \
    X(responses, COUNTER, "calls answered")                                                        \
    X(hits, COUNTER, "keys found")                                                                 \
    X(misses, COUNTER, "keys not found")                                                           \
    X(server_errors, COUNTER, "responses that were ERROR, CLIENT_ERROR or SERVER_ERROR")           \
    X(refused, COUNTER, "calls not made: it is down, or too many calls wait")                      \
    X(timeouts, COUNTER, "calls that passed their deadline")                                       \
    X(failed, COUNTER, "calls lost with their connection")                                         \
    X(desyncs, COUNTER, "connections closed for an anomaly in their byte stream")                  \
    X(connects, COUNTER, "connections that became ready")                                          \
    X(closes, COUNTER, "connections closed or refused")                                            \
    X(falls, COUNTER, "times that a worker took it for down")                                      \
    X(falls_connect, COUNTER, "of them: it could not be connected, or did not pass its probe")     \
    X(falls_timeout, COUNTER, "of them: too many calls in a row passed their timeout")             \
    X(falls_closed, COUNTER, "of them: its connections ended, whatever the requests were")         \
    X(ejected, GAUGE, "pools of workers that leave it out of their ring, because it fails")        \
    X(ejections, COUNTER, "times that its errors took it out of a ring (eject = twemproxy)")       \
    X(tls_handshakes, COUNTER, "TLS handshakes that succeeded")                                    \
    X(tls_resumed, COUNTER, "of them: those that resumed a session")                               \
    X(tls_failures, COUNTER, "TLS handshakes that failed, or did not end in time")                 \
    X(spooled, COUNTER, "deletes that are kept on the disk: it did not carry them out")            \
    X(replayed, COUNTER, "deletes from the disk that it carried out later")                        \
    X(bytes_read, COUNTER, "bytes read from it")                                                   \
    X(bytes_written, COUNTER, "bytes written to it")

/* For one pool. A call counts for the pool that sent it. */
#define BOARD_POOL_CELLS(X)                                                                        \
    X(users, GAUGE, "scripts that have it, in all workers")                                        \
    X(servers, LEVEL, "its servers")                                                               \
    X(in_ring, LEVEL, "servers that take keys")                                                    \
    X(answering, LEVEL, "servers with a connection that serves; the most that any worker has")     \
    X(in_flight, GAUGE, "calls that wait for their response")                                      \
    X(requests, COUNTER, "calls made")                                                             \
    X(hits, COUNTER, "keys found")                                                                 \
    X(misses, COUNTER, "keys not found")                                                           \
    X(server_errors, COUNTER, "responses that were ERROR, CLIENT_ERROR or SERVER_ERROR")           \
    X(refused, COUNTER, "calls not made: no server, or it is down, or too many calls wait")        \
    X(timeouts, COUNTER, "calls that passed their deadline")                                       \
    X(failed, COUNTER, "calls lost with their connection")                                         \
    X(bytes_read, COUNTER, "bytes of the responses")                                               \
    X(bytes_written, COUNTER, "bytes of the requests")

/* For one command, as clients send it. */
#define BOARD_COMMAND_CELLS(X)                                                                     \
    X(requests, COUNTER, "requests (a multi-key get counts once)")                                 \
    X(hits, COUNTER, "keys found")                                                                 \
    X(misses, COUNTER, "keys not found")                                                           \
    X(client_errors, COUNTER, "requests answered with ERROR or CLIENT_ERROR")                      \
    X(server_errors, COUNTER, "requests answered with SERVER_ERROR, but not for the script")       \
    X(script_errors, COUNTER, "requests failed by the script")

/* For one listener. */
#define BOARD_LISTENER_CELLS(X)                                                                    \
    X(workers, GAUGE, "workers that take clients from it")                                         \
    X(curr_connections, GAUGE, "clients connected now")                                            \
    X(total_connections, COUNTER, "clients ever taken by a worker")                                \
    X(requests, COUNTER, "requests (a multi-key get counts once)")                                 \
    X(hits, COUNTER, "keys found")                                                                 \
    X(misses, COUNTER, "keys not found")                                                           \
    X(client_errors, COUNTER, "requests answered with ERROR or CLIENT_ERROR")                      \
    X(server_errors, COUNTER, "requests answered with SERVER_ERROR, but not for the script")       \
    X(script_errors, COUNTER, "requests failed by the script")                                     \
    X(bytes_read, COUNTER, "bytes read from clients")                                              \
    X(bytes_written, COUNTER, "bytes written to clients")                                          \
    X(tls_handshakes, COUNTER, "TLS handshakes that succeeded")                                    \
    X(tls_handshake_errors, COUNTER, "TLS handshakes that failed")

/* For one mg.compare. A read that was begun has one outcome: the cells from `equal` on. */
#define BOARD_COMPARISON_CELLS(X)                                                                  \
    X(requests, COUNTER, "reads whose answers were to be compared")                                \
    X(waiting, GAUGE, "of them: those that wait for an answer, or for a second look")              \
    X(equal_hits, COUNTER, "both routes had the same")                                             \
    X(equal_misses, COUNTER, "both routes had nothing")                                            \
    X(only_old, COUNTER, "the old route alone had the key")                                        \
    X(only_new, COUNTER, "the new route alone had the key")                                        \
    X(values_differ, COUNTER, "both had the key, with other values")                               \
    X(flags_differ, COUNTER, "both had the same value, with other flags")                          \
    X(lifetimes_differ, COUNTER, "both had the same, which will live more than 2 s longer in one") \
    X(settled, COUNTER, "differences that were gone at a second look")                             \
    X(old_errors, COUNTER, "the old route failed")                                                 \
    X(new_errors, COUNTER, "the new route failed")                                                 \
    X(left_out, COUNTER, "reads that were not compared: too many were waiting")

/* For one mg.near. */
#define BOARD_NEAR_CELLS(X)                                                                        \
    X(users, GAUGE, "workers whose script has it")                                                 \
    X(requests, COUNTER, "reads: keys of get, and mg")                                             \
    X(hits, COUNTER, "reads that a copy has answered")                                             \
    X(misses, COUNTER, "reads that were passed on, as no copy could answer them")                  \
    X(copies, COUNTER, "copies made")                                                              \
    X(overtaken, COUNTER, "values that became no copy, as a write of their key came in between")

/* For one mg.lease. A read that has ended has one outcome, hits, misses or errors; a wait that has ended has one of the cells from
 * waits_value on. */
#define BOARD_LEASE_CELLS(X)                                                                       \
    X(users, GAUGE, "workers whose script has it")                                                 \
    X(waiting, GAUGE, "reads that wait for the set of another client")                             \
    X(requests, COUNTER, "reads: keys of get, gets, gat and gats, and mg that takes part")         \
    X(hits, COUNTER, "reads that got a value")                                                     \
    X(misses, COUNTER, "reads that got a miss")                                                    \
    X(errors, COUNTER, "reads that got an error")                                                  \
    X(wins, COUNTER, "of the misses: given to the one client that is to store the key")            \
    X(refreshes, COUNTER, "of the misses: given to one client while the others get the value")     \
    X(shed, COUNTER, "of the misses: too many reads waited")                                       \
    X(waits, COUNTER, "reads that waited for the set of another client")                           \
    X(waits_value, COUNTER, "waits that ended with the value")                                     \
    X(waits_stale, COUNTER, "waits that ended with an old value")                                  \
    X(waits_won, COUNTER, "waits that ended with the miss of the next one that is to store")       \
    X(waits_missed, COUNTER, "waits that ended with a miss: nobody stored in time")                \
    X(waits_failed, COUNTER, "waits that ended with an error, or whose client had gone")

/* kind, member of struct tables, struct, entries, X-macro of the cells */
#define BOARD_TABLES(X)                                                                            \
    X(SERVERS, servers, board_server, 256, BOARD_SERVER_CELLS)                                     \
    X(POOLS, pools, board_pool, 64, BOARD_POOL_CELLS)                                              \
    X(COMMANDS, commands, board_command, 40, BOARD_COMMAND_CELLS)                                  \
    X(LISTENERS, listeners, board_listener, 128, BOARD_LISTENER_CELLS)                             \
    X(COMPARISONS, comparisons, board_comparison, 32, BOARD_COMPARISON_CELLS)                      \
    X(NEARS, nears, board_near, 32, BOARD_NEAR_CELLS)                                              \
    X(LEASES, leases, board_lease, 32, BOARD_LEASE_CELLS)

enum board_table {
#define X(kind, member, type, entries, cells) BOARD_TABLE_##kind,
    BOARD_TABLES(X)
#undef X
        BOARD_TABLE_COUNT
};

enum {
    BOARD_NAME = 96, /* bytes of a name, with its end */
#define X(kind, member, type, entries, cells) BOARD_##kind = (entries),
    BOARD_TABLES(X)
#undef X
};

/* Each entry is a name, its cells, and a histogram: base/tables.c relies on this order. */
#define BOARD_CELL_FIELD(name, kind, meaning) uint64_t name;

struct board_server {
    char name[BOARD_NAME];
    BOARD_SERVER_CELLS(BOARD_CELL_FIELD)
    struct latency latency; /* of responses */
};

struct board_pool {
    char name[BOARD_NAME];
    BOARD_POOL_CELLS(BOARD_CELL_FIELD)
    struct latency latency; /* of responses */
};

struct board_command {
    char name[BOARD_NAME];
    BOARD_COMMAND_CELLS(BOARD_CELL_FIELD)
    struct latency latency; /* of whole requests */
};

struct board_listener {
    char name[BOARD_NAME];
    BOARD_LISTENER_CELLS(BOARD_CELL_FIELD)
    struct latency latency; /* of whole requests */
};

struct board_comparison {
    char name[BOARD_NAME];
    BOARD_COMPARISON_CELLS(BOARD_CELL_FIELD)
    struct latency latency; /* of the new route's answers */
};

struct board_near {
    char name[BOARD_NAME];
    BOARD_NEAR_CELLS(BOARD_CELL_FIELD)
    struct latency latency; /* of reads that were passed on */
};

struct board_lease {
    char name[BOARD_NAME];
    BOARD_LEASE_CELLS(BOARD_CELL_FIELD)
    struct latency latency; /* of waits */
};

#undef BOARD_CELL_FIELD

/* used: how many entries of each table are made. What stands behind them was never written and takes no memory. */
struct board_tables {
    uint32_t used[BOARD_TABLE_COUNT];
#define X(kind, member, type, entries, cells) struct type member[entries];
    BOARD_TABLES(X)
#undef X
};

enum cell_kind { COUNTER, GAUGE, LEVEL };

struct survey_cell {
    const char *name;
    enum cell_kind kind;
    const char *meaning;
};

/* One kind of entry. */
struct board_table_shape {
    const struct survey_cell *cells;
    uint32_t cells_n;
    uint32_t entries;   /* room in each part */
    size_t at;          /* of the first entry, within struct board_tables */
    size_t entry_bytes; /* from one to the next */
    size_t latency_at;  /* within an entry */
};

const struct board_table_shape *board_table_shape(enum board_table kind);

/* The entry for the server of that name, made when there is none; NULL when all are taken. A name that is too long is
 * cut; names that differ only behind that share an entry; "" becomes "(no name)". The tables own it. Only for the process that writes the part. */
struct board_server *board_server(struct board_tables *t, const char *name);

/* The same; what finds no room has one entry together, "other". */
struct board_pool *board_pool(struct board_tables *t, const char *name);
struct board_command *board_command(struct board_tables *t, const char *name);
struct board_listener *board_listener(struct board_tables *t, const char *name);
struct board_comparison *board_comparison(struct board_tables *t, const char *name);
struct board_near *board_near(struct board_tables *t, const char *name);
struct board_lease *board_lease(struct board_tables *t, const char *name);

/* How many entries another process may read, and the name, cells and histogram of one of them. */
uint32_t board_table_used(const struct board_tables *t, enum board_table kind);
const char *board_entry_name(const struct board_tables *t, enum board_table kind, uint32_t i);
const uint64_t *board_entry_cells(const struct board_tables *t, enum board_table kind, uint32_t i);
const struct latency *board_entry_latency(const struct board_tables *t, enum board_table kind,
                                          uint32_t i);

/* Sets all gauges and levels to zero: their worker is gone. */
void board_tables_clear_gauges(struct board_tables *t);

/* The names and kinds of all cells, in their order: builds whose text differs lay a board out otherwise. */
const char *board_tables_layout(void);

#endif
