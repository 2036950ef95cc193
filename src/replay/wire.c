#include "replay/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

bool wire_open(struct wire *w, int epoll, int *other)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) return false;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = w};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event) < 0) {
        close(pair[0]);
        close(pair[1]);
        return false;
    }
    w->fd = pair[0];
    *other = pair[1];
    return true;
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0) close(w->fd);
    w->fd = -1;
    outq_release(&w->out);
    free(w->in.at);
    w->in = (struct asked_bytes){.at = NULL};
}

bool wire_flush(struct wire *w)
{
    if (w->fd < 0 || outq_is_empty(&w->out)) return true;
    struct stream to = stream_open(w->fd);
    if (outq_write(&w->out, &to) == IO_ERROR) outq_release(&w->out); /* wire_read sees the end */
    return outq_is_empty(&w->out);
}

static void keep(struct wire *w, const uint8_t *bytes, size_t len)
{
    struct asked_bytes *in = &w->in;
    if (in->room - in->n < len) {
        in->room = w->need > in->n + len ? w->need : (in->n + len) * 2;
        in->at = realloc(in->at, in->room);
        if (!in->at) abort();
    }
    memcpy(in->at + in->n, bytes, len);
    in->n += len;
}

static void take_kept(struct wire *w, wire_take_fn *take)
{
    if (w->in.n < w->need) return;
    size_t taken = take(w, w->in.at, w->in.n);
    if (w->fd < 0) return;
    w->in.n -= taken;
    if (w->in.n > 0) memmove(w->in.at, w->in.at + taken, w->in.n);
}

bool wire_read(struct wire *w, uint8_t *scratch, size_t room, wire_take_fn *take)
{
    if (w->fd < 0) return false;
    ssize_t n = read(w->fd, scratch, room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (n <= 0) {
        wire_close(w);
        return true;
    }
    if (w->in.n > 0) {
        keep(w, scratch, (size_t)n);
        take_kept(w, take);
        return true;
    }
    size_t taken = take(w, scratch, (size_t)n);
    if (w->fd >= 0 && taken < (size_t)n) keep(w, scratch + taken, (size_t)n - taken);
    return true;
}
