/* How errors are told: a reader's error has the place in the configuration. An error that the made script raises has a line of that script,
 * which nobody has seen: so its name says that it was converted, and the message says how to see it.
 */
#include "worker/converted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bundle.h"
#include "base/log.h"
#include "convert/mcp.h"
#include "script/routelib.h"
#include "script/script.h"

void script_file_set_kind(struct script_file *file, int from)
{
    file->guess = from > 0 ? GUESS_NOT : GUESS_ANY;
    file->kind = from > 0 ? (enum convert_kind)(from - 1) : CONVERT_SCRIPT;
}

/* --- other files ------------------------------------------------------------------------------- */

enum { WHY_MAX = 256, NO_FILE = ESPIPE }; /* nothing else here gives this errno */

/* What a reader has got: the bundle moves its bytes when files are added, so each file has a copy. */
struct given {
    struct given *next;
    size_t len;
    char bytes[];
};

struct reading {
    struct bundle *bundle;
    struct given *given;
    char why[WHY_MAX];
};

static struct given *keep(struct reading *r, const char *bytes, size_t len)
{
    struct given *g = malloc(sizeof *g + len + 1);
    if (!g) abort();
    *g = (struct given){.next = r->given, .len = len};
    if (len) memcpy(g->bytes, bytes, len);
    g->bytes[len] = '\0';
    r->given = g;
    return g;
}

static bool fail(struct reading *r, const char *why, size_t len)
{
    snprintf(r->why, sizeof r->why, "%.*s", (int)(len < WHY_MAX ? len : WHY_MAX - 1), why);
    return false;
}

/* Without O_NONBLOCK, to open a pipe would wait for its other side. NULL, with errno. */
static FILE *open_disk(const char *path)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return NULL;
    int error = fstat(fd, &about) < 0 ? errno : S_ISDIR(about.st_mode) ? EISDIR : NO_FILE;
    FILE *file = error == NO_FILE && S_ISREG(about.st_mode) ? fdopen(fd, "r") : NULL;
    if (file) return file;
    close(fd);
    errno = error;
    return NULL;
}

/* From malloc; NULL, with errno. */
static char *read_disk(const char *path, size_t *len)
{
    FILE *file = open_disk(path);
    char *bytes = NULL;
    size_t room = 0;
    *len = 0;
    if (!file) return NULL;
    do {
        room = room ? 2 * room : 16 * 1024;
        bytes = realloc(bytes, room);
        if (!bytes) abort();
        *len += fread(bytes + *len, 1, room - *len, file);
    } while (*len == room && room < BUNDLE_MOST);
    bool is_bad = ferror(file) || *len >= BUNDLE_MOST;
    int error = ferror(file) ? errno : EFBIG;
    fclose(file);
    if (!is_bad) return bytes;
    free(bytes);
    errno = error;
    return NULL;
}

/* False: it does not fit. */
static bool record(struct bundle *b, enum bundle_kind kind, const char *path, const char *bytes,
                   size_t len)
{
    struct bundle_file file = {kind, path, strlen(path), bytes, len};
    return !b || !b->records || bundle_add(b, &file);
}

/* A convert_read_fn. */
static bool read_other(void *arg, const char *path, const char **bytes, size_t *len,
                       const char **why)
{
    struct reading *r = arg;
    struct bundle_file file;
    *why = r->why;
    if (r->bundle && bundle_find(r->bundle, path, strlen(path), &file)) {
        if (file.kind == BUNDLE_ABSENT) return fail(r, file.bytes, file.len);
        const struct given *g = keep(r, file.bytes, file.len);
        *bytes = g->bytes;
        *len = g->len;
        return true;
    }
    char *read = read_disk(path, len);
    if (!read) {
        const char *text = errno == NO_FILE ? "it is not a regular file" : strerror(errno);
        (void)record(r->bundle, BUNDLE_ABSENT, path, text, strlen(text));
        return fail(r, text, strlen(text));
    }
    *bytes = keep(r, read, *len)->bytes;
    bool fits = record(r->bundle, BUNDLE_FILE, path, read, *len);
    free(read);
    static const char large[] = "the configuration and its files are larger than 64 MiB";
    return fits || fail(r, large, sizeof large - 1);
}

/* --- notes ------------------------------------------------------------------------------------- */

static bool has_note(const struct bundle *b, const struct bundle_file *note)
{
    struct bundle_file file;
    size_t at = 0;
    while (bundle_next(b, &at, &file))
        if (file.kind == BUNDLE_NOTE && file.path_len == note->path_len && file.len == note->len &&
            memcmp(file.path, note->path, note->path_len) == 0 &&
            memcmp(file.bytes, note->bytes, note->len) == 0)
            return true;
    return false;
}

/* A convert_note_fn. What is said twice of a line is said once. */
static void take_note(void *arg, const char *path, uint32_t line, const char *text)
{
    struct reading *r = arg;
    char *place;
    if (!r->bundle || !r->bundle->records) return;
    if ((line ? asprintf(&place, "%s:%u", path, line) : asprintf(&place, "%s", path)) < 0) abort();
    struct bundle_file note = {BUNDLE_NOTE, place, strlen(place), text, strlen(text)};
    if (!has_note(r->bundle, &note) && !bundle_add(r->bundle, &note))
        log_warn("%s: %s", place, text); /* no room for it there */
    free(place);
}

/* --- making it --------------------------------------------------------------------------------- */

enum convert_kind converted_kind(const struct script_file *file, const char *bytes, size_t len)
{
    if (file->guess == GUESS_NOT) return file->kind;
    enum convert_kind kind = convert_guess(file->path, bytes, len);
    return kind == CONVERT_ROUTELIB && file->guess == GUESS_FOREIGN ? CONVERT_SCRIPT : kind;
}

