/* meta: a meta command that is being answered: what its flags say, and its answer's line. For src/store/answer_meta*.c.
 *
 * A struct meta is a plain value on the stack of answer_meta, owns nothing, and points to its struct answering.
 */
#ifndef MOONGATE_STORE_META_H
#define MOONGATE_STORE_META_H

#include "store/answering.h"

/* What an answer's line has at most besides what it repeats: a word with a length, six flags with numbers, three letters, the end. */
enum { META_LINE_ROOM = 24 + 6 * (2 + TEXT_NUMBER_ROOM) + 6 + 2 };

/* A request with what its flags say, and where its answer is written. */
struct meta {
    struct answering *by;
    struct store_op *op;
    const struct request *r;
    enum answer_line error;                 /* ANSWER_NONE: the flags are good */
    int64_t ttl, vivify_ttl, recache_below; /* T, N, R: seconds as they came */
    uint64_t cas, new_cas, initial, delta;  /* C, E, J, D */
    char mode;                              /* M; 0: none */
    bool has_ttl, vivifies, has_cas, wants_value, invalidates, drops_value, changes_nothing;
    bool wants_facts; /* c or s */
    bool was_made, has_won;
    uint8_t *at; /* the end of what was written */
};

static inline const uint8_t *meta_key(const struct meta *m)
{
    return (const uint8_t *)m->r->key_at;
}

static inline int64_t meta_expiry(const struct meta *m, int64_t asked)
{
    return store_expiry(asked, m->op->now);
}

/* --- the answer's line --------------------------------------------------------------------------------- */

/* The word (two letters), with a length behind it if there is a value. */
void meta_begin_line(struct meta *m, const char *word, const size_t *value_len);

static inline void meta_put_letter(struct meta *m, char letter)
{
    *m->at++ = ' ';
    *m->at++ = (uint8_t)letter;
}

static inline void meta_put_number(struct meta *m, char letter, uint64_t number)
{
    meta_put_letter(m, letter);
    m->at = answer_put_number(m->at, number);
}

/* In base64 where that is so: b says so. */
void meta_put_key(struct meta *m, bool in_base64);
void meta_put_opaque(struct meta *m, const uint8_t *flag, size_t len);

/* What is repeated, of a key as the client wrote it. */
void meta_put_echo(struct meta *m, const uint8_t *flag, size_t len);
void meta_put_ttl(struct meta *m, const struct store_item *item);

/* The word, then what is repeated. `line` has the same word alone, for those that want nothing repeated. */
void meta_say(struct meta *m, enum answer_line line, enum response_kind kind);
#define META_SAY(m, word) meta_say(m, ANSWER_##word, RESPONSE_##word)

/* --- commands that change ------------------------------------------------------------------------------ */

void meta_set(struct meta *m);
void meta_delete(struct meta *m);
void meta_count(struct meta *m);

#endif
