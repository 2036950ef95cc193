/* Interest is derived in one place, watch: reading while lines may be handed out or a buffer has room, writing while something is queued.
 * `over` is called from the loop alone, never from within a function of the owner: so the owner may free what the line belongs to.
 */
#include "net/lines.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool has_line(const struct lines *l)
{
    return memchr(l->in, '\n', l->held) != NULL;
}

static bool is_full(const struct lines *l)
{
    return l->held == sizeof l->in - 1;
}

static bool hands_out(const struct lines *l)
{
    return !l->is_paused && l->out.bytes < LINES_BUSY;
}

static bool wants_input(const struct lines *l)
{
    return !l->has_ended && !is_full(l) && (hands_out(l) || !has_line(l));
}

/* Whether there is something to do that no event of the descriptor brings. */
static bool is_due(const struct lines *l)
{
    bool has_work = hands_out(l) && (has_line(l) || (is_full(l) && !l->has_ended));
    bool is_done = l->has_ended && !l->is_paused && outq_is_empty(&l->out);
    return has_work || is_done || l->out.bytes > LINES_HELD;
}

static void watch(struct lines *l)
{
    int events = (wants_input(l) ? EV_READ : 0) | (outq_is_empty(&l->out) ? 0 : EV_WRITE);
    ev_timer_stop(l->loop, &l->again);
    ev_timer_set(&l->again, 0, 0);
    if (is_due(l)) ev_timer_start(l->loop, &l->again);
    if ((ev_is_active(&l->io) ? l->io.events & (EV_READ | EV_WRITE) : 0) == events) return;
    ev_io_stop(l->loop, &l->io);
    if (!events) return;
    ev_io_set(&l->io, l->fd, events);
    ev_io_start(l->loop, &l->io);
}

/* Hands out the first line. The callee may queue what it likes, but closes nothing. */
static void hand_out(struct lines *l)
{
    char line[sizeof l->in];
    char *end = memchr(l->in, '\n', l->held);
    assert(end && !l->is_paused);
    size_t len = (size_t)(end - l->in);
    memcpy(line, l->in, len);
    l->held -= len + 1;
    memmove(l->in, end + 1, l->held);
    if (len > 0 && line[len - 1] == '\r') len--;
    line[len] = '\0';
    l->line(l->arg, line, len);
}

/* False: it is over, and may be gone. */
static bool look(struct lines *l)
{
    static const char longer[] = "ERROR a line has 2048 bytes at most\n";
    if (hands_out(l) && has_line(l)) {
        hand_out(l);
    } else if (hands_out(l) && is_full(l) && !l->has_ended) {
        l->held = 0;
        lines_say(l, longer, sizeof longer - 1);
        l->has_ended = true;
    }
    if (l->out.bytes > LINES_HELD) {
        l->over(l->arg, "it does not read its answers");
        return false;
    }
    if (l->has_ended && !l->is_paused && !has_line(l) && outq_is_empty(&l->out)) {
        l->over(l->arg, "closed");
        return false;
    }
    watch(l);
    return true;
}

/* One line a turn, so that no peer holds up the others. */
static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    (void)look(timer->data);
}

/* False: the connection has broken. */
static bool read_some(struct lines *l)
{
    ssize_t n = read(l->fd, l->in + l->held, sizeof l->in - 1 - l->held);
    if (n > 0) l->held += (size_t)n;
    if (n == 0) l->has_ended = true;
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool write_some(struct lines *l)
{
    size_t before = l->out.bytes;
    struct stream to = stream_open(l->fd);
    enum io_status status = outq_write(&l->out, &to);
    if (l->out.bytes < before) l->stuck = ev_now(l->loop);
    return status != IO_ERROR;
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
    struct lines *l = io->data;
    (void)loop;
    bool good = !(events & EV_ERROR);
    if (good && events & EV_READ && wants_input(l)) good = read_some(l);
    if (good && events & EV_WRITE) good = write_some(l);
    if (!good)
        l->over(l->arg, "the connection has broken");
    else
        (void)look(l);
}

void lines_open(struct lines *l, struct ev_loop *loop, int fd, lines_line_fn *line,
                lines_over_fn *over, void *arg)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t len = sizeof peer;
    assert(fd >= 0);
    *l = (struct lines){.loop = loop, .fd = fd, .line = line, .over = over, .arg = arg};
    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
    l->uid = peer.uid;
    l->pid = peer.pid;
    ev_io_init(&l->io, on_io, fd, EV_READ);
    ev_init(&l->again, on_again);
    l->io.data = l->again.data = l;
    watch(l);
}

void lines_add(struct lines *l, const char *text, size_t len)
{
    if (l->fd < 0) return;
    if (outq_is_empty(&l->out)) l->stuck = ev_now(l->loop);
    outq_append(&l->out, text, len);
    watch(l);
}

void lines_say(struct lines *l, const char *text, size_t len)
{
    lines_add(l, text, len);
    if (l->fd < 0 || l->out.bytes != len) return;
    (void)write_some(l); /* an error shows when it is next watched */
    watch(l);
}

bool lines_pass(struct lines *l, const char *text, size_t len, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec part = {.iov_base = (void *)text, .iov_len = len};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    if (l->fd < 0 || !outq_is_empty(&l->out)) return false;
    control.header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    ssize_t n = sendmsg(l->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) return false;
    if ((size_t)n < len) lines_add(l, text + n, len - (size_t)n);
    return true;
}

void lines_pause(struct lines *l, bool paused)
{
    if (l->fd < 0) return;
    l->is_paused = paused;
    watch(l);
}

void lines_end(struct lines *l)
{
    if (l->fd < 0) return;
    l->has_ended = true;
    l->is_paused = false;
    l->held = 0;
    watch(l);
}

double lines_stuck(const struct lines *l)
{
    return l->fd < 0 || outq_is_empty(&l->out) ? 0 : ev_now(l->loop) - l->stuck;
}

void lines_close(struct lines *l)
{
    if (l->fd < 0) return;
    ev_io_stop(l->loop, &l->io);
    ev_timer_stop(l->loop, &l->again);
    outq_release(&l->out);
    close(l->fd);
    l->fd = -1;
}
