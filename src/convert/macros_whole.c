/* A whole configuration: its macros, and the files that it imports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/macros.h"

/* --- other files ------------------------------------------------------------------------------------------ */

/* As mcrouter does: beside the configuration, unless it begins with file: or a slash. */
static char *full_path(struct macros *m, const struct tree_place *at, struct tree_text path)
{
    const char *slash = strrchr(m->in->path, '/');
    size_t folder = slash ? (size_t)(slash + 1 - m->in->path) : 0;
    if (path.len >= 5 && memcmp(path.bytes, "file:", 5) == 0)
        return tree_copy(m->tree, at, path.bytes + 5, path.len - 5);
    if (path.len && path.bytes[0] == '/') return tree_copy(m->tree, at, path.bytes, path.len);
    char *full = tree_alloc(m->tree, at, folder + path.len + 1);
    if (!full) return NULL;
    memcpy(full, m->in->path, folder);
    memcpy(full + folder, path.bytes, path.len);
    full[folder + path.len] = '\0';
    return full;
}

static const struct tree_node *read_import(struct macros *m, const struct tree_place *at,
                                           struct tree_text path)
{
    static const struct scope nothing;
    const char *bytes = NULL, *why = "moongate reads no other files here";
    size_t len = 0;
    char *full = full_path(m, at, path);
    if (!full) return NULL;
    if (memchr(path.bytes, '\0', path.len))
        why = "its name has a zero byte";
    else if (m->in->read && m->in->read(m->in->read_arg, full, &bytes, &len, &why)) {
        const struct tree_node *root = tree_of_json(m->tree, full, bytes, len, m->out);
        return root ? macros_expand(m, root, &nothing) : NULL;
    }
    return tree_fail(
        m->tree, at,
        "cannot import \"%.200s\": %s: correct the path, or give a default as the second "
        "argument",
        full, why);
}

const struct tree_node *macros_import(struct macros *m, struct scope *arguments,
                                      const struct tree_place *at)
{
    const struct tree_node *path = expand_argument(m, arguments, "path"), *value = NULL;
    struct import *i = m->imports;
    if (!path) return NULL;
    if (path->kind != TREE_STRING)
        return tree_fail(m->tree, at, "the path of an import is %s: it must be a string",
                         tree_kind_name(path->kind));
    while (i && !tree_same_text(i->path, path->text)) i = i->next;
    if (i && i->value) return i->value;
    if (i && i->is_busy)
        return tree_fail(m->tree, at, "\"%.200s\" imports itself: take one of the imports out",
                         path->text.bytes);
    if (!i) {
        i = tree_alloc(m->tree, at, sizeof *i);
        if (!i) return NULL;
        *i = (struct import){.path = path->text, .next = m->imports};
        m->imports = i;
    }
    i->is_busy = true;
    value = read_import(m, at, path->text);
    if (!value && has_argument(arguments, "default")) {
        m->traced = 0;
        value = expand_argument(m, arguments, "default");
    }
    i->value = value;
    i->is_busy = false;
    return value;
}

/* --- a configuration ---------------------------------------------------------------------------------------- */

static bool add_global(struct macros *m, const char *name, const char *bytes, size_t len)
{
    struct tree_place at = {m->in->path, 0, 0};
    const struct tree_node *value = tree_string(m->tree, &at, bytes, len);
    return value && constant_add(m, &at, (struct tree_text){name, strlen(name)}, value);
}

/* What mcrouter defines itself, where it is not the host's or a program's. The route is /region/cluster/, with or without its slashes. */
static bool add_globals(struct macros *m)
{
    const char *route = m->in->flags ? m->in->flags->route_prefix : NULL;
    if (!route || !*route) route = "/././";
    if (*route == '/') route++;
    size_t region = strcspn(route, "/");
    const char *second = route[region] ? route + region + 1 : "";
    size_t cluster = strcspn(second, "/");
    char whole[256];
    int n = snprintf(whole, sizeof whole, "/%.*s/%.*s/", (int)region, route, (int)cluster, second);
    if (n < 0 || (size_t)n >= sizeof whole) n = (int)sizeof whole - 1;
    return add_global(m, "default-route", whole, (size_t)n) &&
           add_global(m, "default-region", route, region) &&
           add_global(m, "default-cluster", second, cluster) &&
           add_global(m, "router-name", "unknown", 7) &&
           add_global(m, "service-name", "unknown", 7) &&
           add_global(m, "router-info-name", "Memcache", 8);
}

bool macros_begin(struct macros *m, struct tree *tree, const struct convert_input *in,
                  struct convert_output *out)
{
    *m = (struct macros){.tree = tree, .in = in, .out = out};
    tree_begin(tree, out);
    return add_globals(m) && macros_add_built_in(m);
}

/* "macros" is the reader's own member, and no value. */
static const struct tree_node *without_macros(struct macros *m, const struct tree_node *root)
{
    struct tree_members rest = {0};
    for (uint32_t i = 0; i < root->n; i++) {
        const struct tree_member *member = &root->members[i];
        if (!text_is(member->name, "macros") &&
            !tree_put(m->tree, &rest, member->name, &member->place, member->value, NULL))
            return NULL;
    }
    return tree_object(m->tree, &root->place, &rest);
}

static const struct tree_node *expand_all(struct macros *m, const struct tree_node *root)
{
    static const struct scope nothing;
    const struct tree_node *macros = tree_get(root, "macros");
    if (root->kind != TREE_OBJECT)
        return tree_fail(m->tree, &root->place,
                         "the configuration is %s: it must be an object, { \"route\": ... }",
                         tree_kind_name(root->kind));
    if (macros && (!macros_define(m, macros) || !(root = without_macros(m, root)))) return NULL;
    const struct tree_node *made = macros_expand(m, root, &nothing);
    if (!made || made->kind == TREE_OBJECT) return made;
    return tree_fail(m->tree, &root->place,
                     "the configuration is %s, expanded: it must be an object",
                     tree_kind_name(made->kind));
}

const struct tree_node *tree_of_mcrouter(struct tree *t, const struct convert_input *in,
                                         struct convert_output *out)
{
    const struct tree_node *root = tree_of_json(t, in->path, in->bytes, in->len, out);
    struct macros *m = root ? malloc(sizeof *m) : NULL;
    if (root && !m) convert_fail(out, in->path, 0, "there is no memory to read it");
    root = m && macros_begin(m, t, in, out) ? expand_all(m, root) : NULL;
    free(m);
    if (root) out->error[0] = '\0'; /* an import that failed has a default */
    return root;
}
