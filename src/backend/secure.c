/* A number stands for contents: the bytes of certificates and keys, not the names of their files. They are kept as one text (`identity`),
 * which the next settings are compared with, and which is wiped when it is freed: a reload reads the files again, and a server keeps
 * its connections exactly if it finds the same number.
 *
 * Handshakes. Each takes the worker up to a millisecond, and when a network comes back they all come at once. So a turn spends
 * TURN_SHAKES on them, and one step more at most. The others stay as they are: their sockets are ready, so the loop calls again at
 * the next turn. A session that the server gave makes the next handshake cheaper. It is offered by all connections to that server,
 * which decides what it is worth.
 */
#include "backend/secure.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double TURN_SHAKES = 0.002; /* seconds */

/* Invariant: references 0: the place is free, and owns nothing. */
struct secure {
    uint32_t references;
    struct tls_context *context;
    char *identity; /* owned, of identity_len bytes */
    size_t identity_len;
    bool verifies, has_ca;
    char name[ADDR_HOST_MAX]; /* "": the server's host */
};

/* --- equal contents ---------------------------------------------------------------------------- */

enum { PARTS = 6 };

static struct span part_of(const char *text)
{
    return (struct span){(const uint8_t *)text, text ? strlen(text) : 0};
}

/* Each part behind its length. */
static char *identity_of(const struct secure_settings *s, size_t *len)
{
    const char numbers[] = {(char)s->tls.verify, (char)s->tls.min, s->tls.ciphers != NULL};
    const struct span parts[PARTS] = {s->tls.ca.bytes,  s->tls.cert.bytes,
                                      s->tls.key.bytes, part_of(s->tls.ciphers),
                                      part_of(s->name), {(const uint8_t *)numbers, sizeof numbers}};
    *len = 0;
    for (int i = 0; i < PARTS; i++) *len += sizeof parts[i].len + parts[i].len;
    char *all = malloc(*len), *at = all;
    if (!all) abort();
    for (int i = 0; i < PARTS; i++) {
        memcpy(at, &parts[i].len, sizeof parts[i].len);
        at += sizeof parts[i].len;
        if (parts[i].len) memcpy(at, parts[i].at, parts[i].len);
        at += parts[i].len;
    }
    return all;
}

static void forget_identity(char *identity, size_t len)
{
    explicit_bzero(identity, len);
    free(identity);
}

/* --- by number --------------------------------------------------------------------------------- */

static struct secure *secure_of(const struct backends *set, uint32_t number)
{
    assert(number > 0 && number <= set->secures_n && set->secures[number - 1].references > 0);
    return &set->secures[number - 1];
}

/* A free place, or a new one at the end. */
static uint32_t place(struct backends *set)
{
    for (uint32_t i = 0; i < set->secures_n; i++)
        if (set->secures[i].references == 0) return i;
    set->secures = reallocarray(set->secures, set->secures_n + 1, sizeof *set->secures);
    if (!set->secures) abort();
    return set->secures_n++;
}

static uint32_t find(const struct backends *set, const char *identity, size_t len)
{
    for (uint32_t i = 0; i < set->secures_n; i++) {
        const struct secure *s = &set->secures[i];
        if (s->references && s->identity_len == len && memcmp(s->identity, identity, len) == 0)
            return i + 1;
    }
    return 0;
}

static uint32_t make(struct backends *set, const struct secure_settings *settings, char *identity,
                     size_t len, char why[TLS_WHY])
{
    struct tls_context *context = tls_context_client(&settings->tls, why);
    if (!context) {
        forget_identity(identity, len);
        return 0;
    }
    uint32_t at = place(set);
    set->secures[at] = (struct secure){.context = context,
                                       .identity = identity,
                                       .identity_len = len,
                                       .verifies = settings->tls.verify != TLS_VERIFY_NONE,
                                       .has_ca = settings->tls.ca.bytes.len > 0};
    if (settings->name)
        snprintf(set->secures[at].name, sizeof set->secures[at].name, "%s", settings->name);
    return at + 1;
}

