/* An upgrade loses no client and no count, and what cannot start changes nothing.
 *
 * 1. SIGUSR2. The master forks, and the child executes the file at the path that this process was started from, with the same
 *    arguments, in the same folder. It inherits the descriptors that MOONGATE_UPGRADE names, and no other: the listening sockets,
 *    the memory files of the board, of the shared dictionaries, of the table of writes and of stores, and a channel. (/proc/self/exe would
 *    name the old file, which a package has replaced.)
 * 2. The new process starts as any other. The old one serves meanwhile, and it waits at most --upgrade-timeout. A new process
 *    that ends, or that is killed because it is late, is named in the log, and all stays as it was: it owns no file yet, and
 *    closing its copies of the sockets closes none.
 * 3. Its workers are ready: it has written the pid file and says READY. The old master stops accepting, tells the service manager
 *    the new MAINPID (which only the main process may do under NotifyAccess=main), leaves the files of unix sockets alone from
 *    now on, and answers GO. In between, clients wait in the sockets' backlogs, which both processes have: none is refused or
 *    reset.
 * 4. The new process lets clients in. The old workers give their clients back (worker/drain.h), each when it is owed nothing and
 *    has sent no part of a request, and the old master passes them on through the channel. A client notices nothing. What is left
 *    after --drain-timeout is cut short, as in any drain.
 * 5. The old master ends. The new one was its child and now belongs to init. It lives in the other house of the board
 *    (base/board.h); the old one's house becomes free for the next upgrade.
 *
 * Counters: both processes count in the same memory, each in its own house, and `stats` of both shows the sum of all, so no
 * counter goes back or counts anything twice. Dictionaries and the table of writes are the same memory, too: a copy that an old
 * worker makes is cancelled by a write through a new one. Where the new build lays one of the three out otherwise, it begins with
 * an empty one and says so; of such a board it goes on with the counters that it knows by name (base/elder.h).
 *
 * An older binary that does not know MOONGATE_UPGRADE finds its addresses in use and ends: the old process serves on. */
#include "master/upgrade.h"

#include "backend/steering.h"
#include "base/log.h"
#include "base/process.h"
#include "master/takeover.h"
#include "net/inherited.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COULD_NOT_RUN = 127 };

static bool upgrade_is_sane(const struct upgrade *u)
{
    return (u->state != UPGRADE_STARTING || (u->pid > 0 && u->channel >= 0)) &&
           (u->state != UPGRADE_IDLE || (u->pid == 0 && u->channel < 0));
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* --- in the child, before exec ---------------------------------------------------------------- */

static bool leave_open(int fd)
{
    return fd < 0 || fcntl(fd, F_SETFD, 0) == 0;
}

/* Sockets of one kind. False: one is not open. */
static bool put_sockets(FILE *to, const struct listeners *all, const char *kind)
{
    char text[INHERITED_TEXT_MAX];
    for (size_t i = 0; all && i < all->n; i++) {
        if (all->items[i].phase != LISTENER_SERVES) continue;
        if (!leave_open(all->items[i].fd)) return false;
        fprintf(to, " %s=%s", kind, inherited_print(&all->items[i], text));
    }
    return true;
}

/* A variable of the environment takes 128 KiB: decisions beyond that are lost, which takes names that nobody has. */
static void put_steering(FILE *to, const struct steering *s)
{
    char text[STEER_TEXT_MAX];
    for (uint32_t i = 0; s && i < s->n && ftell(to) < 100 * 1024; i++) {
        if (steer_is_nothing(&s->items[i])) continue;
        fputs(" steer=", to);
        for (const char *c = steer_print(&s->items[i], text); *c; c++)
            fprintf(to, (unsigned char)*c > ' ' && *c != '%' ? "%c" : "%%%02x", (unsigned char)*c);
    }
}

/* What takeover.c reads. NULL: out of memory, or a descriptor is not open. */
static char *describe(const struct upgrade *u, pid_t old, int channel)
{
    const struct board_files *files = &u->board->files;
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to) return NULL;
    fprintf(to, "1 pid=%d channel=%d board=%d shared=%d writes=%d house=%u", (int)old, channel,
            files->board, files->shared, files->writes, 1 - u->board->house);
    bool good = leave_open(channel) && leave_open(files->board) && leave_open(files->shared) &&
                leave_open(files->writes) && leave_open(u->tickets) && leave_open(u->stores) &&
                put_sockets(to, u->listeners, "socket") && put_sockets(to, u->admin, "admin") &&
                put_sockets(to, u->metrics, "metrics") && put_sockets(to, u->stats, "stats");
    if (u->tickets >= 0) fprintf(to, " tickets=%d", u->tickets);
    if (u->stores >= 0) fprintf(to, " stores=%d", u->stores);
    put_steering(to, u->steering);
    if (fclose(to) == 0 && good) return text;
    free(text);
    return NULL;
}

