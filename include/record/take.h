/* take: one recorded request and its outcome (one key of a get of several), and its form in bytes: between a worker and `moongate ctl
 * record`, and in the blocks of a recording. Pure functions.
 *
 * A struct take is a plain value and owns nothing. Its pointers point into memory of the caller that filled it: after take_decode into the
 * bytes that were decoded. Any process. The form is described in src/record/README.md.
 */
#ifndef MOONGATE_RECORD_TAKE_H
#define MOONGATE_RECORD_TAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TAKE_KEY = 250,               /* bytes, as KEY_MAX */
    TAKE_ARGS = 2048,             /* as LINE_MAX_BYTES */
    TAKE_ERROR = 255,             /* a text is cut there by take_encode */
    TAKE_LISTENER = 64,           /* the same */
    TAKE_VALUE = 4 * 1024 * 1024, /* a longer value is left out, and `cut` set, by take_encode */
    TAKE_PARTS = 4 * 1024 * 1024, /* keys of a get */
    TAKE_NUMBERS = 128,           /* the most bytes of a take that are numbers */
    TAKE_MOST = TAKE_NUMBERS + TAKE_KEY + TAKE_ARGS + TAKE_ERROR + TAKE_LISTENER + TAKE_VALUE
};

struct take {
    uint64_t at_us;  /* microseconds since 1970 (real time) when the request came */
    uint32_t worker; /* its number, 0.. */
    uint32_t client; /* the client's number in that worker: request.affinity */
    uint32_t part;   /* which key of its get, 0..parts-1 */
    uint32_t
        parts; /* keys of that get; 1 for any other request. Its takes have the same worker, client and at_us, in order of `part` */
    uint8_t command;       /* enum command */
    uint8_t result;        /* enum live_result */
    bool noreply;          /* the client wants no answer; quiet meta commands say so in args */
    bool base64;           /* the key came in base64 (META_BASE64); key is decoded */
    bool cut;              /* values are recorded, but this one was too long */
    uint16_t key_len;      /* 0..TAKE_KEY; 0: a command without a key */
    uint16_t args_len;     /* 0..TAKE_ARGS */
    uint16_t error_len;    /* 0..TAKE_ERROR */
    uint16_t listener_len; /* 0..TAKE_LISTENER */
    uint32_t
        value_len; /* of a storage command: bytes of the value, recorded or not; keys-only: 0 */
    int64_t
        exptime; /* as asked: request.asked_exptime; 0: none. Those of meta commands stand in args, too */
    uint64_t client_flags;
    uint64_t number; /* the cas of a cas, the delta of incr and decr */
    uint64_t us;     /* from reading the request to the whole answer */
    uint64_t bytes;  /* of the answer; of one key of several: its part of it */
    const uint8_t *key;
    const uint8_t *args;  /* meta flags, or the words of a command without a key, as they came */
    const uint8_t *error; /* what the client got, without CRLF; only with results that are errors */
    const uint8_t *
        listener; /* the name of the listener that the client came by, or its address; empty: not known */
    const uint8_t *value; /* value_len bytes, or NULL: not recorded */
};

/* The mark of what numbers mean: it differs between builds whose enum command or enum live_result differ, or whose takes have another
 * form. Two processes that exchange takes compare it first. */
uint32_t take_mark(void);

/* The most bytes that take_encode needs for t. */
size_t take_room(const struct take *t);

/* Writes t to `to`. *time is the at_us of the take before it in the same bytes, 0 for the first, and becomes that of t. Returns the bytes
 * written, or 0 when they are more than room; then nothing has changed. Texts and values that are too long are cut as said above; a key
 * or args that are too long must not come (they are never in a valid request), and are left out. */
size_t take_encode(const struct take *t, uint64_t *time, uint8_t *to, size_t room);

/* The bytes of the take at `at`, its length among them, of which some may come later. 0: too few bytes are here to know, when they are
 * fewer than ten; else this is no take. */
size_t take_length(const uint8_t *at, const uint8_t *end);

enum take_status {
    TAKE_OK,
    TAKE_END, /* no byte is left */
    TAKE_BAD  /* these bytes are no take: nothing behind *at can be trusted */
};

/* Reads the take at *at, which moves behind it for TAKE_OK alone. *time as for take_encode. Never reads at or behind end, trusts no
 * number: lengths are within the limits above, part < parts, parts >= 1; a value that is there has value_len bytes. command and result
 * are any byte: they are numbers of the process that encoded it. Bytes of a take that a later version has added are skipped. */
enum take_status take_decode(const uint8_t **at, const uint8_t *end, uint64_t *time,
                             struct take *to) __attribute__((warn_unused_result));

#endif