/* From malloc. */
struct expanded {
    char *bytes;
    size_t len;
};

/* expanded: may be NULL. */
static bool run_reader(struct converted *to, const struct script_file *file, const char *bytes,
                       size_t len, struct bundle *b, struct expanded *expanded, char *error)
{
    convert_reader *reader =
        to->kind == CONVERT_ROUTELIB ? routelib_read : convert_reader_of(to->kind);
    struct reading reading = {.bundle = b};
    struct convert_input in = {file->path, bytes, len, &file->flags, read_other, &reading};
    struct convert_output out = {.note = take_note, .note_arg = &reading};
    if (!reader) {
        snprintf(error, SCRIPT_ERROR_MAX, "%s: %s: this moongate has no reader for it", file->path,
                 convert_kind_name(to->kind));
        return false;
    }
    out.script = open_memstream(&to->owned, &to->len);
    if (expanded) out.expanded = open_memstream(&expanded->bytes, &expanded->len);
    if (!out.script || (expanded && !out.expanded)) abort();
    bool good = reader(&in, &out);
    if (fclose(out.script) != 0 || (expanded && fclose(out.expanded) != 0)) abort();
    for (struct given *g = reading.given, *next; g; g = next) {
        next = g->next;
        free(g);
    }
    to->text = to->owned;
    if (!good) snprintf(error, SCRIPT_ERROR_MAX, "%s", out.error);
    return good;
}

/* The script that the check has made of the file, and all workers load: to make it takes seconds where a file is large. */
static bool take_made(struct converted *to, const struct bundle *b)
{
    const char *word = convert_kind_word(to->kind);
    struct bundle_file file;
    size_t at = 0;
    if (!b || b->records) return false;
    while (bundle_next(b, &at, &file)) {
        if (file.kind != BUNDLE_CONVERTED || file.path_len != strlen(word) ||
            memcmp(file.path, word, file.path_len) != 0)
            continue;
        to->text = file.bytes;
        to->len = file.len;
        return true;
    }
    return false;
}

/* False: there is no room. */
static bool keep_made(struct bundle *b, const struct converted *made, const struct expanded *e)
{
    const char *word = convert_kind_word(made->kind);
    size_t len = e->len <= CONVERT_EXPANDED_MAX ? e->len : CONVERT_EXPANDED_MAX + 1;
    return record(b, BUNDLE_CONVERTED, word, made->text, made->len) &&
           (!len || record(b, BUNDLE_EXPANDED, word, e->bytes, len));
}

static bool make(struct converted *to, const struct script_file *file, const char *bytes,
                 size_t len, struct bundle *b, char *error)
{
    if (take_made(to, b)) return true;
    struct expanded expanded = {NULL, 0};
    bool records = b && b->records;
    bool good = run_reader(to, file, bytes, len, b, records ? &expanded : NULL, error);
    bool fits = good && (!records || keep_made(b, to, &expanded));
    free(expanded.bytes);
    if (!good || fits) return good;
    snprintf(error, SCRIPT_ERROR_MAX,
             "%s: it is larger than 64 MiB, with its files and the script that it was converted "
             "to: make it smaller",
             file->path);
    return false;
}

bool converted_make(struct converted *to, const struct script_file *file, const char *bytes,
                    size_t len, struct bundle *b, char *error)
{
    *to = (struct converted){.text = bytes, .len = len, .name = file->path};
    to->kind = converted_kind(file, bytes, len);
    if (to->kind == CONVERT_SCRIPT) return true;
    if (asprintf(&to->name_owned, "%s (converted)", file->path) < 0) abort();
    to->name = to->name_owned;
    if (make(to, file, bytes, len, b, error)) return true;
    converted_release(to);
    return false;
}

void converted_release(struct converted *c)
{
    free(c->owned);
    free(c->name_owned);
    *c = (struct converted){.text = NULL};
}

/* A file of memcached's proxy that was taken for a script: nothing of its name says what it is. */
static const char *belongs_to(const struct script_file *file, const char *bytes, size_t len)
{
    if (file->guess == GUESS_NOT) return NULL;
    if (convert_guess(file->path, bytes, len) == CONVERT_ROUTELIB)
        return "is a configuration of routelib: give it with --routelib";
    if (mcp_is_used(bytes, len))
        return "is a program for memcached's proxy: 'moongate convert' says what its functions are "
               "here";
    return NULL;
}

static void add_advice(char *error, const struct script_file *file, enum convert_kind kind,
                       const char *bytes, size_t len)
{
    size_t used = strlen(error);
    const char *is = kind == CONVERT_SCRIPT ? belongs_to(file, bytes, len) : NULL;
    if (is)
        snprintf(error + used, SCRIPT_ERROR_MAX - used, "\n%s %s", file->path, is);
    else if (kind != CONVERT_SCRIPT)
        snprintf(error + used, SCRIPT_ERROR_MAX - used,
                 "\n%s was converted: 'moongate convert --from %s %s' prints that script",
                 file->path, convert_kind_word(kind), file->path);
}

struct script *converted_load(const struct script_host *host, const struct script_file *file,
                              const char *bytes, size_t len, uint32_t generation, char *error)
{
    struct converted c;
    struct script_host with = *host;
    if (!converted_make(&c, file, bytes, len, host->bundle, error)) return NULL;
    with.chunk = c.name;
    struct script *s = script_load(&with, file->path, c.text, c.len, generation, error);
    if (!s) add_advice(error, file, c.kind, bytes, len);
    converted_release(&c);
    return s;
}
