#include "master/saver.h"

#include "base/log.h"
#include "base/process.h"
#include "master/state_file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void complain(const struct saver *s, const char *why)
{
    log_warn("state: %s/" STATE_FILE ": not written: %s; what is there stays", s->dir, why);
}

/* The child says by its exit code what went wrong: errno is below 256. */
static void saver_start(struct saver *s, int fd)
{
    sigset_t mask;
    pid_t pid = process_fork(&mask);
    if (pid == 0) {
        s->leave(s->arg);
        process_begin(&mask, true);
        _exit(state_file_write(s->dir, fd, (uint64_t)time(NULL)));
    }
    if (pid < 0) {
        complain(s, strerror(errno));
        return;
    }
    ev_child_set(&s->exit_watcher, pid, 0);
    ev_child_start(s->loop, &s->exit_watcher);
}

static void on_exit_of_child(struct ev_loop *loop, ev_child *w, int events)
{
    struct saver *s = w->data;
    char how[32];
    ev_child_stop(loop, w);
    if (!WIFEXITED(w->rstatus))
        complain(s, process_status_print(w->rstatus, how, sizeof how));
    else if (WEXITSTATUS(w->rstatus) != 0)
        complain(s, strerror(WEXITSTATUS(w->rstatus)));
    else
        log_debug("state: %s/" STATE_FILE ": written", s->dir);
    int next = s->next;
    s->next = -1;
    if (next < 0) return;
    saver_start(s, next);
    close(next);
}

void saver_init(struct saver *s, struct ev_loop *loop, const char *dir, check_leave *leave,
                void *arg)
{
    *s = (struct saver){.loop = loop, .dir = dir, .leave = leave, .arg = arg, .next = -1};
    ev_child_init(&s->exit_watcher, on_exit_of_child, 0, 0);
    s->exit_watcher.data = s;
}

void saver_save(struct saver *s, int fd)
{
    if (!s->dir) return;
    if (!ev_is_active(&s->exit_watcher)) {
        saver_start(s, fd);
        return;
    }
    int next = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (next < 0) {
        complain(s, strerror(errno));
        return;
    }
    if (s->next >= 0) close(s->next);
    s->next = next;
}

void saver_stop(struct saver *s)
{
    ev_child_stop(s->loop, &s->exit_watcher);
    if (s->next >= 0) close(s->next);
    s->next = -1;
}
