#include "tools/record_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/process.h"
#include "master/admin_commands.h"
#include "net/rights.h"
#include "tools/admin_link.h"

/* --- the session ------------------------------------------------------------------------------- */

/* A command is shorter than any socket's buffer. */
static bool send_all(struct record_link *l, const char *text, double deadline)
{
    for (size_t len = strlen(text); len > 0;) {
        struct pollfd p = {.fd = l->fd, .events = POLLOUT};
        ssize_t n = send(l->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN && process_clock() < deadline) {
            poll(&p, 1, 100);
            continue;
        }
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

bool record_link_open(struct record_link *l, const struct addr_spec *spec, double deadline,
                      const char *command)
{
    *l = (struct record_link){.fd = admin_link_connect(spec, "--socket", deadline, l->error)};
    if (l->fd < 0) return false;
    (void)send_all(l, command, deadline); /* why not, the answer says */
    return true;
}

void record_link_end(struct record_link *l)
{
    if (l->fd >= 0) (void)send_all(l, "\n", 0);
}

void record_link_close(struct record_link *l)
{
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
    l->len = 0;
}

/* --- what comes -------------------------------------------------------------------------------- */

/* Reads into the buffer. -1: the session has ended. */
static int fill(struct record_link *l, int *data)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {l->bytes + l->len, sizeof l->bytes - l->len};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(l->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (n < 0) return -1;
    *data = rights_take(&header, true);
    l->len += (size_t)n;
    return n == 0 ? -1 : 1;
}

static bool is_line(const char *line, size_t len, const char *text)
{
    return len == strlen(text) && memcmp(line, text, len) == 0;
}

static enum link_event event_of(struct record_link *l, const char *line, size_t len)
{
    static const char error[] = "ERROR ";
    size_t word = sizeof error - 1;
    if (is_line(line, len, "END")) return LINK_ENDED;
    if (is_line(line, len, "ERROR " ADMIN_TAKEN_OVER)) return LINK_TAKEN_OVER;
    if (len < word || memcmp(line, error, word) != 0) return LINK_NONE;
    snprintf(l->error, sizeof l->error, "%.*s", (int)(len - word), line + word);
    return LINK_REFUSED;
}

/* Takes whole lines; of a longer one than the buffer the beginning is dropped: it is not one of those that matter. */
static enum link_event take_lines(struct record_link *l)
{
    enum link_event event = LINK_NONE;
    size_t at = 0;
    char *end;
    while (event == LINK_NONE && (end = memchr(l->bytes + at, '\n', l->len - at))) {
        size_t len = (size_t)(end - l->bytes) - at;
        event = event_of(l, l->bytes + at, len);
        at += len + 1;
    }
    if (at == 0 && l->len == sizeof l->bytes) at = l->len;
    l->len -= at;
    memmove(l->bytes, l->bytes + at, l->len);
    return event;
}

enum link_event record_link_read(struct record_link *l, int *data)
{
    *data = -1;
    if (l->fd < 0) return LINK_NONE;
    int got = fill(l, data);
    if (*data >= 0) return LINK_BEGUN;
    enum link_event event = take_lines(l);
    if (event == LINK_NONE && got < 0) event = LINK_CLOSED;
    if (event != LINK_NONE) record_link_close(l);
    return event;
}
