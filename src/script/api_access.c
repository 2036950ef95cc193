/* The options discover_auth and discover_tls of a pool: their files. Nothing here enters Lua.
 *
 * The files come through the bundle (base/secret.h): the child that checks the script has read them, and workers take the same
 * bytes.
 */
#include <stdio.h>
#include <string.h>

#include "net/tls.h"
#include "script/state.h"

enum { WHY = TLS_WHY + 300 };

static const char *read_login(struct script *s, const char *path, struct discovery_access *to)
{
    static char why[WHY];
    struct secret secret = {NULL, 0};
    const char *wrong = secret_read(&secret, s->host.bundle, path);
    const char *between = ": ";
    if (!wrong) {
        wrong = access_read_login(to, secret.bytes, secret.len);
        between = " ";
        secret_release(&secret);
    }
    if (!wrong) return NULL;
    snprintf(why, sizeof why, "discover_auth: file %.200s%s%s", path, between, wrong);
    return why;
}

static const char *read_pem(struct script *s, const char *word, const char *path, struct secret *to)
{
    static char why[WHY];
    const char *wrong = path ? secret_read(to, s->host.bundle, path) : NULL;
    if (!wrong) return NULL;
    snprintf(why, sizeof why, "discover_tls: %s %.200s: %s", word, path, wrong);
    return why;
}

static struct tls_pem pem(const char *path, const struct secret *from)
{
    return (struct tls_pem){path, {(uint8_t *)from->bytes, from->len}};
}

/* moongate's own TLS says what is wrong with a file in better words than libcurl, and when the script loads. */
static const char *try_pems(const struct mg_pool_options *o, const struct discovery_access *a)
{
    static char text[WHY];
    char why[TLS_WHY];
    struct tls_settings settings = {.ca = pem(o->discover_ca, &a->ca),
                                    .cert = pem(o->discover_cert, &a->cert),
                                    .key = pem(o->discover_key, &a->key),
                                    .verify = TLS_VERIFY_NONE};
    if (a->ca.bytes) settings.verify = TLS_VERIFY_REQUIRE;
    struct tls_context *context = tls_context_client(&settings, why);
    if (context) {
        tls_context_give(context);
        return NULL;
    }
    snprintf(text, sizeof text, "discover_tls: %s", why);
    return text;
}

const char *script_read_access(struct script *s, const struct mg_pool_options *o,
                               struct discovery_access *to)
{
    const char *wrong = NULL;
    *to = (struct discovery_access){.is_secure = o->discover_secure,
                                    .any_certificate = o->discover_any_certificate};
    if (o->discover_auth) wrong = read_login(s, o->discover_auth, to);
    if (wrong || !to->is_secure) return wrong;
    wrong = read_pem(s, "ca", o->discover_ca, &to->ca);
    if (!wrong) wrong = read_pem(s, "cert", o->discover_cert, &to->cert);
    if (!wrong) wrong = read_pem(s, "key", o->discover_key, &to->key);
    return wrong ? wrong : try_pems(o, to);
}
