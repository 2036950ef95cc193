#include "worker/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "script/script.h"

enum { LARGEST = 64 * 1024 * 1024 }; /* bytes of a script */

static int fail(int fd, int error)
{
    if (fd >= 0) close(fd);
    errno = error;
    return -1;
}

/* Copies all of `from` to `to`. 0, or errno. */
static int copy(int from, int to)
{
    char bytes[16 * 1024];
    size_t all = 0;
    ssize_t n;
    while ((n = read(from, bytes, sizeof bytes)) > 0) {
        if (write(to, bytes, (size_t)n) != n) return errno ? errno : EIO;
        all += (size_t)n;
        if (all > LARGEST) return EFBIG;
    }
    return n < 0 ? errno : 0;
}

/* The text is copied into memory that all processes share, so that every worker loads the same text whatever happens to the file. */
int source_open(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    int memory = memfd_create("moongate-script", MFD_CLOEXEC);
    int error = memory < 0 ? errno : copy(file, memory);
    close(file);
    return error ? fail(memory, error) : memory;
}

char *source_read(int fd, size_t *len)
{
    struct stat about;
    if (fstat(fd, &about) < 0) return NULL;
    size_t size = (size_t)about.st_size;
    char *text = malloc(size + 1);
    if (!text) return NULL;
    if (pread(fd, text, size, 0) != (ssize_t)size) {
        free(text);
        errno = EIO;
        return NULL;
    }
    text[size] = '\0';
    *len = size;
    return text;
}

struct script *source_load(const struct script_host *host, const char *path, int fd,
                           uint32_t generation, char *error)
{
    size_t len = 0;
    char *text = path ? source_read(fd, &len) : NULL;
    struct script *s = NULL;
    if (path && !text)
        snprintf(error, SCRIPT_ERROR_MAX, "%s: %s", path, strerror(errno));
    else
        s = script_load(host, path, text, len, generation, error);
    free(text);
    return s;
}
