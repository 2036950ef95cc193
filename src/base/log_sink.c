/* Writing without waiting, to a descriptor that other programs share.
 *
 * O_NONBLOCK belongs to an open file description, and standard error is often the shell's or the supervisor's, too: a program
 * that finds it non-blocking loses output. So a pipe or a terminal is opened a second time by /proc/self/fd/2; that description
 * is ours alone. A socket has MSG_DONTWAIT for each message. Where neither works, poll(2) looks for room before each line;
 * another process may take the room in between, so such a write may wait, but only then.
 *
 * A non-blocking write may take a part of a line. The rest is lost, and the next line begins with a newline, so that it is
 * readable. */
#include "base/log_sink.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum sink_kind {
    SINK_PLAIN,    /* standard error; a write waits */
    SINK_REOPENED, /* the same pipe or terminal, opened a second time without blocking */
    SINK_POLLED,   /* standard error, not opened a second time; poll(2) before each line */
    SINK_SOCKET,   /* standard error is a socket */
    SINK_SYSLOG,   /* the socket of a syslog daemon; fd -1: not connected */
    SINK_FILE,     /* the log file; a write never waits */
};

static struct {
    enum sink_kind kind;
    int fd;
    bool is_stream; /* syslog's socket is a stream: each message ends with a zero byte */
    bool is_torn;   /* the last line was written in part */
    struct sockaddr_un syslog;
} sink = {.fd = STDERR_FILENO};

/* The log file. The master and its workers write to one file, and each has its own descriptor once the file was opened again. The count of
 * reopenings is in memory that they share: a process that sees another count than its own opens the file, too. So no signal can
 * come too early for a process that has just been forked, and a worker that is stopped writes its next line to the right file. */
static struct {
    const char *path;     /* the caller's */
    uint32_t *reopenings; /* shared; NULL: there has been no log file */
    uint32_t seen;        /* what *reopenings was when this process opened the file */
} file;

/* The one place that changes the kind. Closes what was opened here, never standard error itself. */
static void sink_become(enum sink_kind kind, int fd)
{
    if (sink.fd >= 0 && sink.fd != STDERR_FILENO) close(sink.fd);
    sink.kind = kind;
    sink.fd = fd;
    sink.is_torn = sink.is_stream = false;
}

void log_sink_plain(void)
{
    sink_become(SINK_PLAIN, STDERR_FILENO);
}

/* A file never blocks, and opening it a second time would have an offset of its own: it is written as it is, by SINK_POLLED. */
void log_sink_open(void)
{
    struct stat status;
    bool known = fstat(STDERR_FILENO, &status) == 0;
    if (known && S_ISSOCK(status.st_mode)) {
        sink_become(SINK_SOCKET, STDERR_FILENO);
        return;
    }
    if (known && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) {
        int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0) {
            sink_become(SINK_REOPENED, fd);
            return;
        }
    }
    sink_become(SINK_POLLED, STDERR_FILENO);
}

/* --- file ------------------------------------------------------------------------------------- */

/* O_APPEND: lines of several processes follow each other. O_NONBLOCK is for a FIFO, whose reader may be slow. */
static int file_open(void)
{
    return open(file.path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
}

bool log_sink_file(const char *path, int fd)
{
    void *shared = mmap(NULL, sizeof *file.reopenings, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return false;
    if (file.reopenings) munmap(file.reopenings, sizeof *file.reopenings);
    file.path = path;
    file.reopenings = shared;
    file.seen = 0;
    sink_become(SINK_FILE, fd);
    return true;
}

int log_sink_descriptor(void)
{
    return sink.fd;
}

const char *log_sink_path(void)
{
    return sink.kind == SINK_FILE ? file.path : NULL;
}

bool log_sink_reopen(void)
{
    assert(sink.kind == SINK_FILE);
    int fd = file_open();
    if (fd < 0) return false;
    sink_become(SINK_FILE, fd);
    file.seen = __atomic_add_fetch(file.reopenings, 1, __ATOMIC_RELAXED);
    return true;
}

bool log_sink_follow(void)
{
    if (sink.kind != SINK_FILE) return true;
    uint32_t count = __atomic_load_n(file.reopenings, __ATOMIC_RELAXED);
    if (count == file.seen) return true;
    file.seen = count; /* one try for each reopening, also when it fails */
    int fd = file_open();
    if (fd >= 0) sink_become(SINK_FILE, fd);
    return fd >= 0;
}

/* --- syslog ----------------------------------------------------------------------------------- */

static int syslog_connect(int type)
{
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (connect(fd, (struct sockaddr *)&sink.syslog, sizeof sink.syslog) == 0) return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* A daemon may listen on a datagram socket or on a stream; EPROTOTYPE says that it is the other kind. */
static bool syslog_open(void)
{
    int fd = syslog_connect(SOCK_DGRAM);
    bool is_stream = fd < 0 && errno == EPROTOTYPE;
    if (is_stream) fd = syslog_connect(SOCK_STREAM);
    sink_become(SINK_SYSLOG, fd);
    sink.is_stream = is_stream;
    return fd >= 0;
}

void log_sink_syslog(const char *path)
{
    sink.syslog = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(sink.syslog.sun_path, sizeof sink.syslog.sun_path, "%s", path);
    (void)syslog_open();
}

/* --- writing ---------------------------------------------------------------------------------- */

/* False, with errno EAGAIN, when a write would wait. Only SINK_POLLED needs it. */
static bool is_ready(void)
{
    struct pollfd p = {.fd = sink.fd, .events = POLLOUT};
    if (sink.kind != SINK_POLLED || poll(&p, 1, 0) == 1) return true;
    errno = EAGAIN;
    return false;
}

/* One system call, so that another process's line cannot come between the parts. */
static ssize_t put(struct iovec *parts, int n)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)n};
    ssize_t done;
    do {
        if (sink.kind == SINK_SOCKET || sink.kind == SINK_SYSLOG)
            done = sendmsg(sink.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        else
            done = is_ready() ? writev(sink.fd, parts, n) : -1;
    } while (done < 0 && errno == EINTR);
    return done;
}

/* A line that was written in part is ended first. */
static bool put_line(const char *head, const char *bytes, size_t n)
{
    assert(sink.fd >= 0);
    char *mark = sink.kind == SINK_SYSLOG ? "" : "\n";
    size_t head_len = strlen(head), mark_len = sink.is_stream;
    struct iovec parts[] = {
        {mark, 1}, {(void *)head, head_len}, {(void *)bytes, n}, {"", mark_len}};
    size_t first = sink.is_torn ? 0 : 1, whole = head_len + n + mark_len + !first;
    ssize_t done = put(parts + first, (int)(4 - first));
    if (done > 0) sink.is_torn = (size_t)done < whole;
    return done >= 0 && (size_t)done == whole;
}

/* Errors of a socket whose other end is gone: a new connection may help. */
static bool is_broken(int error)
{
    return error == ECONNREFUSED || error == ECONNRESET || error == ENOTCONN || error == EPIPE ||
           error == EBADF;
}

bool log_sink_write(const char *head, const char *bytes, size_t n)
{
    if (sink.kind == SINK_SYSLOG && sink.fd < 0 && !syslog_open()) return false;
    if (put_line(head, bytes, n)) return true;
    /* A syslog that was started again listens on a new socket. */
    return sink.kind == SINK_SYSLOG && is_broken(errno) && syslog_open() &&
           put_line(head, bytes, n);
}
