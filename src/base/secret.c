#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bundle.h"

static const char TOO_LARGE[] = "it is larger than 4 MiB", EMPTY[] = "it is empty";

/* Room for n bytes and a zero byte. */
static struct secret secret_of(size_t n)
{
    struct secret s = {.bytes = malloc(n + 1), .len = n};
    if (!s.bytes) abort();
    s.bytes[n] = '\0';
    return s;
}

/* A file that another process cuts while it is read is as long as what came. */
static const char *read_bytes(int fd, struct secret *to, size_t len)
{
    *to = secret_of(len);
    for (to->len = 0; to->len < len;) {
        ssize_t n = pread(fd, to->bytes + to->len, len - to->len, (off_t)to->len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return strerror(errno);
        if (n == 0) break;
        to->len += (size_t)n;
    }
    to->bytes[to->len] = '\0';
    return to->len ? NULL : EMPTY;
}

/* Without O_NONBLOCK, to open a pipe would wait for its other side. */
static const char *read_file(const char *path, struct secret *to)
{
    struct stat about;
    const char *wrong = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return strerror(errno);
    if (fstat(fd, &about) != 0)
        wrong = strerror(errno);
    else if (!S_ISREG(about.st_mode))
        wrong = "it is not a regular file";
    else if (about.st_size > SECRET_MOST)
        wrong = TOO_LARGE;
    else
        wrong = read_bytes(fd, to, (size_t)about.st_size);
    close(fd);
    if (wrong) secret_release(to);
    return wrong;
}

static const char *take(const struct bundle_file *file, struct secret *to)
{
    if (!file->len) return "it could not be read when the script was checked";
    *to = secret_of(file->len);
    memcpy(to->bytes, file->bytes, file->len);
    return NULL;
}

const char *secret_read(struct secret *to, struct bundle *b, const char *path)
{
    struct bundle_file file;
    *to = (struct secret){NULL, 0};
    if (b && bundle_find_secret(b, path, &file)) return take(&file, to);
    const char *wrong = read_file(path, to);
    file = (struct bundle_file){BUNDLE_SECRET, path, strlen(path), to->bytes, to->len};
    if (!b || !b->records || bundle_add(b, &file) || wrong) return wrong;
    secret_release(to);
    return "the script's files are too large with it";
}

void secret_release(struct secret *s)
{
    if (s->bytes) explicit_bzero(s->bytes, s->len);
    free(s->bytes);
    *s = (struct secret){NULL, 0};
}
