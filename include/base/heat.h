/* heat: which keys and which clients make most of a worker's traffic, lately. A part of the board, which owns it.
 *
 * The worker alone writes it, through a struct heat_writer of its own; any process reads it, also after the worker has died. It holds
 * keys of clients: who may see them is the reader's matter. How it works, and what it costs: src/base/heat.c.
 */
#ifndef MOONGATE_BASE_HEAT_H
#define MOONGATE_BASE_HEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A name is looked for in one set of places, which its hash chooses. */
enum { HEAT_SETS = 32, HEAT_WAYS = 8, HEAT_PLACES = HEAT_SETS * HEAT_WAYS, HEAT_NAME = 250 };

enum { HEAT_CLIENT_TEXT = 48 };

/* What is counted: requests of keys, requests of client addresses, bytes from and to client addresses. */
enum heat_kind { HEAT_KEYS, HEAT_CLIENTS, HEAT_CLIENT_BYTES, HEAT_KINDS };

/* sequence: odd: the name is being written, or its writer died while it did. len 0: it is free. */
struct heat_place {
    uint32_t sequence;
    uint8_t len;
    uint8_t name[HEAT_NAME];
};

/* Invariant: errors[i] <= counts[i]; counts[i] - errors[i] was seen since the name of place i came there. */
struct heat_sketch {
    double total; /* of all names, also of those without a place */
    uint32_t marks[HEAT_PLACES];
    double counts[HEAT_PLACES], errors[HEAT_PLACES];
    struct heat_place places[HEAT_PLACES];
};

struct heat {
    uint32_t sequence; /* odd: all counts are being decayed */
    double begun;      /* when the worker began; seconds of the monotonic clock */
    double decayed;    /* when counts were last decayed; likewise */
    double least;      /* a key that was seen less is not hot */
    struct heat_sketch sketches[HEAT_KINDS];
};

/* What the worker keeps for itself. Invariant: gap > 0. */
struct heat_writer {
    struct heat *heat;
    uint32_t left;    /* requests that go by until one is counted */
    uint32_t gap;     /* on the average one of so many is counted, and counts for so many */
    uint32_t counted; /* since the gap was set */
    uint64_t passed;  /* requests since `decayed` */
    uint64_t random;
    double due; /* when to decay */
};

/* --- the worker */

/* A worker begins, with no heat. seed: of the random numbers. */
void heat_begin(struct heat_writer *w, struct heat *heat, double now, uint64_t seed);

/* The place, among the next n requests, of the first that is to be counted; n or above: none. */
uint32_t heat_first(struct heat_writer *w, double now);

/* After one was counted: how far the next one is behind it. */
uint32_t heat_step(struct heat_writer *w);

/* Whether one of the next n requests is to be counted, or time has come to decay: then, for (at = heat_first(); at < n; at +=
 * heat_step()) each of them, and left = at - n. */
static inline bool heat_is_due(struct heat_writer *w, uint32_t n, double now)
{
    if (n > w->left || now >= w->due) return true;
    w->left -= n;
    return false;
}

/* Counts a name of 1 to HEAT_NAME bytes. mark: heat_mark of it, for a caller that keeps it. */
uint32_t heat_mark(const void *name, size_t len);
void heat_add(struct heat_writer *w, enum heat_kind kind, const void *name, size_t len,
              double weight);
void heat_add_marked(struct heat_writer *w, enum heat_kind kind, const void *name, size_t len,
                     uint32_t mark, double weight);

/* A key's share of the requests lately, 0 to 1; 0 for one that is not hot. For the process that writes. */
double heat_share(const struct heat *heat, const void *key, size_t len);

/* Gives a key that share, in a heat that no worker writes (calloc'ed). False: there is no place left for it. */
bool heat_put(struct heat *heat, const void *key, size_t len, double share);

/* --- any process */

struct heat_row {
    double share; /* of all, 0 to 1 */
    double rate;  /* a second: requests or bytes */
    uint32_t len;
    uint8_t name[HEAT_NAME]; /* a key, any bytes; or a client, for heat_client_text */
};

/* The `most` hottest of all workers, the hottest first. now: of the monotonic clock. Returns how many; `to` has room for `most`. */
struct board;
uint32_t heat_merge(const struct board *board, enum heat_kind kind, double now, struct heat_row *to,
                    uint32_t most);

/* How many keys have more than 1 % of the requests: for readers that must not see keys. */
uint32_t heat_count(const struct board *board, double now);

/* A client as a name: 1 byte and its address without a port (4 or 16 bytes), or nothing for a unix socket. */
enum { HEAT_CLIENT_V4 = '4', HEAT_CLIENT_V6 = '6', HEAT_CLIENT_UNIX = 'u' };

/* The address of such a row, "10.0.0.1", "::1", "unix" or "?"; text has HEAT_CLIENT_TEXT bytes. Returns text. */
const char *heat_client_text(const struct heat_row *row, char *text);

#endif
