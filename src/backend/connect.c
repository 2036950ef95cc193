#include "backend/connect.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/credential.h"
#include "backend/framed.h"
#include "backend/secure.h"
#include "net/socket.h"

/* CONNECTING, SECURING, LOGGING_IN, PROBING, LEARNING, READY: each step waits for one event, and connect_timeout bounds each of them.
 *
 * SECURING is the TLS handshake, of servers that have it. Its steps are the only ones that cost the worker something, so they may be
 * put off to the next turn (see secure); connect_timeout then begins again, as the server was not waited for.
 *
 * LOGGING_IN comes before all else, where the pool has the option `auth`: a server that asks for a password answers no other command.
 *
 * `version` comes first: every server knows it, so a line in answer proves that a server is there, and may contain its version.
 * `mn` comes next: a server that knows meta commands answers MN, another one an error. Until then nothing else is sent, and
 * nothing may come behind the one line that is due; calls wait, because how they are written depends on the answers. A server
 * that closes the connection after `mn`, several times in a row, is not sent one for a while (see closing). With probe = connect
 * a connection is READY once it is connected, and neither is sent.
 */

/* --- the way there ----------------------------------------------------------------------------- */

/* Sends one line and enters the state that waits for the answer. A stream that takes no line at once, when nothing was written
 * to it before, is broken. */
void connect_send(struct conn *c, const void *line, size_t len, enum conn_state state)
{
    if (stream_writev(&c->stream, &(struct iovec){(void *)line, len}, 1) != (ssize_t)len) {
        conn_close(c, "the first write failed");
        return;
    }
    c->backend->stats->bytes_written += len;
    conn_set_state(c, state);
    conn_watch(c);
    conn_set_alarm(c, conn_next_alarm(c));
}

static void send_probe(struct conn *c, const char *line, enum conn_state state)
{
    connect_send(c, line, strlen(line), state);
}

/* Calls that waited are let go at the end of the turn, when release_flush comes to c. */
void connect_ready(struct conn *c)
{
    assert(c->stream.fd >= 0 &&
           outq_is_empty(&c->out)); /* I10: no request before the server is known */
    c->failed = false;
    c->tried = 0;
    c->last_client = -1;
    c->backend->late = 0;
    conn_set_state(c, CONN_READY);
    conn_watch(c);
    secure_keep_session(c->backend, &c->stream);
    conn_report(c, NEWS_READY);
    c->progress = c->since;
    c->backend->set->row->backend_connects++;
    c->backend->stats->connects++;
    log_debug("backend %s: ready (%u calls waited)", c->backend->name, c->depth);
    conn_set_alarm(c, conn_next_alarm(c));
    conn_mark_unsent(c);
}

static void probe(struct conn *c)
{
    if (c->backend->settings.probe == PROBE_CONNECT)
        connect_ready(c);
    else
        send_probe(c, "version\r\n", CONN_PROBING);
}

static void log_in(struct conn *c)
{
    char command[CREDENTIAL_COMMAND_ROOM];
    size_t len = credential_write_ascii(c->backend, command);
    connect_send(c, command, len, CONN_LOGGING_IN);
    credential_wipe(command, len);
}

/* What was known of the server before is forgotten: it may be another one now. */
static void greet(struct conn *c)
{
    c->dialect = (struct dialect){0};
    c->is_unasked = false;
    c->speaks_version = false;
    if (c->backend->is_framed)
        framed_greet(c);
    else if (credential_is_ascii(c->backend))
        log_in(c);
    else
        probe(c);
}

/* A step of the handshake. What happens to a server that fails it is what happens to one that cannot be connected. */
static void shake(struct conn *c)
{
    if (secure_must_wait(c->backend->set)) {
        c->since = conn_now(c);
        return;
    }
    switch (secure_step(c->backend, &c->stream)) {
    case STREAM_SHAKE_AGAIN: conn_watch(c); break;
    case STREAM_SHAKE_DONE: greet(c); break;
    case STREAM_SHAKE_FAILED: conn_broken(c, EPROTO); break;
    }
}

