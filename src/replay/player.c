/* What the daemon would do is not imitated: the player is the daemon's own worker (worker_open), with its parsers, routes, calls and script.
 * Only what is outside of it is replaced, as in worker/rehearsal.c: each connection is a pair of sockets in this process, of which the
 * worker has one end and treats it as any. The other end is a struct wire: a guest, which is a client of the recording, or a link, behind
 * which a fake stands.
 *
 * A turn: what guests have to say is written, the loop runs once, and what the worker has written is read: requests, which the fakes answer
 * at once, and answers, which the ears get. An answer of a fake so needs four turns, for however many requests.
 *
 * Memory: a wire is freed at the end of the turn in which it has ended, since the epoll set may have named it more than once before. A guest that was not used for the
 * longest time is closed when there are too many. */
#include "replay/player.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/bundle.h"
#include "base/process.h"
#include "client/clients.h"
#include "net/newcomer.h"
#include "replay/wire.h"
#include "script/tester.h"
#include "worker/as_client.h"
#include "worker/source.h"

enum { EVENTS = 128, CAS_KEPT = 16 };

/* The cas numbers that a client was given last. */
struct given_cas {
    uint64_t key, cas;
};

/* A client of the recording. Invariant: first is NULL exactly when it waits for nothing. */
struct guest {
    struct wire wire; /* first */
    struct player *player;
    struct guest *next;          /* with the same hash */
    struct guest *newer, *older; /* by use */
    struct asked *first, *last;
    struct hearing hearing; /* of the answer to the first */
    uint64_t number;
    struct given_cas cas[CAS_KEPT];
    uint32_t cas_n;
};

/* A connection of the worker to a fake. */
struct link {
    struct wire wire; /* first */
    struct link *next;
    struct player *player;
    struct fake *fake;
    struct fake_talk talk;
};

double replay_clock(bool is_played)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9 + (is_played ? process_clock() : 0);
}

static void mark_dirty(struct player *p, struct wire *w)
{
    if (w->is_dirty) return;
    w->is_dirty = true;
    w->next_dirty = p->dirty;
    p->dirty = w;
}

/* --- fakes ------------------------------------------------------------------------------------------ */

static struct fake *find_fake(struct player *p, const char *name)
{
    struct fake *f = p->fakes;
    while (f && strcmp(f->name, name) != 0) f = f->next;
    if (f) return f;
    f = calloc(1, sizeof *f);
    if (!f || !(f->name = strdup(name))) abort();
    f->server.store = fake_store_create(p->fake_memory);
    f->server.max_value = p->fake_memory;
    f->next = p->fakes;
    return p->fakes = f;
}

struct fake_server *player_fake(struct player *p, const char *server)
{
    struct fake_server *s = &find_fake(p, server)->server;
    s->store->now = (int64_t)p->wall;
    return s;
}

/* A wire_take_fn. */
static size_t serve(struct wire *w, const uint8_t *bytes, size_t len)
{
    struct link *l = (struct link *)w;
    l->fake->server.store->now = (int64_t)l->player->wall;
    size_t taken = fake_server_take(&l->fake->server, &l->talk, bytes, len, &w->out);
    w->need = l->talk.need;
    if (!wire_flush(w)) mark_dirty(l->player, w);
    return taken;
}

/* A backend_dial_fn. */
static int dial(void *about, const struct backend *b, int *fd)
{
    struct player *p = about;
    struct link *l = calloc(1, sizeof *l);
    if (!l) abort();
    *fd = -1;
    if (!wire_open(&l->wire, p->epoll, fd)) {
        int error = errno;
        free(l);
        return error;
    }
    l->wire.is_server = true;
    l->player = p;
    l->fake = find_fake(p, b->name);
    l->next = p->links;
    p->links = l;
    return 0;
}

/* --- guests ----------------------------------------------------------------------------------------- */

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

/* Its memory goes at the end of the turn. */
static void guest_leaves(struct player *p, struct guest *g)
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
    mark_dirty(p, &g->wire);
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

static void end_all(struct guest *g, const char *why)
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

/* A wire_take_fn. */
static size_t hear(struct wire *w, const uint8_t *bytes, size_t len)
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

/* --- turns ------------------------------------------------------------------------------------------ */

/* What could not be written whole stays in the list. True: there was something. */
static bool flush_dirty(struct player *p)
{
    struct wire *w = p->dirty, *next;
    bool did = w != NULL;
    for (p->dirty = NULL; w; w = next) {
        next = w->next_dirty;
        w->is_dirty = false;
        if (!wire_flush(w)) mark_dirty(p, w);
    }
    return did;
}

static void drop_gone(struct player *p)
{
    while (p->gone && !p->dirty) { /* else one of them may be in that list; the next turn will do */
        struct guest *g = p->gone;
        p->gone = g->next;
        free(g);
    }
    for (struct link **at = &p->links; *at && !p->dirty;) {
        struct link *l = *at;
        if (l->wire.fd >= 0) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        free(l);
    }
}

