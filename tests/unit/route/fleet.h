/* fleet: moongates of several machines, with several workers each, in this process, over servers in memory; the test decides which of
 * them does something next, and moves the clock.
 *
 * A worker is the daemon's own (worker/worker_state.h), but for its sockets, which are pairs within the process, and its master, which
 * is the test. Workers of one machine share their board and their stores, as processes do. A server is a store (store/store.h) that
 * answers as memcached; a request to it is carried out when the test says so, and answered when the test says so. The caller owns the
 * fleet and destroys it. Nothing here waits. Included once, by a test program's only source.
 */
#ifndef TESTS_UNIT_FLEET_H
#define TESTS_UNIT_FLEET_H

#include "unit/route/fleet_servers.h"

/* --- workers ------------------------------------------------------------------------------------- */

/* seconds */
static void use(struct post *post, const char *text)
{
    char error[SCRIPT_ERROR_MAX];
    struct tester_script script = {.path = "fleet.lua", .text = text, .len = strlen(text)};
    if (!worker_use(&post->worker, &script, error)) fail_msg("%s", error);
}

static struct post *hire(struct fleet *f, unsigned machine, unsigned worker, const char *script)
{
    static const char *const no_names[1] = {NULL};
    struct machine *m = &f->machine[machine];
    struct post *post = calloc(1, sizeof *post);
    assert_non_null(post);
    post->fleet = f;
    post->seat = (struct worker_seat){.options = &f->options,
                                      .board = m->board,
                                      .stores = m->stores,
                                      .index = worker,
                                      .part = worker,
                                      .script_fd = -1,
                                      .channel = -1};
    worker_init(&post->worker, &post->seat, false);
    struct backends *backends = &post->worker.backends;
    backends->loop = post->worker.loop;
    backends->dial = dial;
    backends->dials_for = post;
    backends->asks_plainly = true;
    worker_watch_loop(&post->worker);
    worker_name_listeners(&post->worker, no_names, 1);
    use(post, script);
    return post;
}

/* One turn; false: nothing has come out of it for a server or a client. */
static bool turns(struct fleet *f, struct post *post)
{
    bool has_come = false;
    ev_run(post->worker.loop, EVRUN_NOWAIT);
    for (unsigned i = f->links_n; i-- > 0;)
        if (f->links[i].post == post) has_come |= link_reads(f, i);
    return has_come;
}

/* The worker runs until it has nothing more to do at this moment. */
static inline void fleet_runs(struct fleet *f, unsigned machine, unsigned worker)
{
    struct post *post = f->machine[machine].posts[worker];
    for (int quiet = 0; quiet < QUIET; quiet++)
        if (turns(f, post)) quiet = 0;
}

static inline void fleet_runs_all(struct fleet *f)
{
    for (unsigned m = 0; m < f->machines; m++)
        for (unsigned w = 0; w < f->workers; w++) fleet_runs(f, m, w);
}

/* All workers use another script. */
static inline void fleet_reloads(struct fleet *f, const char *script)
{
    for (unsigned m = 0; m < f->machines; m++)
        for (unsigned w = 0; w < f->workers; w++) use(f->machine[m].posts[w], script);
}

static inline void fleet_hangs_up(struct fleet *f, unsigned client)
{
    if (f->guests[client].fd >= 0) close(f->guests[client].fd);
    f->guests[client].fd = -1;
}

/* The worker is killed: its connections end, and its master learns of it and puts a new one in its place. Its clients are gone.
 * Its memory is never freed: a test that kills many plays each fleet in a process of its own. */
static inline void fleet_kills(struct fleet *f, unsigned machine, unsigned worker,
                               const char *script)
{
    struct machine *m = &f->machine[machine];
    struct post *post = m->posts[worker];
    for (unsigned i = f->links_n; i-- > 0;)
        if (f->links[i].post == post) fleet_breaks(f, i);
    for (unsigned i = 0; i < f->guests_n; i++)
        if (f->guests[i].post == post) fleet_hangs_up(f, i);
    post->next = killed;
    killed = post;
    board_forget(m->board, worker, fleet_now());
    m->posts[worker] = hire(f, machine, worker, script);
}

