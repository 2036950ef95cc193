/* exercise: a script on trial is asked about requests that clients have sent, in the child that checks it (master/check.h).
 *
 * Owns nothing that outlives the child. Nothing is sent to a server, and nothing of the live service is written: the child reads the
 * board, copies dictionaries, and unmaps both before the script runs.
 */
#ifndef MOONGATE_WORKER_EXERCISE_H
#define MOONGATE_WORKER_EXERCISE_H

#include "base/board.h"
#include "worker/options.h"

struct labels;

/* The script in use, and what its workers have kept. */
struct exercise_service {
    struct board *board;
    uint32_t generation;
    int script_fd;               /* its text, see source; -1: the built-in one */
    const struct labels *labels; /* of the listeners by which requests came; or NULL */
};

/* Exercises the script of these options, which loads, and took `loading` seconds to do so. Says on stderr in one line how it went: EXERCISE_MARK, then a text that may have
 * further lines where it quotes an error. Returns EXIT_OK, or EXIT_SCRIPT when it must not be used. The process may only exit afterwards. */
#define EXERCISE_MARK "moongate: rehearsal: "
int exercise(const struct options *o, const struct exercise_service *in_use, double loading)
    __attribute__((warn_unused_result));

#endif
