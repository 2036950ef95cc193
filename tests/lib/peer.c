#include "lib/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/secure.h"

/* A difference so near the start is reported at once, a later one when all bytes are there. */
enum { READ_AT_ONCE = 256 * 1024, EARLY_LOOK = 4096 };

static struct peer *peer_of(struct actor *actor)
{
    return (struct peer *)(void *)actor;
}

static short peer_wants(struct actor *actor)
{
    struct peer *p = peer_of(actor);
    int events = 0;
    if (!p->is_paused && !p->is_closed) events |= POLLIN;
    if (octets_n(&p->out) > 0) events |= POLLOUT;
    return (short)events;
}

static void peer_reads(struct peer *p)
{
    static char records[READ_AT_ONCE];
    char *to = p->secure ? records : octets_reserve(&p->in, READ_AT_ONCE);
    ssize_t n = recv(p->actor.fd, to, READ_AT_ONCE, 0);
    if (n > 0 && p->secure)
        secure_takes(p->secure, records, (size_t)n, &p->in, &p->out);
    else if (n > 0)
        octets_grow(&p->in, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        p->is_closed = true;
}

static void peer_writes(struct peer *p)
{
    ssize_t n = send(p->actor.fd, octets_at(&p->out), octets_n(&p->out), MSG_NOSIGNAL);
    if (n >= 0)
        octets_take(&p->out, (size_t)n);
    else if (errno != EAGAIN && errno != EINTR)
        octets_take(&p->out, octets_n(&p->out)); /* closed: reading tells */
}

void peer_acts(struct actor *actor, short revents)
{
    struct peer *p = peer_of(actor);
    if (revents & (POLLOUT | POLLERR)) peer_writes(p);
    if (!p->is_paused && !p->is_closed && (revents & (POLLIN | POLLHUP | POLLERR))) peer_reads(p);
}

void peer_init(struct peer *p, int fd, const char *name)
{
    struct sockaddr_storage own = {0};
    socklen_t n = sizeof own;
    int on = 1;
    getsockname(fd, (struct sockaddr *)&own, &n);
    p->is_unix = own.ss_family == AF_UNIX;
    if (!p->is_unix) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    p->name = name;
    p->actor.fd = fd;
    p->actor.wants = peer_wants;
    p->actor.acts = peer_acts;
}

void peer_release(struct peer *p)
{
    if (p->actor.fd >= 0) close(p->actor.fd);
    p->actor.fd = -1;
    octets_release(&p->in);
    octets_release(&p->out);
    secure_destroy(p->secure);
    p->secure = NULL;
}

void peer_queues(struct peer *p, const void *bytes, size_t n)
{
    if (p->secure)
        secure_gives(p->secure, bytes, n, &p->out);
    else
        octets_add(&p->out, bytes, n);
    peer_writes(p);
}

void peer_secures(struct peer *p, const struct secure_wanted *wanted)
{
    p->secure = secure_create(wanted);
    if (!wanted->is_server) peer_queues(p, NULL, 0);
}

static bool is_shaken(void *what)
{
    struct peer *p = what;
    return secure_is_done(p->secure) || secure_why(p->secure)[0] || p->is_closed;
}

void peer_sees_handshake(struct peer *p)
{
    stage_waits(is_shaken, p);
    if (!secure_is_done(p->secure) || secure_why(p->secure)[0])
        stage_fails("%s: no TLS handshake: %s%s", p->name, secure_why(p->secure),
                    p->is_closed ? " (closed)" : "");
}

static bool has_not_shaken(void *what)
{
    struct peer *p = what;
    return secure_why(p->secure)[0] || p->is_closed;
}

const char *peer_sees_handshake_fail(struct peer *p)
{
    if (!stage_waits(has_not_shaken, p))
        stage_fails("%s: the TLS handshake does not fail", p->name);
    return secure_why(p->secure)[0] ? secure_why(p->secure) : "closed";
}

void peer_sees_told_end(struct peer *p)
{
    peer_sees_closed(p);
    if (!secure_has_ended(p->secure)) stage_fails("%s: closed without close_notify", p->name);
}

static bool is_all_sent(void *what)
{
    struct peer *p = what;
    return octets_n(&p->out) == 0;
}

void peer_is_sent(struct peer *p)
{
    if (!stage_waits(is_all_sent, p))
        stage_fails("%s: cannot send: %zu bytes were not taken", p->name, octets_n(&p->out));
}

void peer_sends(struct peer *p, const void *bytes, size_t n)
{
    peer_queues(p, bytes, n);
    peer_is_sent(p);
}

static bool is_all_read(void *what)
{
    struct peer *p = what;
    int left = 0;
    return ioctl(p->actor.fd, SIOCOUTQ, &left) < 0 || left == 0 || p->is_closed;
}

void peer_is_read(struct peer *p)
{
    if (!p->is_unix) stage_fails("%s: peer_is_read is for unix sockets", p->name);
    /* The other process needs a few microseconds: give it the processor before asking the
     * slow way. */
    for (int i = 0; i < 200 && !is_all_read(p); i++) stage_turns(0);
    if (!stage_waits(is_all_read, p)) stage_fails("%s: what was sent is not read", p->name);
}

void peer_sends_in_pieces(struct peer *p, const void *bytes, size_t n, size_t piece)
{
    const char *at = bytes;
    for (size_t done = 0; done < n; done += piece) {
        peer_sends(p, at + done, n - done < piece ? n - done : piece);
        if (p->is_unix)
            peer_is_read(p);
        else
            stage_turns(0);
    }
}

struct awaited {
    struct peer *peer;
    const char *bytes;
    size_t n;
};

static size_t same_bytes(const struct octets *in, const char *bytes, size_t n)
{
    size_t i = 0, there = octets_n(in) < n ? octets_n(in) : n;
    const char *at = octets_at(in);
    if (memcmp(at, bytes, there) == 0) return there;
    while (at[i] == bytes[i]) i++;
    return i;
}

/* All came, or it is certain that something else did. */
static bool is_decided(void *what)
{
    struct awaited *a = what;
    size_t there = octets_n(&a->peer->in);
    if (there >= a->n || a->peer->is_closed) return true;
    if (there > EARLY_LOOK) there = EARLY_LOOK;
    return there > 0 && same_bytes(&a->peer->in, a->bytes, there) < there;
}

void peer_sees(struct peer *p, const void *bytes, size_t n)
{
    struct awaited a = {p, bytes, n};
    stage_waits(is_decided, &a);
    size_t same = same_bytes(&p->in, bytes, n);
    if (same == n) {
        octets_take(&p->in, n);
        return;
    }
    size_t shown = octets_n(&p->in) < n + 200 ? octets_n(&p->in) : n + 200;
    char *expected = octets_escape(bytes, n);
    char *got = octets_escape(octets_at(&p->in), shown);
    stage_fails("%s\n  expected %zu bytes: %s\n  got %zu bytes: %s%s\n  the first %zu are the same",
                p->name, n, expected, octets_n(&p->in), got, p->is_closed ? " and the end" : "",
                same);
}

struct counted {
    struct peer *peer;
    size_t n;
};

static bool has_so_many(void *what)
{
    struct counted *c = what;
    return octets_n(&c->peer->in) >= c->n || c->peer->is_closed;
}

static char *taken(struct peer *p, size_t n)
{
    char *text = stage_memory(n + 1);
    memcpy(text, octets_at(&p->in), n);
    octets_take(&p->in, n);
    return text;
}

static void fails_with_input(struct peer *p, const char *expected)
{
    char *got = octets_escape(octets_at(&p->in), octets_n(&p->in));
    stage_fails("%s\n  expected %s\n  got %zu bytes: %s%s", p->name, expected, octets_n(&p->in),
                got, p->is_closed ? " and the end" : "");
}

char *peer_sees_some(struct peer *p, size_t n)
{
    struct counted c = {p, n};
    stage_waits(has_so_many, &c);
    if (octets_n(&p->in) < n) fails_with_input(p, textf("%zu bytes", n));
    return taken(p, n);
}

static bool has_line(void *what)
{
    struct peer *p = what;
    return memchr(octets_at(&p->in), '\n', octets_n(&p->in)) || p->is_closed;
}

char *peer_sees_line(struct peer *p)
{
    stage_waits(has_line, p);
    const char *end = memchr(octets_at(&p->in), '\n', octets_n(&p->in));
    if (!end) fails_with_input(p, "a line");
    char *line = taken(p, (size_t)(end - octets_at(&p->in)) + 1);
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

static bool is_closed(void *what)
{
    return ((struct peer *)what)->is_closed;
}

void peer_sees_end(struct peer *p, struct octets *all)
{
    if (!stage_waits(is_closed, p)) fails_with_input(p, "the end");
    octets_add(all, octets_at(&p->in), octets_n(&p->in));
    octets_take(&p->in, octets_n(&p->in));
}

void peer_sees_closed(struct peer *p)
{
    bool closed = stage_waits(is_closed, p);
    if (!closed || octets_n(&p->in) > 0) fails_with_input(p, "the end and nothing before it");
    close(p->actor.fd); /* politely: a peer that lingers for our end need not */
    p->actor.fd = -1;
}

void peer_half_closes(struct peer *p)
{
    shutdown(p->actor.fd, SHUT_WR);
}

void peer_resets(struct peer *p)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(p->actor.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(p->actor.fd);
    p->actor.fd = -1;
    p->is_closed = true;
}
