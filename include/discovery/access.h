/* access: how a source says who it is, and how it knows who answers: what discover_auth and discover_tls of a pool say.
 *
 * A plain value that owns its bytes: access_release wipes and frees them. {0} is none: no name, no TLS. Never logged. Any process.
 */
#ifndef MOONGATE_DISCOVERY_ACCESS_H
#define MOONGATE_DISCOVERY_ACCESS_H

#include "base/secret.h"

enum { ACCESS_WORD_MAX = 256 }; /* bytes of a user or a password, NUL included */

struct discovery_access {
    char user[ACCESS_WORD_MAX], password[ACCESS_WORD_MAX]; /* "": it does not say who it is */
    bool is_secure;                                        /* it speaks TLS */
    bool any_certificate;                                  /* that of the server may be any */
    struct secret ca, cert, key; /* in PEM form; without bytes: the system's; none; it is in cert */
};

/* Takes the user and the password of a file, one line `user:password`. NULL, or what is wrong, to stand behind the file's name. */
const char *access_read_login(struct discovery_access *a, const char *bytes, size_t len);

/* Overwrites *to, which holds nothing. */
void access_copy(struct discovery_access *to, const struct discovery_access *from);
bool access_equal(const struct discovery_access *a, const struct discovery_access *b);
void access_release(struct discovery_access *a);

#endif
