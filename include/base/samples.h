/* samples: requests that clients of a worker have sent, so that a new script can be asked about real ones before it is used. A part of
 * the board, which owns it.
 *
 * The worker alone writes it; the child that checks a script reads it, also after the worker has died. It holds no values, and
 * stays in memory. See src/base/samples.c.
 */
#ifndef MOONGATE_BASE_SAMPLES_H
#define MOONGATE_BASE_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SAMPLES_MOST = 1000, SAMPLE_KEY = 250, SAMPLE_ARGS = 96, SAMPLE_IDENTITY = 128 };

/* A request about one key. All but `at` and `failed` is as in struct request of the protocol floor. */
struct sample {
    double at; /* when it came last; of the monotonic clock */
    int64_t exptime;
    uint64_t client_flags, number;
    uint32_t value_len;
    uint32_t failed;   /* the generation whose script failed for it last; 0: none */
    uint32_t listener; /* of its client */
    uint16_t meta;
    uint8_t command;
    uint8_t key_len, args_len;
    uint8_t key[SAMPLE_KEY];
    uint8_t args[SAMPLE_ARGS];      /* flags of a meta command */
    char identity[SAMPLE_IDENTITY]; /* of its client; "": nobody in particular, or it is longer */
};

/* sequence: 0: nothing was ever written; odd: it is being written, or its writer died while it did. */
struct sample_place {
    uint32_t sequence;
    struct sample sample;
};

/* Invariant: no two samples are alike (samples_are_alike). I6: at most `size` of them; a new one takes the place of the oldest.
 */
struct samples {
    uint32_t size;  /* 0: none are wanted */
    uint64_t taken; /* how many were ever written */
    uint32_t hashes[SAMPLES_MOST];
    struct sample_place places[SAMPLES_MOST];
};

/* What follows is for the worker that writes. */

/* A worker begins: it keeps so many, at most SAMPLES_MOST, and goes on behind those of the worker before it. */
void samples_begin(struct samples *s, uint32_t size);

/* Keeps a sample. False: there was one like it, which has come again. */
bool samples_add(struct samples *s, const struct sample *sample);

/* All places are in use: from here on a new one takes the place of an old one. */
bool samples_are_full(const struct samples *s);

/* The script of that generation has failed for such a request. */
void samples_note_failure(struct samples *s, unsigned command, const void *key, size_t len,
                          uint32_t generation);

/* What follows is for any process. */

/* The same command, key and listener. */
bool samples_are_alike(const struct sample *a, const struct sample *b);

/* Copies a sample. False: there is none, or it is just being written. */
bool samples_read(const struct samples *s, uint32_t at, struct sample *to);

/* The `most` that came last in all parts of the board, no two alike, the last one first. Returns how many; `to` has room for
 * `most`. */
struct board;
uint32_t samples_gather(const struct board *board, struct sample *to, uint32_t most);

#endif
