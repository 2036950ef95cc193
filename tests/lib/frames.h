/* frames: frames of the binary protocol, written and read by tests; and random streams of them.
 *
 * A struct frame is a plain value that owns nothing. What is 0 in it is 0 in the frame; lengths are right unless the frame says otherwise.
 */
#ifndef TESTS_LIB_FRAMES_H
#define TESTS_LIB_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/octets.h"

enum { FRAME_HEAD = 24 };

struct frame {
    uint8_t magic; /* 0: a request's */
    uint8_t opcode, data_type;
    uint16_t status; /* a request's bucket */
    uint32_t opaque;
    uint64_t cas;
    const char *extras, *key, *value; /* texts, unless their lengths are given */
    size_t extras_n, key_n, value_n;
    uint32_t says_body; /* instead of the right length; 0: that */
    uint16_t says_key;
    uint8_t says_extras;
};

void frame_add(const struct frame *f, struct octets *to);

/* Reads the first frame of `bytes`; its texts point into them. False: it is not whole. */
bool frame_read(const char *bytes, size_t n, struct frame *f);

/* Prints each frame of an answer in a line of its own: "op 00 status 0000 opaque 1 cas 5 extras 00000000 key `k` value `v`". */
void frames_print(const struct octets *bytes, const char *name);

/* Extras: of a store; of incr and decr; of touch and flush. Static buffers, good until the same is made again a few times. */
const char *frame_stores(uint32_t flags, uint32_t exptime);
const char *frame_counts(uint64_t delta, uint64_t initial, uint32_t exptime);
const char *frame_expires(uint32_t exptime);

/* Requests with such parts. */
struct frame frame_of(uint8_t opcode, const char *key);
struct frame frame_store(uint8_t opcode, const char *key, const char *value);
struct frame frame_count(uint8_t opcode, const char *key, uint64_t delta, uint64_t initial,
                         uint32_t exptime);
struct frame frame_touch(uint8_t opcode, const char *key, uint32_t exptime);

/* A client sends a frame; and sees one, of which every byte is compared but the cas: UINT64_MAX stands for any but 0. */
struct client;
void client_sends_frame(struct client *c, struct frame f);
void client_sees_frame(struct client *c, struct frame f);

/* What it asks has this status, with the status' own text; or this value. */
void client_asks_frame(struct client *c, struct frame f, uint16_t status, const char *value);

enum { FRAME_STREAM = 40 };

/* What a stream is made from. Keys and cas numbers are those of a play, as in lib/stream.h. */
struct frames_wanted {
    unsigned seed;
    unsigned long play;
    unsigned long long cas;
    bool is_classic; /* only what a server without meta commands is asked in one step */
};

/* *n frames of a client, and a quit; but for those that are left out (NULL: none). */
void frames_make(const struct frames_wanted *wanted, const bool *left_out, struct octets *to,
                 size_t *n);

#endif
