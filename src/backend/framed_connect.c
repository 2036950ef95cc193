/* LOGGING_IN, where the pool has `auth` by SASL; PROBING; READY. A server of the binary protocol is asked no `mn`: its frames are the same
 * in all versions. With probe = connect nothing is asked but user and password. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "backend/connect.h"
#include "backend/credential.h"
#include "backend/framed.h"

enum { PROBE_ANSWER_MAX = 2048 }; /* bytes of a value that comes before READY */

static void send_frame(struct conn *c, const struct binary_words *words, const void *value,
                       size_t value_len, enum conn_state state)
{
    uint8_t bytes[BINARY_HEAD + BINARY_EXTRAS_MAX + 16 + CREDENTIAL_COMMAND_ROOM];
    size_t len = words->len;
    assert(len + words->key_len + value_len <= sizeof bytes);
    memcpy(bytes, words->head, len);
    if (words->key_len) memcpy(bytes + len, words->key, words->key_len);
    len += words->key_len;
    if (value_len) memcpy(bytes + len, value, value_len);
    len += value_len;
    connect_send(c, bytes, len, state);
    credential_wipe(bytes, len);
}

static void probe(struct conn *c)
{
    struct binary_words words = binary_say_bare(BINARY_OP_VERSION, NULL, 0, 0);
    if (c->backend->settings.probe == PROBE_CONNECT)
        connect_ready(c);
    else
        send_frame(c, &words, NULL, 0, CONN_PROBING);
}

static void log_in(struct conn *c)
{
    static const char PLAIN[] = "PLAIN";
    char message[CREDENTIAL_COMMAND_ROOM];
    size_t len = credential_write_plain(c->backend, message);
    struct binary_words words = binary_say_bare(BINARY_OP_SASL_AUTH, PLAIN, sizeof PLAIN - 1, len);
    send_frame(c, &words, message, len, CONN_LOGGING_IN);
    credential_wipe(message, len);
}

void framed_greet(struct conn *c)
{
    c->frames_written = c->frames_taken = 0;
    if (credential_is_sasl(c->backend))
        log_in(c);
    else
        probe(c);
}

static void take_login(struct conn *c, const struct binary_response *f)
{
    if (f->status == BINARY_OK)
        probe(c);
    else if (f->status == BINARY_UNKNOWN_COMMAND)
        conn_close(c, "takes no user and password: it does not know SASL");
    else
        conn_close(c, "authentication failed: see the file of the option auth");
}

static void take_version(struct conn *c, const struct binary_response *f)
{
    char why[BACKEND_REASON_MAX];
    size_t n = 0;
    if (f->status == BINARY_AUTH_FAILED) {
        conn_close(c, "asks for a user and a password: see the option auth");
        return;
    }
    if (f->status != BINARY_OK) {
        snprintf(why, sizeof why, "answers version with status %u", f->status);
        conn_close(c, why);
        return;
    }
    while (n < f->value_len && f->value[n] >= ' ' && f->value[n] != 0x7f) n++;
    c->dialect.version = dialect_number((const char *)f->value, n);
    c->speaks_version = true;
    if (c->dialect.version)
        snprintf(c->backend->version, sizeof c->backend->version, "%.*s", (int)n,
                 (const char *)f->value);
    connect_ready(c);
}

/* I3: exactly one frame is due. */
void framed_take_probe(struct conn *c, struct span span)
{
    struct binary_response f;
    struct arena *arena = c->backend->set->arena;
    uint8_t opcode = c->state == CONN_LOGGING_IN ? BINARY_OP_SASL_AUTH : BINARY_OP_VERSION;
    assert(c->state == CONN_LOGGING_IN || c->state == CONN_PROBING);
    switch (binary_read(span.at, span.len, PROBE_ANSWER_MAX, &f)) {
    case RESPONSE_AGAIN: inbuf_keep(&c->in, arena, span.at, span.len, f.len); return;
    case RESPONSE_DONE: break;
    default: conn_anomaly(c, "desync: it does not speak the binary protocol"); return;
    }
    if (f.len < span.len || f.opcode != opcode || f.opaque != 0) {
        conn_anomaly(c, f.len < span.len ? "desync: unsolicited bytes"
                                         : "desync: a frame that answers another request");
        return;
    }
    inbuf_keep(&c->in, arena, span.at + f.len, 0, 0);
    if (c->state == CONN_LOGGING_IN)
        take_login(c, &f);
    else
        take_version(c, &f);
}