static bool read_all(struct player *p)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(p->epoll, events, EVENTS, 0);
    bool ended = false;
    p->now = replay_clock(p->has_fakes);
    for (int i = 0; i < n; i++) {
        struct wire *w = events[i].data.ptr;
        (void)wire_read(w, p->bytes, sizeof p->bytes, w->is_server ? serve : hear);
        if (w->fd >= 0) continue;
        ended = true;
        if (w->is_server) continue;
        end_all((struct guest *)w, "the connection was closed");
        guest_leaves(p, (struct guest *)w);
    }
    if (ended || p->gone) drop_gone(p);
    return n > 0;
}

bool player_turn(struct player *p)
{
    bool did = flush_dirty(p);
    ev_run(p->parts.loop, EVRUN_NOWAIT);
    return read_all(p) || did;
}

/* That the loop wakes is enough. */
static void on_wire(struct ev_loop *loop, ev_io *io, int events)
{
    (void)loop;
    (void)io;
    (void)events;
}

static void on_time(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

/* Two loops cannot be waited for together: there the wait is short, and is the error of latencies. */
void player_wait(struct player *const *players, unsigned n, double seconds)
{
    static const double SHORT = 0.0001;
    struct ev_loop *loop = players[0]->parts.loop;
    if (n > 1) {
        struct timespec time = {.tv_nsec = (long)((seconds < SHORT ? seconds : SHORT) * 1e9)};
        nanosleep(&time, NULL);
        return;
    }
    ev_timer timer;
    ev_io io;
    ev_timer_init(&timer, on_time, seconds, 0);
    ev_io_init(&io, on_wire, players[0]->epoll, EV_READ);
    ev_now_update(loop);
    ev_timer_start(loop, &timer);
    ev_io_start(loop, &io);
    ev_run(loop, EVRUN_ONCE);
    ev_io_stop(loop, &io);
    ev_timer_stop(loop, &timer);
}

void player_give_up(struct player *p, const char *why)
{
    p->now = replay_clock(p->has_fakes);
    for (struct guest *g = p->guests_first; g; g = g->older) end_all(g, why);
    assert(p->waiting == 0);
}

uint64_t player_timeouts(const struct player *p)
{
    return p->parts.turn->row->script_timeouts;
}

/* --- life ------------------------------------------------------------------------------------------- */

static bool load(struct player *p, char *error)
{
    const char *path = p->options.script;
    struct bundle_file main;
    struct tester_script script = {
        .path = path, .servers = p->options.servers.items, .servers_n = p->options.servers.n};
    int fd = source_open(path);
    if (fd < 0) {
        snprintf(error, SCRIPT_ERROR_MAX, "script %s: %s: give the path of a readable file", path,
                 strerror(errno));
        return false;
    }
    script.bundle = source_read(path, fd, &main, error);
    if (script.bundle) {
        script.text = main.bytes;
        script.len = main.len;
    }
    bool good = script.bundle && worker_use(p->worker, &script, error);
    bundle_give(script.bundle);
    close(fd);
    return good;
}

struct player *player_create(const struct player_how *how, char *error)
{
    struct player *p = calloc(1, sizeof *p);
    if (!p) abort();
    p->side = how->side;
    p->has_fakes = how->has_fakes;
    p->options = *how->options;
    p->options.auth_file = NULL; /* the recording does not know who its clients are */
    p->options.single_process = true;
    p->as = how->as;
    p->ears = how->ears;
    p->fake_memory = how->fake_memory;
    p->guests_most = how->guests_most;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    snprintf(error, SCRIPT_ERROR_MAX, "%s: no worker: no room", p->options.script);
    if (p->epoll >= 0) p->worker = worker_open(&p->options, how->has_fakes ? dial : NULL, p);
    if (p->worker) {
        p->parts = worker_parts(p->worker);
        p->parts.backends->asks_plainly = false; /* servers get what they would get */
        worker_name_listeners(p->worker, (const char *const *)p->as->listeners, AS_LISTENERS);
        srand48(1); /* each run draws the same random numbers */
        if (load(p, error)) {
            p->parts = worker_parts(p->worker);
            return p;
        }
    }
    player_destroy(p);
    return NULL;
}

/* The worker first: it still uses its ends of the wires while it closes. */
void player_destroy(struct player *p)
{
    if (p->worker) worker_close(p->worker);
    if (p->waiting) player_give_up(p, "the replay has ended");
    p->dirty = NULL;
    while (p->guests_first) guest_leaves(p, p->guests_first);
    for (struct link *l = p->links; l; l = l->next) wire_close(&l->wire);
    drop_gone(p);
    while (p->fakes) {
        struct fake *f = p->fakes;
        p->fakes = f->next;
        fake_store_destroy(f->server.store);
        free(f->name);
        free(f);
    }
    if (p->epoll >= 0) close(p->epoll);
    free(p);
}
