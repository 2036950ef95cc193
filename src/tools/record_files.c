/* A file is made under its own name, with O_EXCL, so that nothing is replaced that was not looked at: --force takes away recordings
 * alone, never another file whose name was given by mistake. Files of an earlier recording that was rotated are looked for before the
 * first one is made, so a recording does not end in the middle because one of them is in its way. */
#include "tools/record_files.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool fail(struct record_files *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(struct record_files *f, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(f->error, sizeof f->error, format, arguments);
    va_end(arguments);
    return false;
}

static bool is_output(const struct record_files *f)
{
    return strcmp(f->plan.path, "-") == 0;
}

static void name_of(const struct record_files *f, uint32_t number, char to[RECORD_FILES_PATH])
{
    if (number == 1)
        snprintf(to, RECORD_FILES_PATH, "%s", f->plan.path);
    else
        snprintf(to, RECORD_FILES_PATH, "%s.%u", f->plan.path, number);
}

/* --- what is in the way ------------------------------------------------------------------------ */

/* An empty file is nobody's loss. */
static bool is_recording(const char *path)
{
    static const char magic[] = "moongate recording ";
    char begin[sizeof magic - 1];
    struct stat about;
    if (lstat(path, &about) != 0 || !S_ISREG(about.st_mode)) return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return false;
    ssize_t n = pread(fd, begin, sizeof begin, 0);
    close(fd);
    return n == 0 || (n == sizeof begin && memcmp(begin, magic, sizeof begin) == 0);
}

/* Takes away what is there under that name, if that is allowed. */
static bool clear(struct record_files *f, const char *path)
{
    struct stat about;
    if (lstat(path, &about) != 0)
        return errno == ENOENT || fail(f, "%s: %s", path, strerror(errno));
    if (!f->plan.force)
        return fail(f, "%s: it exists: give another name, or --force to replace it", path);
    if (!is_recording(path))
        return fail(f,
                    "%s: it is not a recording, and --force replaces recordings alone: give "
                    "another name",
                    path);
    return unlink(path) == 0 || fail(f, "%s: %s", path, strerror(errno));
}

/* True for NAME.2, NAME.3 ... */
static bool is_later(const char *entry, const char *name)
{
    size_t len = strlen(name);
    if (strncmp(entry, name, len) != 0 || entry[len] != '.') return false;
    const char *digits = entry + len + 1;
    return *digits && strspn(digits, "0123456789") == strlen(digits);
}

/* Those of an earlier recording. The list is read first, as a folder must not change meanwhile. */
static bool clear_later(struct record_files *f)
{
    char folder[RECORD_FILES_PATH], last[RECORD_FILES_PATH], path[2 * RECORD_FILES_PATH];
    struct dirent **entries;
    snprintf(folder, sizeof folder, "%s", f->plan.path);
    snprintf(last, sizeof last, "%s", f->plan.path);
    const char *in = dirname(folder), *name = basename(last);
    int n = scandir(in, &entries, NULL, alphasort);
    bool done = n >= 0 || fail(f, "%s: %s", in, strerror(errno));
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", in, entries[i]->d_name);
        if (done && is_later(entries[i]->d_name, name)) done = clear(f, path);
        free(entries[i]);
    }
    if (n >= 0) free(entries);
    return done;
}

/* --- one file ---------------------------------------------------------------------------------- */

static int open_descriptor(struct record_files *f)
{
    int fd = is_output(f) ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                          : open(f->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) fail(f, "%s: %s", f->name, strerror(errno));
    return fd;
}

static bool could_not_write(struct record_files *f)
{
    return fail(f, "%s: %s: what was recorded before is in it", f->name, strerror(errno));
}

static bool open_one(struct record_files *f)
{
    struct timespec now;
    name_of(f, f->about.number, f->name);
    if (!is_output(f) && !clear(f, f->name)) return false;
    if ((f->fd = open_descriptor(f)) < 0) return false;
    if (f->about.number > 1) {
        clock_gettime(CLOCK_REALTIME, &now);
        f->about.begun_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    }
    f->recorder = recorder_create(f->fd, &f->about);
    f->kept++;
    if (recorder_flush(f->recorder)) return true;
    fail(f, "%s: %s", f->name, strerror(errno));
    if (!is_output(f)) unlink(f->name);
    return false;
}

/* What the system says only now, it says of all that was written: a full disk of another host. */
static bool close_one(struct record_files *f)
{
    bool done = recorder_finish(f->recorder);
    uint64_t bytes = recorder_bytes(f->recorder);
    if (done && !is_output(f)) done = fdatasync(f->fd) == 0;
    if (!done) could_not_write(f);
    recorder_destroy(f->recorder);
    f->recorder = NULL;
    if (close(f->fd) != 0 && done) done = could_not_write(f);
    f->fd = -1;
    f->written += bytes;
    f->done += bytes;
    f->sizes[f->about.number % RECORD_FILES_KEEP] = bytes;
    return done;
}

/* So that with the file that comes now there are `keep`. */
static void drop_oldest(struct record_files *f)
{
    char path[RECORD_FILES_PATH];
    while (f->plan.keep && f->kept >= f->plan.keep) {
        uint32_t oldest = f->about.number + 1 - f->kept;
        name_of(f, oldest, path);
        (void)unlink(path); /* another program may have moved it away */
        f->done -= f->sizes[oldest % RECORD_FILES_KEEP];
        f->kept--;
    }
}

static bool rotate(struct record_files *f)
{
    if (!close_one(f)) return false;
    drop_oldest(f);
    f->about.number++;
    return open_one(f);
}

/* --- all of them ------------------------------------------------------------------------------- */

bool record_files_open(struct record_files *f, const struct record_files_plan *plan,
                       const struct recording_about *about)
{
    assert(plan->keep <= RECORD_FILES_KEEP);
    *f = (struct record_files){.plan = *plan, .about = *about, .fd = -1};
    f->about.number = 1;
    if (strlen(plan->path) + 16 > RECORD_FILES_PATH) return fail(f, "FILE: the name is too long");
    if (is_output(f) && isatty(STDOUT_FILENO))
        return fail(f, "the standard output is a terminal: give a file");
    if (!is_output(f) && plan->rotate && !clear_later(f)) return false;
    return open_one(f);
}

bool record_files_take(struct record_files *f, const struct take *t)
{
    if (!recorder_take(f->recorder, t)) return could_not_write(f);
    return !f->plan.rotate || recorder_bytes(f->recorder) < f->plan.rotate || rotate(f);
}

bool record_files_share(struct record_files *f, uint32_t share)
{
    return recorder_share(f->recorder, share) || could_not_write(f);
}

bool record_files_gap(struct record_files *f, uint64_t from_us, uint64_t to_us, const char *why)
{
    return recorder_gap(f->recorder, from_us, to_us, why) || could_not_write(f);
}

bool record_files_flush(struct record_files *f)
{
    return recorder_flush(f->recorder) || could_not_write(f);
}

void record_files_lost(struct record_files *f, uint64_t requests)
{
    recorder_lost(f->recorder, requests);
}

bool record_files_close(struct record_files *f)
{
    if (!f->recorder) return true;
    if (!f->error[0]) return close_one(f);
    f->done += recorder_bytes(f->recorder);
    recorder_destroy(f->recorder);
    f->recorder = NULL;
    close(f->fd);
    return false;
}

bool record_files_are_full(const struct record_files *f)
{
    return f->plan.max_size && f->done + recorder_bytes(f->recorder) >= f->plan.max_size;
}

uint64_t record_files_bytes(const struct record_files *f)
{
    return f->written + (f->recorder ? recorder_bytes(f->recorder) : 0);
}