/* Its own message comes first, which takes a step, too. */
static void secure(struct conn *c)
{
    if (secure_must_wait(c->backend->set)) {
        c->since = conn_now(c);
        conn_watch(c);
        return;
    }
    c->offers_session = secure_begin(c->backend, &c->stream);
    conn_set_state(c, CONN_SECURING);
    conn_set_alarm(c, conn_next_alarm(c));
    shake(c);
}

static void connected(struct conn *c)
{
    if (secure_is_wanted(c->backend))
        secure(c);
    else
        greet(c);
}

/* Returns 0 when it is connected at once, else errno, also EINPROGRESS. c->stream.fd is below 0 when there is no socket. */
static int dial(struct conn *c)
{
    const struct backends *set = c->backend->set;
    int fd, error;
    if (set->dial)
        error = set->dial(set->dials_for, c->backend, &fd);
    else
        error = socket_connect(&c->peer, c->backend->settings.keepalive, &fd);
    c->stream = stream_open(fd);
    return error;
}

void connect_resolve(struct conn *c)
{
    assert(c->stream.fd < 0);
    if (c->state != CONN_RESOLVING) conn_set_state(c, CONN_RESOLVING);
    conn_set_alarm(c, conn_next_alarm(c));
}

/* A unix socket, or one to the same machine, may be connected at once. */
void connect_begin(struct conn *c, const struct addr *addr)
{
    assert(c->stream.fd < 0 && !ev_is_active(&c->io));
    char reason[BACKEND_REASON_MAX];
    c->peer = *addr;
    int error = dial(c);
    if (c->stream.fd < 0) {
        snprintf(reason, sizeof reason, "no socket: %s", strerror(error));
        c->backend->on_conn(c, &(struct conn_news){.event = NEWS_NO_SOCKET, .reason = reason});
        return;
    }
    conn_set_state(c, CONN_CONNECTING);
    conn_set_alarm(c, conn_next_alarm(c));
    if (error == 0)
        connected(c);
    else if (error == EINPROGRESS)
        conn_watch(c);
    else
        conn_broken(c, error);
}

void connect_go_on(struct conn *c)
{
    assert(c->stream.fd >= 0 && c->state != CONN_READY);
    if (c->state == CONN_SECURING) {
        shake(c);
        return;
    }
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(c->stream.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) error = errno;
    if (error)
        conn_broken(c, error);
    else
        connected(c);
}

/* --- `version` and `mn`, and their answers ------------------------------------------------------ */

static bool begins_with(const struct span *line, const char *text)
{
    size_t len = strlen(text);
    return line->len >= len && memcmp(line->at, text, len) == 0;
}

/* How many bytes of a line may be shown: those before the first control byte, because the reason goes to clients. */
static int shown_len(const struct span *line)
{
    size_t n = 0;
    while (n < line->len && line->at[n] >= ' ' && line->at[n] != 0x7f) n++;
    return (int)n;
}

/* Keeps the version as the server wrote it: clients that send `version` get the lowest one. */
static void note_version(struct conn *c, const struct span *line)
{
    const char *text = (const char *)line->at + strlen("VERSION ");
    int len = shown_len(line) - (int)strlen("VERSION ");
    snprintf(c->backend->version, sizeof c->backend->version, "%.*s", len, text);
}

/* True: the line does not prove that the server serves; `why` gets the reason. memcached sends the first of these to
 * connections over its limit, whatever they send. */
static bool proves_nothing(const struct conn *c, const struct span *line, char *why)
{
    bool is_full = begins_with(line, "ERROR Too many open connections");
    bool wants_version = c->backend->settings.probe == PROBE_VERSION;
    if (!is_full && (!wants_version || begins_with(line, "VERSION "))) return false;
    snprintf(why, BACKEND_REASON_MAX, "answers version with: %.*s", shown_len(line),
             (const char *)line->at);
    return true;
}