static inline void fleet_waits(double seconds)
{
    clock_advance(seconds);
}

/* --- clients ------------------------------------------------------------------------------------- */

/* Clients, by number: 0.. */
static inline unsigned fleet_connects(struct fleet *f, unsigned machine, unsigned worker)
{
    int pair[2];
    struct post *post = f->machine[machine].posts[worker];
    unsigned at = 0;
    while (at < f->guests_n && f->guests[at].fd >= 0) at++;
    if (at == GUESTS) fail_msg("too many clients");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    (void)client_create(&post->worker.clients, (struct newcomer){.fd = pair[1]});
    f->guests[at] = (struct guest){.fd = pair[0], .post = post};
    if (at == f->guests_n) f->guests_n++;
    return at;
}

static inline void fleet_sends(struct fleet *f, unsigned client, const char *text)
{
    assert_int_equal(write(f->guests[client].fd, text, strlen(text)), strlen(text));
}

/* What it has been answered so far, at most FLEET_ANSWER bytes, is taken away. False: its connection has ended. */
static inline bool fleet_hears(struct fleet *f, unsigned client, char *text)
{
    struct guest *g = &f->guests[client];
    ssize_t n = g->fd < 0 ? 0 : recv(g->fd, text, FLEET_ANSWER - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 || (n < 0 && errno == EAGAIN);
}

/* --- life ---------------------------------------------------------------------------------------- */

static bool settle_once(struct fleet *f)
{
    bool is_busy = false;
    fleet_runs_all(f);
    for (unsigned i = 0; i < f->links_n; i++) {
        for (; fleet_may_carry_out(f, i); is_busy = true) fleet_carries_out(f, i);
        for (; fleet_may_answer(f, i); is_busy = true) fleet_answers(f, i);
    }
    return is_busy;
}

/* Everything that waits at servers is carried out and answered, and all workers run, until nothing is left. */
static inline void fleet_settles(struct fleet *f)
{
    while (fleet_late(f, false)) continue;
    while (settle_once(f)) continue;
}

/* Takes the process's clock. Each worker uses the script. Fails the test if that cannot be loaded. */
static inline struct fleet *fleet_create(unsigned machines, unsigned workers_each,
                                         const char *script)
{
    struct fleet *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_true(machines <= FLEET_MACHINES && workers_each <= FLEET_WORKERS);
    assert_true(options_default(&f->options));
    f->options.single_process = true;
    f->machines = machines;
    f->workers = workers_each;
    arena_init(&f->arena, 64 * 1024);
    signal(SIGPIPE, SIG_IGN);
    clock_take(1.7e9);
    for (unsigned m = 0; m < machines; m++) {
        f->machine[m].board = board_create(workers_each, 1 << 20);
        f->machine[m].stores = store_region_create(64 << 20, NULL);
        assert_non_null(f->machine[m].board);
        assert_non_null(f->machine[m].stores);
        for (unsigned w = 0; w < workers_each; w++) f->machine[m].posts[w] = hire(f, m, w, script);
    }
    fleet_settles(f);
    return f;
}

static void retire(struct post *post)
{
    worker_release(&post->worker);
    free(post);
}

static inline void fleet_destroy(struct fleet *f)
{
    for (unsigned i = 0; i < f->guests_n; i++) fleet_hangs_up(f, i);
    for (unsigned m = 0; m < f->machines; m++) {
        for (unsigned w = 0; w < f->workers; w++) retire(f->machine[m].posts[w]);
        board_destroy(f->machine[m].board);
        store_region_destroy(f->machine[m].stores);
    }
    while (f->links_n) fleet_breaks(f, 0);
    while (fleet_late(f, false)) continue;
    fleet_empties(f);
    for (unsigned i = 0; i < SERVERS; i++) free(f->names[i]);
    arena_release(&f->arena);
    free(f);
}

#endif
