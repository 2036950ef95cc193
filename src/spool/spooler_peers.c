#include "spool/spooler_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

/* The folder is open to its user alone; root may connect, too. */
static bool is_trusted(int fd)
{
    struct ucred who;
    socklen_t len = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
           (who.uid == geteuid() || who.uid == 0);
}

void peers_accept(struct spooler *s, struct folder *f)
{
    for (;;) {
        int fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        struct peer *p =
            s->peers_n < SPOOLER_CLIENTS && is_trusted(fd) ? calloc(1, sizeof *p) : NULL;
        if (!p) {
            log_warn("spool folder %s: a client is refused: %s", f->place.dir,
                     is_trusted(fd) ? "there are too many" : "it is another user");
            close(fd);
            continue;
        }
        p->fd = fd;
        p->folder = f;
        p->last = &p->first;
        p->next = s->peers;
        s->peers = p;
        s->peers_n++;
    }
}

static void drop_queue(struct peer *p)
{
    for (struct parcel *at = p->first, *next; at; at = next) {
        next = at->next;
        free(at);
    }
    p->first = NULL;
    p->last = &p->first;
    p->queued = 0;
}

void peer_close(struct spooler *s, struct peer *p, const char *why)
{
    if (p->fd < 0) return;
    if (why)
        log_warn("spooler: a connection of %s is closed: %s", p->folder ? "a worker" : "the master",
                 why);
    close(p->fd);
    p->fd = -1;
    drop_queue(p);
    words_forget(s, p);
}

void peers_sweep(struct spooler *s, bool all)
{
    for (struct peer **at = &s->peers, *p; (p = *at);) {
        if (all) peer_close(s, p, NULL);
        if (p->fd >= 0) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        s->peers_n--;
        free(p);
    }
}

/* 0: sent; 1: there is no room; -1: it is gone. */
static int send_one(const struct peer *p, const void *bytes, size_t len)
{
    ssize_t n;
    do n = send(p->fd, bytes, len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0) return 0;
    return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? 1 : -1;
}

static void queue(struct peer *p, const struct spool_packet *packet)
{
    struct parcel *new = malloc(sizeof *new + packet->len);
    if (!new) abort();
    *new = (struct parcel){.len = packet->len};
    memcpy(new->bytes, packet->bytes, packet->len);
    *p->last = new;
    p->last = &new->next;
    p->queued += packet->len;
}

void peer_send(struct spooler *s, struct peer *p)
{
    if (p->fd < 0) return;
    int status = p->first ? 1 : send_one(p, s->packet.bytes, s->packet.len);
    if (status < 0)
        peer_close(s, p, NULL);
    else if (status && p->queued + s->packet.len > SPOOLER_QUEUE)
        peer_close(s, p, "it does not read");
    else if (status)
        queue(p, &s->packet);
}

void peer_say(struct spooler *s, struct peer *p, enum spool_word word, uint64_t number,
              const char *name)
{
    spool_packet_begin(&s->packet, word, number, name, name ? strlen(name) : 0);
    peer_send(s, p);
}

void peers_say_state(struct spooler *s, struct folder *f, const struct spool *spool)
{
    for (struct peer *p = s->peers; p; p = p->next)
        if (p->folder == f && p->is_known)
            peer_say(s, p, SPOOL_STATE, spool_pending(spool), spool->name);
}

void peer_flush(struct peer *p)
{
    while (p->fd >= 0 && p->first) {
        struct parcel *first = p->first;
        int status = send_one(p, first->bytes, first->len);
        if (status > 0) return;
        if (status < 0) { /* its end is read, too */
            drop_queue(p);
            return;
        }
        p->first = first->next;
        if (!p->first) p->last = &p->first;
        p->queued -= first->len;
        free(first);
    }
}

bool peer_receive(struct peer *p, struct spool_said *said)
{
    static _Alignas(8) unsigned char bytes[SPOOL_PACKET + 1]; /* read once, then overwritten */
    ssize_t n;
    *said = (struct spool_said){.name = NULL};
    if (p->fd < 0) return false;
    do n = recv(p->fd, bytes, sizeof bytes, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) return false;
    /* name stays NULL: it has ended, or what it says is malformed */
    if (n > 0 && !spool_packet_read(bytes, (size_t)n, said)) said->name = NULL;
    return true;
}
