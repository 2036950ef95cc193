/* own_keys: keys of a get that ask moongate itself, as mcrouter's clients ask: `get __mcrouter__.version`. Owns nothing; called in a worker.
 *
 * There are such keys only while set->own_keys is not NULL; else they are keys like others.
 */
#ifndef MOONGATE_CLIENT_OWN_KEYS_H
#define MOONGATE_CLIENT_OWN_KEYS_H

#include "client/client.h"

struct reply;

#define OWN_KEYS_PREFIX "__mcrouter__."

enum { OWN_KEY_VALUE_MAX = 1024 * 1024 }; /* bytes of such a key's value; else it is an error */

/* Whether r asks moongate itself. */
bool own_key_is(const struct clients *set, const struct request *r);

/* Answers r, in c's order. Requests that came before may be routed first. */
void own_key_take(struct client *c, const struct request *r);

/* The same for one key of several: reply gets it as the part r->part. */
void own_key_take_part(struct reply *reply, const struct request *r);

#endif
