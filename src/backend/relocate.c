#include "backend/relocate.h"

#include <stdio.h>
#include <string.h>

#include "backend/apart.h"
#include "backend/events.h"
#include "backend/locate.h"
#include "backend/retry.h"
#include "base/slab.h"
#include "discovery/resolver.h"

/* --- changes ----------------------------------------------------------------------------------- */

/* The connection becomes that of a backend which nobody counts, so that the sweep takes it when its calls are done. */
static void part_with(struct backend *b, uint32_t at)
{
    struct conn *old = b->conns[at];
    struct backend *leaver = slab_borrow(sizeof *leaver);
    *leaver = *b;
    memset(leaver->apart, 0, sizeof leaver->apart);
    leaver->apart_held = 0;
    leaver->counts = 0;
    leaver->leaves = true;
    leaver->watch = NULL;
    leaver->addrs = NULL;
    backend_set_addrs(leaver, &old->peer, 1);
    leaver->settings.connections = 1;
    leaver->conns = slab_borrow(sizeof(struct conn *));
    leaver->conns[0] = old;
    old->backend = leaver;
    leaver->next = b->set->first;
    b->set->first = leaver;
    b->conns[at] = conn_create(b); /* calls apart wait for none of the old one's */
}

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

/* Told by the loop, or while the backend is made. */
static void on_names(void *owner, const struct name_news *news)
{
    struct backend *b = owner;
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
    if (b->set->dial || addr_spec_is_literal(spec, 0, &addr)) /* a set that dials needs none */
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
