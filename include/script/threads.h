/* threads: the Lua threads in which functions that wait run, without what runs in them.
 *
 * A worker's script owns them. A function that waits borrows one (coroutine_take), and gives it back when it has returned.
 * A thread whose function has failed, or whose client has gone, stops in the middle of a call: it cannot be used again, and
 * coroutine_drop leaves it to Lua's collector. Lua's registry holds each thread that is in use or idle.
 */
#ifndef MOONGATE_SCRIPT_THREADS_H
#define MOONGATE_SCRIPT_THREADS_H

#include <lua.h>
#include <stdint.h>

struct async;
struct script;

/* How many idle threads are kept for later functions. */
enum { COROUTINES_IDLE = 1024 };

/* What an idle thread has on its stack; a function that returns leaves its result above that. */
enum thread_stack { THREAD_FUNCTIONS = 1, THREAD_FREE };

struct coroutine {
    lua_State *L;
    int ref; /* in Lua's registry */
};

struct coroutines {
    struct async *running; /* whose function runs, or whose result Lua looks at; else NULL */
    struct coroutine *idle[COROUTINES_IDLE];
    uint32_t idle_n;
    /* Places in Lua's registry, of a table and two functions of async.lua: the script's functions by their numbers; what ends a
     * function by what it returned; what makes a message of what it raised. */
    int functions, finish, explain_failure;
};

/* A thread with only THREAD_FUNCTIONS on its stack: an idle one, or a new one. NULL: it cannot be made, and what Lua raised is on
 * top of the main thread's stack. */
struct coroutine *coroutine_take(struct script *s);

/* Gives back the thread of a function that has returned. */
void coroutine_give(struct script *s, struct coroutine *c);

/* Frees c without finishing what its thread runs. */
void coroutine_drop(struct script *s, struct coroutine *c);

/* Frees the idle ones, when Lua is closed already. */
void coroutines_release(struct script *s);

#endif
