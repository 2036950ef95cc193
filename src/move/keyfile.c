/* A key is 8 bytes of its exptime, one of its length, one that says whether it is in base64, and its bytes, as this machine has them. */
#include "move/keyfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/write_at.h"

enum { HEAD = sizeof(int64_t) + 2, RECORD_MAX = HEAD + KEY_MAX };

/* Not every file system has O_TMPFILE. */
static int open_nameless(void)
{
    char name[4096];
    const char *dir = getenv("TMPDIR");
    if (!dir || !*dir) dir = "/tmp";
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    int n = snprintf(name, sizeof name, "%s/moongate.XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof name) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0) unlink(name);
    return fd;
}

int keyfile_open(struct keyfile *f)
{
    *f = (struct keyfile){.fd = open_nameless()};
    if (f->fd < 0) return errno;
    f->in = malloc(KEYFILE_ROOM);
    f->out = malloc(KEYFILE_ROOM);
    if (!f->in || !f->out) abort();
    return 0;
}

void keyfile_close(struct keyfile *f)
{
    if (!keyfile_is_open(f)) return;
    close(f->fd);
    free(f->in);
    free(f->out);
    *f = (struct keyfile){.fd = -1};
}

static int flush(struct keyfile *f)
{
    int error = write_at(f->fd, f->in, f->filled, f->written);
    if (error) return error;
    f->written += f->filled;
    f->filled = 0;
    return 0;
}

int keyfile_put(struct keyfile *f, const struct dump_key *key)
{
    assert(key->key.len > 0 && key->key.len <= KEY_MAX);
    if (f->filled + RECORD_MAX > KEYFILE_ROOM) {
        int error = flush(f);
        if (error) return error;
    }
    uint8_t *to = f->in + f->filled;
    memcpy(to, &key->exptime, sizeof key->exptime);
    to[HEAD - 2] = (uint8_t)key->key.len;
    to[HEAD - 1] = key->key.is_base64;
    memcpy(to + HEAD, key->key.bytes, key->key.len);
    f->filled += HEAD + (size_t)key->key.len;
    f->keys++;
    return 0;
}

/* More of the file, behind what is left of it. What is still in `in` comes when the file has been read out. */
static int fill(struct keyfile *f)
{
    size_t left = f->end - f->at;
    memmove(f->out, f->out + f->at, left);
    f->at = 0;
    f->end = left;
    if (f->read == f->written) {
        size_t n = f->filled < KEYFILE_ROOM - left ? f->filled : 0;
        if (n == 0 && f->filled > 0) return flush(f);
        memcpy(f->out + left, f->in, n);
        f->end += n;
        f->filled -= n;
        return 0;
    }
    uint64_t most = f->written - f->read;
    if (most > KEYFILE_ROOM - left) most = KEYFILE_ROOM - left;
    ssize_t n = pread(f->fd, f->out + left, most, (off_t)f->read);
    if (n < 0) return errno == EINTR ? 0 : errno;
    if (n == 0) return EIO;
    f->read += (uint64_t)n;
    f->end += (size_t)n;
    return 0;
}

static bool has_whole(const struct keyfile *f)
{
    size_t n = f->end - f->at;
    return n > HEAD && n >= HEAD + (size_t)f->out[f->at + HEAD - 2];
}

bool keyfile_take(struct keyfile *f, struct dump_key *key, int *error)
{
    *error = 0;
    if (f->keys == 0) return false;
    while (!has_whole(f)) {
        *error = fill(f);
        if (*error) return false;
    }
    const uint8_t *from = f->out + f->at;
    memcpy(&key->exptime, from, sizeof key->exptime);
    key->key.len = from[HEAD - 2];
    key->key.is_base64 = from[HEAD - 1];
    memcpy(key->key.bytes, from + HEAD, key->key.len);
    f->at += HEAD + (size_t)key->key.len;
    f->keys--;
    return true;
}
