/* oldserver: a small memcached that keeps items and answers as an old version does, or as a program that is no memcached.
 *
 * Belongs to the stage, which closes it when the test ends; it acts whenever the stage turns. It records each line that it took
 * for a command, so that a test can say what it never executed: the value of a request that it refused, say. It has gets, stores,
 * counts, touch, flush_all; what is wrong with a line it says in memcached's words. Answers were compared with memcached 1.6.9
 * and 1.6.18 (tests/e2e/servers/oldserver_test.c).
 */
#ifndef TESTS_LIB_OLDSERVER_H
#define TESTS_LIB_OLDSERVER_H

#include <stdbool.h>
#include <stddef.h>

enum oldserver_kind {
    OLDSERVER_1_4_25, /* no meta, no gat: ERROR, and the value of an ms runs as commands */
    OLDSERVER_1_5_22, /* the same, with gat */
    OLDSERVER_1_6_6, /* an early form of meta: `ms key S2`, `OK ` in place of `HD`; the value of today's ms runs as commands */
    OLDSERVER_FOREIGN, /* no memcached: `version` is an ERROR, as meta is */
    OLDSERVER_NUTCRACKER, /* says the version of a server, and closes on meta, gat and all else that it does not know */
    OLDSERVER_LF,   /* answers `version` with an empty line that ends with LF alone */
    OLDSERVER_WORD, /* answers `version` with the word VERSION alone */
    OLDSERVER_KINDS
};

struct oldserver;

struct oldserver *oldserver_listens(enum oldserver_kind kind); /* on a free port of 127.0.0.1 */
const char *oldserver_address(const struct oldserver *s);
const char *oldserver_name(enum oldserver_kind kind);

/* How many lines that it took for commands match this pattern of fnmatch(3): "mn", "ms *", "*secret*". */
size_t oldserver_executed(const struct oldserver *s, const char *pattern);

/* Fails the test, and shows the lines, if there is one; unless there are so many. */
void oldserver_never_executed(const struct oldserver *s, const char *pattern);
void oldserver_executed_times(const struct oldserver *s, const char *pattern, size_t times);

/* Forgets the lines so far. */
void oldserver_forgets(struct oldserver *s);

/* What it holds for a key, as text: NULL when nothing. Lives until the item changes. */
const char *oldserver_value(struct oldserver *s, const char *key);

/* Connections made since the beginning, and those that are open. */
unsigned oldserver_links(const struct oldserver *s);
unsigned oldserver_open_links(const struct oldserver *s);

/* Closes all its connections, as a restart would; takes another version's ways for those to come, as a balancer's address with
 * another server behind it would. */
void oldserver_closes_links(struct oldserver *s);
void oldserver_becomes(struct oldserver *s, enum oldserver_kind kind);

#endif
