/* live: requests that are watched: filters, which the master writes and workers read, and events, which each worker writes into a
 * ring and the master reads.
 *
 * All of it is a part of the board, which owns it. A ring has one writer and one reader. Neither waits for the other: a worker that
 * finds its ring full drops the event, and counts it. The master trusts no number and no text that a worker has written. See
 * src/base/live.c.
 */
#ifndef MOONGATE_BASE_LIVE_H
#define MOONGATE_BASE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LIVE_WATCHERS = 8,
    LIVE_SLOW = LIVE_WATCHERS, /* the number of the slow log, behind those of the watchers */
    LIVE_EVENTS = 256,         /* in a ring */
    LIVE_KEY = 250,
    LIVE_COMMAND = 16,
    LIVE_NAME = 64, /* of a pool, a listener */
    LIVE_ROUTE = 80,
    LIVE_SERVER = 96,
    LIVE_CLIENT = 64,
    LIVE_TEXT = 128,
};

/* name, text, is an error */
#define LIVE_RESULTS(X)                                                                            \
    X(ANSWERED, "answered", false) /* by moongate itself, or by all servers together */            \
    X(HIT, "hit", false)                                                                           \
    X(MISS, "miss", false)                                                                         \
    X(STORED, "stored", false)                                                                     \
    X(NOT_STORED, "not_stored", false)                                                             \
    X(EXISTS, "exists", false)                                                                     \
    X(DELETED, "deleted", false)                                                                   \
    X(TOUCHED, "touched", false)                                                                   \
    X(CHANGED, "changed", false)                                                                   \
    X(ERROR, "error", true)                                                                        \
    X(GONE, "client_gone", true) /* before an answer came */

enum live_result {
#define X(name, text, is_error) LIVE_##name,
    LIVE_RESULTS(X)
#undef X
        LIVE_RESULT_COUNT
};

/* Where the time went: name, text. */
#define LIVE_STAGES(X)                                                                             \
    X(SCRIPT, "script")         /* until it was routed: the script, and what was read beside it */ \
    X(BEFORE, "before")         /* from there to the last call: other tries, waits, delays */      \
    X(CONNECTION, "connection") /* the last call waited for a connection */                        \
    X(SERVER, "server")         /* and from there for its answer */

enum live_stage {
#define X(name, text) LIVE_IN_##name,
    LIVE_STAGES(X)
#undef X
        LIVE_STAGE_COUNT
};

/* One key of one request, complete. Texts end in NUL, and are "" where there is nothing to say. */
struct live_event {
    double at;   /* seconds since 1970, when its answer was complete */
    uint64_t us; /* from reading the request to the whole answer */
    uint64_t
        bytes; /* of the answer; of a storage command, those of the value that the client sent */
    uint32_t watchers;                 /* a bit for each that it is for, and LIVE_SLOW */
    uint32_t stages[LIVE_STAGE_COUNT]; /* microseconds */
    uint8_t result;                    /* enum live_result */
    uint8_t noreply;                   /* the client gets no answer */
    uint8_t key_len;                   /* 0: a command without a key */
    uint8_t key[LIVE_KEY];             /* any bytes */
    char command[LIVE_COMMAND];
    char client[LIVE_CLIENT];
    char identity[LIVE_NAME]; /* cut where it is longer */
    char listener[LIVE_NAME];
    char route[LIVE_ROUTE];
    char pool[LIVE_NAME];
    char server[LIVE_SERVER];
    char text[LIVE_TEXT]; /* ERROR: what the client gets, without CRLF */
};

/* Which requests a viewer wants to see. All zero but for sample: all of them. */
struct live_filter {
    uint32_t sample; /* of UINT32_MAX: the share that is taken; UINT32_MAX: all */
    uint32_t slower_us;
    bool errors; /* these alone */
    uint8_t prefix_len;
    uint8_t prefix[LIVE_KEY];
    char command[LIVE_COMMAND];
    char pool[LIVE_NAME];
    char server[LIVE_SERVER];
};

