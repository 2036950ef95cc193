/* The form: a struct head, then for each file a struct entry, its path and its bytes, without anything between them. Numbers are as
 * this machine has them; the head says by its `order` when they come from another kind of machine. Every length is checked once, by
 * bundle_wrong, before anything is read: bundle_next relies on it.
 */
#include "base/bundle.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/write_at.h"

static const char MAGIC[8] = {'m', 'o', 'o', 'n', 'g', 'a', 't', 'e'};

enum { VERSION = 1, ORDER = 0x01020304, ROOM_FIRST = 16 * 1024 };

struct head {
    char magic[8];
    uint32_t order, version;
    uint64_t len;   /* of all */
    uint64_t files; /* how many entries follow */
};

struct entry {
    uint32_t kind, path_len;
    uint64_t len;
};

static struct head bundle_head(const struct bundle *b)
{
    struct head head;
    assert(b->len >= sizeof head && b->references > 0);
    memcpy(&head, b->bytes, sizeof head);
    assert(head.len == b->len);
    return head;
}

/* --- reading ----------------------------------------------------------------------------------- */

/* Takes the entry at `at`, which lies whole in the first len bytes; returns where it ends. 0: it does not. */
static size_t take_entry(const char *bytes, size_t len, size_t at, struct bundle_file *to)
{
    struct entry entry;
    if (len - at < sizeof entry) return 0;
    memcpy(&entry, bytes + at, sizeof entry);
    at += sizeof entry;
    if (entry.kind >= BUNDLE_KINDS || entry.path_len > len - at) return 0;
    const char *path = bytes + at;
    at += entry.path_len;
    if (entry.len > len - at) return 0;
    *to = (struct bundle_file){(enum bundle_kind)entry.kind, path, entry.path_len, bytes + at,
                               entry.len};
    return at + entry.len;
}

const char *bundle_wrong(const char *bytes, size_t len)
{
    struct head head;
    struct bundle_file file;
    size_t at = sizeof head;
    if (len < sizeof head) return "it is cut short";
    memcpy(&head, bytes, sizeof head);
    if (memcmp(head.magic, MAGIC, sizeof MAGIC) != 0) return "it is not a bundle of a script";
    if (head.order != ORDER) return "it comes from another kind of machine";
    if (head.version != VERSION) return "it comes from another version of moongate";
    if (head.len > len) return "it is cut short";
    if (head.len < len) return "something follows it";
    for (uint64_t i = 0; i < head.files; i++) {
        at = take_entry(bytes, len, at, &file);
        if (!at) return "it is damaged";
    }
    return at == len ? NULL : "it is damaged";
}

bool bundle_next(const struct bundle *b, size_t *at, struct bundle_file *to)
{
    size_t from = *at ? *at : sizeof(struct head);
    assert(from <= b->len);
    if (from == b->len) return false;
    *at = take_entry(b->bytes, b->len, from, to);
    assert(*at > from);
    return true;
}

bool bundle_find(const struct bundle *b, const char *path, size_t path_len, struct bundle_file *to)
{
    size_t at = 0;
    while (bundle_next(b, &at, to))
        if (bundle_is_file(to->kind) && to->path_len == path_len &&
            memcmp(to->path, path, path_len) == 0)
            return true;
    return false;
}

bool bundle_find_secret(const struct bundle *b, const char *path, struct bundle_file *to)
{
    size_t at = 0, len = strlen(path);
    while (bundle_next(b, &at, to))
        if (to->kind == BUNDLE_SECRET && to->path_len == len && memcmp(to->path, path, len) == 0)
            return true;
    return false;
}

/* --- making ------------------------------------------------------------------------------------ */

/* Room for n more bytes. */
static void bundle_reserve(struct bundle *b, size_t n)
{
    if (b->room - b->len >= n) return;
    size_t room = b->room ? b->room : ROOM_FIRST;
    while (room - b->len < n) room *= 2;
    b->bytes = realloc(b->bytes, room);
    if (!b->bytes) abort();
    b->room = room;
}

static void bundle_put(struct bundle *b, const void *bytes, size_t n)
{
    assert(b->room - b->len >= n);
    if (n) memcpy(b->bytes + b->len, bytes, n);
    b->len += n;
}

static struct bundle *bundle_allocate(void)
{
    struct bundle *b = calloc(1, sizeof *b);
    if (!b) abort();
    b->references = 1;
    return b;
}

struct bundle *bundle_create(void)
{
    struct bundle *b = bundle_allocate();
    struct head head = {.order = ORDER, .version = VERSION, .len = sizeof head};
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    bundle_reserve(b, sizeof head);
    bundle_put(b, &head, sizeof head);
    return b;
}

bool bundle_add(struct bundle *b, const struct bundle_file *file)
{
    struct head head = bundle_head(b);
    struct entry entry = {file->kind, (uint32_t)file->path_len, file->len};
    size_t left = BUNDLE_MOST - b->len;
    if (left < sizeof entry || file->path_len > left - sizeof entry ||
        file->len > left - sizeof entry - file->path_len)
        return false;
    bundle_reserve(b, sizeof entry + file->path_len + file->len);
    bundle_put(b, &entry, sizeof entry);
    bundle_put(b, file->path, file->path_len);
    bundle_put(b, file->bytes, file->len);
    head.len = b->len;
    head.files++;
    memcpy(b->bytes, &head, sizeof head);
    return true;
}

struct bundle *bundle_without_secrets(const struct bundle *b)
{
    struct bundle *to = bundle_create();
    struct bundle_file file;
    size_t at = 0;
    bool good = true;
    while (bundle_next(b, &at, &file))
        if (file.kind != BUNDLE_SECRET) good = good && bundle_add(to, &file);
    assert(good); /* it is not larger than b */
    return to;
}

struct bundle *bundle_take(struct bundle *b)
{
    assert(b->references > 0);
    b->references++;
    return b;
}

void bundle_give(struct bundle *b)
{
    if (!b) return;
    assert(b->references > 0);
    if (--b->references > 0) return;
    free(b->bytes);
    free(b);
}

/* --- descriptors ------------------------------------------------------------------------------- */

/* False: less than len bytes are there; errno, or 0 for an end that comes too early. */
static bool read_all(int fd, char *to, size_t len)
{
    for (size_t got = 0; got < len;) {
        errno = 0;
        ssize_t n = pread(fd, to + got, len - got, (off_t)got);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        got += (size_t)n;
    }
    return true;
}

struct bundle *bundle_read(int fd, const char **why)
{
    struct stat about;
    *why = NULL;
    if (fstat(fd, &about) < 0)
        *why = strerror(errno);
    else if (about.st_size > BUNDLE_MOST)
        *why = "it is larger than 64 MiB";
    if (*why) return NULL;
    struct bundle *b = bundle_allocate();
    bundle_reserve(b, (size_t)about.st_size);
    if (read_all(fd, b->bytes, (size_t)about.st_size))
        *why = bundle_wrong(b->bytes, (size_t)about.st_size);
    else
        *why = errno ? strerror(errno) : "it is cut short";
    b->len = (size_t)about.st_size;
    if (!*why) return b;
    bundle_give(b);
    return NULL;
}

int bundle_write(const struct bundle *b, int fd)
{
    (void)bundle_head(b);
    int error = write_at(fd, b->bytes, b->len, 0);
    if (error) return error;
    return ftruncate(fd, (off_t)b->len) == 0 ? 0 : errno;
}
