/* request: what a client asks, as parsed from its bytes, as the script sees it, as it is sent on.
 *
 * Parsing and encoding are pure: bytes in, words and structs out; nothing is allocated or kept. Pointers in a parsed
 * request point into the bytes that were parsed and live as long as they do (in the worker: until the turn ends).
 *
 * This header is read by two compilers: C, and LuaJIT's FFI (through script/abi.h, preprocessed with MOONGATE_CDEF). What
 * only C may write is READ_ONLY for Lua, and addresses are integers, so that a script can neither follow nor forge them.
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
    READ_ONLY uint8_t noreply;    /* the client wants no answer */
    double
        exptime; /* seconds, the low 32 bits as memcached reads them; script may write; checked before it is sent */
    READ_ONLY int64_t asked_exptime; /* all of it, as it came: see request_exptime */
    READ_ONLY uint64_t client_flags; /* scripts have them as req.flags */
    READ_ONLY uint64_t number;       /* cas id of a cas, delta of incr and decr */
    READ_ONLY uintptr_t
        args_at; /* a meta command's flags, or the words of an admin or local command, as sent */
    READ_ONLY uint16_t args_len;
    READ_ONLY uint16_t meta; /* enum meta_flag, those that matter here */

    /* Set by the client's side, of no use to a script. */
    READ_ONLY uintptr_t
        owner; /* what its outcome goes to: a client's reply, or, with a depth, a leg */
    READ_ONLY uintptr_t receiver; /* the owner's kind: struct receiver of the route floor */
    READ_ONLY uintptr_t
        value_blob; /* struct blob that holds the value, or 0: it is in the turn's arena */
    READ_ONLY uintptr_t
        shown_key_at; /* the key that the client sent, when the script put another in its place, or 0 */
    READ_ONLY uint64_t
        fill; /* of a copy of what was read elsewhere: from when the read began, see backend/written.h; 0: it is none */
    READ_ONLY uint32_t part;     /* which key of its get this is, 0.. */
    READ_ONLY uint32_t affinity; /* the client's number: picks one of a backend's connections */
    READ_ONLY uint16_t shown_key_len;
    READ_ONLY uint8_t multi; /* one of several keys of a get */
    READ_ONLY uint8_t depth; /* routes made of others that asked for it; 0: the client did */
    READ_ONLY uint32_t
        function_id; /* which function of the script decides; 0: the one that it returned */
};

/* What a meta command's flags ask of us. */
enum meta_flag {
    META_QUIET = 1,    /* q: the common answer is not sent; never forwarded */
    META_BASE64 = 2,   /* b: the key is base64 on the wire; key_at has it decoded */
    META_KEY = 4,      /* k: the answer repeats the key */
    META_OPAQUE = 8,   /* O: the answer repeats an opaque token */
    META_EXPTIME = 16, /* T: exptime was given */
    META_FLAGS = 32,   /* F: flags were given */
    META_ODD = 64      /* ms: a flag that not every server takes: see request_is_odd */
};

#ifndef MOONGATE_CDEF

enum {
    KEY_MAX = 250,         /* bytes, as memcached */
    KEY_MAX_BASE64 = 186,  /* bytes of a key that base64 brings to KEY_MAX at most */
    OPAQUE_MAX = 32,       /* bytes, as memcached */
    LINE_MAX_BYTES = 2048, /* longest line without an end, as memcached, but for get and gets */
    RETRIEVE_LINE_MAX = 4 * 1024 * 1024, /* longest get or gets; memcached has no bound */
};

enum request_status {
    REQUEST_AGAIN, /* not whole yet: `need` says how long it will be in all, 0 = not known */
    REQUEST_OK,    /* one request of one key, or a command without a key */
    REQUEST_KEYS,  /* a get of several keys: take them with request_next_key */
    REQUEST_REFUSED, /* answer `error` (unless noreply), then swallow `swallow` bytes more, and go on */
    REQUEST_CLOSE, /* no way to go on, as what follows may be a value or not: answer `error` if there is one and close */
};

