#include "backend/backend.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "backend/apart.h"
#include "backend/closing.h"
#include "backend/events.h"
#include "backend/health.h"
#include "backend/relocate.h"
#include "backend/retry.h"
#include "base/slab.h"

/* --- the set ----------------------------------------------------------------------------------- */

void backends_init(struct backends *set, struct ev_loop *loop, struct arena *arena,
                   struct board_worker *part)
{
    *set = (struct backends){
        .loop = loop, .arena = arena, .part = part, .row = &part->row, .log = {.burst = 20}};
    set->writer = writer_private();
}

static void backend_destroy(struct backend *b, const char *reason)
{
    b->stats->down -= b->down;
    for (uint32_t i = 0; i < b->settings.connections; i++) {
        struct conn *conn = b->conns[i];
        if (conn->state != CONN_IDLE) b->stats->connections--;
        conn_release(conn, reason);
        conn_forget_unsent(conn);
        conn_destroy(conn);
    }
    apart_destroy(b, reason);
    backend_unlocate(b);
    slab_return(b->conns, sizeof *b->conns * b->settings.connections);
    slab_return(b, sizeof *b);
}

void backends_stop(struct backends *set)
{
    for (struct backend *b = set->first; b; b = b->next) {
        for (uint32_t i = 0; i < b->settings.connections; i++) {
            if (b->conns[i]->state != CONN_IDLE) b->stats->connections--;
            conn_release(b->conns[i], "moongate ends");
        }
        apart_release(b, "moongate ends");
    }
}

void backends_release(struct backends *set)
{
    while (set->first) {
        struct backend *b = set->first;
        set->first = b->next;
        backend_destroy(b, "moongate ends");
    }
}

struct backend_settings backend_settings_default(void)
{
    return (struct backend_settings){
#define X(name, type, fallback, least, most, meaning) .name = (fallback),
        BACKEND_SETTINGS(X)
#undef X
    };
}

static bool settings_equal(const struct backend_settings *a, const struct backend_settings *b)
{
#define X(name, type, fallback, least, most, meaning) &&a->name == b->name
    return true BACKEND_SETTINGS(X);
#undef X
}

/* --- news of its connections ------------------------------------------------------------------- */

static void on_conn(struct conn *c, const struct conn_news *news)
{
    struct backend *b = c->backend;
    switch (news->event) {
    case NEWS_READY:
        if (!c->is_apart) backend_note_health(b);
        break;
    case NEWS_LOST: closing_end(c, news->loss, news->reason); break;
    case NEWS_NO_SOCKET: retry_without_socket(c, news->reason); break;
    case NEWS_NO_ADDRESS: retry_without_address(c); break;
    case NEWS_RETRY: retry_due(c); break;
    case NEWS_LATE: closing_end_late(c); break;
    case NEWS_ROOM: send_flush(c); break;
    case NEWS_CALL_ENDED: apart_look(b); break;
    }
}

/* --- making and finding ------------------------------------------------------------------------ */

static struct backend *backend_create(struct backends *set, const char *name,
                                      const struct addr_spec *spec,
                                      const struct backend_settings *settings)
{
    struct backend *b = slab_borrow(sizeof *b);
    *b = (struct backend){.set = set,
                          .settings = *settings,
                          .next = set->first,
                          .on_conn = on_conn,
                          .suspects = ~(uint64_t)0,
                          .large_value = BACKEND_LARGE_VALUE};
    snprintf(b->name, sizeof b->name, "%s", name);
    b->stats = board_server(set->part, name);
    if (!b->stats) b->stats = &set->unlisted;
    b->conns = slab_borrow(sizeof *b->conns * settings->connections);
    for (uint32_t i = 0; i < settings->connections; i++) b->conns[i] = conn_create(b);
    set->first = b;
    backend_locate(b, spec);
    return b;
}

struct backend *backends_get(struct backends *set, const char *name, const struct addr_spec *spec,
                             const struct backend_settings *settings)
{
    for (struct backend *b = set->first; b; b = b->next) {
        if (!b->leaves && strcmp(b->name, name) == 0 && settings_equal(&b->settings, settings))
            return backend_take(b);
    }
    return backend_take(backend_create(set, name, spec, settings));
}

struct backend *backend_take(struct backend *b)
{
    b->counts++;
    return b;
}

void backend_give(struct backend *b)
{
    assert(b->counts > 0);
    b->counts--;
}

void backends_start(struct backends *set)
{
    for (struct backend *b = set->first; b && set->loop; b = b->next) {
        if (b->counts == 0) continue;
        for (uint32_t i = 0; i < b->settings.connections; i++) {
            if (b->conns[i]->state == CONN_IDLE) b->stats->connections++;
            retry_start(b->conns[i]);
        }
    }
}

/* --- the set, while it serves ------------------------------------------------------------------ */

static uint64_t backend_depth(const struct backend *b)
{
    uint64_t depth = apart_depth(b);
    for (uint32_t i = 0; i < b->settings.connections; i++) depth += b->conns[i]->depth;
    return depth;
}

void backends_sweep(struct backends *set)
{
    struct backend **p = &set->first;
    while (*p) {
        struct backend *b = *p;
        if (b->counts > 0 || backend_depth(b) > 0) {
            p = &b->next;
            continue;
        }
        *p = b->next;
        log_debug("backend %s: gone: no pool names it", b->name);
        backend_destroy(b, "removed");
    }
}

void backends_flush(struct backends *set)
{
    while (set->unsent) {
        struct conn *conn = set->unsent;
        set->unsent = conn->next_unsent;
        conn->unsent = false;
        send_flush(conn);
    }
}

uint64_t backends_in_flight(const struct backends *set)
{
    uint64_t depth = 0;
    for (const struct backend *b = set->first; b; b = b->next) depth += backend_depth(b);
    return depth;
}

static bool conn_is_awaited(const struct conn *c, double now)
{
    for (const struct call *call = c->head; call; call = call->next)
        if (call->deadline > now) return true;
    return false;
}

static bool backend_is_awaited(const struct backend *b, double now)
{
    for (uint32_t i = 0; i < b->settings.connections; i++)
        if (conn_is_awaited(b->conns[i], now)) return true;
    for (int i = 0; i < BACKEND_APART; i++)
        if (b->apart[i] && conn_is_awaited(b->apart[i], now)) return true;
    return false;
}

bool backends_are_awaited(const struct backends *set)
{
    for (const struct backend *b = set->first; b; b = b->next)
        if (backend_is_awaited(b, set->now)) return true;
    return false;
}

const char *backends_lowest_version(const struct backends *set)
{
    const char *lowest = NULL;
    uint32_t lowest_number = UINT32_MAX;
    for (const struct backend *b = set->first; b; b = b->next) {
        uint32_t number = dialect_number(b->version, strlen(b->version));
        if (b->counts == 0 || number == 0 || number >= lowest_number) continue;
        lowest = b->version;
        lowest_number = number;
    }
    return lowest;
}
