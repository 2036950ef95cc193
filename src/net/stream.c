#include "net/stream.h"

bool stream_sane(const struct stream *s)
{
    return (s->state == STREAM_CLOSED) == (s->fd < 0) &&
           (s->tls != NULL) == (s->state == STREAM_SHAKING || s->state == STREAM_SECURE);
}

void stream_close(struct stream *s)
{
    int fd = stream_release(s);
    if (fd >= 0) close(fd);
}
