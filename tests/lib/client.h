/* client: an application, as moongate meets it.
 *
 * Belongs to the stage, which closes it when the test ends. `client_sees` reads exactly the bytes
 * it names, so a play that ends with client_sees_nothing_more has checked every byte.
 */
#ifndef TESTS_LIB_CLIENT_H
#define TESTS_LIB_CLIENT_H

#include "lib/peer.h"

struct client;
struct moongate;

/* By moongate's first listener, or by an address: 127.0.0.1:1, [::1]:1, unix:/path. */
struct client *client_connects(struct moongate *m);
struct client *client_connects_to(const char *address);

/* The same, speaking TLS; the handshake is done (lib/secure.h). client_secures: one that has connected; nothing is waited for. */
struct secure;
struct secure_wanted;
struct client *client_connects_secure(struct moongate *m, const struct secure_wanted *wanted);
struct client *client_connects_secure_to(const char *address, const struct secure_wanted *wanted);
void client_secures(struct client *c, const struct secure_wanted *wanted);
struct secure *client_secure(const struct client *c);

/* A record with these bytes, but for its last one, which it returns; and that one. */
uint8_t client_sends_cut_record(struct client *c, const void *bytes, size_t n);
void client_ends_record(struct client *c, uint8_t last);

/* In a record whose last byte is changed on the way. */
void client_sends_spoilt(struct client *c, const char *text);

/* Why its handshake fails, as OpenSSL says it; "closed" where nothing was said. */
const char *client_sees_handshake_fail(struct client *c);

/* close_notify and the end. */
void client_sees_told_end(struct client *c);

/* Its socket, to be looked at. */
int client_descriptor(const struct client *c);

/* True when nobody listens there, or the listener closes without a word. */
bool client_is_refused(const char *address);

void client_sends(struct client *c, const char *text);
void client_sends_bytes(struct client *c, const void *bytes, size_t n);
void client_sends_in_pieces(struct client *c, const void *bytes, size_t n, size_t piece);

/* Over a unix socket: all that was sent has been read by the other side. */
void client_is_read(struct client *c);

/* Sends as long as the other side takes bytes; gives how many it took. For a client that does not
 * read. */
size_t client_sends_what_fits(struct client *c, const void *bytes, size_t n);

void client_sees(struct client *c, const char *text);
void client_sees_bytes(struct client *c, const void *bytes, size_t n);
char *client_sees_some(struct client *c, size_t n);
char *client_sees_line(struct client *c);
void client_sees_line_starting(struct client *c, const char *start);
void client_sees_end(struct client *c, struct octets *all);
void client_sees_closed(struct client *c);

/* The first of the two whose connection is closed. */
struct client *client_that_sees_closed(struct client *one, struct client *other);

/* Asks for the version and gets that alone: whatever was sent before has no answer left. */
void client_sees_nothing_more(struct client *c);

/* Nothing has come so far; says nothing about what is under way. */
void client_has_nothing_yet(struct client *c);

/* Sends the request, and sees that answer. */
void client_asks(struct client *c, const char *request, const char *answer);

/* The same for a set with neither flags nor exptime, and for a get that hits. */
void client_stores_value(struct client *c, const char *key, const char *value);
void client_gets_value(struct client *c, const char *key, const char *value);

/* Asks again and again until the answer is this one: for what heals by itself in a while. Values
 * of one line may come meanwhile. */
void client_asks_until(struct client *c, const char *request, const char *answer);

void client_stops_reading(struct client *c);
void client_reads_again(struct client *c);
void client_half_closes(struct client *c);
void client_closes(struct client *c);
void client_resets(struct client *c);

#endif
