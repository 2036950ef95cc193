/* rehearsal: a whole worker in memory. Its clients, routes and calls are the daemon's; the other ends of their connections belong
 * to the tool, or to the check of a script, as socket pairs in this process.
 *
 * Owned by who opens it, through struct tester_tools; runs only inside of its calls. With a played clock
 * (worker/clock.h) nothing in it depends on real time. rehearsal.c says how it works.
 */
#ifndef MOONGATE_WORKER_REHEARSAL_H
#define MOONGATE_WORKER_REHEARSAL_H

#include "base/heat.h"
#include "base/shared.h"
#include "script/tester.h"
#include "worker/options.h"

/* How a rehearsal is made. options: its limits, lua_dir, no_jit and unsafe_lua. */
struct rehearsal_how {
    const struct options *options;
    bool connects; /* to the real servers of the script; else each server is a wire */
    bool rewords;  /* a wire gets what its server would get; else the words of the client */
    /* For the service's own check: the script sees as many workers as there are, its timers do not run, and dictionaries begin with
     * what is in these. NULL: one worker, timers run, there are no dictionaries. */
    struct shared *shared;
    const struct labels *labels; /* of listeners of scripts, by which its clients come; or NULL */
    const struct heat_row *hot;  /* keys that are hot from the beginning; hot_n of them */
    uint32_t hot_n;
};

/* Makes one with that script. NULL, and the reason in error (SCRIPT_ERROR_MAX bytes). For `open` of struct tester_tools, whose
 * `close` frees it. */
struct rehearsal *rehearsal_create(const struct rehearsal_how *how,
                                   const struct tester_script *script, char *error);

/* The options of its worker, with what the script has set; they live as long as it does. */
const struct options *rehearsal_options(const struct rehearsal *r);

/* How many errors its scripts have raised. */
uint64_t rehearsal_errors(const struct rehearsal *r);

/* The functions of an open rehearsal, together with the tool's own `open`, `logged`, `report` and `line`. */
struct tester_tools rehearsal_tools_with(const struct tester_tools *own);

#endif
