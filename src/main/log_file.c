#include "main/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "main/user.h"

/* O_NONBLOCK is for a FIFO, which nobody may read. */
static const int FLAGS = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

/* Root makes the file where the user may not, such as in /var/log. O_EXCL follows no link, so a link in a folder of others cannot choose what
 * root makes; what exists is opened with the user's rights. */
static int make(const char *path, const char *user)
{
    int fd = open(path, FLAGS | O_CREAT | O_EXCL, 0640);
    if (fd < 0 || user_gets(user, fd)) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

bool log_file_begin(const char *path, const char *user)
{
    int fd = user_open(user, path, FLAGS);
    if (fd < 0 && errno == ENOENT) fd = make(path, user);
    if (fd >= 0 && log_to_file(path, fd)) return true;
    fprintf(stderr, "moongate: --log-file %s: %s: give the path of a file that %s%s may write to\n",
            path, strerror(errno), user ? "user " : "this user", user ? user : "");
    if (fd >= 0) close(fd);
    return false;
}
