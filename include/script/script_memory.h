/* script_memory: what a script does when its memory is short (--script-memory).
 *
 * The allocator (memory.h) counts, and sets is_asked above a mark; the script's next check (script_time.h) or the end of its turn
 * looks then. A script owns one struct script_memory.
 */
#ifndef MOONGATE_SCRIPT_SCRIPT_MEMORY_H
#define MOONGATE_SCRIPT_SCRIPT_MEMORY_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "script/memory.h"

struct script;

struct script_memory {
    struct memory of;
    size_t seen;        /* `used` at the last look */
    size_t lives;       /* `used` after the last collection of all garbage */
    size_t shown;       /* of the worker's gauge */
    uint64_t refused;   /* of.refused as it was counted in the worker's row */
    bool is_collecting; /* Lua's collector runs for us: what it calls does not look */
    bool must_collect;  /* when the turn ends, all garbage */
    bool has_failed;    /* and what the turn had is garbage: it ended with an error of a limit */
    bool is_full;       /* what it keeps is above the limit: host.on_full was called */
    char text[64];      /* of the error */
};

/* How much memory it may take from now on; 0: no limit. */
void script_set_memory(struct script *s, size_t bytes);

/* Makes its Lua state, s->L. */
void script_memory_open(struct script *s);

/* After lua_close. */
void script_memory_release(struct script *s);

/* In a check: true when memory is short even after all garbage was collected. The turn is to end with an error then. */
bool script_memory_is_short(struct script *s, lua_State *L);

/* A turn ends with an error because it took too much: it may leave much garbage. */
void script_memory_interrupted(struct script *s);

/* After loading: false when what the script keeps leaves less than a sixteenth of its memory. [...] -> [...], or [..., message]
 * and false */
bool script_memory_has_room(struct script *s);

/* After the script has run. What is slow is done here rather than in a request. The stack stays as it is. */
void script_memory_end(struct script *s);

/* The message of an error that a function has ended with: the limit is added to Lua's own "not enough memory". */
const char *script_memory_explain(struct script *s, const char *why);

/* lua_pcall and lua_resume for the script's code: meanwhile huge blocks may be refused. */
int script_memory_call(struct script *s, int arguments, int results, int handler);
int script_memory_resume(struct script *s, lua_State *L, int arguments);

#endif
