#include "net/stream.h"

#include <assert.h>

bool stream_sane(const struct stream *s)
{
    return (s->state == STREAM_CLOSED) == (s->fd < 0) &&
           (s->tls != NULL) == (s->state == STREAM_SHAKING || s->state == STREAM_SECURE);
}

ssize_t stream_read_secure(struct stream *s, const struct iovec *to, int n)
{
    (void)s, (void)to, (void)n;
    errno = EPROTO;
    return -1;
}

ssize_t stream_write_secure(struct stream *s, const struct iovec *from, int n)
{
    (void)s, (void)from, (void)n;
    errno = EPROTO;
    return -1;
}

bool stream_holds_secure(const struct stream *s)
{
    (void)s;
    return false;
}

bool stream_is_drained_secure(const struct stream *s)
{
    (void)s;
    return true;
}

int stream_release(struct stream *s)
{
    int fd = s->fd;
    *s = STREAM_NONE;
    return fd;
}

void stream_close(struct stream *s)
{
    int fd = stream_release(s);
    if (fd >= 0) close(fd);
}
