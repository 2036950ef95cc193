/* When a store may be cleared. A script that is replaced may come back (probation), requests that have begun go on in it, and a process that
 * drains has it as well. So stores that the script in use does not name stay until all of that is over: no reload, no probation, no
 * upgrade, all workers ready, each with one script. That is looked at once a second, and only after a reload or an upgrade.
 *
 * Then a child clears them, since it may have to wait for a lock. A reload that begins meanwhile ends that child first: workers that load
 * may open a store that it is about to clear. It is killed wherever it is; the stores stay whole, as they do for any process that dies. */
#include "master/storage.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "master/master_state.h"
#include "worker/store_memory.h"

static const double LOOK = 1, CHILD_MOST = 10; /* seconds */

/* --- the child --------------------------------------------------------------------------------- */

/* Twice: from the second time on, the places of the others are used again. */
static void clear(struct store_region *r, const struct source_store *stores, int n)
{
    struct store *named[STORES_MAX];
    const char *wrong;
    for (int i = 0; i < n; i++) {
        const struct source_store *s = &stores[i];
        named[i] = store_open(r, s->name, strlen(s->name), &s->settings, &wrong);
        if (!named[i]) return;
    }
    store_keep_only(r, named, (size_t)n);
    store_keep_only(r, named, (size_t)n);
}

static void begin(struct storage *s)
{
    struct master *m = s->master;
    sigset_t mask;
    s->is_due = false;
    if (s->named_n < 0) return;
    s->began = process_clock();
    pid_t pid = process_fork(&mask);
    if (pid == 0) {
        m->crew->leave(m);
        process_begin(&mask, true);
        clear(s->region, s->named, s->named_n);
        _exit(0);
    }
    s->is_due = pid < 0; /* else again in a second */
    if (pid < 0) return;
    s->child = pid;
    ev_child_set(&s->exit_watcher, pid, 0);
    ev_child_start(m->loop, &s->exit_watcher);
}

/* --- when -------------------------------------------------------------------------------------- */

static bool may_clear(const struct master *m)
{
    uint32_t workers = m->crew->n;
    return m->state == MASTER_RUNNING && m->reload.state == RELOAD_IDLE &&
           m->probation.state == PROBATION_NONE && m->takeover.is_in_charge &&
           !m->takeover.before && m->upgrade.state == UPGRADE_IDLE &&
           crew_count(m->crew, SLOT_READY) == workers && crew_living(m->crew) == workers &&
           board_sum(m->board).generations == workers;
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct storage *s = timer->data;
    if (s->child > 0 && process_clock() - s->began > CHILD_MOST) kill(s->child, SIGKILL);
    if (s->is_due && s->child == 0 && may_clear(s->master)) begin(s);
    if (!s->is_due && s->child == 0) ev_timer_stop(loop, timer);
}

static void on_exit_of_child(struct ev_loop *loop, ev_child *w, int events)
{
    struct storage *s = w->data;
    ev_child_stop(loop, w);
    s->child = 0;
    if (w->rstatus != 0) s->is_due = true;
}

static void become_due(struct storage *s)
{
    s->is_due = s->region != NULL;
    if (s->is_due) ev_timer_again(s->master->loop, &s->look);
}

/* What it has not done is due again. */
static void end_child(struct storage *s)
{
    if (s->child == 0) return;
    ev_child_stop(s->master->loop, &s->exit_watcher);
    kill(s->child, SIGKILL);
    (void)waitpid(s->child, NULL, 0);
    s->child = 0;
    become_due(s);
}

/* The script in that source is used from now on. */
static void follow(struct storage *s, int source)
{
    uint64_t sum = 0;
    s->named_n = source_stores(s->master->options, source, s->named);
    if (s->named_n < 0) log_error("script: its list of stores is damaged: it must not write to it");
    for (int i = 0; i < s->named_n; i++) sum += s->named[i].settings.size;
    store_memory_warn(sum);
}

void storage_take_reload(struct storage *s, enum reload_news news)
{
    if (news == RELOAD_BEGINS) end_child(s);
    if (news == RELOAD_SWITCHES) follow(s, reload_source(&s->master->reload));
    if (news == RELOAD_DONE || news == RELOAD_BACK || news == RELOAD_REFUSED) become_due(s);
}

/* --- life -------------------------------------------------------------------------------------- */

static void close_file(struct storage *s)
{
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
}

static void take_over(struct storage *s, int fd)
{
    uint64_t wanted = s->master->options->store_memory;
    s->region = store_region_adopt(fd);
    if (!s->region) {
        log_warn("upgrade: stores begin empty: they are laid out otherwise");
        close(fd);
        return;
    }
    s->fd = fd;
    if (wanted && store_region_room(s->region) < wanted)
        log_warn("upgrade: stores keep their room of %llu bytes: --store-memory counts from the "
                 "next restart on",
                 (unsigned long long)store_region_room(s->region));
    become_due(s);
}

void storage_init(struct storage *s, struct master *m)
{
    struct inherited *in = m->seat->inherited;
    *s = (struct storage){.master = m, .fd = -1};
    ev_timer_init(&s->look, on_look, 0, LOOK);
    ev_child_init(&s->exit_watcher, on_exit_of_child, 0, 0);
    s->look.data = s->exit_watcher.data = s;
    if (in->stores >= 0) take_over(s, in->stores);
    in->stores = -1;
    if (!s->region) s->region = store_memory_map(m->options, &s->fd);
    m->crew->stores = s->region;
    follow(s, m->options->script_fd);
}

void storage_stop(struct storage *s)
{
    if (!s->master) return;
    ev_timer_stop(s->master->loop, &s->look);
    ev_child_stop(s->master->loop, &s->exit_watcher);
}

void storage_leave(struct storage *s)
{
    close_file(s);
}

/* One that was never made is all zero. */
void storage_release(struct storage *s)
{
    if (!s->master) return;
    store_region_destroy(s->region);
    close_file(s);
}
