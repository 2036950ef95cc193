#include "base/write_at.h"

#include <errno.h>
#include <unistd.h>

int write_at(int fd, const void *bytes, size_t len, uint64_t at)
{
    for (size_t done = 0; done < len;) {
        errno = 0;
        ssize_t n = pwrite(fd, (const char *)bytes + done, len - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return errno ? errno : ENOSPC;
        done += (size_t)n;
    }
    return 0;
}
