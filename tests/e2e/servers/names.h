/* names: what plays about names say: records of a name server, scripts that use names, and what lies on a server.
 *
 * Included once, by a test program's only source. The stage owns the texts and frees them after the test.
 */
#ifndef TESTS_E2E_NAMES_H
#define TESTS_E2E_NAMES_H

#include <string.h>

#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"

/* Names are asked for often, and are given up soon. */
#define QUICKLY "--resolve-min", "0.05", "--resolve-timeout", "0.2"

static inline const char *port_of(const char *address)
{
    return strrchr(address, ':') + 1;
}

/* What lies on a server, whatever moongate thinks. */
static inline void server_gets(const struct memcached *s, const char *key, const char *value)
{
    struct client *c = client_connects_to(memcached_address(s));
    client_sends(c, textf("set %s 0 0 %zu\r\n%s\r\n", key, strlen(value), value));
    client_sees(c, "STORED\r\n");
    client_closes(c);
}

static inline bool server_has(const struct memcached *s, const char *key)
{
    struct client *c = client_connects_to(memcached_address(s));
    client_sends(c, textf("touch %s 0\r\n", key));
    bool is_there = strcmp(client_sees_line(c), "TOUCHED") == 0;
    client_closes(c);
    return is_there;
}

static inline const char *record(const char *name, const char *address)
{
    return textf("host-record=%s,%s\n", name, address);
}

static inline const char *pool_of(const char *servers, const char *options)
{
    return textf(MG "return mg.pool { %s%s }", servers, options);
}

#endif
