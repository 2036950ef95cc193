/* binary: frames of memcache's binary protocol. Pure functions; a frame owns nothing, and points into the bytes that were parsed.
 *
 * A frame is a head of 24 bytes, then extras, key and value, whose lengths the head has; numbers are in network order:
 *
 *     0 magic   1 opcode   2 key length (2)   4 extras' length   5 data type   6 bucket, or status (2)
 *     8 length of all that follows the head (4)   12 opaque (4)   16 cas (8)
 *
 * What each version of memcached does with frames that are not right stands in src/protocol/binary.c.
 */
#ifndef MOONGATE_PROTOCOL_BINARY_H
#define MOONGATE_PROTOCOL_BINARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/command.h"

enum {
    BINARY_REQUEST = 0x80, /* magic bytes */
    BINARY_RESPONSE = 0x81,
    BINARY_HEAD = 24,
    BINARY_BODY_MAX = INT32_MAX, /* memcached 1.6.45 refuses more, and older ones lose their step */
};

/* What a frame of an opcode is made of. */
enum binary_shape {
    BINARY_NO_SHAPE, /* nobody knows it */
    BINARY_READ,     /* key */
    BINARY_STORE,    /* flags and exptime; key; value */
    BINARY_CONCAT,   /* key; value */
    BINARY_DELETE,   /* key */
    BINARY_COUNT,    /* delta, initial value and exptime; key */
    BINARY_TOUCH,    /* exptime; key */
    BINARY_BARE,     /* nothing */
    BINARY_FLUSH,    /* exptime, or nothing */
    BINARY_STATS,    /* key, or nothing */
    BINARY_SASL,     /* key; value */
};

/* name, number, the command that it is to statistics, shape, how it answers */
#define BINARY_OPCODES(X)                                                                          \
    X(GET, 0x00, GET, READ, 0)                                                                     \
    X(SET, 0x01, SET, STORE, 0)                                                                    \
    X(ADD, 0x02, ADD, STORE, 0)                                                                    \
    X(REPLACE, 0x03, REPLACE, STORE, 0)                                                            \
    X(DELETE, 0x04, DELETE, DELETE, 0)                                                             \
    X(INCR, 0x05, INCR, COUNT, 0)                                                                  \
    X(DECR, 0x06, DECR, COUNT, 0)                                                                  \
    X(QUIT, 0x07, QUIT, BARE, 0)                                                                   \
    X(FLUSH, 0x08, FLUSH_ALL, FLUSH, 0)                                                            \
    X(GETQ, 0x09, GET, READ, BINARY_QUIET)                                                         \
    X(NOOP, 0x0a, META_NOOP, BARE, 0)                                                              \
    X(VERSION, 0x0b, VERSION, BARE, 0)                                                             \
    X(GETK, 0x0c, GET, READ, BINARY_KEYED)                                                         \
    X(GETKQ, 0x0d, GET, READ, BINARY_KEYED | BINARY_QUIET)                                         \
    X(APPEND, 0x0e, APPEND, CONCAT, 0)                                                             \
    X(PREPEND, 0x0f, PREPEND, CONCAT, 0)                                                           \
    X(STAT, 0x10, STATS, STATS, 0)                                                                 \
    X(SETQ, 0x11, SET, STORE, BINARY_QUIET)                                                        \
    X(ADDQ, 0x12, ADD, STORE, BINARY_QUIET)                                                        \
    X(REPLACEQ, 0x13, REPLACE, STORE, BINARY_QUIET)                                                \
    X(DELETEQ, 0x14, DELETE, DELETE, BINARY_QUIET)                                                 \
    X(INCRQ, 0x15, INCR, COUNT, BINARY_QUIET)                                                      \
    X(DECRQ, 0x16, DECR, COUNT, BINARY_QUIET)                                                      \
    X(QUITQ, 0x17, QUIT, BARE, BINARY_QUIET)                                                       \
    X(FLUSHQ, 0x18, FLUSH_ALL, FLUSH, BINARY_QUIET)                                                \
    X(APPENDQ, 0x19, APPEND, CONCAT, BINARY_QUIET)                                                 \
    X(PREPENDQ, 0x1a, PREPEND, CONCAT, BINARY_QUIET)                                               \
    X(TOUCH, 0x1c, TOUCH, TOUCH, 0)                                                                \
    X(GAT, 0x1d, GAT, TOUCH, 0)                                                                    \
    X(GATQ, 0x1e, GAT, TOUCH, BINARY_QUIET)                                                        \
    X(SASL_LIST, 0x20, NONE, BARE, 0)                                                              \
    X(SASL_AUTH, 0x21, NONE, SASL, 0)                                                              \
    X(SASL_STEP, 0x22, NONE, SASL, 0)                                                              \
    X(GATK, 0x23, GAT, TOUCH, BINARY_KEYED)                                                        \
    X(GATKQ, 0x24, GAT, TOUCH, BINARY_KEYED | BINARY_QUIET)

