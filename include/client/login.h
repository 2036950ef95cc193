/* login: clients that must say who they are before they are served (I14): the first requests of a text client, and what a front
 * for another protocol takes of its own.
 *
 * Owns nothing but a client's `who`, which client_destroy frees. Whom the set knows: set->users. One worker.
 */
#ifndef MOONGATE_CLIENT_LOGIN_H
#define MOONGATE_CLIENT_LOGIN_H

#include "client/client.h"

/* Takes what c, which is not in, sends in at..end: answers it, until c is in, ends, or has no room for replies. Returns where the rest begins: requests,
 * once c is in. *cut: the rest is the beginning of a line or value, whose length in all is *need, 0: not known. */
const uint8_t *login_take(struct client *c, const uint8_t *at, const uint8_t *end, bool *cut,
                          size_t *need);

/* True when the set knows that user: then c is in, with the identity user:NAME. Else the failure is counted and logged, and c stays as it is: a
 * front of another protocol answers. */
bool login_try(struct client *c, const void *name, size_t name_len, const void *password,
               size_t password_len);

#endif
