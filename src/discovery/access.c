/* How a source says who it is, and how it knows who answers. */
#include "discovery/access.h"

#include <stdlib.h>
#include <string.h>

/* The first colon ends the user: a password may have others. */
const char *access_read_login(struct discovery_access *a, const char *bytes, size_t len)
{
    const char *newline = memchr(bytes, '\n', len);
    size_t line = newline ? (size_t)(newline - bytes) : len;
    for (size_t i = line; i < len; i++)
        if (bytes[i] != '\n' && bytes[i] != '\r')
            return "has more than one line: it takes one, user:password";
    if (line && bytes[line - 1] == '\r') line--;
    const char *colon = memchr(bytes, ':', line);
    if (!colon) return "has no line user:password";
    size_t user = (size_t)(colon - bytes), password = line - user - 1;
    if (!user || !password) return "has an empty user or password";
    if (user >= ACCESS_WORD_MAX || password >= ACCESS_WORD_MAX)
        return "has a user or a password of more than 255 bytes";
    if (memchr(bytes, '\0', line)) return "has a NUL";
    memcpy(a->user, bytes, user);
    a->user[user] = '\0';
    memcpy(a->password, colon + 1, password);
    a->password[password] = '\0';
    return NULL;
}

static struct secret copy(const struct secret *from)
{
    struct secret to = {NULL, 0};
    if (!from->bytes) return to;
    to = (struct secret){malloc(from->len + 1), from->len};
    if (!to.bytes) abort();
    memcpy(to.bytes, from->bytes, from->len);
    to.bytes[to.len] = '\0';
    return to;
}

void access_copy(struct discovery_access *to, const struct discovery_access *from)
{
    *to = *from;
    to->ca = copy(&from->ca);
    to->cert = copy(&from->cert);
    to->key = copy(&from->key);
}

static bool secret_equal(const struct secret *a, const struct secret *b)
{
    return a->len == b->len && !a->bytes == !b->bytes &&
           (!a->bytes || memcmp(a->bytes, b->bytes, a->len) == 0);
}

bool access_equal(const struct discovery_access *a, const struct discovery_access *b)
{
    return strcmp(a->user, b->user) == 0 && strcmp(a->password, b->password) == 0 &&
           a->is_secure == b->is_secure && a->any_certificate == b->any_certificate &&
           secret_equal(&a->ca, &b->ca) && secret_equal(&a->cert, &b->cert) &&
           secret_equal(&a->key, &b->key);
}

void access_release(struct discovery_access *a)
{
    secret_release(&a->ca);
    secret_release(&a->cert);
    secret_release(&a->key);
    explicit_bzero(a, sizeof *a);
}
