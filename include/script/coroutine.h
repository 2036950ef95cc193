/* coroutine: the Lua threads that functions that wait run in, driven from C.
 *
 * A thread that has returned is used again; one that has failed, or that nobody waits for any more, is left to Lua's collector.
 * The functions that Lua calls to wait (mg.call and its kin) yield to here and never enter Lua: what goes on with them is the
 * turn. The script owns the threads.
 */
#ifndef MOONGATE_SCRIPT_COROUTINE_H
#define MOONGATE_SCRIPT_COROUTINE_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct async;
struct script;

enum {
    COROUTINES_IDLE = 1024 /* that are kept for the next function */
};

struct coroutine {
    lua_State *L;
    int ref; /* in Lua's registry */
};

struct coroutines {
    struct async *running; /* whose function is at work, or ends, or NULL */
    struct coroutine *idle[COROUTINES_IDLE];
    uint32_t idle_n;
    /* In Lua's registry: the functions by their numbers, and what does the rest of a function's end and of its failure. */
    int functions, finish, explain_failure;
};

/* Pushes the table of functions with which Lua waits: open, call_own, wait, current, owner, and those of handle.h. */
void coroutines_push(struct script *s);

/* Starts the function of slot `slot` of the turn. */
void coroutine_begin(struct script *s, uint32_t slot);

/* Goes on with those that may. */
void coroutines_go_on(struct script *s);

/* Nobody will go on with it: it is left where it stands. Frees c. */
void coroutine_drop(struct script *s, struct coroutine *c);

/* Frees those that are idle; their threads go with Lua. */
void coroutines_release(struct script *s);

#endif
