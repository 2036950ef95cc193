/* What comes before a recording: its settings as a text, and the socket.
 *
 * The socket's buffer is the only thing between the workers and their reader: it is made as large as the kernel lets it, so that a reader that
 * is kept from running for a moment loses nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/feed.h"

enum { BUFFER = 4 * 1024 * 1024 }; /* bytes */

void feed_settings_print(const struct feed_settings *s, char text[FEED_TEXT])
{
    int n = snprintf(text, FEED_TEXT, "%s %u ", recording_mode_text(s->mode), s->share);
    memcpy(text + n, s->prefix, s->prefix_len);
    text[n + s->prefix_len] = '\0';
}

bool feed_settings_read(struct feed_settings *s, const char *text)
{
    char word[32];
    int n = 0;
    *s = (struct feed_settings){.mode = RECORDING_MODE_COUNT};
    if (sscanf(text, "%31s %u%n", word, &s->share, &n) != 2 || text[n] != ' ') return false;
    const char *prefix = text + n + 1;
    for (unsigned i = 0; i < RECORDING_MODE_COUNT; i++)
        if (strcmp(word, recording_mode_text((enum recording_mode)i)) == 0)
            s->mode = (enum recording_mode)i;
    if (s->mode == RECORDING_MODE_COUNT || s->share == 0 || strlen(prefix) > TAKE_KEY) return false;
    s->prefix_len = (uint8_t)strlen(prefix);
    memcpy(s->prefix, prefix, s->prefix_len);
    return true;
}

/* False, with errno: it would not hold a few datagrams. */
static bool widen(int fd)
{
    int size = BUFFER;
    socklen_t len = sizeof size;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, len) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, len);
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) < 0) return false;
    errno = EMSGSIZE;
    return size >= 2 * DATAGRAM_MAX;
}

bool feed_create_socket(int *workers, int *reader)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return false;
    *workers = ends[0];
    *reader = ends[1];
    if (widen(ends[0])) return true;
    int why = errno;
    close(ends[0]);
    close(ends[1]);
    errno = why;
    return false;
}