/* Sends `mn`, unless that ended connections before. */
static void learn(struct conn *c)
{
    c->is_unasked = c->dialect.closes = conn_now(c) < c->backend->shuns_noop_until;
    if (c->is_unasked)
        connect_ready(c);
    else
        send_probe(c, "mn\r\n", CONN_LEARNING);
}

/* memcached answers STORED, or CLIENT_ERROR and no other command. What else a server says is shown: it has nothing of the password. */
static void take_login(struct conn *c, const struct span *line)
{
    char why[BACKEND_REASON_MAX];
    if (begins_with(line, "STORED\r\n")) {
        probe(c);
        return;
    }
    if (begins_with(line, "CLIENT_ERROR "))
        snprintf(why, sizeof why, "authentication failed: see the file of the option auth");
    else
        snprintf(why, sizeof why, "answers user and password with: %.*s", shown_len(line),
                 (const char *)line->at);
    conn_close(c, why);
}

/* A server whose version is not a number is not known: dialect.version stays 0, and b->version as it was. */
static void take_version(struct conn *c, const struct span *line)
{
    char why[BACKEND_REASON_MAX];
    if (proves_nothing(c, line, why)) {
        conn_close(c, why);
        return;
    }
    c->dialect.version = dialect_read_version(line->at, line->len);
    c->speaks_version = begins_with(line, "VERSION ");
    if (c->dialect.version) note_version(c, line);
    learn(c);
}

static bool is_error(const struct span *line)
{
    return begins_with(line, "ERROR") || begins_with(line, "CLIENT_ERROR") ||
           begins_with(line, "SERVER_ERROR");
}

static bool is_noop_answer(const struct span *line)
{
    return line->len == 4 && begins_with(line, "MN\r\n");
}

/* A server that answers `version` as memcached does answers `mn` with MN or an error. A VERSION line here is the answer to the
 * question before: the line that was taken for it was not due. */
static bool makes_no_sense(const struct conn *c, const struct span *line)
{
    if (begins_with(line, "VERSION")) return true;
    return c->speaks_version && !is_noop_answer(line) && !is_error(line);
}

/* Servers that answer `version` in their own way may answer `mn` with any line: then they know no meta commands. */
static void take_noop(struct conn *c, const struct span *line)
{
    if (makes_no_sense(c, line)) {
        conn_anomaly(c, "desync: no answer to mn");
        return;
    }
    c->backend->noops_lost = 0;
    if (!is_noop_answer(line) && log_allows(&c->backend->set->log, conn_now(c)))
        log_info("backend %s: no meta commands: answers mn with: %.*s", c->backend->name,
                 shown_len(line), (const char *)line->at);
    c->dialect = dialect_of(c->dialect.version, is_noop_answer(line));
    connect_ready(c);
}

/* I3: exactly one line is due. More bytes behind it are not a response to anything, with one exception: a server that does not
 * know `mn` may answer with several lines. That is its way to refuse the command, so the connection counts as lost to `mn`. */
void connect_take_probe(struct conn *c, struct span span)
{
    assert(c->state == CONN_LOGGING_IN || c->state == CONN_PROBING || c->state == CONN_LEARNING);
    if (c->backend->is_framed) {
        framed_take_probe(c, span);
        return;
    }
    struct arena *arena = c->backend->set->arena;
    const uint8_t *newline = memchr(span.at, '\n', span.len);
    if (!newline) {
        if (span.len < RESPONSE_LINE_MAX)
            inbuf_keep(&c->in, arena, span.at, span.len, 0);
        else
            conn_anomaly(c, "desync: bytes that are not a response");
        return;
    }
    struct span line = {span.at, (size_t)(newline - span.at) + 1};
    if (line.len < span.len) {
        if (c->state == CONN_LEARNING && is_error(&line))
            conn_close(c, "several lines in answer to mn");
        else
            conn_anomaly(c, "desync: unsolicited bytes");
        return;
    }
    inbuf_keep(&c->in, arena, newline + 1, 0, 0);
    if (c->state == CONN_LOGGING_IN)
        take_login(c, &line);
    else if (c->state == CONN_PROBING)
        take_version(c, &line);
    else
        take_noop(c, &line);
}
