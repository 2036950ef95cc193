/* follow: runs the script's functions for explain, against a model of the servers: nothing is sent.
 *
 * While a function is followed, script->model points to what its calls meet, which follow.c owns; the bodies of abi.h call here
 * then, instead of sending. script_tracer (script.h) is what explain asks. One process.
 */
#ifndef MOONGATE_SCRIPT_FOLLOW_H
#define MOONGATE_SCRIPT_FOLLOW_H

#include "route/walk.h"
#include "script/async.h"

/* Call `number` of the function, which has just been added, through a route (its number): noted, and answered at once. */
void model_call(struct async *a, uint32_t number, int32_t route, const struct request *r);

/* r, which the script sends for nobody. */
void model_spawn(struct script *s, int32_t route, const struct request *r);

/* The function waits, for calls or for a time. False: it waits without end, and is to be stopped. */
bool model_waits(struct async *a);

/* The function has failed. */
void model_fails(struct script *s, const char *why, size_t len);

#endif
