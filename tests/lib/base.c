#include "lib/base.h"

#include <stdio.h>
#include <string.h>

#include "lib/scene.h"

/* Seconds, for what takes long on a busy machine. */
enum { PATIENCE = 60 };

/* What more a process may have than after the warm-up, in KiB: what it has freed does not all go back to the system. */
enum { MASTER_GROWS = 4 * 1024, WORKER_GROWS = 64 * 1024 };

/* Texts of scripts that a process may have open: that of the start, the one in use, the good one before it, and one that was on trial when
 * it began. */
enum { TEXTS = 4 };

/* Ends of pipes: idle ones, for long values to be streamed (net/pipe.h), and the log. */
enum { PIPE_ENDS = 2 * 4 + 3 };

/* But for texts of scripts and pipes, whose number depends on when a worker has begun, and on what it has served. */
static size_t descriptors_of(pid_t pid)
{
    size_t texts = program_descriptors(pid, "/memfd:moongate-script"),
           ends = program_descriptors(pid, "pipe:");
    if (texts > TEXTS) stage_fails("process %d has %zu texts of scripts", (int)pid, texts);
    if (ends > PIPE_ENDS) stage_fails("process %d has %zu ends of pipes", (int)pid, ends);
    return program_descriptors(pid, "") - texts - ends;
}

static struct base look(struct moongate *m)
{
    pid_t workers[BASE_WORKERS], master = moongate_pid(m);
    struct base b = {descriptors_of(master), 0, program_rss_kib(master), 0};
    moongate_workers(m, workers, BASE_WORKERS);
    for (int i = 0; i < BASE_WORKERS; i++) {
        size_t kib = program_rss_kib(workers[i]);
        b.worker_descriptors += descriptors_of(workers[i]);
        if (kib > b.worker_kib) b.worker_kib = kib;
    }
    return b;
}

static bool has_same_descriptors(const struct base *one, const struct base *other)
{
    return one->master_descriptors == other->master_descriptors &&
           one->worker_descriptors == other->worker_descriptors;
}

/* The master keeps a client's descriptor for a moment after it has given it away. */
struct base base_of(struct moongate *m)
{
    for (double end = stage_now() + PATIENCE; stage_now() < end;) {
        struct base first = look(m);
        for (double moment = stage_now() + 0.5; stage_now() < moment;) stage_turns(10);
        struct base then = look(m);
        if (has_same_descriptors(&first, &then)) return then;
    }
    stage_fails("descriptors come and go");
}

struct awaited_stat {
    struct client *c;
    const char *about, *name, *text;
};

static bool stat_is(void *what)
{
    const struct awaited_stat *w = what;
    return strcmp(stat_text(w->c, w->about, w->name), w->text) == 0;
}

static void gauge_becomes(struct client *c, const char *about, const char *name, const char *text)
{
    struct awaited_stat what = {c, about, name, text};
    if (!stage_waits_for(stat_is, &what, PATIENCE))
        stage_fails("%s: %s and not %s", name, stat_text(c, about, name), text);
}

void gauges_are_at_base(struct client *c)
{
    gauge_becomes(c, "proxy", "ready", textf("%d", BASE_WORKERS));
    gauge_becomes(c, "proxy", "curr_connections", "1");
    gauge_becomes(c, "proxy", "unfinished_bytes", "0");
}

void server_is_at_base(struct client *c, const char *address)
{
    gauge_becomes(c, "servers", textf("%s:ready", address), textf("%d", BASE_WORKERS));
    gauge_becomes(c, "servers", textf("%s:connections", address), textf("%d", BASE_WORKERS));
    gauge_becomes(c, "servers", textf("%s:down", address), "0");
    gauge_becomes(c, "servers", textf("%s:in_flight", address), "0");
}

struct awaited_base {
    struct moongate *m;
    struct base wanted, found;
};

static bool is_at_base(void *what)
{
    struct awaited_base *w = what;
    w->found = look(w->m);
    return has_same_descriptors(&w->found, &w->wanted);
}

void base_comes_back(struct moongate *m, struct base wanted)
{
    struct awaited_base what = {m, wanted, wanted};
    bool is_back = stage_waits_for(is_at_base, &what, PATIENCE);
    struct base found = what.found;
    printf("descriptors: master %zu, then %zu; workers %zu, then %zu\n", wanted.master_descriptors,
           found.master_descriptors, wanted.worker_descriptors, found.worker_descriptors);
    printf("resident KiB: master %zu, then %zu; a worker %zu, then %zu\n", wanted.master_kib,
           found.master_kib, wanted.worker_kib, found.worker_kib);
    if (!is_back) stage_fails("descriptors stay");
    if (stage_is_sanitized()) return;
    if (found.master_kib > wanted.master_kib + MASTER_GROWS) stage_fails("the master has grown");
    if (found.worker_kib > wanted.worker_kib + WORKER_GROWS) stage_fails("a worker has grown");
}
