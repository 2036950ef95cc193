#include "net/tls_files.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bundle.h"
#include "base/secret.h"

static const char KEY_BEGINS[] = "PRIVATE KEY-----";

/* The files' bytes; owned until they are in a context. */
struct read {
    struct secret cert, key, ca;
};

static bool read_one(struct secret *to, struct bundle *b, const char *what, const char *path,
                     char *why)
{
    if (!path) return true;
    const char *wrong = secret_read(to, b, path);
    if (!wrong) return true;
    snprintf(why, TLS_WHY, "%s %.250s: %s: give a file in PEM form that moongate's user can read",
             what, path, wrong);
    return false;
}

static bool read_all(struct read *to, const struct tls_files *files, struct bundle *b, char *why)
{
    *to = (struct read){{NULL, 0}, {NULL, 0}, {NULL, 0}};
    return read_one(&to->cert, b, "certificate", files->cert, why) &&
           read_one(&to->key, b, "key", files->key, why) &&
           read_one(&to->ca, b, "CA", files->ca, why);
}

/* OpenSSL would say that it cannot read it. */
static bool has_key(const struct tls_files *files, const struct read *r, char *why)
{
    const struct secret *in = files->key ? &r->key : &r->cert;
    if (!in->len || memmem(in->bytes, in->len, KEY_BEGINS, strlen(KEY_BEGINS))) return true;
    snprintf(why, TLS_WHY, "%.250s: there is no private key in it (in PEM form)%s",
             files->key ? files->key : files->cert, files->key ? "" : ": name the key's file, too");
    return false;
}

static void release(struct read *r)
{
    secret_release(&r->cert);
    secret_release(&r->key);
    secret_release(&r->ca);
}

static struct span span_of(const struct secret *s)
{
    return (struct span){(const uint8_t *)s->bytes, s->len};
}

static struct tls_pem pem_of(const char *path, const struct secret *s)
{
    return (struct tls_pem){path, span_of(s)};
}

static struct tls_settings settings_of(const struct tls_files *files, const struct read *r)
{
    return (struct tls_settings){.cert = pem_of(files->cert, &r->cert),
                                 .key = pem_of(files->key, &r->key),
                                 .ca = pem_of(files->ca, &r->ca),
                                 .verify = files->verify,
                                 .min = files->min,
                                 .ciphers = files->ciphers};
}

static bool is_noted(const struct bundle *b, const struct bundle_file *note)
{
    struct bundle_file file;
    size_t at = 0;
    while (bundle_next(b, &at, &file))
        if (file.kind == note->kind && file.path_len == note->path_len && file.len == note->len &&
            memcmp(file.path, note->path, file.path_len) == 0 &&
            memcmp(file.bytes, note->bytes, file.len) == 0)
            return true;
    return false;
}

/* A certificate that has expired is no reason to refuse: without it there is no service at all. Two listeners may have the same. */
static void note(struct bundle *b, const struct tls_files *files, const struct certificate *c)
{
    char warning[CERTIFICATE_WARNING], text[CERTIFICATE_NAME + CERTIFICATE_WARNING + 32];
    if (!b || !b->records || !certificate_warning(c, (int64_t)time(NULL), warning)[0]) return;
    snprintf(text, sizeof text, "certificate %s %s", c->name, warning);
    struct bundle_file entry = {BUNDLE_NOTE, files->cert, strlen(files->cert), text, strlen(text)};
    if (!is_noted(b, &entry)) (void)!bundle_add(b, &entry);
}

struct tls_context *tls_files_server(const struct tls_files *files, struct bundle *b,
                                     struct certificate *about, char why[TLS_WHY])
{
    struct read r;
    struct tls_context *context = NULL;
    *about = (struct certificate){.name = ""};
    if (read_all(&r, files, b, why) && has_key(files, &r, why)) {
        struct tls_settings settings = settings_of(files, &r);
        context = tls_context_server(&settings, why);
    }
    if (context && certificate_read(about, span_of(&r.cert))) note(b, files, about);
    release(&r);
    return context;
}
