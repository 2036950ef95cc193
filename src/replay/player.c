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
#include "replay/guests.h"
#include "script/tester.h"
#include "worker/as_client.h"
#include "worker/source.h"

enum { EVENTS = 128 };

double replay_clock(bool is_played)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9 + (is_played ? process_clock() : 0);
}

void player_mark(struct player *p, struct wire *w)
{
    if (w->is_dirty) return;
    w->is_dirty = true;
    w->next_dirty = p->dirty;
    p->dirty = w;
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
        if (!wire_flush(w)) player_mark(p, w);
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
        (void)wire_read(w, p->bytes, sizeof p->bytes, w->is_server ? link_take : guest_take);
        if (w->fd >= 0) continue;
        ended = true;
        if (w->is_server) continue;
        guest_end((struct guest *)w, "the connection was closed");
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
    for (struct guest *g = p->guests_first; g; g = g->older) guest_end(g, why);
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
    if (p->epoll >= 0) p->worker = worker_open(&p->options, how->has_fakes ? link_dial : NULL, p);
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
        fake_server_release(&f->server);
        free(f->name);
        free(f);
    }
    if (p->epoll >= 0) close(p->epoll);
    free(p);
}
