/* users: who may be a client: names and passwords, as the file of --auth-file says.
 *
 * It has a reference count: its script holds one, and the worker's clients; the last users_give wipes and frees it. It never changes.
 * One process.
 */
#ifndef MOONGATE_NET_USERS_H
#define MOONGATE_NET_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    USERS_MOST = 1024,        /* lines of a file; memcached takes 8 */
    USERS_NAME_MAX = 250,     /* bytes of a name: `user:NAME` is an identity (net/who.h) */
    USERS_PASSWORD_MAX = 250, /* memcached takes 255 bytes for a line */
    USERS_WHY = 160
};

struct users;

/* Reads `user:password` lines, as memcached's -Y does: the first colon ends the name, a line ends with LF, CRLF or the file. A name may stand in several lines, each with
 * a password that holds. NULL: why (USERS_WHY bytes) names the line and what is wrong, and never what it says. */
struct users *users_read(const char *text, size_t len, char *why);

struct users *users_take(struct users *u);
void users_give(struct users *u); /* NULL is allowed */

/* True when that is a user's password. How long it takes does not depend on the names, nor on the passwords. */
bool users_know(const struct users *u, const void *name, size_t name_len, const void *password,
                size_t password_len);

uint32_t users_count(const struct users *u);

#endif
