#include "spool/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char NAME[] = "lock";

static int lock(int fd, int how)
{
    int wrong;
    do wrong = flock(fd, how | LOCK_NB);
    while (wrong && errno == EINTR);
    return wrong;
}

int hold_take(int dir, int32_t master)
{
    char text[16] = "";
    int fd = openat(dir, NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return -1;
    if (lock(fd, LOCK_EX) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    /* A full disk does not keep it from the folder: what is in the file is for others' messages alone. */
    snprintf(text, sizeof text, "%-14d\n", (int)master);
    (void)!pwrite(fd, text, strlen(text), 0);
    return fd;
}

int32_t hold_master(int dir)
{
    char text[16] = "";
    int fd = openat(dir, NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return errno == ENOENT ? 0 : -1;
    bool is_free = lock(fd, LOCK_SH) == 0;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    close(fd);
    if (is_free) return 0;
    int master = n > 0 ? atoi(text) : 0;
    return master > 0 ? master : -1;
}
