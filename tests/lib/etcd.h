/* etcd: a real etcd of one member, on free ports of 127.0.0.1, with an empty store in the test's folder.
 *
 * Belongs to the stage, which ends it with the test.
 */
#ifndef TESTS_LIB_ETCD_H
#define TESTS_LIB_ETCD_H

#include <stdint.h>

struct etcd_server;

/* Waits until it answers. */
struct etcd_server *etcd_start(void);

/* The same with a second port where it speaks TLS, with files in PEM form. ca: clients must have a certificate that it signed; NULL: they
 * need none. */
struct etcd_server *etcd_start_secure(const char *cert, const char *key, const char *ca);
/* Two members of one cluster, which does nothing without both. */
void etcd_start_pair(struct etcd_server *pair[2]);
const char *etcd_secure_port(const struct etcd_server *s);

const char *etcd_address(const struct etcd_server *s); /* 127.0.0.1:PORT */

/* Both return the revision that this made. A value of NULL deletes the key. */
int64_t etcd_puts(struct etcd_server *s, const char *key, const char *value);

/* Many keys in one revision: `prefix` and a number from `from` on; each value is host, a colon and that number. */
int64_t etcd_puts_many(struct etcd_server *s, const char *prefix, const char *host, unsigned from,
                       unsigned n);

/* Throws away the history before that revision. */
void etcd_compacts(struct etcd_server *s, int64_t revision);

/* A POST with JSON to a path of its gateway; fails the test unless it is done. Returns the answer. */
const char *etcd_does(struct etcd_server *s, const char *path, const char *body);

/* The users root and `user`, with these passwords, as JSON has them, must say who they are from now on; `user` may read the keys that begin with
 * prefix. A token that is not used for one second or two is not known any more. */
void etcd_wants_passwords(struct etcd_server *s, const char *root, const char *user,
                          const char *password, const char *prefix);

/* Ends it; nobody is at its port then. Starts it again with its data; or without them, as if it had never been. */
void etcd_kill(struct etcd_server *s);
void etcd_starts_again(struct etcd_server *s);
void etcd_starts_empty(struct etcd_server *s);

/* Stops it where it stands. Lets it go on. */
void etcd_freezes(struct etcd_server *s);
void etcd_thaws(struct etcd_server *s);

#endif
