/* words: in which words a server is asked for the key of a client's get. A client sees the same answer in each case.
 *
 * Pure functions; they own nothing. This is the only place that decides. What the words of each version cost stands in
 * words.c; see send for the line, and intake for the answer.
 */
#ifndef MOONGATE_BACKEND_WORDS_H
#define MOONGATE_BACKEND_WORDS_H

#include "backend/call.h"
#include "backend/data.h"
#include "protocol/dialect.h"

enum words {
    WORDS_GET,   /* `get KEY`; further keys of the same client's get may follow */
    WORDS_MG,    /* `mg KEY v f c k` */
    WORDS_MERGE, /* a get whose line takes keys of other clients too */
};

/* For a request that may be written at once, to a server of b with that dialect: so its connection is READY, takes many calls,
 * and is not apart. */
enum words words_for(const struct backend *b, const struct dialect *d, const struct request *r);

/* The same for a call that was held back, once its connection is such a one. */
enum words words_for_call(const struct backend *b, const struct dialect *d,
                          const struct call *call);

#endif
