/* rogue: what a client sends that harms others, if anything does: random requests, most of them nearly valid.
 *
 * The same seed makes the same stream. A struct rogue owns its bytes; {0} is empty and ready, rogue_release gives them back.
 *
 * Values hold command lines about the keys of others: DELETE_OF_OTHERS and its like, and a store of ROGUE_EVIL. Nobody may run them:
 * they stand only in values whose length is said in the request's line, in the place where a length may stand or, when a key with
 * spaces or an empty one pushes it, beside it. Behind a request whose length is wrong all else may be run, as memcached itself would,
 * so from there on the stream is harmless: it speaks only of keys of its own, which begin with `r:` or `f:` or are odd.
 */
#ifndef TESTS_LIB_ROGUE_H
#define TESTS_LIB_ROGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/octets.h"

#define ROGUE_EVIL   "evil"       /* the key that no server may hold */
#define ROGUE_OTHERS "neighbour:" /* keys of others begin so */
enum { ROGUE_OTHERS_KEYS = 16 };  /* a number below that follows */

enum { ROGUE_REQUESTS = 16 };

/* How the client leaves. */
enum rogue_end {
    ROGUE_HEARS_OUT, /* it sends no more, and reads all answers */
    ROGUE_CLOSES,
    ROGUE_RESETS,
    ROGUE_ENDS
};

struct rogue {
    struct octets bytes;
    size_t starts[ROGUE_REQUESTS + 1]; /* where each request begins; of the last one, the end */
    size_t n;
    unsigned seed;    /* of what is still to be made */
    bool is_harmless; /* what follows may be run */
    bool reads_late;  /* nothing before all is sent */
    enum rogue_end end;
};

/* Leaves out requests before `from`, and from `to` on; (size_t)-1: none. */
void rogue_make(struct rogue *r, unsigned seed, size_t from, size_t to);
void rogue_release(struct rogue *r);

/* Each request on a line, to stderr. */
void rogue_prints(const struct rogue *r);

/* --- for the files that make requests */

/* The next number below n; true once in n times. */
unsigned rogue_below(struct rogue *r, unsigned n);
bool rogue_once_in(struct rogue *r, unsigned n);

/* The words of a line, before they are put together. */
enum { ROGUE_WORDS = 40, ROGUE_WORD = 2600 };
struct rogue_line {
    char word[ROGUE_WORDS][ROGUE_WORD];
    size_t len[ROGUE_WORDS];
    size_t n;
};

void rogue_word(struct rogue_line *l, size_t at,
                const char *text); /* inserts it; at most at the end */
void rogue_word_bytes(struct rogue_line *l, size_t at, const void *bytes, size_t n);
void rogue_drop_word(struct rogue_line *l, size_t at);
void rogue_set_word(struct rogue_line *l, size_t at, const char *text);
void rogue_drop_any_word(struct rogue *r, struct rogue_line *l);

/* printf into memory that a few more of these will use again. */
const char *rogue_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A key: mostly one of its few, or an odd one. A number: mostly an odd one. Any word. */
void rogue_key(struct rogue *r, struct rogue_line *l, size_t at);
const char *rogue_number(struct rogue *r);
const char *rogue_any_word(struct rogue *r);

/* A key in base64, mostly of bytes that are white space; it may be none. */
void rogue_base64_key(struct rogue *r, struct rogue_line *l, size_t at);

/* The line, with one space or more between words, and its end. */
void rogue_add_line(struct rogue *r, const struct rogue_line *l);

/* A value: command lines about others, or harmless bytes. n: bytes. */
char *rogue_value(struct rogue *r, size_t *n);
void rogue_add(struct rogue *r, const void *bytes, size_t n);

/* Requests with values; meta requests without one. Lines are built in *l. */
void rogue_makes_store(struct rogue *r, struct rogue_line *l);
void rogue_makes_meta_store(struct rogue *r, struct rogue_line *l);
void rogue_makes_meta(struct rogue *r, struct rogue_line *l);

#endif
