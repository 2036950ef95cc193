/* request: one request, as parsed from a client's bytes, as the script sees it, and as it is sent on. Pure functions.
 *
 * A struct request is a plain value of a worker or a tool and owns nothing. Its pointers point into the bytes that were parsed,
 * and live as long as those do (in a worker: until the turn ends). See src/protocol/request.c for how the files of this floor
 * work together.
 *
 * Two compilers read this header: C, and LuaJIT's FFI (through script/abi.h, preprocessed with MOONGATE_CDEF). Fields that only C
 * may write are READ_ONLY for Lua, and addresses are integers, so that a script can neither follow nor forge them.
 */
#ifndef MOONGATE_PROTOCOL_REQUEST_H
#define MOONGATE_PROTOCOL_REQUEST_H

#ifdef MOONGATE_CDEF
#define READ_ONLY const
#else
#define READ_ONLY
#include "protocol/command.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

/* One key and what to do with it. A multi-key get is several of these. */
struct request {
    READ_ONLY uintptr_t key_at;   /* first byte of the key; 0 once the request was routed */
    READ_ONLY uintptr_t value_at; /* first byte of the value, or 0 */
    READ_ONLY uint32_t value_len; /* bytes, without CRLF */
    READ_ONLY uint16_t key_len;   /* bytes, 1..250 */
    READ_ONLY uint8_t command_id; /* enum command */
    READ_ONLY uint8_t noreply;    /* I5: the client wants no answer; never sent on */

    /* Seconds: the low 32 bits, as memcached reads them. A script may write it; it is checked before it is sent. */
    double exptime;
    READ_ONLY int64_t asked_exptime; /* all bits, as they came: see request_exptime */
    READ_ONLY uint64_t client_flags; /* req.flags of scripts */
    READ_ONLY uint64_t number;       /* the cas of a cas, the delta of incr and decr */

    /* A meta command's flags, or the words of an admin or local command, as they came. */
    READ_ONLY uintptr_t args_at;
    READ_ONLY uint16_t args_len;
    READ_ONLY uint16_t meta; /* enum meta_flag */

    /* What follows is set by the floors above and of no use to a script. */

    READ_ONLY uintptr_t owner;      /* gets the outcome: a client's reply or, with a depth, a leg */
    READ_ONLY uintptr_t receiver;   /* the owner's kind: struct receiver of the route floor */
    READ_ONLY uintptr_t value_blob; /* the struct blob of the value; 0: it is in the arena */
    READ_ONLY uintptr_t shown_key_at; /* the client's key when a script has changed it, or 0 */
    READ_ONLY uint64_t fill;          /* a copy's mark, see backend/written.h; 0: not a copy */
    READ_ONLY uint32_t part;          /* which key of its get this is, 0.. */
    READ_ONLY uint32_t affinity; /* the client's number: picks one of a backend's connections */
    READ_ONLY uint16_t shown_key_len;
    READ_ONLY uint8_t multi;        /* one of several keys of a get */
    READ_ONLY uint8_t depth;        /* policies above it; 0: it is the client's own request */
    READ_ONLY uint32_t function_id; /* which function of the script routes it; 0: the main one */
};

/* Flags of a meta command that moongate itself acts on, as bits. */
enum meta_flag {
    META_QUIET = 1,    /* q: the common answer is left out. I5: never sent on */
    META_BASE64 = 2,   /* b: the key is base64 on the wire; key_at has it decoded */
    META_KEY = 4,      /* k: the answer repeats the key */
    META_OPAQUE = 8,   /* O: the answer repeats an opaque token */
    META_EXPTIME = 16, /* T: exptime was given */
    META_FLAGS = 32,   /* F: flags were given */
    META_ODD = 64,     /* ms: a flag that not every server takes; see request_is_odd */
    META_SEEN = 128    /* of any command: it is watched (see client/sight.h); never sent on */
};

/* Set in function_id of a client's request that came by a listener for which the script may have a route; with the listener's number. */
enum { REQUEST_BY_LISTENER = 1 << 29 };

#ifndef MOONGATE_CDEF

enum {
    KEY_MAX = 250,         /* bytes, as memcached */
    KEY_MAX_BASE64 = 186,  /* bytes of a key whose base64 form has KEY_MAX bytes at most */
    OPAQUE_MAX = 32,       /* bytes, as memcached */
    LINE_MAX_BYTES = 2048, /* longest line without an end, as memcached, but for get and gets */
    RETRIEVE_LINE_MAX = 4 * 1024 * 1024, /* longest get or gets; memcached has no bound */
};

enum request_status {
    REQUEST_AGAIN,   /* not whole yet: parse it again when there are more bytes */
    REQUEST_OK,      /* I4: a whole, valid request of one key, or a command without a key */
    REQUEST_KEYS,    /* a get of several keys, all valid: take them with request_next_key */
    REQUEST_REFUSED, /* I9: answer `error` (unless noreply), discard `swallow` bytes more, go on */
    REQUEST_CLOSE,   /* nobody can tell where the next request begins: answer `error`, and close */
};

