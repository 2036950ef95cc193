/* The master only reads the files: it never runs them. What has changed is compared, byte by byte, with what the script in use was loaded
 * from. So a file that was only touched, or that an editor has saved without a change, costs no reload, nor does a mistake that was taken
 * back. While a reload is under way nothing is compared: what it loads is older than the change, so another reload is asked for.
 *
 * The files of a script that was refused, or that has failed on probation, are watched, too: what was wrong may be in a file that the
 * script in use does not have.
 */
#include "master/script_watch.h"

#include "base/bundle.h"
#include "base/log.h"
#include "worker/source.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- is it what is loaded? -------------------------------------------------------------------- */

/* A file as it is now, and what a source has at its path. */
struct comparison {
    const char *path;
    char *bytes; /* NULL: it cannot be read */
    size_t len;
    bool is_found; /* in the source */
    bool is_same;
};

static void read_file(void *arg, const struct bundle_file *file)
{
    struct comparison *c = arg;
    c->bytes = malloc(file->len + 1);
    if (!c->bytes) abort();
    memcpy(c->bytes, file->bytes, file->len);
    c->len = file->len;
}

static bool is_watched(enum bundle_kind kind)
{
    return bundle_is_file(kind) || kind == BUNDLE_SECRET;
}

static bool path_is(const struct bundle_file *file, const char *path)
{
    return strlen(path) == file->path_len && memcmp(path, file->path, file->path_len) == 0;
}

static void compare(void *arg, const struct bundle_file *file)
{
    struct comparison *c = arg;
    if (c->is_found || !is_watched(file->kind) || !path_is(file, c->path)) return;
    c->is_found = true;
    if (file->kind == BUNDLE_ABSENT || (file->kind == BUNDLE_SECRET && !file->len))
        c->is_same = !c->bytes;
    else
        c->is_same = c->bytes && c->len == file->len && memcmp(c->bytes, file->bytes, c->len) == 0;
}

static struct comparison comparison_of(const char *path)
{
    struct comparison c = {.path = path};
    int file = source_open_again(path);
    source_files(file, read_file, &c);
    if (file >= 0) close(file);
    return c;
}

/* What the script in use does not have is compared with what was tried last. */
static bool is_known(const struct script_watch *w, const char *path)
{
    struct comparison c = comparison_of(path);
    source_files(reload_source(w->reload), compare, &c);
    if (!c.is_found) source_files(w->tried, compare, &c);
    free(c.bytes);
    return c.is_same;
}

/* arg: a bool, whether all files before were the same. */
static void compare_with_disk(void *arg, const struct bundle_file *file)
{
    bool *is_same = arg;
    if (!*is_same || !is_watched(file->kind)) return;
    char *path = strndup(file->path, file->path_len);
    if (!path) abort();
    struct comparison c = comparison_of(path);
    compare(&c, file);
    *is_same = c.is_same;
    free(c.bytes);
    free(path);
}

/* The script has failed on probation, and its files are still the same: something writes them again and again. To load it each time would be
 * a reload and a rollback for ever. */
static bool has_failed(const struct script_watch *w)
{
    bool is_same = w->was_rolled_back;
    source_files(w->tried, compare_with_disk, &is_same);
    return is_same;
}

/* --- a reload --------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void on_changed(void *arg, const char *const *paths, size_t n)
{
    struct script_watch *w = arg;
    char why[256];
    const char *first = NULL;
    size_t more = 0;
    bool is_idle = reload_is_idle(w->reload);
    for (size_t i = 0; i < n; i++) {
        if (is_idle && is_known(w, paths[i])) {
            log_debug("watch: %s: has the bytes that are loaded", paths[i]);
            continue;
        }
        if (first) more++;
        if (!first) first = paths[i];
    }
    if (!first) return;
    if (is_idle && has_failed(w)) {
        log_info(
            "watch: %s: written again, but it is the script that was rolled back: SIGHUP loads it",
            base_name(first));
        return;
    }
    if (more)
        snprintf(why, sizeof why, "%s and %zu more changed", base_name(first), more);
    else
        snprintf(why, sizeof why, "%s changed", base_name(first));
    reload_request(w->reload, why);
}

/* --- which files ------------------------------------------------------------------------------ */

struct paths {
    char **all;
    size_t n, room;
};

static void add_path(void *arg, const struct bundle_file *file)
{
    struct paths *p = arg;
    if (!is_watched(file->kind)) return;
    for (size_t i = 0; i < p->n; i++)
        if (path_is(file, p->all[i])) return;
    if (p->n == p->room) {
        p->room = p->room ? 2 * p->room : 8;
        p->all = realloc(p->all, p->room * sizeof *p->all);
        if (!p->all) abort();
    }
    p->all[p->n] = strndup(file->path, file->path_len);
    if (!p->all[p->n++]) abort();
}

/* The script itself is the first file of each source. */
static void watch_sources(struct script_watch *w)
{
    struct paths p = {0};
    source_files(reload_source(w->reload), add_path, &p);
    source_files(w->tried, add_path, &p);
    if (p.n > 0) watch_files(&w->set, (const char *const *)p.all, p.n);
    for (size_t i = 0; i < p.n; i++) free(p.all[i]);
    free(p.all);
}

static void forget_tried(struct script_watch *w)
{
    if (w->tried >= 0) close(w->tried);
    w->tried = -1;
}

void script_watch_init(struct script_watch *w, struct reload *reload)
{
    *w = (struct script_watch){.is_on = reload->options->watch, .reload = reload, .tried = -1};
    if (!w->is_on) return;
    watch_init(&w->set, reload->crew->loop, on_changed, w);
    watch_sources(w);
}

void script_watch_follow(struct script_watch *w, enum reload_news news)
{
    if (!w->is_on || news == RELOAD_BEGINS || news == RELOAD_SWITCHES || news == RELOAD_NEXT)
        return;
    w->was_rolled_back = news == RELOAD_BACK && w->tried >= 0;
    if (news != RELOAD_BACK) {
        forget_tried(w);
        w->tried = reload_source(w->reload);
        if (news == RELOAD_REFUSED) w->tried = w->reload->trial.script_fd;
        if (w->tried >= 0) w->tried = fcntl(w->tried, F_DUPFD_CLOEXEC, 0);
    }
    watch_sources(w);
}

void script_watch_stop(struct script_watch *w)
{
    if (!w->is_on) return;
    watch_stop(&w->set);
    forget_tried(w);
}

void script_watch_release(struct script_watch *w)
{
    if (w->is_on) watch_release(&w->set);
    w->is_on = false;
}
