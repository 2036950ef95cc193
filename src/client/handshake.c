/* Ten thousand clients that connect and send nothing cost their sockets and a few hundred bytes each: a step is made when bytes have come,
 * and OpenSSL's state exists from the first whole message on (net/tls.c). Those that send all at once wait in a ring, a few
 * milliseconds of which are worked off in each turn. */
#include "client/handshake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/process.h"
#include "client/clients.h"
#include "client/entry.h"
#include "client/state.h"
#include "net/tls.h"

static const double TURN_STEPS = 0.003; /* seconds; one step more at most */

enum { ROOM_AT_FIRST = 64 };

/* The loop calls it when nothing else is to be done; the steps are made when the turn ends. */
static void on_more(struct ev_loop *loop, ev_idle *idle, int events)
{
    (void)loop;
    (void)idle;
    (void)events;
}

void handshakes_init(struct clients *set)
{
    set->handshakes = (struct handshakes){.lines = {.burst = 5}};
    ev_idle_init(&set->handshakes.more, on_more);
}

void handshakes_release(struct clients *set)
{
    ev_idle_stop(set->turn->loop, &set->handshakes.more);
    free(set->handshakes.ready);
    set->handshakes = (struct handshakes){.room = 0};
}

/* --- those that are ready ---------------------------------------------------------------------- */

static void grow(struct handshakes *h)
{
    uint32_t room = h->room ? 2 * h->room : ROOM_AT_FIRST;
    uint32_t *ready = malloc(room * sizeof *ready);
    if (!ready) abort();
    for (uint32_t i = 0; i < h->n; i++) ready[i] = h->ready[(h->first + i) % h->room];
    free(h->ready);
    h->ready = ready;
    h->room = room;
    h->first = 0;
}

void handshake_ready(struct client *c)
{
    struct handshakes *h = &c->set->handshakes;
    assert(c->entry == ENTRY_TLS);
    if (c->is_shaking) return;
    if (h->n == h->room) grow(h);
    h->ready[(h->first + h->n++) % h->room] = c->affinity;
    c->is_shaking = true;
    client_mark_dirty(c);
}

/* --- what comes of them ------------------------------------------------------------------------ */

static void fail(struct client *c, const char *what)
{
    char address[ADDR_TEXT_MAX];
    const char *listener = client_listener(c);
    if (log_allows(&c->set->handshakes.lines, c->turn->now))
        log_warn("client %s%s%s: closed: %s%s", client_address(c, address),
                 *listener ? " at listener " : "", listener, what, stream_why(&c->stream));
    client_close(c, "TLS failed");
}

void handshake_broken(struct client *c)
{
    c->turn->row->ssl_proto_errors++;
    fail(c, "TLS: ");
}

static void done(struct client *c)
{
    struct board_row *row = c->turn->row;
    char name[TLS_NAME_MAX], identity[IDENTITY_MAX];
    if (stream_is_resumed(&c->stream))
        row->tls_resumed_sessions++;
    else
        row->ssl_new_sessions++;
    row->tls_connections++;
    c->counts->tls_handshakes++;
    log_debug("client %d: %s, %s%s", c->stream.fd, stream_tls_version(&c->stream),
              stream_tls_cipher(&c->stream), stream_is_resumed(&c->stream) ? ", resumed" : "");
    if (stream_peer_name(&c->stream, name)) {
        snprintf(identity, sizeof identity, "cert:%s", name);
        if (!client_identify(c, identity)) {
            client_close(c, "too many connections");
            return;
        }
    }
    client_passes(c);
}

static void step(struct client *c)
{
    switch (stream_shake(&c->stream)) {
    case STREAM_SHAKE_DONE: done(c); break;
    case STREAM_SHAKE_FAILED:
        c->turn->row->ssl_handshake_errors++;
        c->counts->tls_handshake_errors++;
        fail(c, "TLS handshake: ");
        return;
    default: client_note_unfinished(c, 0); break;
    }
    if (c->state != CLIENT_CLOSED) client_mark_dirty(c);
}

/* The next one that is still there. NULL: there is none. */
static struct client *take_ready(struct clients *set)
{
    struct handshakes *h = &set->handshakes;
    while (h->n > 0) {
        struct client *c = clients_find(set, h->ready[h->first]);
        h->first = (h->first + 1) % h->room;
        h->n--;
        if (c) return c;
    }
    return NULL;
}

void handshakes_go_on(struct clients *set)
{
    struct handshakes *h = &set->handshakes;
    double began = process_clock();
    for (struct client *c; process_clock() - began < TURN_STEPS && (c = take_ready(set));) {
        c->is_shaking = false;
        if (c->state == CLIENT_OPEN || c->state == CLIENT_DRAINING) step(c);
    }
    if (h->n > 0)
        ev_idle_start(set->turn->loop, &h->more);
    else
        ev_idle_stop(set->turn->loop, &h->more);
}
