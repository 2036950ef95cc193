#include "worker/source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bundle.h"
#include "net/bind.h"
#include "net/labels.h"
#include "script/script.h"

enum { NO_FILE = ESPIPE }; /* nothing else here gives this errno */

static int fail(int fd, int error)
{
    if (fd >= 0) close(fd);
    errno = error;
    return -1;
}

/* Reads the file whole into *bytes, from malloc. 0, or errno. It may be a pipe. */
static int read_whole(int file, char **bytes, size_t *len)
{
    size_t room = 0;
    ssize_t n;
    *bytes = NULL;
    *len = 0;
    do {
        if (*len == room) {
            room = room ? 2 * room : 16 * 1024;
            *bytes = realloc(*bytes, room);
            if (!*bytes) abort();
        }
        n = read(file, *bytes + *len, room - *len);
        if (n > 0) *len += (size_t)n;
        if (*len > BUNDLE_MOST) return EFBIG;
    } while (n > 0 || (n < 0 && errno == EINTR));
    return n < 0 ? errno : 0;
}

/* 0, or errno. */
static int write_first(const char *path, const char *bytes, size_t len, int to)
{
    struct bundle_file file = {BUNDLE_FILE, path, strlen(path), bytes, len};
    struct bundle *b = bundle_create();
    int error = bundle_add(b, &file) ? bundle_write(b, to) : EFBIG;
    bundle_give(b);
    return error;
}

/* 0, or errno. */
static int copy(int from, const char *path, int to)
{
    char *bytes;
    size_t len;
    int error = read_whole(from, &bytes, &len);
    if (!error) error = write_first(path, bytes, len, to);
    free(bytes);
    return error;
}