uint32_t secure_get(struct backends *set, const struct secure_settings *settings, char why[TLS_WHY])
{
    size_t len;
    char *identity = identity_of(settings, &len);
    uint32_t number = find(set, identity, len);
    if (number)
        forget_identity(identity, len);
    else
        number = make(set, settings, identity, len, why);
    if (number) set->secures[number - 1].references++;
    return number;
}

void secure_take(struct backends *set, uint32_t number)
{
    if (number) secure_of(set, number)->references++;
}

static void release(struct secure *s)
{
    tls_context_give(s->context);
    forget_identity(s->identity, s->identity_len);
    *s = (struct secure){.references = 0};
}

void secure_give(struct backends *set, uint32_t number)
{
    assert(!number || secure_of(set, number)->references > 0);
    if (number && --secure_of(set, number)->references == 0) release(&set->secures[number - 1]);
}

const char *secure_refuses(const struct backends *set, uint32_t number,
                           const struct addr_spec *spec)
{
    if (!number || spec->host[0]) return NULL;
    const struct secure *s = secure_of(set, number);
    if (!s->verifies || s->name[0]) return NULL;
    return "TLS to a unix socket verifies a name, which must be given: tls = { name = \"that of "
           "the "
           "certificate\" }, or verify = false";
}

const char *secure_show(const struct backends *set, uint32_t number)
{
    if (!number) return "no";
    const struct secure *s = secure_of(set, number);
    if (!s->verifies) return "not verified";
    return s->has_ca ? "verified by ca" : "verified by the system's CAs";
}

void secures_release(struct backends *set)
{
    for (uint32_t i = 0; i < set->secures_n; i++)
        if (set->secures[i].references) release(&set->secures[i]);
    free(set->secures);
    set->secures = NULL;
    set->secures_n = 0;
}

/* --- streams ----------------------------------------------------------------------------------- */

/* The loop's time stands still during a turn. */
static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

bool secure_must_wait(const struct backends *set)
{
    return set->shaken_at == set->now && set->shaken >= TURN_SHAKES;
}

bool secure_begin(struct backend *b, struct stream *s)
{
    const struct secure *secure = secure_of(b->set, b->settings.tls);
    const char *name = secure->name[0] ? secure->name : b->host;
    assert(name || !secure->verifies); /* or any certificate would do */
    struct tls_session *session = b->set->now < b->shuns_sessions_until ? NULL : b->session;
    stream_begin_client(s, secure->context, name, session);
    return session;
}

enum stream_shake secure_step(struct backend *b, struct stream *s)
{
    struct backends *set = b->set;
    double begin = seconds();
    enum stream_shake status = stream_shake(s);
    if (set->shaken_at != set->now) set->shaken = 0;
    set->shaken_at = set->now;
    set->shaken += seconds() - begin;
    if (status == STREAM_SHAKE_FAILED) secure_drop_session(b);
    if (status == STREAM_SHAKE_DONE) {
        b->stats->tls_handshakes++;
        b->stats->tls_resumed += stream_is_resumed(s);
    }
    return status;
}

void secure_drop_session(struct backend *b)
{
    if (b->session) tls_session_give(b->session);
    b->session = NULL;
}

void secure_keep_session(struct backend *b, struct stream *s)
{
    struct tls_session *session = s->tls ? stream_take_session(s) : NULL;
    if (!session) return;
    secure_drop_session(b);
    b->session = session;
}

const char *secure_explain(const struct stream *s, int error, char text[BACKEND_REASON_MAX])
{
    if (error == EPROTO && s->tls)
        snprintf(text, BACKEND_REASON_MAX, "tls: %s", stream_why(s));
    else
        snprintf(text, BACKEND_REASON_MAX, "%s", strerror(error));
    return text;
}
