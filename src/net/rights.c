#include "net/rights.h"

#include <string.h>
#include <unistd.h>

int rights_take(struct msghdr *header, bool wanted)
{
    int found = -1;
    if (header->msg_flags & MSG_CTRUNC) wanted = false;
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
