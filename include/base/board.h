/* board: counters of all workers in one shared memory block, mapped by the master before it forks.
 *
 * The process that created it destroys it. It has two houses of parts: during an upgrade (SIGUSR2) the old master and its workers
 * live in one, the new ones in the other, and sums go over both. Each part is written with plain stores by one process only and
 * read by any process that sums. A part outlives its worker: the next worker in that slot goes on counting where the last one
 * stopped, but for gauges, which the master sets to zero when a worker is gone. See src/base/board.c.
 */
#ifndef MOONGATE_BASE_BOARD_H
#define MOONGATE_BASE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compared.h"
#include "base/handover.h"
#include "base/heartbeat.h"
#include "base/heat.h"
#include "base/live.h"
#include "base/metrics.h"
#include "base/presence.h"
#include "base/region.h"
#include "base/samples.h"
#include "base/tables.h"
#include "base/writes.h"

/* name, kind, meaning. A COUNTER only grows; a GAUGE goes up and down; a LEVEL does too, and the reader shows the highest of all
 * workers, not their sum. During an upgrade the levels of the old process do not count, unless the new one has none. */
#define BOARD_CELLS(X)                                                                             \
    X(ready, GAUGE, "1 once the worker has a script and serves")                                   \
    X(generation, LEVEL, "generation of the script that routes")                                   \
    X(generations, GAUGE, "scripts that are loaded: in use, on trial, or with requests in flight") \
    X(curr_connections, GAUGE, "clients connected now")                                            \
    X(total_connections, COUNTER, "clients ever taken by a worker")                                \
    X(closed_connections, COUNTER, "clients ever closed")                                          \
    X(moved_connections, COUNTER, "clients given to another worker by one that drains")            \
    X(rejected_connections, COUNTER, "clients refused: over --max-conns, or without descriptors")  \
    X(denied_connections, COUNTER, "clients closed for their address: --allow-from")               \
    X(proxy_header_errors, COUNTER, "clients closed for a PROXY header that is wrong or missing")  \
    X(entry_timeouts, COUNTER, "clients closed because they did not come in within 10 s")          \
    X(idle_kicks, COUNTER, "clients closed because they were idle: --idle-timeout")                \
    X(rejected_per_address, COUNTER, "of the rejected: --max-conns-per-address")                   \
    X(rejected_per_identity, COUNTER, "of the rejected: --max-conns-per-identity")                 \
    X(auth_cmds, COUNTER, "times a client has said who it is: --auth-file")                        \
    X(auth_errors, COUNTER, "of them: no such user, or another password")                          \
    X(requests, COUNTER, "requests parsed (a multi-key get counts once)")                          \
    X(cmd_get, COUNTER, "keys in get, gets, gat, gats, mg")                                        \
    X(cmd_set, COUNTER, "storage commands, ms too")                                                \
    X(cmd_flush, COUNTER, "flush_all")                                                             \
    X(dumps, GAUGE, "dumps by lru_crawler that run: one at most")                                  \
    X(cmd_touch, COUNTER, "touch, gat, gats")                                                      \
    X(cmd_meta, COUNTER, "meta commands")                                                          \
    X(get_hits, COUNTER, "keys found")                                                             \
    X(get_misses, COUNTER, "keys not found")                                                       \
    X(delete_misses, COUNTER, "delete, md: not found")                                             \
    X(delete_hits, COUNTER, "delete, md: deleted")                                                 \
    X(incr_misses, COUNTER, "incr, ma: not found")                                                 \
    X(incr_hits, COUNTER, "incr, ma: changed")                                                     \
    X(decr_misses, COUNTER, "decr: not found")                                                     \
    X(decr_hits, COUNTER, "decr: changed")                                                         \
    X(cas_misses, COUNTER, "cas: not found")                                                       \
    X(cas_hits, COUNTER, "cas: stored")                                                            \
    X(cas_badval, COUNTER, "cas: the item has changed since")                                      \
    X(touch_hits, COUNTER, "touch, gat, gats: found")                                              \
    X(touch_misses, COUNTER, "touch, gat, gats: not found")                                        \
    X(keys_routed, COUNTER, "routing decisions made")                                              \
    X(client_errors, COUNTER, "requests refused for what the client sent")                         \
    X(script_errors, COUNTER, "requests failed by the script")                                     \
    X(script_timeouts, COUNTER, "times the script was interrupted: --script-timeout")              \
    X(script_memory, GAUGE, "bytes that scripts hold: Lua's, and what is held for them")           \
    X(script_memory_errors, COUNTER, "times a script was refused memory: --script-memory")         \
    X(timer_errors, COUNTER, "errors raised by the script's timers")                               \
    X(calls, COUNTER, "requests sent to backends")                                                 \
    X(gets_shared, COUNTER, "gets answered by the call of another get")                            \
    X(gets_merged, COUNTER, "gets whose key went into the line of another get")                    \
    X(wins_returned, COUNTER, "recache wins handed back: a get was sent as mg")                    \
    X(call_failures, COUNTER, "calls that ended without a response")                               \
    X(call_timeouts, COUNTER, "calls that passed their deadline")                                  \
    X(desyncs, COUNTER, "backend connections closed for an anomaly in their byte stream")          \
    X(backend_connects, COUNTER, "backend connections that became ready")                          \
    X(backend_closes, COUNTER, "backend connections closed or refused")                            \
    X(clients_shed, COUNTER, "clients closed because they did not read their replies")             \
    X(streamed_values, COUNTER, "values that were passed on while they came")                      \
    X(streamed_spooled, COUNTER, "of these, read to the end because other calls waited")           \
    X(streamed_cut, COUNTER, "clients closed because a value broke off in the middle")             \
    X(unfinished_bytes, GAUGE, "bytes of requests that clients have sent in part")                 \
    X(unfinished_shed, COUNTER, "clients closed because unfinished requests took too much memory") \
    X(foreign_binary, COUNTER, "clients that spoke memcache's binary protocol")                    \
    X(foreign_tls, COUNTER, "clients that spoke TLS")                                              \
    X(foreign_http, COUNTER, "clients that spoke HTTP")                                            \
    X(foreign_resp, COUNTER, "clients that spoke Redis' protocol")                                 \
    X(tls_connections, GAUGE, "clients connected now that speak TLS")                              \
    X(ssl_new_sessions, COUNTER, "TLS handshakes of clients that made a session")                  \
    X(tls_resumed_sessions, COUNTER, "TLS handshakes of clients that went on with one")            \
    X(ssl_handshake_errors, COUNTER, "TLS handshakes of clients that failed")                      \
    X(ssl_proto_errors, COUNTER, "TLS connections of clients that broke after that")               \
    X(tls_loaded, LEVEL, "seconds since 1970 when keys and certificates came into use; 0: none")   \
    X(tls_expires, LEVEL, "seconds since 1970 when the first of them expires; 0: there is none")   \
    X(spool_kept, COUNTER, "deletes put on the disk: mg.spool_deletes")                            \
    X(spool_replayed, COUNTER, "of them, sent to their server since")                              \
    X(spool_refused, COUNTER, "deletes that could not be put on the disk")                         \
    X(spool_dropped, COUNTER, "deletes dropped from the disk: too old, or by an operator")         \
    X(spool_pending, GAUGE, "deletes on the disk now")                                             \
    X(workers_killed, COUNTER, "workers killed because their script did not let them turn")        \
    X(reloads_accepted, COUNTER, "reloads whose script every worker uses")                         \
    X(reloads_refused, COUNTER, "reloads whose script was refused: nothing has changed")           \
    X(rollbacks, COUNTER, "times that the last good script came back because a new one failed")    \
    X(upgrades, COUNTER, "upgrades (SIGUSR2) to a new process")                                    \
    X(upgrade_failures, COUNTER, "upgrades whose new process could not take over")                 \
    X(longest_turn_us, LEVEL, "microseconds of the longest turn in the last 10 to 20 s")           \
    X(user_us, COUNTER, "microseconds of user time of the workers")                                \
    X(system_us, COUNTER, "microseconds of system time of the workers")                            \
    X(bytes_read, COUNTER, "bytes read from clients")                                              \
    X(bytes_written, COUNTER, "bytes written to clients")                                          \
    X(recording, GAUGE, "workers that record requests now: `moongate ctl record`")                 \
    X(recorded_requests, COUNTER, "requests taken for a recording")                                \
    X(recorded_lost, COUNTER, "of them: dropped for a slow reader, or missed")

