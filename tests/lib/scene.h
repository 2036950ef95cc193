/* scene: openings and phrases that many plays share.
 *
 * The stage owns the texts and frees them after the test. `options` are further fields of mg.pool's table, "" for none.
 */
#ifndef TESTS_LIB_SCENE_H
#define TESTS_LIB_SCENE_H

#include <stddef.h>

/* A script that sends everything to one server; one that routes by a key's first letter: `a` to the
 * first server, everything else to the second. */
const char *script_of_one(const char *server, const char *options);
const char *script_by_letter(const char *a, const char *b, const char *options);

/* In which words servers are asked, if the environment says it (ASK=mg): an option of pools with its comma, else "". */
const char *scene_ask(void);

/* A script with `pool` over the server, and this body of the function for each request; of one that may wait. */
struct backend;
const char *script_routing(const struct backend *b, const char *body);
const char *script_waiting(const struct backend *b, const char *body);

/* `VALUE key 0 n\r\ndata\r\n`, and the same with END behind it. */
const char *hit(const char *key, const char *data);
const char *hit_and_end(const char *key, const char *data);

/* How a reply starts that failed because of this server: `SERVER_ERROR 127.0.0.1:4711 `. */
const char *failure_of(const char *server);

/* What `stats ABOUT` says of a name (fails when nothing); for what c has no answers to come. Waits until it says that. */
struct client;
const char *stat_text(struct client *c, const char *about, const char *name);
unsigned long stat_number(struct client *c, const char *about, const char *name);
void stat_becomes(struct client *c, const char *about, const char *name, const char *text);

/* The client asks for a key, which b is asked for as `sent`; b has that value for it, or none. */
void get_finds(struct client *c, const char *key, struct backend *b, const char *sent,
               const char *data);
void get_misses(struct client *c, const char *key, struct backend *b, const char *sent);

/* A client sends `bad`, whole lines, and then a get: so many script errors come, and the get is answered. */
struct moongate;
void errors_cost_only(struct moongate *m, struct backend *b, const char *bad, int errors);

/* n bytes of noise: the same for the same seed. Stage memory. */
char *noise(size_t n, unsigned seed);

/* The next number of a small generator, and one below n. */
unsigned random_next(unsigned *state);
unsigned random_below(unsigned *state, unsigned n);

#endif
