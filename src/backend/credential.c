#include "backend/credential.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct credential {
    uint32_t references; /* 0: the place is free */
    enum credential_mechanism mechanism;
    size_t user_len, password_len;
    char user[CREDENTIAL_USER_MAX], password[CREDENTIAL_PASSWORD_MAX];
};

void credential_wipe(void *bytes, size_t len)
{
    explicit_bzero(bytes, len);
}

/* --- the file ---------------------------------------------------------------------------------- */

/* What is wrong with the file; NULL: *to has what it says. */
static const char *read_file(const char *text, size_t len, struct credential *to)
{
    const char *end = text + len, *newline = memchr(text, '\n', len);
    const char *line_end = newline ? newline : end;
    for (const char *at = newline ? newline : end; at < end; at++)
        if (*at != '\n' && *at != '\r')
            return "has more than one line: it takes one, user:password";
    if (line_end > text && line_end[-1] == '\r') line_end--;
    const char *colon = memchr(text, ':', (size_t)(line_end - text));
    if (!colon) return "has no line user:password";
    to->user_len = (size_t)(colon - text);
    to->password_len = (size_t)(line_end - colon - 1);
    if (to->user_len == 0 || to->password_len == 0) return "has an empty user or password";
    if (to->user_len > CREDENTIAL_USER_MAX || to->password_len > CREDENTIAL_PASSWORD_MAX)
        return "has a user or a password of more than 250 bytes";
    if (memchr(text, '\0', (size_t)(line_end - text))) return "has a NUL";
    if (to->mechanism == CREDENTIAL_ASCII && memchr(text, ' ', to->user_len))
        return "has a user with a space, which ends a user for memcached";
    memcpy(to->user, text, to->user_len);
    memcpy(to->password, colon + 1, to->password_len);
    return NULL;
}

/* --- the set of them --------------------------------------------------------------------------- */

static struct credential *credential_of(const struct backends *set, uint32_t number)
{
    assert(number > 0 && number <= set->credentials_n &&
           set->credentials[number - 1]->references > 0);
    return set->credentials[number - 1];
}

static bool is_same(const struct credential *a, const struct credential *b)
{
    return a->mechanism == b->mechanism && a->user_len == b->user_len &&
           a->password_len == b->password_len && memcmp(a->user, b->user, a->user_len) == 0 &&
           memcmp(a->password, b->password, a->password_len) == 0;
}

/* Its number, or a free one. */
static uint32_t place(struct backends *set, const struct credential *one)
{
    uint32_t unused = 0;
    for (uint32_t i = 0; i < set->credentials_n; i++) {
        const struct credential *other = set->credentials[i];
        if (other->references && is_same(other, one)) return i + 1;
        if (!other->references && !unused) unused = i + 1;
    }
    if (unused) return unused;
    set->credentials =
        reallocarray(set->credentials, set->credentials_n + 1, sizeof(struct credential *));
    if (!set->credentials) abort();
    struct credential *fresh = calloc(1, sizeof *fresh);
    if (!fresh) abort();
    set->credentials[set->credentials_n++] = fresh;
    return set->credentials_n;
}

uint32_t credential_get(struct backends *set, const char *text, size_t len,
                        enum credential_mechanism mechanism, char why[CREDENTIAL_WHY])
{
    struct credential one = {.mechanism = mechanism};
    const char *wrong = read_file(text, len, &one);
    uint32_t number = 0;
    if (wrong) {
        snprintf(why, CREDENTIAL_WHY, "%s", wrong);
    } else {
        number = place(set, &one);
        one.references = set->credentials[number - 1]->references + 1;
        *set->credentials[number - 1] = one;
    }
    credential_wipe(&one, sizeof one);
    return number;
}

void credential_take(struct backends *set, uint32_t number)
{
    if (number) credential_of(set, number)->references++;
}

void credential_give(struct backends *set, uint32_t number)
{
    if (!number) return;
    struct credential *one = credential_of(set, number);
    if (--one->references == 0) credential_wipe(one, sizeof *one);
}

const char *credential_show(const struct backends *set, uint32_t number)
{
    static const char *const texts[] = {
#define X(name, text, meaning) text,
        CREDENTIAL_MECHANISMS(X)
#undef X
    };
    return number ? texts[credential_of(set, number)->mechanism] : "no";
}

void credentials_release(struct backends *set)
{
    for (uint32_t i = 0; i < set->credentials_n; i++) {
        credential_wipe(set->credentials[i], sizeof *set->credentials[i]);
        free(set->credentials[i]);
    }
    free(set->credentials);
    set->credentials = NULL;
    set->credentials_n = 0;
}

/* --- connections -------------------------------------------------------------------------------- */

bool credential_is_of(const struct backends *set, uint32_t number,
                      enum credential_mechanism mechanism)
{
    return number && credential_of(set, number)->mechanism == mechanism;
}

static bool is_by(const struct backend *b, enum credential_mechanism mechanism)
{
    return !b->set->dial && credential_is_of(b->set, b->settings.auth, mechanism);
}

bool credential_is_ascii(const struct backend *b)
{
    return is_by(b, CREDENTIAL_ASCII);
}

bool credential_is_sasl(const struct backend *b)
{
    return is_by(b, CREDENTIAL_SASL);
}

size_t credential_write_ascii(const struct backend *b, char to[CREDENTIAL_COMMAND_ROOM])
{
    const struct credential *one = credential_of(b->set, b->settings.auth);
    int n = snprintf(to, CREDENTIAL_COMMAND_ROOM, "set moongate_auth 0 -1 %zu\r\n%.*s %.*s\r\n",
                     one->user_len + 1 + one->password_len, (int)one->user_len, one->user,
                     (int)one->password_len, one->password);
    assert(n > 0 && n < CREDENTIAL_COMMAND_ROOM);
    return (size_t)n;
}

size_t credential_write_plain(const struct backend *b, char to[CREDENTIAL_COMMAND_ROOM])
{
    const struct credential *one = credential_of(b->set, b->settings.auth);
    char *p = to;
    *p++ = '\0';
    p = mempcpy(p, one->user, one->user_len);
    *p++ = '\0';
    p = mempcpy(p, one->password, one->password_len);
    return (size_t)(p - to);
}
