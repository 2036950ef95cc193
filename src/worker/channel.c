#include "worker/channel.h"

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

/* Sends no more bytes than the text has: nearly every message has none. */
static enum channel_status message_send(int end, uint32_t type, uint32_t number, const char *text,
                                        int fd)
{
    uint32_t head[HEAD / sizeof(uint32_t)] = {type, number};
    struct iovec parts[] = {
        {.iov_base = head, .iov_len = sizeof head},
        {.iov_base = (void *)text, .iov_len = strnlen(text, CHANNEL_TEXT_MAX - 1)},
    };
    struct msghdr header = {.msg_iov = parts, .msg_iovlen = 2};
    union control control;
    if (fd >= 0) message_attach(&header, &control, fd);

    ssize_t n;
    do n = sendmsg(end, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? status_of_errno() : CHANNEL_OK;
}

enum channel_status channel_send(int end, enum channel_message_type type, uint32_t number, int fd)
{
    return message_send(end, type, number, "", fd);
}

enum channel_status channel_send_client(int end, enum channel_message_type type, uint32_t listener,
                                        const char *label, int fd)
{
    return message_send(end, type, listener, label, fd);
}

enum channel_status channel_send_text(int end, enum channel_message_type type, uint32_t number,
                                      const char *text)
{
    return message_send(end, type, number, text, -1);
}

/* Takes the descriptor out of what was received, and closes all others: a truncated message may hold some, and because the kernel rounds
 * the room up, two may come where one was expected. */
static int message_detach(struct msghdr *header, bool wanted)
{
    int found = -1;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        size_t n = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
            if (wanted && found < 0)
                found = fd;
            else
                close(fd);
        }
    }
    return found;
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
    if (whole) message->text[n - HEAD] = '\0';
    *fd = message_detach(&header, whole && !(header.msg_flags & MSG_CTRUNC));
    return whole ? CHANNEL_OK : CHANNEL_CLOSED; /* 0 bytes: the other process is gone */
}
