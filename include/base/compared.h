/* compared: reads that mg.compare has asked two routes for, and whose answers differed: the last ones of each worker.
 *
 * A part of the board, which owns it. One process writes it, with plain stores; any may read it at any moment, and trusts no number and
 * no text in it.
 */
#ifndef MOONGATE_BASE_COMPARED_H
#define MOONGATE_BASE_COMPARED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tables.h"

struct board;

/* name (a cell of BOARD_COMPARISON_CELLS), is an error */
#define COMPARED_KINDS(X)                                                                          \
    X(only_old, false)                                                                             \
    X(only_new, false)                                                                             \
    X(values_differ, false)                                                                        \
    X(flags_differ, false)                                                                         \
    X(lifetimes_differ, false)                                                                     \
    X(old_errors, true)                                                                            \
    X(new_errors, true)

enum compared_kind {
#define X(name, is_error) COMPARED_##name,
    COMPARED_KINDS(X)
#undef X
        COMPARED_KIND_COUNT
};

/* Errors have places of their own, so that a route that fails all the time hides no difference. */
enum { COMPARED_DIFFERENCES = 48, COMPARED_ERRORS = 16, COMPARED_KEPT = 64, COMPARED_KEY = 250 };
enum { COMPARED_TEXT = 128, COMPARED_NO_TTL = -2 };

/* One route's answer. */
struct compared_side {
    char server[BOARD_NAME]; /* "": no server has answered */
    uint64_t len, digest;    /* of the value: XXH3, 64 bits; digest 0: there is none */
    uint64_t flags;
    int64_t ttl; /* seconds; -1: it never expires; COMPARED_NO_TTL: it was not asked for */
    uint8_t is_hit;
};

struct compared_sample {
    double at;             /* seconds since 1970 */
    char name[BOARD_NAME]; /* of the mg.compare */
    struct compared_side old, new;
    uint8_t kind; /* enum compared_kind */
    uint8_t key_len;
    uint8_t key[COMPARED_KEY]; /* any bytes */
    char text[COMPARED_TEXT];  /* of an error; "": there is none */
};

/* sequence: 0: never written; odd: being written. */
struct compared_place {
    uint32_t sequence;
    struct compared_sample sample;
};

/* taken: samples ever added, of differences and of errors. */
struct compared {
    uint64_t taken[2];
    struct compared_place places[COMPARED_KEPT];
};

const char *compared_kind_name(unsigned kind);

/* For the process that writes the part. */
void compared_add(struct compared *c, const struct compared_sample *sample);

/* The newest samples of all processes, also of both houses, newest first; of that comparison alone, unless name is NULL. Returns how many. */
uint32_t compared_gather(const struct board *board, const char *name, struct compared_sample *to,
                         uint32_t most);

#endif
