/* The body of abi.h for the option `tls` of pools and servers. Nothing here enters Lua.
 *
 * The files come through the bundle (base/secret.h): the child that checks the script has read them, and workers take the same
 * bytes. The script holds a reference to what it has made, as its pools name it by number alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/secure.h"
#include "base/secret.h"
#include "script/state.h"

enum { FILES = 3 };

/* The files of one option, while it is read. */
struct files {
    struct secret secrets[FILES];
    struct tls_pem pems[FILES]; /* ca, cert, key */
};

static void files_release(struct files *f)
{
    for (int i = 0; i < FILES; i++) secret_release(&f->secrets[i]);
}

/* False: why says which one cannot be read. */
static bool files_read(struct files *f, struct script *s, const struct mg_tls_options *o,
                       char why[TLS_WHY])
{
    const char *const words[FILES] = {"ca", "cert", "key"};
    const char *const paths[FILES] = {o->ca, o->cert, o->key};
    *f = (struct files){.secrets = {{NULL, 0}}};
    for (int i = 0; i < FILES; i++) {
        if (!paths[i]) continue;
        const char *wrong = secret_read(&f->secrets[i], s->host.bundle, paths[i]);
        if (wrong) {
            snprintf(why, TLS_WHY, "%s %s: %s", words[i], paths[i], wrong);
            return false;
        }
        f->pems[i] =
            (struct tls_pem){paths[i], {(uint8_t *)f->secrets[i].bytes, f->secrets[i].len}};
    }
    return true;
}

static uint32_t get(struct script *s, const struct mg_tls_options *o, const struct files *f,
                    char why[TLS_WHY])
{
    struct secure_settings settings = {
        .tls = {.ca = f->pems[0],
                .cert = f->pems[1],
                .key = f->pems[2],
                .verify = o->verify ? TLS_VERIFY_REQUIRE : TLS_VERIFY_NONE,
                .ciphers = o->ciphers},
        .name = o->name,
    };
    if (o->min && !tls_version_parse(o->min, &settings.tls.min)) {
        snprintf(why, TLS_WHY, "min takes \"1.2\" or \"1.3\", not \"%.40s\"", o->min);
        return 0;
    }
    return secure_get(s->host.backends, &settings, why);
}

int32_t mg_tls(struct script *s, const struct mg_tls_options *o)
{
    static char why[TLS_WHY];
    struct files f;
    uint32_t number = files_read(&f, s, o, why) ? get(s, o, &f, why) : 0;
    files_release(&f);
    s->wrong = why;
    if (!number) return 0;
    s->tls = reallocarray(s->tls, s->tls_n + 1, sizeof *s->tls);
    if (!s->tls) abort();
    s->tls[s->tls_n++] = number;
    return (int32_t)number;
}

void tls_release(struct script *s)
{
    for (uint32_t i = 0; i < s->tls_n; i++) secure_give(s->host.backends, s->tls[i]);
    free(s->tls);
}
