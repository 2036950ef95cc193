/* The process is noticed to have ended by the control socket, whose other end it alone has. It gets no signals of a terminal and takes no SIGTERM:
 * a service manager sends that to all processes at once, and workers that drain have deletes to keep.
 */
#include "worker/spool_child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"

/* Seconds. Workers wait for a spooler before they serve (SPOOLS_WAIT in succession.c): it must be back by then. */
static const double BACKOFF_FIRST = 0.1, BACKOFF_MAX = 1, LIVED_WELL = 10;
static const double NAME_AGAIN = 1;
enum { END_LIMIT = 1000 }; /* milliseconds */

static bool spool_child_sane(const struct spool_child *s)
{
    return s->pid >= 0 && (s->control < 0 || s->pid > 0);
}

/* --- the child --------------------------------------------------------------------------------- */

/* Clients' connections must end when the parent closes them. */
static void close_others(int control)
{
    int kept[2] = {control, log_descriptor()};
    if (kept[0] > kept[1]) {
        kept[0] = kept[1];
        kept[1] = control;
    }
    unsigned from = STDERR_FILENO + 1;
    for (int i = 0; i < 2; i++) {
        if (kept[i] < (int)from) continue;
        if (kept[i] > (int)from) (void)close_range(from, (unsigned)kept[i] - 1, 0);
        from = (unsigned)kept[i] + 1;
    }
    (void)close_range(from, ~0u, 0);
}

static _Noreturn void child_run(const struct spool_child *s, int control, pid_t master)
{
    sigset_t none;
    sigemptyset(&none);
    if (s->leave) s->leave(s->arg);
    process_begin(&none, true);
    signal(SIGTERM, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != master) _exit(EXIT_OK);
    close_others(control);
    log_role("spooler");
    int code = spooler_run(control, (int32_t)master, &s->counts);
    fflush(NULL);
    _exit(code);
}

/* --- what it is told --------------------------------------------------------------------------- */

