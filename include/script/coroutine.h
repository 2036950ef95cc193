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
struct mg_handle;
struct script;

enum {
    COROUTINES_IDLE = 1024, /* that are kept for the next function */
    COROUTINE_RESPONSES = 4 /* that are made once, for the first calls of its functions */
};

/* A thread, and what its functions are given, which would cost the collector dear if it were made for each: a request, and
 * responses (NULL: not made yet). They are of the function that runs in it: see struct mg_handle. */
struct coroutine {
    lua_State *L;
    struct mg_handle *request;
    struct mg_handle *responses[COROUTINE_RESPONSES];
    struct mg_handle *comes; /* the response that it goes on with, when it waits for one */
    int ref;                 /* in Lua's registry, as all of them are: */
    int response_refs[COROUTINE_RESPONSES];
};

struct coroutines {
    struct async *running; /* whose function is at work, or ends, or NULL */
    struct coroutine *idle[COROUTINES_IDLE];
    uint32_t idle_n;
    /* In Lua's registry: the metatables of requests and responses, the functions by their numbers, and what does the rest of a
     * function's end and of its failure. */
    int request, response, functions, finish, explain_failure;
};

/* Pushes the table of functions with which Lua waits: open, call_own, wait, current. */
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
