/* requests: the part of the ABI about requests and results as a script has them.
 *
 * Read by both compilers as a part of abi.h; the same rules hold. A script has requests of three sorts: a slot of the turn, that
 * of a function that waits, and one that it made itself, whose bytes Lua holds.
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

/* What a request may not be rewritten to. */
enum mg_edit {
    MG_EDIT_OK,
    MG_EDIT_OVER,      /* the request was routed already, or has been answered */
    MG_EDIT_BAD_KEY,   /* not as request_key_is_valid wants it */
    MG_EDIT_TOO_LARGE, /* a value over --max-value */
    MG_EDIT_NO_VALUE,  /* the command carries none */
    MG_EDIT_NO_NUMBER, /* likewise */
    MG_EDIT_NO_FLAGS,  /* the command has no meta flags */
    MG_EDIT_BAD_FLAGS, /* no meta flags that can be sent */
    MG_EDIT_TOO_MUCH,  /* the function holds more than it may */
};

/* What of a request is edited. */
enum mg_part {
    MG_KEY,
    MG_VALUE,
    MG_FLAGS,  /* all meta flags */
    MG_FLAG,   /* one: its letter and what follows */
    MG_NO_FLAG /* one that goes: its letter */
};

/* In the place of a waiting function's handle: who holds the bytes. */
enum mg_holder {
    MG_BY_TURN =
        0x7ffffffe, /* they are copied and live until the turn ends; or the function that waits and runs */
    MG_BY_LUA =
        0x7fffffff /* Lua does, as long as the request; but MG_FLAG and MG_NO_FLAG leave theirs in a place that
                                the next edit takes */
};

/* Bytes that lie somewhere. */
struct mg_bytes {
    uintptr_t at;
    uint32_t len;
};

/* A result as Lua reads it. Addresses are valid until the function that waits has ended. */
struct mg_result {
    uint32_t kind; /* enum result_kind */
    uint32_t value_len;
    uintptr_t value_at; /* 0: none */
    uintptr_t text_at;  /* of an error: the text, without SERVER_ERROR */
    uint32_t text_len;
    uint64_t flags;
    uint64_t cas;
    uint64_t number;
    double ttl; /* seconds; -1: for ever, -2: not known */
};

/* True when the key begins, ends with those bytes. */
bool mg_request_has_prefix(const struct request *r, const char *prefix, size_t len);
bool mg_request_has_suffix(const struct request *r, const char *suffix, size_t len);

/* The nth part, from 1, of the key between separators; false when it has fewer. */
bool mg_request_part(const struct request *r, const char *separator, size_t len, uint32_t n,
                     struct mg_bytes *out);

/* The key's hash. With a share: true when the key, with a salt, is among that share of all keys. */
double mg_request_hash(const struct request *r, uint32_t hash);
bool mg_request_in_share(const struct request *r, double share, const char *salt, size_t len);

/* What follows the letter of a meta flag; false: it is not there. */
bool mg_request_flag(const struct request *r, uint32_t letter, struct mg_bytes *out);

/* Bits of enum request_place (see protocol/place.h). Whether r has meta flags, and none but those letters. */
int32_t mg_request_place(const struct request *r);
bool mg_request_has_only_flags(const struct request *r, const char *letters);

/* Puts other bytes in place; `at` and `serial`: of the function whose request r is, or enum mg_holder. The client still sees its
 * own key in the answer. Returns enum mg_edit. */
int mg_request_edit(struct script *s, struct request *r, uint32_t part, const char *bytes,
                    size_t len, uint32_t at, uint32_t serial);

/* The cas id of a cas; the delta of incr and decr. false: the command has none. */
bool mg_request_cas(const struct request *r, uint64_t *out);
bool mg_request_delta(const struct request *r, uint64_t *out);
int mg_request_set_number(struct request *r, uint64_t number);

/* Other client flags. Returns enum mg_edit. */
int mg_request_set_flags(struct request *r, uint64_t flags);

/* True when a classic command may have that key. */
bool mg_key_is_valid(const struct script *s, const char *key, size_t len);

/* A request of the script's own: empty, of that command. */
void mg_request_make(struct request *r, uint32_t command);

/* `len` bytes from `from` on of the value of a function's call (len UINT32_MAX: all of it), or, call -1, of its request become
 * r's value, without copying; valid until that function has ended. Returns enum mg_edit. */
int mg_request_borrow(struct script *s, struct request *r, uint32_t at, uint32_t serial,
                      int32_t call, uint32_t from, uint32_t len);

/* A hash of the same value; false when there is none. */
bool mg_value_hash(struct script *s, uint32_t at, uint32_t serial, int32_t call, uint64_t *out);

/* The client that r is for: its address into text, which has 128 bytes; 0 when it is gone. And the place of its listener among
 * those of mg_listener; -1 likewise. */
int32_t mg_request_client(struct script *s, const struct request *r, char *text);
int32_t mg_request_listener(struct script *s, const struct request *r);

/* The listeners' names, 0.. ; NULL behind the last. */
const char *mg_listener(struct script *s, uint32_t at);

/* The number that len decimal digits are; false when they are not, or it has over 64 bits. */
bool mg_read_number(const char *digits, size_t len, uint64_t *out);

#endif
