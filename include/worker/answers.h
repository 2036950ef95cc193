/* answers: what a worker tells its master when it is asked, and what it does when the master steers its servers.
 *
 * Embedded in its worker, which releases it. A question is a text of words with tabs between them, each word written by record_escape; an
 * answer is records (base/records.h), sent in pieces as the channel has room, or one sentence that says why there is none.
 *
 *   pools                          a record for each pool and, behind it, for each of its servers
 *   clients                        a record for each client
 *   explain COMMAND KEY            a record of the fields of `stats explain`
 *   may drain SERVER               what a drain would do: a record for each pool that has the server; or why it cannot be
 *   may undrain SERVER             likewise
 *   may weight SERVER POOL NUMBER  likewise; POOL "": all that have the server; NUMBER "reset": the script's weight
 *   kill CLIENT                    closes clients: PID.NUMBER as `clients` shows it, or an address; a record for each
 *   log LEVEL                      the log shows that level from now on; "reset": as the options say
 */
#ifndef MOONGATE_WORKER_ANSWERS_H
#define MOONGATE_WORKER_ANSWERS_H

#include <ev.h>
#include <stdint.h>

#include "backend/steering.h"
#include "base/records.h"

struct worker;
struct answer_out;

/* I6: what is held for a master that does not read. */
enum { ANSWERS_MOST = 64, ANSWER_BYTES = 1024 * 1024, ANSWER_WORDS = 5 };

struct answers {
    struct steering *steering; /* owned */
    struct answer_out *first;  /* on their way, in their order */
    unsigned n;
    ev_io room; /* runs while the channel has none */
};

/* inherited: what is steered already; or NULL. */
void answers_init(struct worker *w, const struct steering *inherited);
void answers_release(struct worker *w);

/* A question has come, and a change. */
void answers_take(struct worker *w, uint32_t number, const char *question);
void answers_steer(struct worker *w, uint32_t number, const char *text);

/* How questions are answered: each appends records, or returns a sentence that says why not, valid until the next call. In
 * worker/answer_pools.c and answer_clients.c. */
typedef const char *answer_fn(struct worker *w, char *const *words, struct records *r);
answer_fn answer_pools, answer_may, answer_clients, answer_kill, answer_explain;

#endif