/* The child becomes the new process. Signals are as main.c expects them or sets them itself. */
static _Noreturn void become_new(const struct upgrade *u, pid_t old, int channel, int complaints)
{
    (void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC); /* what this process was started with, too */
    char *text = describe(u, old, channel);
    if (text && setenv("MOONGATE_UPGRADE", text, 1) == 0 && notify_pass(u->notify)) {
        if (complaints >= 0) dup2(complaints, STDERR_FILENO);
        execv(u->command->path, u->command->argv);
    }
    (void)channel_send_text(channel, (enum channel_message_type)TAKEOVER_FAILED, 0,
                            strerror(errno));
    _exit(COULD_NOT_RUN);
}

/* --- failures --------------------------------------------------------------------------------- */

/* What the exit code of a start means, and what to do. */
static const char *advice(const struct upgrade *u, int status)
{
    if (u->is_late) return "find out what it waits for, or give it more with --upgrade-timeout";
    if (!WIFEXITED(status))
        return "it crashed: put a binary there that works and send SIGUSR2 again";
    switch (WEXITSTATUS(status)) {
    case EXIT_SCRIPT: return "correct the script and send SIGUSR2 again";
    case EXIT_USAGE: return "it does not take these options: put one there that does, or restart";
    case EXIT_BIND:
        return "it cannot have a socket: send SIGUSR2 again if a reload was under way, or restart";
    case COULD_NOT_RUN: return "put a binary there that can be run and send SIGUSR2 again";
    default: return "correct that and send SIGUSR2 again";
    }
}

/* The last line that a daemon's new process has said on stderr, which nobody else reads. */
static const char *complaint(struct upgrade *u, char *text, size_t size)
{
    ssize_t n = u->complaints >= 0 ? read(u->complaints, text, size - 1) : 0;
    text[n > 0 ? n : 0] = '\0';
    while (n > 0 && text[n - 1] == '\n') text[--n] = '\0';
    char *last = strrchr(text, '\n');
    return last ? last + 1 : text;
}

static void fail(struct upgrade *u, const char *how, const char *what_to_do)
{
    log_error("upgrade: not done: %s: %s: this process serves on: %s", u->command->path, how,
              what_to_do);
    snprintf(u->failure, sizeof u->failure, "%s: %s", how, what_to_do);
    upgrade_stop(u);
    u->pid = 0;
    u->state = UPGRADE_IDLE;
    assert(upgrade_is_sane(u));
    u->tell(u->arg, UPGRADE_FAILED);
}

static void fail_with_status(struct upgrade *u, int status)
{
    char how[32], said[512], text[sizeof how + sizeof said + 2];
    const char *line = complaint(u, said, sizeof said);
    process_status_print(status, how, sizeof how);
    if (u->is_late)
        snprintf(text, sizeof text, "not ready within %g s", u->options->upgrade_timeout);
    else if (u->why[0])
        snprintf(text, sizeof text, "%s", u->why);
    else
        snprintf(text, sizeof text, "%s%s%s", how, line[0] ? ": " : "", line);
    fail(u, text, advice(u, status));
}

