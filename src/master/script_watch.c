/* The master only reads the files: it never runs them. What has changed is compared with what is loaded, byte by byte, so that a file that
 * was only touched, or that an editor has saved without a change, costs no reload. While a reload is under way nothing is compared: what it
 * will load is older than the change, so another reload is asked for.
 */
#include "master/script_watch.h"

#include "base/log.h"
#include "worker/source.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The file has the bytes that are loaded. */
static bool is_loaded(const struct script_watch *w, const char *path)
{
    size_t len = 0, loaded_len = 0;
    int file = source_open(path);
    char *text = file >= 0 ? source_read(file, &len) : NULL;
    char *loaded = source_read(reload_text(w->reload), &loaded_len);
    bool is_same = text && loaded && len == loaded_len && memcmp(text, loaded, len) == 0;
    free(text);
    free(loaded);
    if (file >= 0) close(file);
    return is_same;
}

static void on_changed(void *arg, const char *const *paths, size_t n)
{
    struct script_watch *w = arg;
    char why[256];
    const char *first = NULL;
    size_t changed = 0;
    bool is_idle = reload_is_idle(w->reload);
    for (size_t i = 0; i < n; i++) {
        if (is_idle && is_loaded(w, paths[i])) {
            log_debug("watch: %s: has the bytes that are loaded", paths[i]);
            continue;
        }
        if (!first) first = paths[i];
        changed++;
    }
    if (!first) return;
    if (changed == 1)
        snprintf(why, sizeof why, "%s changed", base_name(first));
    else
        snprintf(why, sizeof why, "%s and %zu more changed", base_name(first), changed - 1);
    reload_request(w->reload, why);
}

void script_watch_init(struct script_watch *w, struct reload *reload)
{
    const struct options *o = reload->options;
    *w = (struct script_watch){.is_on = o->watch, .reload = reload};
    if (!w->is_on) return;
    watch_init(&w->set, reload->crew->loop, on_changed, w);
    watch_files(&w->set, &o->script, 1);
}

void script_watch_stop(struct script_watch *w)
{
    if (w->is_on) watch_stop(&w->set);
}

void script_watch_release(struct script_watch *w)
{
    if (w->is_on) watch_release(&w->set);
    w->is_on = false;
}