struct request_parse {
    enum request_status status;
    size_t consumed; /* bytes of the input that this request took (0 for AGAIN) */
    size_t need;     /* AGAIN: the request's length in all, 0: not known */
    size_t swallow;  /* REFUSED: bytes behind `consumed` that belong to it; they may come later */
    bool each_line;  /* REFUSED: each line end in what is swallowed is answered with ERROR */
    bool in_doubt;   /* REFUSED: where its value ends is not known: no line behind it may be run */
    bool drop;       /* REFUSED: the key's old value must go. r is a delete for it, to be sent */
    uint8_t dropped; /* drop: the command that the client sent (enum command) */
    const char *error; /* REFUSED, CLOSE: the line to answer, with CRLF; static; NULL: none */
    uint32_t keys;     /* OK, KEYS: how many */
    size_t keys_end;   /* KEYS: offset behind the last byte of the line's keys */
};

/* What clients may send. */
struct request_rules {
    size_t max_value;   /* bytes of a value */
    bool strict_keys;   /* no control bytes in keys */
    bool answer_values; /* each line of a refused value gets an answer: see src/protocol/store.c */
};

/* Parses the first request in bytes[0..len). For OK, KEYS and REFUSED it fills r, where the fields of the floors above become
 * zero. For KEYS, r->key_at is the first key and r->key_len is 0. */
struct request_parse request_parse(const uint8_t *bytes, size_t len,
                                   const struct request_rules *rules, struct request *r);

/* Takes the next key of a get that request_parse has checked from *at .. end into r, and moves *at behind it. False when there is
 * none. */
bool request_next_key(const uint8_t **at, const uint8_t *end, struct request *r);

/* True when a key may be sent: 1..250 bytes without NUL, space, CR and LF; with strict, without any other control byte too. */
bool request_key_is_valid(const uint8_t *key, size_t len, bool strict);

/* The exptime to send: all 64 bits as they came, for the server to judge, unless the script has written another one. */
int64_t request_exptime(const struct request *r);

/* True for one outside 32 bits, which memcached 1.6.45 refuses and older ones take. */
bool request_exptime_is_odd(const struct request *r);

/* True for a request with a value whose line not every server that knows its command takes: client flags of more than 32 bits, an
 * exptime outside 32 bits, or a flag of ms that memcached 1.6.18 does not know or that servers read in more than one way. */
bool request_store_is_odd(const struct request *r);
static inline bool request_is_odd(const struct request *r)
{
    return r->value_at && request_store_is_odd(r);
}

/* True for a line of a form that only memcached knows: a store with an exptime below 0, a delete with a hold time. */
bool request_may_be_rare(const struct request *r);
static inline bool request_is_rare(const struct request *r)
{
    return (r->value_at || r->command_id == COMMAND_DELETE) && request_may_be_rare(r);
}

/* Changes r's key. The caller keeps the new key's bytes alive as long as r; the client is still shown its own key. False, and
 * nothing has changed, when the key may not be sent: see request_may_have_key. */
bool request_put_key(struct request *r, const uint8_t *key, size_t len, bool strict);

/* True when r changes nothing on its server, however often it is sent: get, gets, and mg with no flag that writes. */
bool request_only_reads(const struct request *r);

/* Takes the next flag of a meta command from *at .. end, and moves *at behind it; false when there is none. *len is at least
 * 1. */
bool request_next_flag(const uint8_t **at, const uint8_t *end, const uint8_t **flag, size_t *len);

/* Writes a key of len (<= KEY_MAX) bytes as it is on the wire, in base64 when r says so, to `to`, which has KEY_WIRE_ROOM bytes.
 * Returns its length. */
enum { KEY_WIRE_ROOM = 336 };
size_t request_wire_key(const struct request *r, const uint8_t *key, size_t len, uint8_t *to);

/* Decodes the base64 key of r (META_BASE64, as parsed) into `to`, which has KEY_MAX bytes, and makes it r's key. False when it
 * decodes to nothing. */
bool request_decode_key(struct request *r, uint8_t *to);

/* The bytes that request_encode_line needs at most: for any request, and for r. */
enum { REQUEST_LINE_ROOM = KEY_WIRE_ROOM + 160 + LINE_MAX_BYTES };
static inline size_t request_line_room(const struct request *r)
{
    return KEY_WIRE_ROOM + 160 + r->args_len;
}

/* Writes the request's line for a server (I10: numbers in one form; I5: never noreply or q) to `to`, which has
 * request_line_room(r) bytes. For a store the line ends with its CRLF and the caller appends value and CRLF. For a retrieval the
 * line has no CRLF yet, so that more keys may follow. Returns the bytes written. */
size_t request_encode_line(const struct request *r, uint8_t *to);

#endif
#endif