enum binary_opcode {
#define X(name, number, command, shape, answers) BINARY_OP_##name = (number),
    BINARY_OPCODES(X)
#undef X
        BINARY_OPCODE_COUNT = 256
};

/* How an opcode answers, as bits. */
enum binary_answers {
    BINARY_QUIET = 1, /* what it asks for is not answered where nothing needs to be said */
    BINARY_KEYED = 2, /* the answer has the key */
};

struct binary_info {
    uint8_t shape;   /* enum binary_shape */
    uint8_t command; /* enum command: as statistics name it */
    uint8_t answers; /* bits of enum binary_answers */
};

extern const struct binary_info binary_table[BINARY_OPCODE_COUNT];

/* name, number, text: memcached's where it has one */
#define BINARY_STATUSES(X)                                                                         \
    X(OK, 0x00, "")                                                                                \
    X(NOT_FOUND, 0x01, "Not found")                                                                \
    X(EXISTS, 0x02, "Data exists for key.")                                                        \
    X(TOO_LARGE, 0x03, "Too large.")                                                               \
    X(INVALID, 0x04, "Invalid arguments")                                                          \
    X(NOT_STORED, 0x05, "Not stored.")                                                             \
    X(NOT_NUMERIC, 0x06, "Non-numeric server-side value for incr or decr")                         \
    X(AUTH_FAILED, 0x20, "Auth failure.")                                                          \
    X(AUTH_CONTINUES, 0x21, "")                                                                    \
    X(UNKNOWN_COMMAND, 0x81, "Unknown command")                                                    \
    X(NO_MEMORY, 0x82, "Out of memory")                                                            \
    X(NOT_SUPPORTED, 0x83, "Not supported")                                                        \
    X(INTERNAL, 0x84, "Internal error")                                                            \
    X(FAILED_FOR_NOW, 0x86, "Temporary failure")

enum binary_status {
#define X(name, number, text) BINARY_##name = (number),
    BINARY_STATUSES(X)
#undef X
};

/* "" for a status that has none. */
const char *binary_status_text(unsigned status);

/* A request. Numbers are in the host's order, but for the opaque, which is echoed as it came. */
struct binary_frame {
    uint8_t opcode;
    uint16_t key_len;
    uint32_t value_len;
    uint32_t opaque;
    uint64_t cas;
    const uint8_t *extras; /* as many as its shape has */
    uint8_t extras_len;
    const uint8_t *key, *value;
};

enum binary_parse_status {
    BINARY_AGAIN,   /* not whole yet: parse it again when there are more bytes */
    BINARY_WHOLE,   /* a valid request */
    BINARY_REFUSED, /* answer `error`, discard `swallow` bytes more, go on */
    BINARY_CLOSE,   /* answer `error`, unless it is BINARY_OK, and close */
};

struct binary_parse {
    enum binary_parse_status status;
    size_t consumed;          /* bytes of the input that it took (0 for AGAIN) */
    size_t need;              /* AGAIN: how many bytes it will take; 0: its head is cut */
    size_t swallow;           /* REFUSED: bytes behind `consumed` that belong to it */
    enum binary_status error; /* REFUSED, CLOSE */
};

/* Parses the first frame in bytes[0..len). Fills f for all but AGAIN; for REFUSED and CLOSE the value is not there. */
struct binary_parse binary_parse(const uint8_t *bytes, size_t len, size_t max_value,
                                 struct binary_frame *f);

/* What the head of a response says. */
struct binary_answer {
    uint8_t opcode;
    uint8_t extras_len;
    uint16_t key_len;
    uint16_t status;
    uint32_t opaque; /* as it came */
    size_t value_len;
    uint64_t cas;
};

/* Writes the head to `to`, which has BINARY_HEAD bytes. */
void binary_write_head(const struct binary_answer *a, uint8_t *to);

/* Numbers of 4 and 8 bytes in network order. */
static inline uint32_t binary_read32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}
static inline uint64_t binary_read64(const uint8_t *at)
{
    return (uint64_t)binary_read32(at) << 32 | binary_read32(at + 4);
}
void binary_write32(uint8_t *to, uint32_t number);
void binary_write64(uint8_t *to, uint64_t number);

#endif
