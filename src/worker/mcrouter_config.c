/* What mcrouter says of its configuration. JSON is printed from a tree, as configurations are. */
#include <stdlib.h>
#include <string.h>

#include "base/bundle.h"
#include "convert/tree_build.h"
#include "placement/hash.h"
#include "worker/converted.h"
#include "worker/mcrouter_keys.h"
#include "worker/worker_state.h"

enum { HEX_MD5 = 33 };

/* --- the configuration ----------------------------------------------------------------------------------- */

bool mcrouter_main_file(const struct script *s, struct bundle_file *file)
{
    const struct bundle *b = s ? script_bundle(s) : NULL;
    size_t at = 0;
    return b && bundle_next(b, &at, file) && file->kind == BUNDLE_FILE;
}

static void md5_of(const void *bytes, size_t len, char text[HEX_MD5])
{
    uint32_t words[4];
    hash_md5_words(bytes, len, words);
    for (unsigned i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", words[i / 4] >> (i % 4 * 8) & 0xff);
}

/* A convert_read_fn. */
static bool read_import(void *arg, const char *path, const char **bytes, size_t *len,
                        const char **why)
{
    struct bundle_file file;
    *why = "it is not among the files of the script";
    if (!bundle_find(arg, path, strlen(path), &file) || file.kind != BUNDLE_FILE) return false;
    *bytes = file.bytes;
    *len = file.len;
    return true;
}

/* Prints text, read as a configuration with the flags of this one. */
static void print_expanded(const struct mcrouter_asked *a, const char *bytes, size_t len)
{
    struct script_file script = options_script(a->w->seat->options);
    const struct bundle *b = script_bundle(a->w->succession.script);
    struct convert_input in = {.path = script.path,
                               .bytes = bytes,
                               .len = len,
                               .flags = &script.flags,
                               .read = b ? read_import : NULL,
                               .read_arg = (void *)(uintptr_t)b};
    struct convert_output out = {.note = NULL};
    struct tree *t = tree_create();
    if (!t) abort();
    const struct tree_node *root = tree_of_mcrouter(t, &in, &out);
    if (root)
        tree_print_most(a->to, root, CONVERT_EXPANDED_MAX);
    else
        mcrouter_fail(a, out.error);
    tree_destroy(t);
}

/* The check has put it into the bundle: to make it may take seconds. A single process has no check at a reload. */
static bool print_kept(const struct mcrouter_asked *a)
{
    const struct bundle *b = script_bundle(a->w->succession.script);
    struct bundle_file file;
    size_t at = 0;
    while (b && bundle_next(b, &at, &file)) {
        if (file.kind != BUNDLE_EXPANDED) continue;
        fwrite(file.bytes, 1, file.len, a->to);
        return true;
    }
    return false;
}

void mcrouter_preprocessed_config(const struct mcrouter_asked *a)
{
    struct bundle_file file;
    if (print_kept(a)) return;
    if (mcrouter_main_file(a->w->succession.script, &file)) print_expanded(a, file.bytes, file.len);
}

void mcrouter_global_params(const struct mcrouter_asked *a)
{
    static const char text[] =
        "{\"default-cluster\": \"%default-cluster%\", \"default-region\": \"%default-region%\", "
        "\"default-route\": \"%default-route%\", \"router-info-name\": \"%router-info-name%\", "
        "\"router-name\": \"%router-name%\", \"service-name\": \"%service-name%\"}";
    print_expanded(a, text, sizeof text - 1);
}

void mcrouter_config_file(const struct mcrouter_asked *a)
{
    const struct options *o = a->w->seat->options;
    if (o->script_text)
        mcrouter_fail(a, "no config file found!");
    else
        fputs(o->script, a->to);
}

void mcrouter_config_md5_digest(const struct mcrouter_asked *a)
{
    struct bundle_file file;
    char md5[HEX_MD5];
    if (!mcrouter_main_file(a->w->succession.script, &file)) return;
    md5_of(file.bytes, file.len, md5);
    fputs(md5, a->to);
}

void mcrouter_config_age(const struct mcrouter_asked *a)
{
    fprintf(a->to, "%.0f", a->w->turn.now - a->w->succession.since);
}

/* Members of an object; what cannot be added is left out. */
static void put(struct tree *t, struct tree_members *to, const char *name, size_t len,
                const struct tree_node *value)
{
    struct tree_place at = {"", 0, 0};
    const char *copy = value ? tree_copy(t, &at, name, len) : NULL;
    if (copy) (void)tree_put(t, to, (struct tree_text){copy, len}, &at, value, NULL);
}

static void put_text(struct tree *t, struct tree_members *to, const char *name, const char *text,
                     size_t len)
{
    struct tree_place at = {"", 0, 0};
    put(t, to, name, strlen(name), tree_string(t, &at, text, len));
}

static void print_members(const struct mcrouter_asked *a, struct tree *t,
                          const struct tree_members *of)
{
    struct tree_place at = {"", 0, 0};
    const struct tree_node *object = tree_object(t, &at, of);
    if (object) tree_print(a->to, object);
}

void mcrouter_config_sources_info(const struct mcrouter_asked *a)
{
    struct tree_place at = {"", 0, 0};
    struct convert_output out = {.note = NULL};
    struct tree_members members = {0}, imports = {0};
    struct bundle_file file;
    const struct options *o = a->w->seat->options;
    const struct bundle *b = script_bundle(a->w->succession.script);
    char md5[HEX_MD5];
    size_t next = 0;
    struct tree *t = tree_create();
    if (!t) abort();
    tree_begin(t, &out);
    for (bool is_first = true; b && bundle_next(b, &next, &file); is_first = false) {
        if (file.kind != BUNDLE_FILE) continue;
        md5_of(file.bytes, file.len, md5);
        if (!is_first) {
            put(t, &imports, file.path, file.path_len, tree_string(t, &at, md5, HEX_MD5 - 1));
            continue;
        }
        if (!o->script_text) put_text(t, &members, "config_file", file.path, file.path_len);
        put_text(t, &members, "mcrouter_config", md5, HEX_MD5 - 1);
    }
    if (imports.n)
        put(t, &members, "config_import", strlen("config_import"), tree_object(t, &at, &imports));
    print_members(a, t, &members);
    tree_destroy(t);
}

void mcrouter_pools(const struct mcrouter_asked *a)
{
    struct tree_place at = {"", 0, 0};
    struct convert_output out = {.note = NULL};
    struct tree_members members = {0};
    uint32_t n;
    struct pool *const *all = script_pools(a->w->succession.script, &n);
    struct tree *t = tree_create();
    if (!t) abort();
    tree_begin(t, &out);
    for (uint32_t i = 0; i < n; i++) {
        struct tree_items items = {0};
        for (uint32_t k = 0; k < all[i]->members_n; k++) {
            char *text = NULL;
            size_t len = 0;
            FILE *f = open_memstream(&text, &len);
            if (!f) abort();
            mcrouter_put_host(f, all[i], all[i]->members[k].backend->name);
            if (fclose(f) != 0) abort();
            const struct tree_node *item = tree_string(t, &at, text, len - 1);
            if (item) (void)tree_add(t, &items, item);
            free(text);
        }
        put(t, &members, all[i]->settings.name, strlen(all[i]->settings.name),
            tree_list(t, &at, &items));
    }
    print_members(a, t, &members);
    tree_destroy(t);
}
