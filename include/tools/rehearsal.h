/* rehearsal: a whole worker in memory: real clients, routes and calls, whose other ends are ours: socket pairs in this process.
 *
 * Owned by the tool that runs; driven by rehearsal_turn alone. With a played clock (see clock) nothing in it depends on real
 * time.
 */
#ifndef MOONGATE_TOOLS_REHEARSAL_H
#define MOONGATE_TOOLS_REHEARSAL_H

#include "script/tester.h"
#include "worker/options.h"

/* What a rehearsal is made with; o: for its limits, lua_dir, no_jit and unsafe_lua. */
struct rehearsal_how {
    const struct options *options;
    bool connects; /* servers are real, at their addresses */
};

/* As `open` of struct tester_tools. */
struct rehearsal *rehearsal_create(const struct rehearsal_how *how,
                                   const struct tester_script *script, char *error);

/* What all tools do with a rehearsal that is open, and how this one opens it, shows its log, reports, and reads lines. */
struct tester_tools rehearsal_tools_with(const struct tester_tools *own);

#endif
