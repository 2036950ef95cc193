/* credential: who moongate is to servers that want to know: a user and a password, from the file of the option `auth` of pools, each kept once.
 *
 * The set owns them, by numbers above 0: equal contents have one number, so that settings of servers are equal exactly if what their files
 * say is. A script and each backend hold references; the last credential_give wipes and frees it. No text for people has a name or a
 * password in it. One worker, no locks.
 */
#ifndef MOONGATE_BACKEND_CREDENTIAL_H
#define MOONGATE_BACKEND_CREDENTIAL_H

#include "backend/data.h"

/* name, text, meaning */
#define CREDENTIAL_MECHANISMS(X)                                                                   \
    X(ASCII, "ascii", "memcached -Y: the first command of a connection is a set with both")        \
    X(SASL, "sasl", "memcached -S: SASL PLAIN, in the binary protocol")

enum credential_mechanism {
#define X(name, text, meaning) CREDENTIAL_##name,
    CREDENTIAL_MECHANISMS(X)
#undef X
        CREDENTIAL_MECHANISMS_N
};

enum {
    CREDENTIAL_USER_MAX = 250,
    CREDENTIAL_PASSWORD_MAX = 250,
    CREDENTIAL_WHY = 160,
    CREDENTIAL_COMMAND_ROOM = CREDENTIAL_USER_MAX + CREDENTIAL_PASSWORD_MAX + 64
};

/* Reads the one line `user:password` of a file; the first colon ends the user. Returns its number, with a reference for the caller. 0: why
 * (CREDENTIAL_WHY bytes) says what is wrong, and never what the file says. */
uint32_t credential_get(struct backends *set, const char *text, size_t len,
                        enum credential_mechanism mechanism, char why[CREDENTIAL_WHY]);

/* One reference more, and one less. 0: nothing. */
void credential_take(struct backends *set, uint32_t number);
void credential_give(struct backends *set, uint32_t number);

/* True: it is one of that mechanism; false for 0. */
bool credential_is_of(const struct backends *set, uint32_t number,
                      enum credential_mechanism mechanism);

/* The mechanism, for people. */
const char *credential_show(const struct backends *set, uint32_t number);

/* Frees all. The references are void. */
void credentials_release(struct backends *set);

/* --- connections to a server whose settings have one */

/* True: the first command of each connection must be credential_write_ascii's. False too when it does not go to the server itself
 * (set->dial). */
bool credential_is_ascii(const struct backend *b);
bool credential_is_sasl(const struct backend *b);

/* Writes the command. A server without authentication takes it for a set: so its item, `moongate_auth`, expires at once. Returns its
 * length. The caller wipes it after use. */
size_t credential_write_ascii(const struct backend *b, char to[CREDENTIAL_COMMAND_ROOM]);

/* Writes the message of SASL PLAIN: NUL, user, NUL, password. */
size_t credential_write_plain(const struct backend *b, char to[CREDENTIAL_COMMAND_ROOM]);

/* Overwrites what must not stay in memory. */
void credential_wipe(void *bytes, size_t len);

#endif
