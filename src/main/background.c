/* The parts of a start that only a daemon needs. main.c says in which order they are called, and why.
 *
 * The parent of a daemon could exit as soon as it has forked, but then a shell script would go on before it is known whether the
 * service starts. So it waits on a pipe. One byte means that the start succeeded: exit 0. The end of the pipe without a byte
 * means that the child has ended: its exit code is passed on. The pipe is close-on-exec and is closed in background_detach,
 * before workers are forked, so no other process can hold it open.
 */
#include "main/background.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "main/user.h"
#include "net/socket_file.h"

/* --- background ------------------------------------------------------------------------------- */

static int background_pipe =
    -1; /* in the child: a byte written here ends the parent. -1: no parent waits */

/* The byte, or the end of the pipe: see above. */
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
    assert(background_pipe < 0);
    fflush(NULL); /* else parent and child would both write what stdio holds */
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

/* The log changes its target first, so that the warnings below have a place to go to. */
bool background_detach(bool to_syslog)
{
    assert(background_pipe >= 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) {
        fprintf(stderr, "moongate: /dev/null: %s: make it, or try without -d\n", strerror(errno));
        return false;
    }
    if (to_syslog) log_to_syslog(LOG_SYSLOG);
    fflush(NULL);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (dup2(null, fd) < 0)
            log_warn("background: descriptor %d stays open: %s", fd, strerror(errno));
    if (null > STDERR_FILENO) close(null);
    if (write(background_pipe, "", 1) != 1) log_debug("background: the parent has ended already");
    close(background_pipe);
    background_pipe = -1;
    return true;
}

void background_close_stderr(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDERR_FILENO) < 0)
        log_warn("background: descriptor 2 stays open: %s", strerror(errno));
    if (null >= 0) close(null);
}

/* --- pid file --------------------------------------------------------------------------------- */

/* The path may be in a folder that others can write to. O_NOFOLLOW keeps a link that they put there from choosing the file that
 * root overwrites. At the end the folder may be closed to the user that the process has become; the file itself, which belongs to
 * that user, can still be emptied. */

static bool pid_file_fail(const char *path, int fd)
{
    fprintf(stderr, "moongate: pid file %s: %s: choose another path with -P\n", path,
            strerror(errno));
    if (fd >= 0) close(fd);
    return false;
}

/* The short name of a process, from the kernel. False: there is no such process. */
static bool name_of_process(long pid, char *name, size_t size)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, name, size - 1);
    close(fd);
    name[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The id in the file; 0: there is none. */
static long pid_in(const char *path)
{
    char text[24] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 ? atol(text) : 0;
}

/* The file names another moongate that runs. It may be one that drains and is replaced by this one; or the same path was given twice by
 * mistake, and then nobody finds the other one by it any more. A number left from before a reboot names nothing of ours. */
static void warn_of_another(const char *path)
{
    char other[64], own[64];
    long pid = pid_in(path);
    if (pid <= 0 || pid == (long)getpid() || !name_of_process(pid, other, sizeof other)) return;
    if (!name_of_process((long)getpid(), own, sizeof own) || strcmp(own, other) != 0) return;
    log_warn("pid file %s: it named process %ld, which still runs: it names this one from now on; "
             "give each its own file with -P unless this one replaces the other",
             path, pid);
}

/* It is shortened after it is written: a process that reads it meanwhile finds the old or the new id. */
bool pid_file_write(const char *path, const char *user, pid_t before)
{
    if (pid_in(path) == (long)getpid()) return true;
    if (before <= 0 || pid_in(path) != (long)before) warn_of_another(path);
    char text[24];
    int len = snprintf(text, sizeof text, "%d\n", (int)getpid());
    assert(len > 1 && (size_t)len < sizeof text);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return pid_file_fail(path, -1);
    errno = ENOSPC; /* the reason of a short write, which sets no errno */
    if (write(fd, text, (size_t)len) != len) return pid_file_fail(path, fd);
    if (ftruncate(fd, len) != 0 || !user_gets(user, fd)) return pid_file_fail(path, fd);
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
    if (pid_in(path) != (long)getpid()) return;
    if (unlink(path) == 0 || errno == ENOENT) return;
    int error = errno;
    bool is_empty = truncate(path, 0) == 0;
    log_warn("pid file %s: %s: %s", path, is_empty ? "emptied, not removed" : "not removed",
             strerror(error));
}