static bool say(const struct spool_child *s, const struct spool_packet *packet)
{
    return s->control >= 0 &&
           send(s->control, packet->bytes, packet->len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

static void set_timer(struct spool_child *s, double seconds)
{
    ev_timer_stop(s->loop, &s->again);
    ev_timer_set(&s->again, seconds, 0);
    ev_timer_start(s->loop, &s->again);
}

/* All folders; those that it has already get these bounds. */
static void name_places(struct spool_child *s)
{
    struct spool_packet packet;
    char bounds[SPOOL_PLACE_TEXT];
    bool good = true;
    for (uint32_t i = 0; i < s->places_n && good; i++) {
        const struct spool_place *p = &s->places[i];
        spool_packet_begin(&packet, SPOOL_OPEN, 0, p->dir, strlen(p->dir));
        spool_place_print(p, bounds);
        good = spool_packet_add(&packet, 0, bounds, strlen(bounds)) && say(s, &packet);
    }
    if (!good && s->control >= 0) set_timer(s, NAME_AGAIN);
}

bool spool_child_ask(struct spool_child *s, enum spool_word word, uint64_t question,
                     const char *name)
{
    struct spool_packet packet;
    assert(word == SPOOL_SHOW || word == SPOOL_DROP);
    if (strlen(name) > SPOOL_NAME_MAX) return false;
    spool_packet_begin(&packet, word, question, name, strlen(name));
    return say(s, &packet);
}

/* --- its life ---------------------------------------------------------------------------------- */

static double next_delay(struct spool_child *s, double lived)
{
    if (lived >= LIVED_WELL || s->backoff == 0) s->backoff = BACKOFF_FIRST;
    double delay = s->backoff;
    s->backoff = delay * 2 < BACKOFF_MAX ? delay * 2 : BACKOFF_MAX;
    return delay;
}

/* -1 with errno, and nothing has changed. */
static pid_t fork_it(int ends[2], const struct spool_child *s)
{
    sigset_t mask;
    pid_t master = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) return -1;
    pid_t pid = process_fork(&mask);
    if (pid == 0) {
        close(ends[0]);
        child_run(s, ends[1], master);
    }
    int saved = errno;
    close(ends[1]);
    if (pid < 0) close(ends[0]);
    errno = saved;
    return pid;
}

static void start(struct spool_child *s)
{
    int ends[2];
    assert(s->pid == 0 && s->control < 0 && !s->is_over);
    s->started = process_clock();
    pid_t pid = fork_it(ends, s);
    if (pid < 0) {
        double delay = next_delay(s, 0);
        log_error("spooler: not started: %s; next try in %g s", strerror(errno), delay);
        set_timer(s, delay);
        return;
    }
    s->pid = pid;
    s->status = -1;
    s->control = ends[0];
    if (ev_is_default_loop(s->loop)) {
        ev_child_set(&s->exit_watcher, pid, 0);
        ev_child_start(s->loop, &s->exit_watcher);
    }
    ev_io_set(&s->reader, s->control, EV_READ);
    ev_io_start(s->loop, &s->reader);
    log_debug("spooler[%d]: started", (int)pid);
    name_places(s);
}

static void on_exit_of_child(struct ev_loop *loop, ev_child *watcher, int events)
{
    struct spool_child *s = watcher->data;
    (void)events;
    ev_child_stop(loop, watcher);
    s->status = watcher->rstatus;
}

/* False: it is still ending. */
static bool reap(struct spool_child *s)
{
    char how[32];
    int status = 0;
    if (s->status < 0 && waitpid(s->pid, &status, WNOHANG) == 0) return false;
    if (s->status < 0) s->status = status;
    if (!s->is_over)
        log_warn("spooler[%d]: gone: %s; another one is started", (int)s->pid,
                 process_status_print(s->status, how, sizeof how));
    s->pid = 0;
    return true;
}

static void on_end(struct spool_child *s)
{
    ev_io_stop(s->loop, &s->reader);
    close(s->control);
    s->control = -1;
    if (s->answer) s->answer(s->arg, NULL);
    if (s->is_over) return;
    set_timer(s, next_delay(s, process_clock() - s->started));
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct spool_child *s = timer->data;
    (void)loop;
    (void)events;
    assert(spool_child_sane(s));
    if (s->control >= 0) {
        name_places(s);
        return;
    }
    if (s->pid && !reap(s)) {
        kill(s->pid, SIGKILL);
        set_timer(s, next_delay(s, 0));
        return;
    }
    start(s);
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    static _Alignas(8) unsigned char bytes[SPOOL_PACKET + 1];
    struct spool_child *s = watcher->data;
    struct spool_said said;
    (void)loop;
    (void)events;
    ssize_t n = recv(s->control, bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0 && spool_packet_read(bytes, (size_t)n, &said)) {
        if (s->answer) s->answer(s->arg, &said);
        return;
    }
    on_end(s);
}

struct spooler_counts spool_child_counts(struct board_row *row)
{
    return (struct spooler_counts){.kept = &row->spool_kept,
                                   .replayed = &row->spool_replayed,
                                   .refused = &row->spool_refused,
                                   .dropped = &row->spool_dropped,
                                   .pending = &row->spool_pending};
}

void spool_child_init(struct spool_child *s, struct ev_loop *loop)
{
    *s = (struct spool_child){.loop = loop, .control = -1};
    ev_init(&s->reader, on_readable);
    ev_child_init(&s->exit_watcher, on_exit_of_child, 0, 0);
    s->exit_watcher.data = s;
    ev_init(&s->again, on_again);
    s->reader.data = s->again.data = s;
}

static void add_place(struct spool_child *s, const struct spool_place *p)
{
    uint32_t i = 0;
    while (i < s->places_n && strcmp(s->places[i].dir, p->dir) != 0) i++;
    if (i == SPOOL_PLACES_MOST) {
        log_error("spool folder %s: not opened: this service has had 16 others since it started: "
                  "restart it",
                  p->dir);
        return;
    }
    s->places[i] = *p;
    if (i == s->places_n) s->places_n++;
}

void spool_child_open(struct spool_child *s, const struct spool_place *places, uint32_t n)
{
    if (s->is_over) return;
    for (uint32_t i = 0; i < n; i++) add_place(s, &places[i]);
    if (!s->places_n) return;
    if (s->control >= 0)
        name_places(s);
    else if (!s->pid && !ev_is_active(&s->again))
        start(s);
}

void spool_child_finish(struct spool_child *s)
{
    s->is_over = true;
    ev_timer_stop(s->loop, &s->again);
    if (s->control >= 0) shutdown(s->control, SHUT_WR);
}

void spool_child_leave(struct spool_child *s)
{
    if (!s->loop) return;
    ev_timer_stop(s->loop, &s->again);
    ev_io_stop(s->loop, &s->reader);
    ev_child_stop(s->loop, &s->exit_watcher);
    if (s->control >= 0) close(s->control);
    s->control = -1;
    s->pid = 0;
}

void spool_child_release(struct spool_child *s)
{
    if (!s->loop) return; /* it was never prepared */
    spool_child_finish(s);
    if (s->control >= 0) {
        double until = process_clock() + END_LIMIT / 1000.0;
        struct pollfd end = {.fd = s->control};
        for (int left = END_LIMIT; left > 0; left = (int)((until - process_clock()) * 1000))
            if (poll(&end, 1, left) > 0) break;
        if (!end.revents) kill(s->pid, SIGKILL);
    }
    if (s->pid) (void)reap(s);
    if (s->places_n) *s->counts.pending = 0; /* it may have been killed */
    spool_child_leave(s);
}