/* sequence: odd: they are being changed. */
struct live_filters {
    uint32_t sequence;
    uint32_t active; /* a bit for each that is set */
    struct live_filter of[LIVE_WATCHERS];
};

/* Invariant: read <= written <= read + LIVE_EVENTS. */
struct live_ring {
    uint64_t written;                    /* by the worker */
    uint64_t read;                       /* by the master */
    uint64_t dropped[LIVE_WATCHERS + 1]; /* by the worker, for each watcher */
    struct live_event events[LIVE_EVENTS];
};

enum { LIVE_SLOW_KEPT = 128 };

/* The slow requests that came last, written by the master; `kept` only grows, and a place is that number modulo LIVE_SLOW_KEPT. */
struct live_slow {
    uint64_t kept;
    struct live_event events[LIVE_SLOW_KEPT];
};

enum { LIVE_LINE = 4096, LIVE_TIME = 64 };

/* A time in UTC with milliseconds, as the log writes it. */
void live_print_time(double at, char to[LIVE_TIME]);

/* Prints what the slow log says of it: `get user:42: 153.2 ms: ...`. Any byte of a key that is not printable is shown as \x01. Returns
 * the line. */
const char *live_slow_line(const struct live_event *e, char line[LIVE_LINE]);

/* Prints it as one line of columns, without its end: the time in UTC, microseconds, command, key, result, bytes, server, pool, route,
 * client (behind its identity and an `@`, where it has one), listener, and for an error its text, which may have spaces. Columns without a value are "-". */
const char *live_line(const struct live_event *e, char line[LIVE_LINE]);

/* Prints n bytes so that they take one column of one line of text: printable ASCII as it is, but for backslash and space; other bytes
 * as \x01. "-" for none. Returns text, which has room for 4 * n + 2 bytes. */
const char *live_escape(const void *bytes, size_t n, char *text);

const char *live_result_text(unsigned result);
bool live_result_is_error(unsigned result);
const char *live_stage_text(unsigned stage);

/* --- for the master, which writes the filters and reads the rings */

/* Sets a filter, or, for NULL, takes it away. number: below LIVE_WATCHERS. */
void live_watch(struct live_filters *f, unsigned number, const struct live_filter *filter);

/* The reader's own note of how far it has read: `read` of the ring is for the writer alone. */
struct live_reader {
    uint64_t read;
    uint64_t dropped[LIVE_WATCHERS + 1];
};

/* Skips what is there. */
void live_reader_begin(struct live_reader *r, struct live_ring *ring);

/* Copies the next event, whose texts end and whose numbers are in range. False: there is none. */
bool live_read(struct live_reader *r, struct live_ring *ring, struct live_event *to);

/* Ends the texts, and brings numbers into their ranges: of an event that another process has written. */
void live_make_sane(struct live_event *e);

/* How many events that watcher has lost since the last time. */
uint64_t live_take_dropped(struct live_reader *r, const struct live_ring *ring, unsigned number);

/* --- for a worker */

/* Brings a copy up to date, to be called in each turn. It stays as it was while the filters are being changed. */
void live_copy_filters(struct live_filters *copy, const struct live_filters *from);

/* The largest share that a filter takes. */
uint32_t live_most(const struct live_filters *f);

/* The watchers that may want a request when it comes: by its key, its command and chance (any random number). */
uint32_t live_begins(const struct live_filters *f, const char *command, const uint8_t *key,
                     size_t len, uint32_t random);

/* Those of `watchers` that want the event: all is known now. */
uint32_t live_ends(const struct live_filters *f, uint32_t watchers, const struct live_event *e);

/* The place for the next event, for these watchers; NULL: the ring is full, and the event counts as dropped. live_written hands it over. */
struct live_event *live_place(struct live_ring *ring, uint32_t watchers);
void live_written(struct live_ring *ring);

/* Counts an event that was not even made. */
void live_drop(struct live_ring *ring, uint32_t watchers);

#endif