/* --- what the loop brings --------------------------------------------------------------------- */

/* In state DONE it has served and ended; its parent only has to wait for it. */
static void upgrade_on_exit(struct ev_loop *loop, ev_child *w, int events)
{
    struct upgrade *u = w->data;
    ev_child_stop(loop, w);
    if (u->state != UPGRADE_STARTING) {
        u->pid = 0;
        return;
    }
    struct channel_message m;
    int fd = -1;
    while (channel_receive(u->channel, &m, &fd) == CHANNEL_OK) {
        if ((int)m.type == TAKEOVER_FAILED) snprintf(u->why, sizeof u->why, "%.150s", m.text);
        if (fd >= 0) close(fd);
    }
    fail_with_status(u, w->rstatus);
}

static void upgrade_on_limit(struct ev_loop *loop, ev_timer *w, int events)
{
    struct upgrade *u = w->data;
    assert(u->state == UPGRADE_STARTING);
    u->is_late = true;
    kill(u->pid, SIGKILL); /* upgrade_on_exit goes on */
}

static void take_message(struct upgrade *u, const struct channel_message *m)
{
    if ((int)m->type == TAKEOVER_FAILED) snprintf(u->why, sizeof u->why, "%.150s", m->text);
    if ((int)m->type != TAKEOVER_READY || u->state != UPGRADE_STARTING || u->is_late) return;
    ev_timer_stop(u->loop, &u->limit);
    close_fd(&u->complaints);
    u->knows_clients = strcmp(m->text, TAKEOVER_KNOWS) == 0;
    u->state = UPGRADE_DONE;
    u->pid = (pid_t)m->number; /* not the child's, if that is a wrapper */
    u->tell(u->arg, UPGRADE_READY);
}

/* A channel that closes is not news by itself: the process ends, or is killed when its time is up. */
static void take_messages(struct upgrade *u)
{
    enum channel_status status = CHANNEL_OK;
    while (u->channel >= 0 && status == CHANNEL_OK) {
        struct channel_message m;
        int fd = -1;
        status = channel_receive(u->channel, &m, &fd);
        if (status == CHANNEL_OK) take_message(u, &m);
        if (fd >= 0) close(fd);
    }
    if (status != CHANNEL_CLOSED) return;
    ev_io_stop(u->loop, &u->io);
    if (u->state == UPGRADE_DONE) {
        close_fd(&u->channel);
        u->tell(u->arg, UPGRADE_ROOM);
    }
}

static void watch(struct upgrade *u, int events)
{
    ev_io_stop(u->loop, &u->io);
    ev_io_set(&u->io, u->channel, events);
    ev_io_start(u->loop, &u->io);
}

/* What is full may also be the kernel's table of descriptors that are on their way, and then the channel seems to have room all the time: when
 * no client could be passed on, the next try comes with the crew's timer. */
static void upgrade_on_channel(struct ev_loop *loop, ev_io *w, int events)
{
    struct upgrade *u = w->data;
    if (events & EV_WRITE) {
        uint64_t before = u->passed;
        u->tell(u->arg, UPGRADE_ROOM);
        if (u->channel >= 0 && (u->passed == before || !u->is_full)) watch(u, EV_READ);
    }
    if (events & EV_READ) take_messages(u);
}

/* --- for the master --------------------------------------------------------------------------- */

void upgrade_init(struct upgrade *u, struct ev_loop *loop, const struct options *o,
                  const struct upgrade_command *command, const struct board *board,
                  const struct listeners *listeners, const struct notify *notify,
                  upgrade_tell *tell, void *arg)
{
    *u = (struct upgrade){.loop = loop,
                          .options = o,
                          .command = command,
                          .board = board,
                          .listeners = listeners,
                          .notify = notify,
                          .tell = tell,
                          .arg = arg,
                          .channel = -1,
                          .tickets = -1,
                          .stores = -1,
                          .complaints = -1};
    ev_init(&u->io, upgrade_on_channel);
    ev_child_init(&u->exit_watcher, upgrade_on_exit, 0, 0);
    ev_timer_init(&u->limit, upgrade_on_limit, 0, 0);
    u->io.data = u->exit_watcher.data = u->limit.data = u;
}

