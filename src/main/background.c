#include "main/background.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "net/socket_file.h"

/* --- background ------------------------------------------------------------------------------- */

static int background_pipe = -1; /* in the child: one byte written here lets the parent go */

static _Noreturn void parent_wait(pid_t child, int pipe_end)
{
    char byte;
    ssize_t n;
    int status;

    do n = read(pipe_end, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1) _exit(EXIT_OK);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) _exit(EXIT_SYSTEM);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SYSTEM);
}

bool background_enter(void)
{
    int ends[2];
    fflush(NULL);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        fprintf(stderr, "moongate: background: %s: try without -d\n", strerror(errno));
        return false;
    }
    pid_t child = fork();
    if (child < 0) {
        fprintf(stderr, "moongate: background: %s: try without -d\n", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    if (child > 0) {
        close(ends[1]);
        parent_wait(child, ends[0]);
    }
    close(ends[0]);
    background_pipe = ends[1];
    setsid(); /* cannot fail: a fresh child leads no group */
    return true;
}

bool background_detach(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) {
        fprintf(stderr, "moongate: /dev/null: %s: make it, or try without -d\n", strerror(errno));
        return false;
    }
    log_to_syslog(LOG_SYSLOG);
    fflush(NULL);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(null, fd) < 0)
            log_warn("background: descriptor %d stays open: %s", fd, strerror(errno));
    if (null > STDERR_FILENO) close(null);
    if (write(background_pipe, "", 1) != 1) log_debug("background: nobody waits on the terminal");
    close(background_pipe);
    background_pipe = -1;
    return true;
}

/* --- pid file --------------------------------------------------------------------------------- */

static bool pid_file_fail(const char *path, int fd)
{
    fprintf(stderr, "moongate: pid file %s: %s: choose another path with -P\n", path,
            strerror(errno));
    if (fd >= 0) close(fd);
    return false;
}

/* An unknown user is user_switch's to complain of. */
static bool give_to_user(int fd, const char *name)
{
    const struct passwd *user = name && geteuid() == 0 ? getpwnam(name) : NULL;
    return !user || fchown(fd, user->pw_uid, user->pw_gid) == 0;
}

bool pid_file_write(const char *path, const char *user)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%d\n", (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return pid_file_fail(path, -1);
    errno = ENOSPC; /* what a short write means */
    if (write(fd, text, (size_t)len) != len) return pid_file_fail(path, fd);
    if (!give_to_user(fd, user)) return pid_file_fail(path, fd);
    close(fd);
    return true;
}

void pid_file_check(const char *path)
{
    if (file_is_removable(path)) return;
    log_warn("pid file %s: it is emptied, not removed, when moongate ends: user %d may not remove "
             "it: put it into a folder that this user may write to",
             path, (int)geteuid());
}

void pid_file_remove(const char *path)
{
    char text[24] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0 || atol(text) != (long)getpid()) return;
    if (unlink(path) == 0 || errno == ENOENT) return;
    int error = errno;
    bool is_empty = truncate(path, 0) == 0;
    log_warn("pid file %s: %s: %s", path, is_empty ? "emptied, not removed" : "not removed",
             strerror(error));
}

/* --- user ------------------------------------------------------------------------------------- */

bool user_switch(const char *name)
{
    errno = 0;
    struct passwd *user = getpwnam(name);
    if (!user) {
        fprintf(stderr, "moongate: user %s: %s: choose another with -u\n", name,
                errno ? strerror(errno) : "not known on this system");
        return false;
    }
    if (geteuid() == user->pw_uid && getuid() == user->pw_uid) return true;
    if (geteuid() != 0) {
        fprintf(stderr, "moongate: user %s: only root may switch: start as root or leave out -u\n",
                name);
        return false;
    }
    if (initgroups(name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
        setuid(user->pw_uid) != 0) {
        fprintf(stderr, "moongate: user %s: %s: leave out -u\n", name, strerror(errno));
        return false;
    }
    return true;
}
