/* script_time: how long a script may take at a time (--script-timeout), and what interrupts it, for that and for
 * --script-memory.
 *
 * A script's source is rewritten when it is loaded (budget.h). What it counts down is `left`, and what it calls then is `halt`
 * of script_time.c, which asks the clock. A script owns one struct script_time.
 */
#ifndef MOONGATE_SCRIPT_SCRIPT_TIME_H
#define MOONGATE_SCRIPT_SCRIPT_TIME_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct script;

/* How many checks pass before the clock is asked for the first time, and at most between two looks at it. */
enum { CHECKS_FIRST = 256, CHECKS_MOST = 16384 };

/* Why a turn must end. */
enum script_over { OVER_NOTHING, OVER_TIME, OVER_MEMORY, OVER_UNWANTED };

/* Of one turn of the script: a function that routes one request, a function that waits between two waits, a timer, or the
 * loading. It is timed from the first look at the clock on. Invariant: once it is over, each check raises the error again until
 * the turn ends. */
struct script_time {
    int32_t
        left; /* compiled code counts this down; interpreted code a table's [0], which is faster there */
    int table;      /* its place in Lua's registry */
    int32_t checks; /* how many pass until the next look */
    uint32_t at;    /* batch.at of the turn: the next slot of a batch is another turn */
    double began, looked;
    bool is_timed;
    bool has_collected; /* garbage, in this turn */
    enum script_over over;
    bool took_long; /* the clock was looked at since the last script_time_end */
};

/* Lua's module moongate.budget, for sandbox.lua: { rewrite =, halt =, cell =, first = CHECKS_FIRST }. [...] -> [...] */
void script_time_init(struct script *s);

/* C calls this before it enters the script for something new. The stack stays as it is. */
void script_time_begin(struct script *s);

/* The next check calls halt. In a call from Lua. */
void script_time_check_now(struct script *s, lua_State *L);

/* The seconds of processor time that this thread has had; while the script loads, those of a clock that nobody sets. */
double script_time_now(const struct script *s);

/* After the script has run: when it took long, the loop's time is read again, for the deadlines of what is sent now. */
void script_time_end(struct script *s);

#endif
