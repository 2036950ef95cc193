/* entry: how far a client has come on its way in, and what is asked of it next: PROXY header, TLS handshake, its first bytes,
 * authentication (enum client_entry in net/who.h).
 *
 * What its listener asks are c->rules, which stay with it over reloads, moves and upgrades. Owns nothing but who a client is, which is
 * freed with it. One worker.
 */
#ifndef MOONGATE_CLIENT_ENTRY_H
#define MOONGATE_CLIENT_ENTRY_H

#include <stdbool.h>

#include "client/client.h"
#include "net/newcomer.h"

/* A client has come, with what n knows of it, which it takes over. It may close c. */
void entry_begin(struct client *c, struct newcomer *n);

/* The only function that writes c->entry. */
void client_enter(struct client *c, enum client_entry entry);

/* It must come in within a time, see waits.h: more is asked of it than its first bytes, for which a client may take its time. */
bool entry_is_timed(const struct client *c);

/* It has passed what it waited for: on to what is asked of it next. */
void client_passes(struct client *c);

/* Who it is, to be written: made where nothing was known. */
struct who *client_who(struct client *c);

/* "user:NAME", "cert:NAME", or "": nobody in particular. */
const char *client_identity(const struct client *c);

/* It has proved that it is that one. False: that one has more connections than it may; the caller answers and ends c. */
bool client_identify(struct client *c, const char *identity) __attribute__((warn_unused_result));

/* As a newcomer to another process: n->who is text, and n->rules the client's own: neither is to be dropped. */
void entry_describe(const struct client *c, struct newcomer *n, char text[WHO_TEXT_MAX]);

/* Frees what it holds. */
void entry_end(struct client *c);

#endif
