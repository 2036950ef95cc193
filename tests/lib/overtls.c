#include "lib/overtls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/certs.h"
#include "lib/moongate.h"
#include "lib/stage.h"

enum { SERVERS = 64, ADDRESS_ROOM = 128 };

bool over_tls(void)
{
    static const char end[] = "_tls_test";
    const char *wanted = getenv("TLS"), *name = program_invocation_short_name;
    size_t n = strlen(name), m = sizeof end - 1;
    return (wanted && strcmp(wanted, "1") == 0) || (n > m && strcmp(name + n - m, end) == 0);
}

bool over_tls_clients(void)
{
    const char *wanted = getenv("TLS_CLIENTS");
    return wanted && strcmp(wanted, "1") == 0;
}

const char *over_tls_pair(void)
{
    static const char *file;
    if (!file)
        file =
            cert_file("tests-pair.pem", cert_pem(over_tls_cert()), cert_key_pem(over_tls_cert()));
    return file;
}

const struct cert *over_tls_ca(void)
{
    static const struct cert *ca;
    if (!ca) ca = cert_ca("moongate's tests");
    return ca;
}

const char *over_tls_ca_file(void)
{
    static const char *file;
    if (!file) file = cert_file("tests-ca.pem", cert_pem(over_tls_ca()), "");
    return file;
}

const struct cert *over_tls_cert(void)
{
    static const struct cert *cert;
    if (!cert) cert = cert_signed(over_tls_ca(), "server", "IP:127.0.0.1,DNS:localhost");
    return cert;
}

/* Into the script's own defaults, if it has any. A unix socket has no name that the certificate could be for: name says one. */
const char *over_tls_script(const char *script)
{
    static const char own[] = "mg.defaults {";
    size_t n = sizeof MG - 2; /* without its line end */
    if (!over_tls() || strncmp(script, MG, n) != 0) return script;
    const char *option = textf("tls = { ca = '%s', name = 'localhost' }", over_tls_ca_file());
    const char *defaults = strstr(script, own);
    if (!defaults) return textf("%.*s; mg.defaults { %s }%s", (int)n, script, option, script + n);
    defaults += sizeof own - 1;
    return textf("%.*s %s,%s", (int)(defaults - script), script, option, defaults);
}

static char servers[SERVERS][ADDRESS_ROOM];
static unsigned used;

void over_tls_at(const char *address)
{
    snprintf(servers[used++ % SERVERS], ADDRESS_ROOM, "%s", address);
}

bool is_over_tls_at(const char *address)
{
    for (unsigned i = 0; i < SERVERS; i++)
        if (strcmp(servers[i], address) == 0) return true;
    return false;
}
