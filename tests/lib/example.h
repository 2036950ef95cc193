/* example: a script of examples/ at work before four real servers of the test's own.
 *
 * Servers, clients and texts belong to the stage. The values that keys get and have here are all `hello`.
 */
#ifndef TESTS_LIB_EXAMPLE_H
#define TESTS_LIB_EXAMPLE_H

enum { EXAMPLE_SERVERS = 4 };

struct client;
struct memcached;

/* Starts the servers; gives the text of examples/NAME.lua with their addresses in place of 127.0.0.1:11311 .. 11314. */
const char *example_text(const char *name);

/* The text with something else in place of a word: what a test cannot have as it is written in the example. */
const char *example_with(const char *text, const char *word, const char *other);

/* Starts the servers and moongate with the example, and connects to it. */
struct client *example_starts(const char *name);

/* Of the servers, from 0: itself, its address, a number in its `stats`. */
struct memcached *example_server(int i);
const char *example_address(int i);
unsigned long example_stat(int i, const char *name);

/* Kills, freezes the servers from `first` to `last`. */
void servers_die(int first, int last);
void servers_freeze(int first, int last);

/* How many of the servers from `first` to `last` have the key; gives it to one of them, past moongate. */
int holders(const char *key, int first, int last);
void server_gets(int i, const char *key);

void client_sets(struct client *c, const char *key);
void client_finds(struct client *c, const char *key);
void client_misses(struct client *c, const char *key);

/* By a client with no answers to come: moongate's servers have answered all that it sent them, also calls without a client. */
void all_is_answered(struct client *c);

#endif
