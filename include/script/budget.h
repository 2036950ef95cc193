/* budget: makes Lua source interruptible: a check at each function's entry and at each loop's turn. Pure functions of bytes.
 *
 * A check counts a cell down, and calls a function when the cell falls below 0:
 *
 *     CELL[0]=CELL[0]-1 if CELL[0]<0 then HALT()end
 *
 * The new source is that of a function that takes CELL and HALT and returns the original chunk. Checks stand on the line of
 * what they follow, so that each line keeps its number. A loop in code that LuaJIT has compiled counts too, which no hook and
 * no flag that is set from outside can do (a load is moved out of the loop).
 *
 * The caller has compiled the original: here is no syntax check. Owns nothing.
 */
#ifndef MOONGATE_SCRIPT_BUDGET_H
#define MOONGATE_SCRIPT_BUDGET_H

#include <stddef.h>
#include <stdint.h>

/* A source, and the first lines of functions that get no checks, neither do those inside them: a function may use 60
 * variables of others, and checks take two of these. */
struct budget_source {
    const char *text;
    size_t len;
    const uint32_t *spared;
    size_t spared_n;
};

/* Writes the new source to `to`, unless that is NULL, and returns its length. 0: nothing in it needs a check.
 * BUDGET_NEVER: it cannot be rewritten. */
size_t budget_rewrite(const struct budget_source *source, char *to);

#define BUDGET_NEVER SIZE_MAX

#endif
