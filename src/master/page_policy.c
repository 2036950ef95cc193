/* What a browser may do with the page: apply its style, run its script, ask this server again. Nothing that finds its way into the markup
 * runs, as no other text has these hashes. */
#include "master/page.h"

#include "base/page_files.h"
#include "protocol/base64.h"
#include <assert.h>
#include <sha2.h>
#include <stdint.h>
#include <string.h>

enum { HASH_TEXT = (SHA256_DIGEST_LENGTH + 2) / 3 * 4 };

static const char *hash(const char *text, char to[HASH_TEXT + 1])
{
    SHA2_CTX context;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)text, strlen(text));
    SHA256Final(digest, &context);
    size_t n = base64_encode(digest, sizeof digest, (uint8_t *)to);
    assert(n == HASH_TEXT);
    to[n] = '\0';
    return to;
}

const char *page_policy(void)
{
    static char policy[320];
    char css[HASH_TEXT + 1], js[HASH_TEXT + 1];
    if (!policy[0]) {
        int n = snprintf(policy, sizeof policy,
                         "default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; "
                         "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                         "frame-ancestors 'none'",
                         hash(page_css, css), hash(page_js, js));
        assert(n > 0 && (size_t)n < sizeof policy);
    }
    return policy;
}