struct board_row {
#define X(name, kind, meaning) uint64_t name;
    BOARD_CELLS(X)
#undef X
} __attribute__((aligned(64)));

enum { BOARD_REASON = 360 };

/* Ends of connections to the server in the same place of `servers`; see base/outages.h. sequence: 0: nothing was ever written; odd: `at`
 * and `reason` are being written. */
struct board_trouble {
    uint32_t sequence;
    uint64_t ends;      /* connections that ended, or could not be made */
    uint64_t idle_ends; /* that the server closed while they were idle */
    double at;          /* when the last of `ends` came; of the monotonic clock */
    char reason[BOARD_REASON];
};

/* Options that the worker's script sets and the master acts on. The worker writes them before it reports that it uses the
 * script. */
struct board_wishes {
    double drain_timeout;
    double script_timeout;
    uint32_t max_conns;
    int verbose;
};

/* One process's part of the board. */
struct board_worker {
    struct board_row row;
    struct board_wishes wishes;
    struct metrics metrics;     /* the script's */
    struct handover handover;   /* clients on their way to it; the master writes here, too */
    struct heartbeat heartbeat; /* likewise */
    struct samples samples;     /* of what its clients have sent */
    struct heat heat;           /* its hottest keys and clients */
    struct presence presence;   /* how many clients an address has */
    struct board_trouble troubles[BOARD_SERVERS];
    struct live_ring live;      /* requests that are watched; the master moves what it has read */
    int32_t pid;                /* the master's: the process that counts here; 0: it has ended */
    struct compared compared;   /* reads whose answers differed */
    struct board_tables tables; /* of servers, pools, commands and others */
};

