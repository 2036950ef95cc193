/* The body of abi.h for the option `auth` of pools and servers. Nothing here enters Lua.
 *
 * The file comes through the bundle (base/secret.h): the child that checks the script has read it, and workers take the same bytes.
 * The script holds a reference to what it has made, as its pools name it by number alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/credential.h"
#include "base/secret.h"
#include "script/state.h"

enum { WHY = CREDENTIAL_WHY + 256 };

int32_t mg_auth(struct script *s, const char *file, bool sasl)
{
    static char text[WHY];
    char why[CREDENTIAL_WHY];
    struct secret secret = {.bytes = NULL};
    const char *wrong = secret_read(&secret, s->host.bundle, file);
    bool is_read = !wrong;
    uint32_t number = 0;
    if (is_read) {
        number = credential_get(s->host.backends, secret.bytes, secret.len,
                                sasl ? CREDENTIAL_SASL : CREDENTIAL_ASCII, why);
        secret_release(&secret);
        wrong = why;
    }
    snprintf(text, sizeof text, "file %.200s%s%s", file, is_read ? " " : ": ", wrong);
    s->wrong = text;
    if (!number) return 0;
    s->credentials = reallocarray(s->credentials, s->credentials_n + 1, sizeof *s->credentials);
    if (!s->credentials) abort();
    s->credentials[s->credentials_n++] = number;
    return (int32_t)number;
}

void auth_release(struct script *s)
{
    for (uint32_t i = 0; i < s->credentials_n; i++)
        credential_give(s->host.backends, s->credentials[i]);
    free(s->credentials);
}
