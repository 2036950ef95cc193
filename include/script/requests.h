/* requests: the part of the ABI about requests and results as a script has them.
 *
 * Read by both compilers as a part of abi.h; the same rules hold. A script has requests of three sorts: one in a slot of
 * the turn, whose bytes lie in the arena; that of a function that waits, which owns them; and one that the script made,
 * whose bytes Lua owns. An r without a key is one that was routed already: functions return MG_EDIT_OVER, false or 0 for
 * it.
 */
#ifndef MOONGATE_SCRIPT_REQUESTS_H
#define MOONGATE_SCRIPT_REQUESTS_H

#include "protocol/request.h"

#ifndef MOONGATE_CDEF
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

struct script;

/* Why a request or a response cannot be rewritten so. */
enum mg_edit {
    MG_EDIT_OK,
    MG_EDIT_OVER,      /* the request was routed already, or its function has ended */
    MG_EDIT_BAD_KEY,   /* the key is not valid for that command (request_may_have_key) */
    MG_EDIT_TOO_LARGE, /* a value over --max-value */
    MG_EDIT_NO_VALUE,  /* the command has no value */
    MG_EDIT_NO_NUMBER, /* the command has no such number */
    MG_EDIT_NO_FLAGS,  /* the command has no meta flags */
    MG_EDIT_BAD_FLAGS, /* these meta flags cannot be sent */
    MG_EDIT_TOO_MUCH,  /* the function would hold more than it may (async_held_most) */
};

/* The part of a request that is rewritten. */
enum mg_part {
    MG_KEY,
    MG_VALUE,
    MG_FLAGS,  /* all meta flags */
    MG_FLAG,   /* one, put in or replaced: its letter and what follows */
    MG_NO_FLAG /* one, removed: its letter */
};

/* Who owns the bytes that are written, where no waiting function is named by `at`. MG_BY_TURN: they are copied, and live as
 * long as the function that waits, if one runs, else until the turn ends. MG_BY_LUA: Lua keeps them as long as the request;
 * but MG_FLAG and MG_NO_FLAG leave them in s->scratch, which the next one overwrites, so Lua copies them at once. */
enum mg_holder { MG_BY_TURN = 0x7ffffffe, MG_BY_LUA = 0x7fffffff };

/* Bytes at an address. */
struct mg_bytes {
    uintptr_t at;
    uint32_t len;
};

/* A result as Lua reads it. The bytes are the function's that waits, until it ends or rewrites them. */
struct mg_result {
    uint32_t kind; /* enum result_kind */
    uint32_t value_len;
    uintptr_t value_at; /* 0: none */
    uintptr_t text_at;  /* of an error: the text, without SERVER_ERROR */
    uint32_t text_len;
    uint64_t flags;
    uint64_t cas;
    uint64_t number;
    double ttl; /* seconds; -1: it does not expire; -2: not known */
};

/* True when the key begins with those bytes; when it ends with them. */
bool mg_request_has_prefix(const struct request *r, const char *prefix, size_t len);
bool mg_request_has_suffix(const struct request *r, const char *suffix, size_t len);

/* The nth part, from 1, of the key between separators; false when it has fewer. */
bool mg_request_part(const struct request *r, const char *separator, size_t len, uint32_t n,
                     struct mg_bytes *out);

/* The key's hash by enum hash. And true when the key, hashed with a salt, is among a share (0 to 1) of all keys. */
double mg_request_hash(const struct request *r, uint32_t hash);
bool mg_request_in_share(const struct request *r, double share, const char *salt, size_t len);

/* The share of this worker's requests, lately, that are for the key that the client sent: 0 to 1; 0: it is not hot. */
double mg_request_heat(const struct script *s, const struct request *r);

/* What follows the letter of a meta flag; false: r has no such flag. */
bool mg_request_flag(const struct request *r, uint32_t letter, struct mg_bytes *out);

/* Bits of enum request_place (see protocol/place.h). And true when r is of a meta command and has only flags with those
 * letters. */
int32_t mg_request_place(const struct request *r);
bool mg_request_has_only_flags(const struct request *r, const char *letters);

/* Rewrites a part. `at` and `serial` name the function whose request r is; or `at` is an enum mg_holder. The client still
 * gets the key that it sent. Returns enum mg_edit. */
int mg_request_edit(struct script *s, struct request *r, uint32_t part, const char *bytes,
                    size_t len, uint32_t at, uint32_t serial);

/* The cas id of a cas; the delta of incr and decr. False: the command has none. */
bool mg_request_cas(const struct request *r, uint64_t *out);
bool mg_request_delta(const struct request *r, uint64_t *out);

/* Sets whichever of both r has. Returns enum mg_edit. */
int mg_request_set_number(struct request *r, uint64_t number);

/* Sets the client flags. Returns enum mg_edit. */
int mg_request_set_flags(struct request *r, uint64_t flags);

/* True when that key is valid in a classic command. */
bool mg_key_is_valid(const struct script *s, const char *key, size_t len);

/* Makes r an empty request of that command, with a key of no bytes. */
void mg_request_make(struct request *r, uint32_t command);

/* Makes `len` bytes from `from` on (cut at its end) of the value of a function's call, or, for call -1, of its request, the
 * value of r. They are not copied, so they are valid until that function ends. Returns enum mg_edit. */
int mg_request_borrow(struct script *s, struct request *r, uint32_t at, uint32_t serial,
                      int32_t call, uint32_t from, uint32_t len);

/* The hash of such a value; false: there is none. */
bool mg_value_hash(struct script *s, uint32_t at, uint32_t serial, int32_t call, uint64_t *out);

/* The client that r is for: writes its address to text, which has 128 bytes, and returns the length; 0: it is gone. And the
 * number of its listener, for mg_listener; -1: it is gone. */
int32_t mg_request_client(struct script *s, const struct request *r, char *text);
int32_t mg_request_listener(struct script *s, const struct request *r);

/* It speaks the binary protocol. */
bool mg_request_is_binary(const struct script *s, const struct request *r);
/* Who sent r: "user:NAME" or "cert:NAME"; NULL: nobody in particular. Valid until the turn ends. And true when that is `name`, or
 * ends in it behind its prefix where the name has none. */
const char *mg_request_identity(const struct script *s, const struct request *r);
bool mg_request_is_from(const struct script *s, const struct request *r, const char *name,
                        size_t len);

/* The names of listeners, from 0 on; NULL after the last. */
const char *mg_listener(struct script *s, uint32_t at);

/* Reads len decimal digits; false when there is anything else, or the number has more than 64 bits. */
bool mg_read_number(const char *digits, size_t len, uint64_t *out);

#endif