static int memory_create(void)
{
    return memfd_create("moongate-script", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

/* Copies the file into a new source, and closes it. -1, with errno: the file is -1, or that is impossible. */
static int copy_all(int file, const char *path)
{
    if (file < 0) return -1;
    int memory = memory_create();
    int error = memory < 0 ? errno : copy(file, path, memory);
    close(file);
    return error ? fail(memory, error) : memory;
}

int source_open_text(const char *path, const char *text)
{
    int memory = memory_create();
    int error = memory < 0 ? errno : write_first(path, text, strlen(text), memory);
    return error ? fail(memory, error) : memory;
}

int source_open_empty(void)
{
    struct bundle *b = bundle_create();
    int memory = memory_create();
    int error = memory < 0 ? errno : bundle_write(b, memory);
    bundle_give(b);
    return error ? fail(memory, error) : memory;
}

int source_open(const char *path)
{
    return copy_all(open(path, O_RDONLY | O_CLOEXEC), path);
}

/* Without O_NONBLOCK, to open a pipe would wait for its other side. */
int source_open_again(const char *path)
{
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file >= 0 && (fstat(file, &about) < 0 || !S_ISREG(about.st_mode)))
        return fail(file, NO_FILE);
    return copy_all(file, path);
}

const char *source_explain(int error)
{
    return error == NO_FILE ? "it is not a regular file" : strerror(error);
}

void source_seal(int fd)
{
    if (fd >= 0)
        (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

struct bundle *source_read(const char *path, int fd, struct bundle_file *main, char *error)
{
    const char *why;
    size_t at = 0;
    struct bundle *b = bundle_read(fd, &why);
    if (b && bundle_next(b, &at, main) && main->kind == BUNDLE_FILE) return b;
    snprintf(error, SCRIPT_ERROR_MAX, "%s: the copy in memory: %s", path, b ? "it is empty" : why);
    bundle_give(b);
    return NULL;
}

static struct script *load(const struct script_host *host, const struct script_file *file,
                           struct bundle *b, const struct bundle_file *main, uint32_t generation,
                           char *error)
{
    struct script_host with = *host;
    with.bundle = b;
    return converted_load(&with, file, main->bytes, main->len, generation, error);
}

/* The built-in script: in its bundle are secrets alone. */
static struct script *load_built_in(const struct script_host *host, int fd, bool records,
                                    uint32_t generation, char *error)
{
    const char *why = "";
    struct script_host with = *host;
    with.bundle = fd >= 0 ? bundle_read(fd, &why) : NULL;
    if (fd >= 0 && !with.bundle) {
        snprintf(error, SCRIPT_ERROR_MAX, "the copy of its files in memory: %s", why);
        return NULL;
    }
    if (with.bundle) with.bundle->records = records;
    struct script *s = script_load(&with, NULL, NULL, 0, generation, error);
    int wrong = records && with.bundle ? bundle_write(with.bundle, fd) : 0;
    bundle_give(with.bundle);
    if (!wrong || !s) return s;
    snprintf(error, SCRIPT_ERROR_MAX, "not copied to memory: %s", strerror(wrong));
    script_destroy(s);
    return NULL;
}

/* What a reader reads is not added: the bundle stays where it is. */
struct script *source_load(const struct script_host *host, const struct script_file *file, int fd,
                           uint32_t generation, char *error)
{
    struct bundle_file main;
    if (!file->path) return load_built_in(host, fd, false, generation, error);
    struct bundle *b = source_read(file->path, fd, &main, error);
    if (!b) return NULL;
    struct script *s = load(host, file, b, &main, generation, error);
    bundle_give(b);
    return s;
}

/* A script that was kept says again where it listens, and is converted again: what it said before may be another machine's, of another
 * --port, of other flags, or of another version. */
static struct bundle *files_alone(struct bundle *b)
{
    struct bundle *to = bundle_create();
    struct bundle_file file;
    size_t at = 0;
    bool good = true;
    while (bundle_next(b, &at, &file))
        if (bundle_is_file(file.kind) || file.kind == BUNDLE_WATCHED)
            good = good && bundle_add(to, &file);
    assert(good); /* it is not larger than b */
    bundle_give(b);
    return to;
}

/* The script's text is taken out of the bundle first, for that moves when files are added. */
struct script *source_try(const struct script_host *host, const struct script_file *file, int fd,
                          uint32_t generation, char *error)
{
    struct bundle_file main;
    if (!file->path) return load_built_in(host, fd, true, generation, error);
    struct bundle *b = source_read(file->path, fd, &main, error);
    if (!b) return NULL;
    char *text = malloc(main.len + 1);
    if (!text) abort();
    memcpy(text, main.bytes, main.len);
    main.bytes = text;
    b = files_alone(b);
    b->records = true;
    struct script *s = load(host, file, b, &main, generation, error);
    int wrong = bundle_write(b, fd);
    if (wrong && s) {
        snprintf(error, SCRIPT_ERROR_MAX, "%s: not copied to memory: %s", file->path,
                 strerror(wrong));
        script_destroy(s);
        s = NULL;
    }
    bundle_give(b);
    free(text);
    return s;
}

/* What is too long for an item of a script, or no item at all, was not noted by mg.listen. */
static bool take_listener(const struct bundle_file *file, struct source_listeners *to)
{
    struct bind_spec spec;
    char *text = strndup(file->path, file->path_len), *addresses = strndup(file->bytes, file->len);
    if (!text || !addresses) abort();
    bool good = to->items.n < LABELS_MOST / 2 && strlen(text) == file->path_len &&
                strlen(addresses) == file->len && !bind_parse(&spec, text);
    if (good) {
        option_list_add(&to->items, text);
        option_list_add(&to->addresses, addresses);
    }
    free(text);
    free(addresses);
    return good;
}

void source_listeners_release(struct source_listeners *l)
{
    option_list_release(&l->items);
    option_list_release(&l->addresses);
}

bool source_listeners(int fd, struct source_listeners *to)
{
    const char *why;
    struct bundle_file file;
    size_t at = 0;
    bool good = true;
    struct bundle *b = fd >= 0 ? bundle_read(fd, &why) : NULL;
    *to = (struct source_listeners){.items.n = 0};
    while (b && good && bundle_next(b, &at, &file))
        if (file.kind == BUNDLE_LISTENS) good = take_listener(&file, to);
    bundle_give(b);
    if (!good) source_listeners_release(to);
    return good;
}

static bool take_spool(const struct bundle_file *file, struct spool_place *to)
{
    char *dir = strndup(file->path, file->path_len);
    if (!dir) abort();
    bool good = strlen(dir) == file->path_len && !spool_place_init(to, dir) &&
                spool_place_parse(to, file->bytes, file->len) && !spool_place_wrong(to);
    free(dir);
    return good;
}

int source_spools(int fd, struct spool_place to[SPOOL_PLACES_MOST])
{
    const char *why;
    struct bundle_file file;
    size_t at = 0;
    int n = 0;
    struct bundle *b = fd >= 0 ? bundle_read(fd, &why) : NULL;
    while (b && n >= 0 && bundle_next(b, &at, &file)) {
        if (file.kind != BUNDLE_SPOOLS) continue;
        n = n < SPOOL_PLACES_MOST && take_spool(&file, &to[n]) ? n + 1 : -1;
    }
    bundle_give(b);
    return n;
}

void source_files(int fd, source_file_fn *fn, void *arg)
{
    const char *why;
    struct bundle_file file;
    size_t at = 0;
    struct bundle *b = fd >= 0 ? bundle_read(fd, &why) : NULL;
    while (b && bundle_next(b, &at, &file)) fn(arg, &file);
    bundle_give(b);
}
