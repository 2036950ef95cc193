/* PLAIN alone (RFC 4616): `authorized as NUL user NUL password`. The first part is not used, as in memcached's own list of users.
 *
 * A client that is in may say that it is another user; when that is not right, it is nobody any more, and its connection ends: in
 * memcached its next request would be refused. */
#include "client/sasl.h"

#include <string.h>

#include "client/binary.h"
#include "client/login.h"
#include "client/state.h"

static const char PLAIN[] = "PLAIN", DONE[] = "Authenticated";

static bool is_plain(const struct binary_frame *f)
{
    return f->key_len == sizeof PLAIN - 1 && memcmp(f->key, PLAIN, f->key_len) == 0;
}

/* Moves *at behind the next part, which ends at a NUL or at the end. False: there is no NUL. */
static bool take_part(const uint8_t **at, const uint8_t *end, const uint8_t **part, size_t *len)
{
    const uint8_t *nul = memchr(*at, '\0', (size_t)(end - *at));
    *part = *at;
    *len = (size_t)((nul ? nul : end) - *at);
    *at = nul ? nul + 1 : end;
    return nul != NULL;
}

static bool is_known(struct client *c, const struct binary_frame *f)
{
    const uint8_t *at = f->value, *end = at + f->value_len, *as, *user, *password;
    size_t as_len, user_len, password_len;
    if (!is_plain(f) || f->value_len == 0) return false;
    if (!take_part(&at, end, &as, &as_len) || !take_part(&at, end, &user, &user_len)) return false;
    if (take_part(&at, end, &password, &password_len)) return false;
    return login_try(c, user, user_len, password, password_len);
}

void sasl_take(struct client *c, const struct binary_frame *f)
{
    if (f->opcode == BINARY_OP_SASL_LIST) {
        binary_answer(c, BINARY_OK, PLAIN, sizeof PLAIN - 1);
    } else if (f->opcode == BINARY_OP_SASL_AUTH && is_known(c, f)) {
        binary_answer(c, BINARY_OK, DONE, sizeof DONE - 1);
    } else {
        binary_answer(c, BINARY_AUTH_FAILED, NULL, 0);
        if (c->entry == ENTRY_IN) client_end(c, "not authenticated any more");
    }
}
