/* results: all that a replay has found, in one plain struct without pointers: text, JSON and the page are written from it alone.
 *
 * It owns nothing. It lies in memory that the process which replays shares with the one that prints, and which the latter frees: the first
 * publishes a whole copy now and then, so the second has what was found so far, whatever happens to the first. Texts end in NUL; bytes of
 * keys that are not printable are shown as \x01. Times of the recording are in seconds, latencies in microseconds.
 */
#ifndef MOONGATE_REPLAY_RESULTS_H
#define MOONGATE_REPLAY_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/latency.h"

enum {
    REPLAY_NAME = 96,      /* of a server, a place, with the end */
    REPLAY_TEXT = 256,     /* of an error, a path */
    REPLAY_ERRORS = 24,    /* kinds; the last one is "other errors" where there are more */
    REPLAY_SAMPLES = 3,    /* of each kind */
    REPLAY_SERVERS = 512,  /* that are shown of each script, those with most requests */
    REPLAY_MOVES = 256,    /* pairs of places that are shown, those with most requests */
    REPLAY_PREFIXES = 64,  /* that are shown, those with most requests */
    REPLAY_BUCKETS = 600,  /* of time, at most */
    REPLAY_SIZES = 32,     /* sizes of 0, 1, 2..3, 4..7 ... bytes: see replay_size_bucket */
    REPLAY_THRESHOLDS = 16 /* at most */
};

/* The two scripts. Without --compare there is only the new one. */
enum replay_side_number { REPLAY_OLD, REPLAY_NEW, REPLAY_SIDES };

/* How the replay has ended: name, text */
#define REPLAY_ENDS(X)                                                                             \
    X(RUNNING, "it has not ended")                                                                 \
    X(DONE, "the whole recording was replayed")                                                    \
    X(STOPPED, "it was stopped")                                                                   \
    X(CUT, "the recording is cut or damaged: what could be read was replayed")                     \
    X(STUCK, "a script did not end")                                                               \
    X(DIED, "the process that replayed has died")                                                  \
    X(FAILED, "it could not go on")

enum replay_end {
#define X(name, text) REPLAY_##name,
    REPLAY_ENDS(X)
#undef X
};

/* One kind of error, by its text; or requests that never got an answer. */
struct replay_error {
    uint64_t requests;
    char text[REPLAY_TEXT]; /* as the client got it, without CRLF */
    uint32_t samples_n;
    char samples[REPLAY_SAMPLES][REPLAY_TEXT]; /* requests that got it: `get user:42` */
};

/* A server of one script. */
struct replay_server {
    char name[REPLAY_NAME];       /* HOST:PORT, as the script names it */
    char pool[REPLAY_NAME];       /* the first one that has it */
    uint64_t requests;            /* that moongate has sent there; a get of several keys is one */
    uint64_t hits, misses;        /* keys */
    uint64_t bytes_in, bytes_out; /* to the server; from it */
    uint64_t items, bytes,
        evictions; /* of a fake: what it holds at the end; what LRU has removed */
};

/* A part of the time of the recording. p50_us, p99_us: 0 where there were no requests. */
struct replay_bucket {
    uint64_t requests;   /* answers that came in it; a key of a get of several is one */
    uint64_t gets, hits; /* keys */
    uint64_t errors;
    uint64_t p50_us, p99_us;
};

/* What came of the requests under one script. A get of several keys counts as one request for each key. */
struct replay_side {
    char path[REPLAY_TEXT];
    bool is_there;
    bool was_warm; /* its fakes held what the recording found, before that was asked for */
    bool had_same; /* its fakes held what the old script's servers of the same names did */
    uint64_t requests, gets, hits,
        misses;             /* gets, hits, misses: keys that were read, but for errors */
    uint64_t writes;        /* sets, deletes, counters ... */
    uint64_t errors;        /* requests, over all kinds */
    uint64_t script_errors; /* of them: those that the script has raised */
    uint64_t unknown;       /* noreply and quiet writes: nobody is told what came of them */
    uint64_t lost_hits,
        won_hits;      /* keys that were found in the recording and not here; here and not there */
    uint64_t refilled; /* of the lost ones: stored again by who asked for them (--refill) */
    uint64_t seeded;   /* items that were put into fakes beforehand */
    struct latency latency;
    uint64_t max_us;
    uint32_t errors_n;                            /* kinds */
    struct replay_error kinds[REPLAY_ERRORS];     /* most requests first */
    uint32_t servers_n, servers_all;              /* shown; all */
    struct replay_server servers[REPLAY_SERVERS]; /* most requests first */
    double uneven;          /* the highest share of the mean that a server of a pool has: 1: even */
    uint32_t uneven_server; /* which, in servers; only where uneven > 0 */
    uint64_t sizes[REPLAY_SIZES]; /* values that clients got */
};

