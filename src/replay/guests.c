/* Clients of the recording. Each is a connection, as it was then, and a list of what it has asked, in order. One that was not used for the
 * longest time is closed when there are too many, and comes again when it asks again. */
#include "replay/guests.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/clients.h"
#include "net/newcomer.h"
#include "worker/as_client.h"

static struct guest **guest_place(struct player *p, uint64_t number)
{
    return &p->guests[(number * 0x9e3779b97f4a7c15u >> 40) % GUEST_PLACES];
}

static void list_out(struct player *p, struct guest *g)
{
    *(g->newer ? &g->newer->older : &p->guests_first) = g->older;
    *(g->older ? &g->older->newer : &p->guests_last) = g->newer;
}

static void list_in(struct player *p, struct guest *g)
{
    g->newer = NULL;
    g->older = p->guests_first;
    *(p->guests_first ? &p->guests_first->newer : &p->guests_last) = g;
    p->guests_first = g;
}

void guest_leaves(struct player *p, struct guest *g)
{
    struct guest **at = guest_place(p, g->number);
    assert(!g->first);
    while (*at != g) at = &(*at)->next;
    *at = g->next;
    list_out(p, g);
    p->guests_n--;
    wire_close(&g->wire);
    g->next = p->gone;
    p->gone = g;
}

static void make_room(struct player *p)
{
    struct guest *g = p->guests_last;
    while (p->guests_n >= p->guests_most && g) {
        struct guest *newer = g->newer;
        if (!g->first) guest_leaves(p, g);
        g = newer;
    }
}

static uint32_t listener_of(const struct player *p, const struct asked *a)
{
    char name[TAKE_LISTENER + 1];
    if (a->listener_len == 0) return 0;
    memcpy(name, a->listener, a->listener_len);
    name[a->listener_len] = '\0';
    int32_t number = as_client_listener(p->as, name);
    return number > 0 ? (uint32_t)number : 0;
}

/* NULL: there is no descriptor. */
static struct guest *guest_comes(struct player *p, const struct asked *a)
{
    make_room(p);
    struct guest *g = calloc(1, sizeof *g), **at = guest_place(p, a->client);
    int other;
    if (!g) abort();
    if (!wire_open(&g->wire, p->epoll, &other)) {
        free(g);
        return NULL;
    }
    g->player = p;
    g->number = a->client;
    g->next = *at;
    *at = g;
    list_in(p, g);
    p->guests_n++;
    client_create(p->parts.clients, (struct newcomer){.fd = other, .listener = listener_of(p, a)});
    return g;
}

static struct guest *guest_of(struct player *p, const struct asked *a)
{
    struct guest *g = *guest_place(p, a->client);
    while (g && g->number != a->client) g = g->next;
    if (!g) return guest_comes(p, a);
    if (p->guests_first != g) {
        list_out(p, g);
        list_in(p, g);
    }
    return g;
}

/* --- requests --------------------------------------------------------------------------------------- */

/* The number that the same client was given for that key here; that of the recording is another server's. */
static uint64_t cas_for(const struct guest *g, uint64_t key)
{
    for (uint32_t i = 0; i < CAS_KEPT && i < g->cas_n; i++)
        if (g->cas[(g->cas_n - 1 - i) % CAS_KEPT].key == key)
            return g->cas[(g->cas_n - 1 - i) % CAS_KEPT].cas;
    return 0;
}

static void put_request(struct guest *g, const struct asked *a)
{
    struct outq *out = &g->wire.out;
    uint64_t cas = a->cas_len ? cas_for(g, a->keys[0].hash) : 0;
    if (cas) {
        char text[32];
        int n = snprintf(text, sizeof text, " %llu", (unsigned long long)cas);
        size_t behind = a->cas_at + a->cas_len;
        outq_append(out, a->bytes, a->cas_at);
        outq_append(out, text, (size_t)n);
        outq_append(out, a->bytes + behind, a->len - behind);
    } else {
        outq_append(out, a->bytes, a->len);
    }
    if (a->is_quiet) outq_append(out, "mn\r\n", 4);
}

static void tell(struct player *p, struct asked *a, const struct hearing *h, double seconds)
{
    p->ears.on_answer(p->ears.about, a, h, seconds);
    assert(a->waiting & 1u << p->side);
    a->waiting &= ~(1u << p->side);
    if (!a->waiting) free(a);
}

static void tell_error(struct player *p, struct asked *a, const char *why)
{
    struct hearing h = {
        .what = HEARD_ERROR, .error = (const uint8_t *)why, .error_len = strlen(why)};
    tell(p, a, &h, replay_clock(p->has_fakes) - a->ways[p->side].sent);
}

void player_send(struct player *p, struct asked *a)
{
    struct guest *g = guest_of(p, a);
    struct asked_way *way = &a->ways[p->side];
    way->next = NULL;
    way->sent = replay_clock(p->has_fakes);
    if (!g) {
        tell_error(p, a, "no descriptor is free for a client: raise the limit (ulimit -n)");
        return;
    }
    put_request(g, a);
    player_mark(p, &g->wire);
    *(g->first ? &g->last->ways[p->side].next : &g->first) = a;
    g->last = a;
    p->waiting++;
}

static void end_first(struct guest *g)
{
    struct player *p = g->player;
    struct asked *a = g->first;
    struct hearing h = g->hearing;
    assert(p->waiting > 0);
    g->first = a->ways[p->side].next;
    g->hearing = (struct hearing){.at = 0};
    p->waiting--;
    tell(p, a, &h, p->now - a->ways[p->side].sent);
}

void guest_end(struct guest *g, const char *why)
{
    while (g->first) {
        g->hearing = (struct hearing){
            .what = HEARD_ERROR, .error = (const uint8_t *)why, .error_len = strlen(why)};
        end_first(g);
    }
}

/* A heard_value_fn: a cas that the client may send back. */
static void note_value(void *about, const struct asked_key *key, const struct response_value *v)
{
    struct guest *g = about;
    struct player *p = g->player;
    if (v->cas) g->cas[g->cas_n++ % CAS_KEPT] = (struct given_cas){key->hash, v->cas};
    p->ears.on_value(p->ears.about, key, v);
}

size_t guest_take(struct wire *w, const uint8_t *bytes, size_t len)
{
    struct guest *g = (struct guest *)w;
    size_t taken = 0;
    w->need = 0;
    while (taken < len) {
        size_t need = 0;
        enum heard_status status =
            g->first ? heard_read(g->first, g->player->side, &g->hearing, bytes + taken,
                                  len - taken, &need, note_value, g)
                     : HEARD_BROKEN;
        if (status == HEARD_AGAIN) {
            w->need = need;
            return taken;
        }
        if (status == HEARD_BROKEN) {
            wire_close(w);
            return len;
        }
        taken += g->hearing.at;
        end_first(g);
    }
    return taken;
}