struct request_parse {
    enum request_status status;
    size_t consumed; /* bytes of the input that this request took (0 for AGAIN) */
    size_t need;     /* AGAIN */
    size_t
        swallow; /* REFUSED: bytes behind `consumed` that belong to it and may not have come yet */
    bool
        drop; /* REFUSED: the key's old value must go, as a set that is too large does: r is a delete for it */
    const char *error; /* REFUSED, CLOSE: the line to answer, CRLF included; NULL = none */
    uint32_t keys;     /* OK, KEYS: how many */
    size_t keys_end;   /* KEYS: offset behind the last byte of the line's keys */
};

/* What clients may send. */
struct request_rules {
    size_t max_value; /* bytes of a value */
    bool strict_keys; /* no control bytes in keys */
};

/* Parses the first request in bytes[0..len). Fills r, all of it but the fields of the client's side, which become zero. For
 * KEYS, r->key_at is where the keys begin and r->key_len is 0. */
struct request_parse request_parse(const uint8_t *bytes, size_t len,
                                   const struct request_rules *rules, struct request *r);

/* Takes the next key of a validated get out of *at .. end into r, moves *at behind it. False when there is none. */
bool request_next_key(const uint8_t **at, const uint8_t *end, struct request *r);

/* True when a key may be sent: 1..250 bytes, no NUL, space, CR, LF; and, where keys are strict, no other control byte. */
bool request_key_is_valid(const uint8_t *key, size_t len, bool strict);

/* The exptime that is sent: the one that came, all 64 bits of it, for the server to judge, unless the script wrote another. */
int64_t request_exptime(const struct request *r);

/* True for a request with a value whose line not every server that knows its command takes: client flags of more than 32
 * bits, an exptime outside 32 bits, or a flag of ms that memcached 1.6.18 does not know or that servers read in more than one way. */
bool request_store_is_odd(const struct request *r);
static inline bool request_is_odd(const struct request *r)
{
    return r->value_at && request_store_is_odd(r);
}

/* True for a line of a form that memcached alone knows: a store with an exptime below 0, a delete with a hold time. */
bool request_may_be_rare(const struct request *r);
static inline bool request_is_rare(const struct request *r)
{
    return (r->value_at || r->command_id == COMMAND_DELETE) && request_may_be_rare(r);
}

/* Lets r be about another key, whose bytes stay the caller's; the client is still shown its own. False, and nothing has
 * changed, when it may not be sent: a key that goes as base64 may have any bytes, but fewer. */
bool request_put_key(struct request *r, const uint8_t *key, size_t len, bool strict);

/* True when r changes nothing on its server, however often it is sent: get, gets, and mg with no flag that writes. */
bool request_only_reads(const struct request *r);

/* Takes the next of a meta command's flags out of *at .. end; false when there is none. *len is at least 1. */
bool request_next_flag(const uint8_t **at, const uint8_t *end, const uint8_t **flag, size_t *len);

/* The key as it stands on the wire (base64 or not) in `to`, which has KEY_WIRE_ROOM bytes. Returns its length. */
enum { KEY_WIRE_ROOM = 336 };
size_t request_wire_key(const struct request *r, const uint8_t *key, size_t len, uint8_t *to);

/* Decodes the base64 key of r (META_BASE64, as parsed) into `to`, which has KEY_MAX bytes, and lets r->key_at point there. False
 * when it is no base64, or decodes to nothing. */
bool request_decode_key(struct request *r, uint8_t *to);

/* Most bytes that request_encode_line can need: for any request, for r. */
enum { REQUEST_LINE_ROOM = KEY_WIRE_ROOM + 160 + LINE_MAX_BYTES };
static inline size_t request_line_room(const struct request *r)
{
    return KEY_WIRE_ROOM + 160 + r->args_len;
}

/* Writes the request's line as a backend reads it (canonical numbers, never noreply or q) to `to`, which has
 * request_line_room(r) bytes. For a store the line ends behind its CRLF and the caller appends value and CRLF; for a
 * retrieval the line is left open, without CRLF, so that more keys may follow. Returns the bytes written. */
size_t request_encode_line(const struct request *r, uint8_t *to);

#endif
#endif
