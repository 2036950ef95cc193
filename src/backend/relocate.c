#include "backend/relocate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/apart.h"
#include "backend/credential.h"
#include "backend/events.h"
#include "backend/locate.h"
#include "backend/retry.h"
#include "backend/secure.h"
#include "discovery/resolver.h"

/* A server that moves must not lose requests: those in flight at the old address end there, and new ones go to the new address.
 * One connection cannot do both, and calls never change a connection once they are written. So a connection with calls in flight
 * leaves its backend together with them, as the only one of a backend that no pool can find, and the place it had gets a new
 * connection. Connections that are not READY have written no call and just try the new addresses.
 */

/* --- changes ----------------------------------------------------------------------------------- */

/* Gives the connection to a new backend that has no reference, so that the sweep frees both when its calls have ended. */
static void part_with(struct backend *b, uint32_t at)
{
    struct conn *old = b->conns[at];
    assert(!b->leaves && conn_sane(old));
    struct backend *leaver = malloc(sizeof *leaver);
    if (!leaver) abort();
    *leaver = *b;
    memset(leaver->apart, 0, sizeof leaver->apart);
    leaver->apart_held = 0;
    leaver->ejections = NULL;
    leaver->counts = 0;
    leaver->leaves = true;
    leaver->watch = NULL;
    leaver->session = NULL;
    leaver->host = b->host ? strdup(b->host) : NULL;
    if (b->host && !leaver->host) abort();
    secure_take(b->set, b->settings.tls);
    credential_take(b->set, b->settings.auth);
    leaver->addrs = NULL;
    backend_set_addrs(leaver, &old->peer, 1);
    leaver->settings.connections = 1;
    leaver->conns = calloc(1, sizeof *leaver->conns);
    if (!leaver->conns) abort();
    leaver->conns[0] = old;
    old->backend = leaver;
    leaver->next = b->set->first;
    b->set->first = leaver;
    b->conns[at] = conn_create(b); /* calls apart do not wait for the old one's */
}

/* One connection, after the addresses have changed. */
static void relocate(struct backend *b, uint32_t at)
{
    struct conn *c = b->conns[at];
    if (c->state == CONN_IDLE) return;
    if (c->state != CONN_READY) {
        retry_elsewhere(c);
        return;
    }
    if (backend_has_addr(b, &c->peer)) return;
    log_info("backend %s: moves to another address (%u in flight)", b->name, c->depth);
    if (c->depth > 0) {
        part_with(b, at);
        b->stats->connections++;
    } else {
        conn_release(c, "moved");
    }
    retry_start(b->conns[at]);
}

/* A name_news_fn: called from the loop, or while the backend is made, when the resolver knows the name already. */
static void on_names(void *owner, const struct name_news *news)
{
    struct backend *b = owner;
    assert(!b->leaves); /* one that leaves has no watch */
    uint32_t n = news->n < BACKEND_ADDRS_MAX ? news->n : BACKEND_ADDRS_MAX;
    if (n == 0) {
        snprintf(b->unresolved, sizeof b->unresolved, "not resolved: %s", news->failure);
        for (uint32_t i = 0; i < b->settings.connections; i++) retry_without_address(b->conns[i]);
        return;
    }
    if (n == b->addrs_n && memcmp(b->addrs, news->addrs, n * sizeof *b->addrs) == 0) return;
    backend_set_addrs(b, news->addrs, n);
    for (uint32_t i = 0; i < b->settings.connections; i++) relocate(b, i);
    apart_relocate(b);
}

/* --- life -------------------------------------------------------------------------------------- */

void backend_locate(struct backend *b, const struct addr_spec *spec)
{
    struct addr addr;
    snprintf(b->unresolved, sizeof b->unresolved, "not resolved: no answer yet");
    memset(&addr, 0, sizeof addr);
    if (b->set->dial || addr_spec_is_literal(spec, 0, &addr)) /* a set that dials uses none */
        backend_set_addrs(b, &addr, 1);
    else if (b->set->resolver)
        b->watch = resolver_watch(b->set->resolver, spec->host, spec->port, on_names, b);
}

void backend_unlocate(struct backend *b)
{
    if (b->watch) resolver_unwatch(b->watch);
    b->watch = NULL;
    backend_forget_addrs(b);
}
