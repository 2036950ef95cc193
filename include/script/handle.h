/* handle: what a script holds of a request or a response: a light userdata that is no address but a number, which never comes twice.
 *
 * So what a script keeps can be told from all that comes later, and nothing is allocated for it. One is good while the function that
 * was given it is the one that runs: Lua compares a request's with the one in the table `now`, C looks a response's up. Both tables
 * lie on the script's stack: STACK_HANDLES, those of the slots that are routed; STACK_NOW: one item.
 */
#ifndef MOONGATE_SCRIPT_HANDLE_H
#define MOONGATE_SCRIPT_HANDLE_H

#include <lua.h>
#include <stdint.h>

struct async;
struct script;

enum handle_sort { HANDLE_REQUEST, HANDLE_RESPONSE };

/* The place in the table `now` of the request of the function that runs, or false; mg_batch.request is where it lies. */
enum { NOW_HANDLE = 1 };

/* Light userdata has 47 bits, and addresses the higher numbers of them; the lowest bit of ours is the sort. */
enum { HANDLE_BITS = 45 };

/* A new one behind *last. Two years pass, at a million a second, before they begin again. */
static inline uint64_t handle_take(uint64_t *last, enum handle_sort sort)
{
    if (++*last >> HANDLE_BITS) *last = 1;
    return *last << 1 | sort;
}

/* [] -> [handle] */
void handle_push(lua_State *L, uint64_t handle);

/* The one at a place of the stack; for all else a number that is none. */
uint64_t handle_at(lua_State *L, int at);

/* The number of a's call whose response has that handle (they grow with its calls); a->calls_n: there is none. */
uint32_t handle_call(const struct async *a, uint64_t handle);

/* Gives the request in a slot a new one, for the function that will be asked. */
void handle_of_slot(struct script *s, uint32_t slot);

/* From now on a's function runs, whose request is on top of `from`, and stays; or goes on: `now` gets its request when it is asked
 * for. None runs any more. */
void handle_turn_to(struct script *s, struct async *a, lua_State *from);
void handle_turn_on(struct script *s, struct async *a);
void handle_turn_ends(struct script *s);

/* [] -> [now]: both tables are made, and lie on the stack. */
void handles_init(struct script *s);

/* Adds to the table on top what Lua needs: handles, now, turn, find, asks, sort. */
void handles_push_functions(struct script *s);

#endif
