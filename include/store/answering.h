/* answering: what the files that make a store's answers share. Owned by the function that answers, on its stack; see store/answer.h. */
#ifndef MOONGATE_STORE_ANSWERING_H
#define MOONGATE_STORE_ANSWERING_H

#include <string.h>

#include "protocol/text.h"
#include "store/answer.h"
#include "store/shard.h"

/* One request, with the shard of its key locked. */
struct answering {
    struct store_op *op;
    const struct request *r;
    struct arena *arena;
    struct store_answer *a;
    store_write_fn *write; /* takes what it can of a long value; NULL: nothing does */
    void *owner;           /* its first argument */
};

static inline void store_count(struct store_op *op, enum store_count what)
{
    op->shard->counts[what]++;
}

/* --- answers that are one line and always the same ----------------------------------------------------- */

#define ANSWER_LINES(X)                                                                            \
    X(END, RESPONSE_END, "END")                                                                    \
    X(STORED, RESPONSE_STORED, "STORED")                                                           \
    X(NOT_STORED, RESPONSE_NOT_STORED, "NOT_STORED")                                               \
    X(EXISTS, RESPONSE_EXISTS, "EXISTS")                                                           \
    X(NOT_FOUND, RESPONSE_NOT_FOUND, "NOT_FOUND")                                                  \
    X(DELETED, RESPONSE_DELETED, "DELETED")                                                        \
    X(TOUCHED, RESPONSE_TOUCHED, "TOUCHED")                                                        \
    X(HD, RESPONSE_HD, "HD")                                                                       \
    X(EN, RESPONSE_EN, "EN")                                                                       \
    X(NS, RESPONSE_NS, "NS")                                                                       \
    X(EX, RESPONSE_EX, "EX")                                                                       \
    X(NF, RESPONSE_NF, "NF")                                                                       \
    X(UNKNOWN, RESPONSE_ERROR, "ERROR")                                                            \
    X(BAD_KEY, RESPONSE_CLIENT_ERROR, "CLIENT_ERROR bad command line format")                      \
    X(BAD_TOKEN, RESPONSE_CLIENT_ERROR, "CLIENT_ERROR bad token in command line format")           \
    X(BAD_DELTA, RESPONSE_CLIENT_ERROR, "CLIENT_ERROR invalid numeric delta value")                \
    X(BAD_INITIAL, RESPONSE_CLIENT_ERROR, "CLIENT_ERROR invalid numeric initial value")            \
    X(BAD_FLAG, RESPONSE_CLIENT_ERROR, "CLIENT_ERROR invalid flag")                                \
    X(BAD_FLAGS, RESPONSE_CLIENT_ERROR, "CLIENT_ERROR invalid or duplicate flag")                  \
    X(BAD_MODE_LENGTH, RESPONSE_CLIENT_ERROR, "CLIENT_ERROR incorrect length for M token")         \
    X(BAD_SET_MODE, RESPONSE_CLIENT_ERROR, "CLIENT_ERROR invalid mode for ms M token")             \
    X(BAD_COUNT_MODE, RESPONSE_CLIENT_ERROR, "CLIENT_ERROR invalid mode for ma M token")           \
    X(BAD_OPAQUE, RESPONSE_CLIENT_ERROR, "CLIENT_ERROR opaque token too long")                     \
    X(NO_NUMBER, RESPONSE_CLIENT_ERROR,                                                            \
      "CLIENT_ERROR cannot increment or decrement non-numeric value")                              \
    X(TOO_LARGE, RESPONSE_SERVER_ERROR, "SERVER_ERROR object too large for cache")                 \
    X(NO_MEMORY, RESPONSE_SERVER_ERROR, "SERVER_ERROR out of memory storing object")               \
    X(NO_MEMORY_COUNT, RESPONSE_SERVER_ERROR, "SERVER_ERROR out of memory in incr")

enum answer_line {
#define X(name, kind, text) ANSWER_##name,
    ANSWER_LINES(X)
#undef X
        ANSWER_LINES_N,
    ANSWER_NONE = ANSWER_LINES_N
};

void answer_say(struct answering *by, enum answer_line line);

/* --- answers that are made ------------------------------------------------------------------------------ */

/* Memory for an answer with a value of value_len bytes (0: none) and `room` bytes besides; in a blob if the value is long. */
uint8_t *answer_begin(struct answering *by, size_t room, size_t value_len);

/* `end`: behind the last byte of what was written; the rest of the memory goes back. */
void answer_end(struct answering *by, enum response_kind kind, uint8_t *end);

static inline uint8_t *answer_put(uint8_t *to, const void *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

static inline uint8_t *answer_put_number(uint8_t *to, uint64_t number)
{
    return to + text_write_unsigned(to, number);
}

/* The item's value and its CRLF. */
uint8_t *answer_put_value(struct answering *by, const struct store_item *item, uint8_t *to);

/* --- changes ------------------------------------------------------------------------------------------- */

/* It was changed, which is no reading: the policy and `used` learn of it, but it was not fetched. */
void answer_note_change(struct store_op *op, struct store_item *item);

/* Stores as the command says (add, append ...). What came of it is told; the words of the answer are the caller's. */
enum answer_stored {
    ANSWERED_STORED,
    ANSWERED_NOT_STORED,
    ANSWERED_EXISTS,
    ANSWERED_NOT_FOUND,
    ANSWERED_TOO_LARGE,
    ANSWERED_NO_MEMORY
};
struct answer_storing {
    const void *value;
    size_t value_len;
    uint64_t cas;     /* that must be the item's; 0: any */
    uint64_t new_cas; /* of the new item; 0: the store's next */
    int64_t expires;  /* as an item's */
    uint32_t flags;   /* the client's */
    uint8_t command;  /* COMMAND_SET, ADD, REPLACE, APPEND, PREPEND or CAS */
    uint8_t marks;    /* of the new item */
    bool
        may_be_stale; /* a CAS with a number lower than the item's stores, too, and leaves the item stale */
    bool
        always_drops; /* what cannot be stored removes the old value whatever the command; else only a SET does */
    struct store_item *item; /* the new one, when STORED */
};
enum answer_stored answer_store(struct store_op *op, struct answer_storing *how);

/* False: by its length alone the value is no number, which memcached looks at before it compares cas numbers. */
bool answer_may_be_number(const struct store_item *item);

/* Counts an item up or down; *number: the result. *item may be another one afterwards. cas: as above. */
enum answer_counted { ANSWERED_COUNTED, ANSWERED_NO_NUMBER, ANSWERED_NO_ROOM };
struct answer_counting {
    bool is_down;
    uint64_t delta;
    uint64_t new_cas;
};
enum answer_counted answer_count(struct store_op *op, const struct answer_counting *how,
                                 struct store_item **item, uint64_t *number);

/* --- mg ms md ma me ------------------------------------------------------------------------------------ */

void answer_meta(struct answering *by);

#endif
