/* coroutine: starts the script's functions that wait, resumes them when what they wait for has come, and ends them.
 *
 * Each runs in a Lua thread (threads.h), which the script owns and uses again. mg.call and the others yield, which takes
 * Lua back to coroutine_begin or coroutines_go_on; script_route calls both once a turn. In every process that routes:
 * workers, and rehearsals of `moongate test`.
 */
#ifndef MOONGATE_SCRIPT_COROUTINE_H
#define MOONGATE_SCRIPT_COROUTINE_H

#include <stdint.h>

struct script;

/* Pushes the table of functions with which Lua waits: open, call_own, wait, current, owner, and those of handle.h. */
void coroutines_push(struct script *s);

/* Starts the function of slot `slot` of the turn. */
void coroutine_begin(struct script *s, uint32_t slot);

/* Goes on with those that may. */
void coroutines_go_on(struct script *s);

#endif
