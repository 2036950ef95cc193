/* secured: what the tests of TLS to servers share: backends that speak it, and scripts that want it.
 *
 * Owns nothing: the backends and texts are the stage's.
 */
#ifndef TESTS_E2E_SECURED_H
#define TESTS_E2E_SECURED_H

#include "lib/backend.h"
#include "lib/moongate.h"
#include "lib/overtls.h"
#include "lib/scene.h"
#include "lib/secure.h"

#include <stdlib.h>
#include <string.h>

static inline const char *stat_of(const struct backend *b, const char *name)
{
    return textf("%s:%s", backend_address(b), name);
}

static inline struct backend *secure_backend(const struct secure_wanted *wanted)
{
    struct backend *b = backend_listens();
    backend_secures(b, wanted);
    return b;
}

static inline struct backend *usual_backend(void)
{
    return secure_backend(&(struct secure_wanted){.cert = over_tls_cert()});
}

/* A pool over b that believes the tests' CA; more fields of `tls`, with their comma. */
static inline const char *script_of(const struct backend *b, const char *more)
{
    return script_of_one(backend_address(b),
                         textf("tls = { %s ca = '%s' }", more, over_tls_ca_file()));
}

static inline unsigned port_of(const struct backend *b)
{
    return (unsigned)strtoul(strchr(backend_address(b), ':') + 1, NULL, 10);
}

/* The same for one that will not be connected: nobody waits for its links, as its address is not in the text. */
static inline const char *script_of_bad(const struct backend *b, const char *options)
{
    return textf(MG "return mg.pool { { host = '127.0.0.1', port = %u }, %s }\n", port_of(b),
                 options);
}

#endif
