#include "worker/channel.h"

#include "net/labels.h"
#include "net/newcomer.h"
#include "net/rights.h"
#include "net/who.h"
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD = offsetof(struct channel_message, text) };

/* Room for one descriptor, aligned as the kernel's header wants it. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int channel_create(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
}

static void message_attach(struct msghdr *header, union control *control, int fd)
{
    memset(control, 0, sizeof *control);
    header->msg_control = control->bytes;
    header->msg_controllen = sizeof control->bytes;
    struct cmsghdr *part = CMSG_FIRSTHDR(header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(part), &fd, sizeof fd);
}

/* ETOOMANYREFS: too many descriptors of this user are in flight between processes; workers that read make room. */
static enum channel_status status_of_errno(void)
{
    switch (errno) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
    case ETOOMANYREFS: return CHANNEL_AGAIN;
    default: return CHANNEL_CLOSED;
    }
}

/* Sends no more bytes than the texts have: nearly every message has none. parts[0] becomes the head, parts_n of them in all. */
static enum channel_status parts_send(int end, uint32_t type, uint32_t number, struct iovec *parts,
                                      size_t parts_n, int fd)
{
    uint32_t head[HEAD / sizeof(uint32_t)] = {type, number};
    parts[0] = (struct iovec){.iov_base = head, .iov_len = sizeof head};
    struct msghdr header = {.msg_iov = parts, .msg_iovlen = parts_n};
    union control control;
    if (fd >= 0) message_attach(&header, &control, fd);

    ssize_t n;
    do n = sendmsg(end, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? status_of_errno() : CHANNEL_OK;
}

static enum channel_status message_send(int end, uint32_t type, uint32_t number, const char *text,
                                        int fd)
{
    struct iovec parts[2];
    parts[1] = (struct iovec){(void *)text, strnlen(text, CHANNEL_TEXT_MAX - 1)};
    return parts_send(end, type, number, parts, 2, fd);
}

enum channel_status channel_send(int end, enum channel_message_type type, uint32_t number, int fd)
{
    return message_send(end, type, number, "", fd);
}

/* They fit: each has its bound. */
_Static_assert(LABEL_MAX + RULES_TEXT_MAX + WHO_TEXT_MAX <= CHANNEL_TEXT_MAX, "a client's texts");

enum channel_status channel_send_client(int end, enum channel_message_type type,
                                        const struct newcomer *n, const char *label)
{
    const char *rules = n->rules ? n->rules->text : "", *who = n->who ? n->who : "";
    struct iovec parts[1 + CLIENT_TEXTS];
    parts[1 + CLIENT_LABEL] = (struct iovec){(void *)label, strlen(label) + 1};
    parts[1 + CLIENT_RULES] = (struct iovec){(void *)rules, strlen(rules) + 1};
    parts[1 + CLIENT_WHO] = (struct iovec){(void *)who, strlen(who)};
    return parts_send(end, type, n->listener, parts, 1 + CLIENT_TEXTS, n->fd);
}

const char *channel_text(const struct channel_message *m, uint32_t at)
{
    uint32_t from = 0;
    for (; at > 0; at--) {
        from += (uint32_t)strlen(m->text + from) + 1;
        if (from > m->len) return NULL;
    }
    return m->text + from;
}

enum channel_status channel_send_text(int end, enum channel_message_type type, uint32_t number,
                                      const char *text)
{
    return message_send(end, type, number, text, -1);
}

enum channel_status channel_send_both(int end, enum channel_message_type type, uint32_t number,
                                      const char *text, int fd)
{
    return message_send(end, type, number, text, fd);
}

/* ECONNRESET: the other process ended, and left something unread. The error comes once and before what that process has sent: clients that
 * it gave back may be there. */
enum channel_status channel_receive(int end, struct channel_message *message, int *fd)
{
    union control control;
    struct iovec part = {.iov_base = message, .iov_len = HEAD + CHANNEL_TEXT_MAX - 1};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    *fd = -1;
    ssize_t n;
    do n = recvmsg(end, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n < 0) return status_of_errno();

    bool whole = n >= HEAD && !(header.msg_flags & MSG_TRUNC);
    if (whole) {
        message->len = (uint32_t)(n - HEAD);
        message->text[message->len] = '\0';
    }
    *fd = rights_take(&header, whole);
    return whole ? CHANNEL_OK : CHANNEL_CLOSED; /* 0 bytes: the other process is gone */
}