/* What is counted of the recording itself: what clients saw then. */
struct replay_recorded {
    uint64_t requests, gets, hits, misses, writes, errors;
    uint64_t clients;     /* connections */
    uint64_t lost;        /* requests that could not be recorded */
    uint32_t gaps;        /* times in which nothing was recorded */
    uint64_t seen_keys;   /* different keys, as far as they were counted */
    double began, lasted; /* seconds since 1970; seconds */
    struct latency latency;
    uint64_t max_us;
    uint64_t sizes[REPLAY_SIZES]; /* values that clients got then, by the bytes of the answer */
    bool has_sizes, has_values, has_hashed_keys, keeps_prefixes;
    double sample; /* share of the clients or keys that was recorded; 1: all */
};

/* Requests whose first place differs. Places are servers, or ends without one ("reply miss", "script error"). */
struct replay_move {
    char from[REPLAY_NAME], to[REPLAY_NAME];           /* servers or ends */
    char from_pool[REPLAY_NAME], to_pool[REPLAY_NAME]; /* "": an end */
    bool
        copied; /* NEW asks the old place too, after a miss: found, and then copied or asked for again */
    uint64_t requests;
};

/* The part of a key up to and with its first separator (: / . - _ |); "(none)" for keys without one. */
struct replay_prefix {
    char prefix[REPLAY_NAME];
    uint64_t requests, moved, copied; /* both scripts were asked; as `diff` counts them */
    uint64_t gets, recorded_hits, hits[REPLAY_SIDES]; /* keys */
};

/* Only with --compare. requests = same + moved + copied. */
struct replay_routes {
    uint64_t requests, same, moved, copied;
    uint64_t other_pool, other_key; /* of all: to a pool of another name; under another key */
    uint64_t keys;                  /* commands without a key are not counted above */
    uint32_t moves_n;
    struct replay_move moves[REPLAY_MOVES]; /* most requests first */
    uint64_t moves_rest;                    /* requests of the pairs that are not shown */
};

/* A limit of the command line. Shares are 0 to 1, times seconds. */
struct replay_threshold {
    char name[32]; /* "--max-moved" */
    double allowed, found;
    bool is_time; /* else a share */
    bool is_over; /* it makes the exit code 1 */
};

struct replay_results {
    char file[REPLAY_TEXT];
    bool fakes;           /* else real servers: requests left the process */
    bool refills;         /* --refill */
    bool writes;          /* to real servers: --writes */
    uint64_t fake_memory; /* of each fake, bytes */
    double speed;         /* times the recording's own; 0: as fast as it goes */
    enum replay_end end;
    char trouble[REPLAY_TEXT * 2]; /* why, where it did not end well; else "" */
    double took;                   /* real seconds */
    uint64_t replayed;             /* requests taken from the recording */
    uint64_t
        left_out; /* of them: not sent, as they would change real servers, or cannot be sent again */
    uint64_t
        not_separated; /* keys that were not remembered, as there were too many: their items were not seeded */
    struct replay_recorded recorded;
    struct replay_side sides[REPLAY_SIDES];
    struct replay_routes routes;
    uint32_t prefixes_n;
    struct replay_prefix prefixes[REPLAY_PREFIXES]; /* most requests first */
    uint64_t prefixes_rest;                         /* requests of those that are not shown */
    uint32_t buckets_n;
    double bucket; /* seconds of the recording in each */
    struct replay_bucket recorded_buckets[REPLAY_BUCKETS];
    struct replay_bucket buckets[REPLAY_SIDES][REPLAY_BUCKETS];
    uint32_t thresholds_n;
    struct replay_threshold thresholds[REPLAY_THRESHOLDS];
};

/* The bucket of a size: 0 for 0, 1 for 1, 2 for 2..3, 3 for 4..7; and its smallest size. */
static inline unsigned replay_size_bucket(uint64_t bytes)
{
    unsigned bits = bytes ? 64u - (unsigned)__builtin_clzll(bytes) : 0;
    return bits < REPLAY_SIZES ? bits : REPLAY_SIZES - 1;
}
static inline uint64_t replay_size_least(unsigned bucket)
{
    return bucket ? 1ull << (bucket - 1) : 0;
}

/* "the whole recording was replayed" and so on. Constant. */
const char *replay_end_text(enum replay_end end);

#endif
