/* ask: a question of the master to its workers, and their answers: at most so many bytes, for at most so many seconds.
 *
 * Owned by the master, one for its life; it never waits. What a worker sends is not trusted: an answer to no question is dropped, and one
 * that is too long is cut. A worker that does not answer in time, or that ends, is left out, and the result says so.
 */
#ifndef MOONGATE_MASTER_ASK_H
#define MOONGATE_MASTER_ASK_H

#include "base/records.h"
#include "master/crew.h"
#include <ev.h>
#include <stdbool.h>

/* I6: the bytes of one answer of all workers, and questions at once. */
enum { ASK_BYTES = 4 * 1024 * 1024, ASKS_MOST = 32, ASK_ERROR_MAX = CHANNEL_TEXT_MAX };

enum ask_whom {
    ASK_ONE, /* the first answer is the answer: it is the same in all workers */
    ASK_ALL, /* also those that drain */
};

enum ask_state {
    ASK_UNASKED, /* there was no such worker, or no room in its channel */
    ASK_WAITS,
    ASK_ANSWERED,
    ASK_REFUSED, /* by the worker: `error` says why */
    ASK_LATE,
    ASK_GONE,
};

/* One slot's answer. */
struct ask_answer {
    enum ask_state state;
    bool has_channel; /* it was asked, or could not be because its channel is full */
    uint32_t worker;  /* its number */
    struct records records;
};

/* The result, valid during the call. */
struct ask_result {
    const struct ask_answer *answers;
    uint32_t n;                 /* slots */
    const char *error;          /* of a worker that refused; "": none did */
    uint32_t answered, missing; /* workers that have answered, and that should have */
    bool is_cut; /* the answers have more than ASK_BYTES: the last records are missing */
};

typedef void ask_done(void *arg, const struct ask_result *result);

struct ask;

struct asks {
    struct crew *crew;
    struct ask *first;
    unsigned n;
    uint32_t last; /* number given */
};

void asks_init(struct asks *asks, struct crew *crew);

/* Asks, and calls done once; not from within this call. Returns the question, for ask_drop; NULL: too many are open. */
struct ask *ask_begin(struct asks *asks, enum ask_whom whom, const char *question, double seconds,
                      ask_done *done, void *arg);

/* Nobody wants to know any more: done is not called. */
void ask_drop(struct asks *asks, struct ask *a);

/* Reports of workers, as the crew brings them. */
void asks_take_piece(struct asks *asks, const struct slot *s, uint32_t number, const char *text);
void asks_take_end(struct asks *asks, const struct slot *s, uint32_t number, const char *error);
void asks_forget(struct asks *asks, const struct slot *s);

/* Drops all: at the end, and in each forked child. */
void asks_release(struct asks *asks);

#endif
