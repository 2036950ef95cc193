/* What a client is, and what it holds, apart from its input and output: so that replies, answers and requests can note it
 * without knowing how a client is read and written. */
#include "client/state.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "net/addr.h"

/* In O(1): it is asked for each event. */
bool client_sane(const struct client *c)
{
    return (c->state == CLIENT_CLOSED) == (c->stream.fd < 0) &&
           (c->head == NULL) == (c->owed == 0) && (c->head == NULL) == (c->tail == NULL) &&
           (c->head || c->stored == 0) && (!c->waiting || c->in.kept || c->state == CLIENT_CLOSED);
}

void client_set_state(struct client *c, enum client_state state, const char *reason)
{
    assert(c->state != CLIENT_CLOSED && state != CLIENT_OPEN);
    c->state = state;
    c->reason = reason;
}

void client_end(struct client *c, const char *reason)
{
    client_set_state(c, CLIENT_ENDING, reason);
    client_mark_dirty(c);
}

void client_mark_dirty(struct client *c)
{
    if (c->dirty || c->state == CLIENT_CLOSED) return;
    c->dirty = true;
    c->next_dirty = c->set->dirty;
    c->set->dirty = c;
}

/* --- what it holds ----------------------------------------------------------------------------- */

/* A larger reply counts at once, smaller ones let the number fade by a 64th each: an estimate that errs on the side of slowing
 * down. */
void client_note_reply(struct client *c, size_t n)
{
    size_t less = c->usual - c->usual / 64;
    c->usual = n > less ? n : less;
}

uint32_t client_batch_for_stores(const struct client *c)
{
    uint64_t held = client_held(c), most = c->set->limits.client_buffer;
    if (held >= CLIENT_HELD_AT_MOST) return 0;
    uint64_t sure = held < most ? (most - held) / c->turn->limits.rules.max_value : 0;
    uint64_t likely = (CLIENT_HELD_AT_MOST - held) / (c->usual + 1);
    uint64_t left = sure < likely ? sure : likely;
    return left < CLIENT_OWED_AT_MOST ? (uint32_t)left + 1 : CLIENT_OWED_AT_MOST;
}

/* The samples are taken at the end of the turn else, from what is not routed yet. */
uint32_t client_routes(struct client *c)
{
    sampling_look(&c->set->sampling, c->turn);
    turn_route(c->turn);
    return client_held(c) < c->set->limits.client_buffer ? client_batch(c) : 0;
}

void client_check_held(struct client *c)
{
    if (client_holds_too_much(c)) client_mark_dirty(c);
}

/* Bytes that a client must send to count as busy: a byte now and then is no progress. */
enum { PROGRESS = 4096 };

/* busy_at is when it last made progress; unfinished.c weighs what it holds by the time since then. */
/* Most clients hold nothing, and did not before. */
static __attribute__((noinline)) void note_held(struct client *c, size_t came)
{
    struct clients *set = c->set;
    size_t held = inbuf_held(&c->in) + stream_held(&c->stream);
    if (held == 0 && c->unfinished == 0) return;
    c->progress += (uint32_t)came;
    if (c->unfinished == 0 || c->progress >= PROGRESS) {
        c->busy_at = c->turn->now;
        c->progress = 0;
    }
    assert(set->unfinished >= c->unfinished && held <= UINT32_MAX);
    set->unfinished += held - c->unfinished;
    c->turn->row->unfinished_bytes = set->unfinished;
    c->unfinished = (uint32_t)held;
}

void client_note_unfinished(struct client *c, size_t came)
{
    if (c->in.kept || c->stream.tls || c->unfinished) note_held(c, came);
}

bool client_has_address(const struct client *c, char *text)
{
    struct addr addr = {.len = sizeof addr.sa};
    if (c->as) {
        snprintf(text, ADDR_TEXT_MAX, "%s", c->as);
        return true;
    }
    if (c->who && c->who->from.len)
        addr = c->who->from;
    else if (getpeername(c->stream.fd, &addr.sa.any, &addr.len) < 0)
        return false;
    if (addr_is_unix(&addr))
        snprintf(text, ADDR_TEXT_MAX, "unix"); /* a client's end of a unix socket has no path */
    else
        addr_print(&addr, text);
    return true;
}

const char *client_address(const struct client *c, char *text)
{
    if (!client_has_address(c, text)) snprintf(text, ADDR_TEXT_MAX, "(gone)");
    return text;
}

const char *client_listener(const struct client *c)
{
    const char *const *names = c->set->listener_names;
    return c->listener < c->set->listener_names_n && names[c->listener] ? names[c->listener] : "";
}

/* --- what it may do ---------------------------------------------------------------------------- */

/* One that a balancer has relayed is as far as can be, whatever the balancer's address is. */
static bool is_near(const struct client *c)
{
    if (c->who && c->who->is_relayed) return false;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name;
    socklen_t len = sizeof name;
    memset(&name, 0, sizeof name);
    if (getsockname(c->stream.fd, &name.any, &len) < 0) return false;
    if (name.any.sa_family == AF_UNIX) return true;
    return addr_is_loopback(&name.any);
}

bool client_is_allowed(const struct client *c, enum clients_allow whom)
{
    switch (whom) {
    case ALLOW_YES: return true;
    case ALLOW_NO: return false;
    default: return is_near(c);
    }
}
