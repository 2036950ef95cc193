/* handle: what a script holds of a request or a response: a light userdata whose bits are not an address but a number that
 * is never used twice.
 *
 * I2: what a script keeps is never taken for a later request or response, and nothing is allocated for it. A handle is
 * valid while the function that got it runs. Lua compares a request's handle with the one in the table `now`; C looks a
 * response's up among the calls of that function. Two tables lie on the script's stack: STACK_HANDLES has the handles of
 * the slots that are routed, STACK_NOW one item. Lua owns both; C and Lua write to them.
 */
#ifndef MOONGATE_SCRIPT_HANDLE_H
#define MOONGATE_SCRIPT_HANDLE_H

#include <lua.h>
#include <stdint.h>

struct async;
struct script;

enum handle_sort { HANDLE_REQUEST, HANDLE_RESPONSE };

/* now[NOW_HANDLE] is the handle of the request whose function runs, or false. mg_batch.request points to that request. */
enum { NOW_HANDLE = 1 };

/* Of the 47 bits of a light userdata, the lowest is the handle's sort, and 45 are its number. */
enum { HANDLE_BITS = 45 };

/* The handle after *last. At a million a second they are used up after a year, and begin again. */
static inline uint64_t handle_take(uint64_t *last, enum handle_sort sort)
{
    if (++*last >> HANDLE_BITS) *last = 1;
    return *last << 1 | sort;
}

/* [] -> [handle] */
void handle_push(lua_State *L, uint64_t handle);

/* The handle at a place of the stack. For any other value, a number that is not a handle. */
uint64_t handle_at(lua_State *L, int at);

/* The number of a's call whose response has that handle; a->calls_n: there is none. By bisection: handles grow with the
 * calls. */
uint32_t handle_call(const struct async *a, uint64_t handle);

/* Gives the request in a slot of the turn a new handle, for the function that will route it. */
void handle_of_slot(struct script *s, uint32_t slot);

/* From now on a's function runs. The first is for one that begins: the handle of its request is on top of `from`, and stays
 * there. The second is for one that goes on, and leaves `now` empty: Lua fills it (`turn`) when the function first uses its
 * request. */
void handle_turn_to(struct script *s, struct async *a, lua_State *from);
void handle_turn_on(struct script *s, struct async *a);

/* No function runs any more: every handle of a request is over. */
void handle_turn_ends(struct script *s);

/* [] -> [handles, now]: makes both tables. */
void handles_init(struct script *s);

/* [table] -> [table]: adds what kept.lua and response.lua need of here: handles, now, turn, find, asks, sort. */
void handles_push_functions(struct script *s);

#endif
