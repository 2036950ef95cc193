/* The form: a struct head, then the bundle. The checksum is that of all bytes, with a zero in its own place. Numbers are as this machine has
 * them. What is read may be anything: a file of another program, of another version, one that a full disk has cut.
 */
#include "master/state_file.h"

#include "base/bundle.h"
#include "base/write_at.h"
#include "placement/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1, ORDER = 0x01020304, NAME_MAX_BYTES = 40 };

static const char MAGIC[16] = {'m', 'o', 'o', 'n', 'g', 'a', 't', 'e',
                               ' ', 's', 'c', 'r', 'i', 'p', 't', '\n'};

struct head {
    char magic[16];
    uint32_t order, version;
    uint64_t saved;
    uint64_t len; /* of the bundle */
    uint64_t checksum;
};

static uint64_t checksum(struct head head, const char *bundle, size_t len)
{
    uint64_t of_bundle = hash_bytes64(HASH_XXH3, (const void *)bundle, len, 0);
    head.checksum = 0;
    return hash_bytes64(HASH_XXH3, (const void *)&head, sizeof head, of_bundle);
}

/* --- writing ----------------------------------------------------------------------------------- */

/* Each process has a name of its own, as another moongate may be about to end while this one starts. A file of that name may have been left by a
 * process that was killed, of another user even. */
static int create_new(int dir, char name[NAME_MAX_BYTES])
{
    snprintf(name, NAME_MAX_BYTES, STATE_FILE ".%d.new", (int)getpid());
    unlinkat(dir, name, 0);
    return openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* 0, or errno. What has been written is on the disk before it gets its name, and the name before this returns. */
static int write_new(int dir, const struct bundle *b, uint64_t saved)
{
    struct head head = {.order = ORDER, .version = VERSION, .saved = saved, .len = b->len};
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    head.checksum = checksum(head, b->bytes, b->len);
    char name[NAME_MAX_BYTES];
    int fd = create_new(dir, name);
    if (fd < 0) return errno;
    int error = write_at(fd, &head, sizeof head, 0);
    if (!error) error = write_at(fd, b->bytes, b->len, sizeof head);
    if (!error && fsync(fd) != 0) error = errno;
    if (close(fd) != 0 && !error) error = errno;
    if (!error && renameat(dir, name, dir, STATE_FILE) != 0) error = errno;
    if (error) unlinkat(dir, name, 0);
    if (!error && fsync(dir) != 0) error = errno;
    return error;
}

static int open_dir(const char *dir)
{
    return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int state_file_write(const char *dir, int fd, uint64_t saved)
{
    const char *why;
    struct bundle *b = bundle_read(fd, &why);
    struct bundle *kept = b ? bundle_without_secrets(b) : NULL; /* keys are read from their files */
    int at = open_dir(dir);
    int error = !b ? EBADMSG : at < 0 ? errno : write_new(at, kept, saved);
    if (at >= 0) close(at);
    bundle_give(kept);
    bundle_give(b);
    return error;
}

bool state_file_can_be_written(const char *dir)
{
    int at = open_dir(dir);
    if (at < 0) return false;
    char name[NAME_MAX_BYTES];
    int fd = create_new(at, name), error = errno;
    if (fd >= 0) {
        close(fd);
        unlinkat(at, name, 0);
    }
    close(at);
    errno = error;
    return fd >= 0;
}

/* --- reading ----------------------------------------------------------------------------------- */

const char *state_file_wrong(const char *bytes, size_t len)
{
    struct head head;
    if (len < sizeof head) return "it is cut short";
    memcpy(&head, bytes, sizeof head);
    if (memcmp(head.magic, MAGIC, sizeof MAGIC) != 0)
        return "it is no script that moongate has kept";
    if (head.order != ORDER) return "it comes from another kind of machine";
    if (head.version != VERSION) return "it comes from another version of moongate";
    if (head.len > len - sizeof head) return "it is cut short";
    if (head.len < len - sizeof head) return "something follows it";
    if (head.checksum != checksum(head, bytes + sizeof head, head.len)) return "it is damaged";
    return bundle_wrong(bytes + sizeof head, head.len);
}

/* All bytes of a regular file, from malloc; NULL, and why. */
static char *read_file(int file, size_t *len, char *why)
{
    struct stat about;
    const char *wrong = NULL;
    char *bytes = NULL;
    if (fstat(file, &about) != 0)
        wrong = strerror(errno);
    else if (!S_ISREG(about.st_mode))
        wrong = "it is not a file";
    else if ((uint64_t)about.st_size > sizeof(struct head) + BUNDLE_MOST)
        wrong = "it is too large";
    if (!wrong) {
        *len = (size_t)about.st_size;
        bytes = malloc(*len + 1);
        if (!bytes) abort();
        ssize_t n = pread(file, bytes, *len, 0);
        if (n < 0)
            wrong = strerror(errno);
        else
            *len = (size_t)n; /* less of it is cut short */
    }
    if (!wrong) return bytes;
    snprintf(why, STATE_WHY_MAX, "%s", wrong);
    free(bytes);
    return NULL;
}

/* A file in memory with that bundle, if its script has this path; else -1, and why. */
static int take_bundle(struct bundle *b, const char *script, char *why)
{
    struct bundle_file main = {.path = ""};
    size_t at = 0;
    bool is_one = bundle_next(b, &at, &main) && main.kind == BUNDLE_FILE;
    if (!is_one || main.path_len != strlen(script) ||
        memcmp(main.path, script, main.path_len) != 0) {
        snprintf(why, STATE_WHY_MAX, "it is of the script %.*s",
                 main.path_len < 128 ? (int)main.path_len : 128, main.path);
        return -1;
    }
    int fd = memfd_create("moongate-script", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int error = fd < 0 ? errno : bundle_write(b, fd);
    if (!error) return fd;
    snprintf(why, STATE_WHY_MAX, "not copied to memory: %s", strerror(error));
    if (fd >= 0) close(fd);
    return -1;
}

int state_file_read(int file, const char *script, uint64_t *saved, char why[STATE_WHY_MAX])
{
    size_t len = 0;
    struct head head;
    char *bytes = read_file(file, &len, why);
    if (!bytes) return -1;
    const char *wrong = state_file_wrong(bytes, len);
    int fd = -1;
    if (wrong) {
        snprintf(why, STATE_WHY_MAX, "%s", wrong);
    } else {
        struct bundle b = {.bytes = bytes + sizeof head, .len = len - sizeof head, .references = 1};
        memcpy(&head, bytes, sizeof head);
        *saved = head.saved;
        fd = take_bundle(&b, script, why);
    }
    free(bytes);
    return fd;
}