enum { BOARD_HOUSES = 2 };

enum { BOARD_NAMES = 8192 };

/* Where the counters of a board lie and what they are called, for builds with other counters (base/elder.h). This struct stays as
 * it is: layouts that begin with `board 1` have it behind the head. */
struct board_plan {
    uint32_t parts_n, masters_n;
    uint64_t masters_at, master_bytes; /* offsets and sizes, in bytes of the region */
    uint64_t parts_at, part_bytes;
    uint64_t before_at, carried_at, pid_at; /* pid_at: within a part */
    double started;                         /* seconds of the monotonic clock */
    char names[BOARD_NAMES]; /* `COUNTER:requests ` for each cell of a row, in its order */
};

enum { BOARD_STORE_SUMS = 16 };

/* What lies in memory that processes share. */
struct board_memory {
    struct region_head head;
    struct board_plan plan;
    uint32_t parts_n; /* of both houses */
    struct board_row masters[BOARD_HOUSES];
    struct board_row before; /* the sums at the last `stats reset`; shown counters start there */
    uint64_t stores_before[BOARD_STORE_SUMS]; /* likewise of stores, see client/stores.c */
    bool has_carried;                         /* stored behind `carried` */
    struct board_row
        carried; /* counters of a board that another build has laid out, which is gone */
    struct live_filters filters[BOARD_HOUSES]; /* of who watches; written by the house's master */
    struct live_slow slow[BOARD_HOUSES];       /* likewise */
    uint64_t kept; /* how often a worker was told that deletes are on the disk: see route/spool.h */
    struct board_worker parts[]; /* house 0 has the first half of them */
};

/* The files of the regions. */
struct board_files {
    int board, shared, writes; /* -1: none */
};

/* The board as a process sees it. Invariant: one process writes each part, and the master its own row. A slot has two parts: the
 * process that drains and its successor have one each. Exceptions: the handover, pid, gauges of a worker that is gone, the master's cells
 * `spool_...`, which its spooler writes, and `before`, which any process may write. */
struct board {
    uint32_t workers;
    uint32_t parts_n;            /* of this house that are used: 2 * workers */
    struct board_worker *parts;  /* of this house */
    struct board_row *master;    /* the own one of this house's master */
    struct shared *shared;       /* dictionaries of scripts; owned by the board */
    struct writes *writes;       /* which keys are being written; owned by the board */
    struct board_memory *memory; /* owned by the board */
    struct elder *
        elder; /* the board of the other house, when another build has laid it out; owned by the board, or NULL */
    uint32_t house;
    uint32_t first_writer;    /* the row of this house's first part among the writes */
    struct board_files files; /* owned by the board */
};

/* What an upgrade could not take over, because the other build lays it out otherwise. */
struct board_losses {
    bool counters; /* all of them */
    bool details;  /* those of `stats servers`, `stats pools` and others, and of `stats script` */
    bool dictionaries, writes;
};

/* How the process of parts[part] notes its writes. */
struct writer board_writer(const struct board *board, uint32_t part);

/* Maps a zeroed board for so many workers (> 0), with shared_bytes for dictionaries. Every process forked later shares it. NULL
 * when out of memory. */
struct board *board_create(uint32_t workers, size_t shared_bytes);

/* The same with files, for a service that can be upgraded: in house 0. */
struct board *board_create_files(uint32_t workers, size_t shared_bytes);

/* Takes over the board of a master that lives in the other house, and its files, as far as they are laid out as here; the rest
 * begins at zero, and *losses says what. */
struct board *board_adopt(uint32_t workers, size_t shared_bytes, const struct board_files *files,
                          uint32_t house, struct board_losses *losses);

/* True when a process of the other house still lives. */
bool board_has_neighbours(const struct board *board);

/* The processes of the other house are gone, and the last of them could not tidy up: clears their gauges, and what they were
 * writing counts as lost. */
void board_clear_neighbours(struct board *board, double now);

/* In a forked child: closes the files. The memory stays. */
void board_close_files(struct board *board);

/* Unmaps it, in this process. NULL is allowed. */
void board_destroy(struct board *board);

/* Seconds since it was created. */
double board_uptime(const struct board *board);

/* Sets the gauges of a worker's part to zero (its worker is gone). */
void board_clear_gauges(struct board_worker *part);

/* The process that counted in parts[part] is gone: clears its gauges, and what it was writing counts as lost. */
void board_forget(struct board *board, uint32_t part, double now);

/* True: a process of this house counts in part i of the memory, not one of the other house or of a time before. */
bool board_is_own(const struct board *board, uint32_t i);

/* The sum of all rows, the master's too; counters count from the last board_reset on. A level is the highest of this house, or,
 * where that has none, of the other. */
struct board_row board_sum(const struct board *board);

/* Counters of board_sum count from zero again. Any process may call it. */
void board_reset(struct board *board);

#endif