/* A daemon's stderr is /dev/null. The new process keeps this pipe until it is in charge. */
static void open_complaints(const struct upgrade *u, int ends[2])
{
    ends[0] = ends[1] = -1;
    if (u->options->daemonize && pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) ends[0] = ends[1] = -1;
}

static pid_t start(struct upgrade *u)
{
    int ends[2], said[2];
    sigset_t mask;
    pid_t old = getpid();
    if (channel_create(ends) != 0) return -1;
    open_complaints(u, said);
    pid_t pid = process_fork(&mask);
    if (pid == 0) {
        process_begin(&mask, false);
        become_new(u, old, ends[1], said[1]);
    }
    int error = errno;
    u->channel = ends[0];
    u->complaints = said[0];
    close(ends[1]);
    if (said[1] >= 0) close(said[1]);
    errno = error;
    return pid;
}

void upgrade_start(struct upgrade *u)
{
    assert(u->state == UPGRADE_IDLE && upgrade_is_sane(u));
    u->is_late = u->reloads_again = false;
    u->why[0] = '\0';
    if (getpid() == 1) {
        fail(u, "this is process 1", "it would end its container: start another container instead");
        return;
    }
    u->pid = start(u);
    if (u->pid < 0) {
        fail(u, strerror(errno), "give the process more memory or descriptors");
        return;
    }
    u->state = UPGRADE_STARTING;
    log_info("upgrade: SIGUSR2: starting %s as process %d", u->command->path, (int)u->pid);
    ev_child_set(&u->exit_watcher, u->pid, 0);
    ev_child_start(u->loop, &u->exit_watcher);
    ev_timer_set(&u->limit, u->options->upgrade_timeout, 0);
    ev_timer_start(u->loop, &u->limit);
    watch(u, EV_READ);
    assert(upgrade_is_sane(u));
}

void upgrade_go(struct upgrade *u, bool reloads)
{
    assert(u->state == UPGRADE_DONE && u->channel >= 0);
    log_info("upgrade: done: process %d serves; this one drains", (int)u->pid);
    (void)channel_send(u->channel, (enum channel_message_type)TAKEOVER_GO,
                       reloads || u->reloads_again, -1);
}

/* A process of an earlier version takes messages of 1 KiB at most, with the label alone: it would not know what the rest means. */
static enum channel_status send_client(const struct upgrade *u, const struct newcomer *n)
{
    const enum channel_message_type type = (enum channel_message_type)TAKEOVER_CLIENT;
    const char *label = labels_text(&u->listeners->labels, n->listener);
    struct newcomer bare = {.fd = n->fd, .listener = n->listener};
    return channel_send_client(u->channel, type, u->knows_clients ? n : &bare, label);
}

bool upgrade_pass(struct upgrade *u, const struct newcomer *n)
{
    if (u->channel < 0) return false;
    enum channel_status status = send_client(u, n);
    u->is_full = status == CHANNEL_AGAIN;
    if (u->is_full) watch(u, EV_READ | EV_WRITE);
    if (status == CHANNEL_OK) u->passed++;
    return status == CHANNEL_OK;
}

void upgrade_cancel(struct upgrade *u)
{
    if (u->state != UPGRADE_STARTING) return;
    log_warn("upgrade: not done: this process ends: process %d is killed", (int)u->pid);
    kill(u->pid, SIGKILL);
    upgrade_stop(u);
    u->pid = 0;
    u->state = UPGRADE_IDLE;
}

void upgrade_stop(struct upgrade *u)
{
    ev_io_stop(u->loop, &u->io);
    ev_child_stop(u->loop, &u->exit_watcher);
    ev_timer_stop(u->loop, &u->limit);
    close_fd(&u->channel);
    close_fd(&u->complaints);
}
