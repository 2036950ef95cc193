/* What is done for each item of a list or member of an object: transform, process, foreach. */
#include <string.h>

#include "convert/macros.h"

/* One run: the names that the body may use, and their variables. */
struct loop {
    struct macros *m;
    const struct tree_node *object, *over;
    struct scope scope;
    struct variable *key, *item, *value;
    const char *what;
};

static const struct tree_node *wrong(const struct loop *l, const char *member, const char *must)
{
    const struct tree_node *is = tree_get(l->object, member);
    return tree_fail(l->m->tree, is ? &is->place : &l->object->place, "\"%s\" of %s %s", member,
                     l->what, must);
}

static const struct tree_node *needed(const struct loop *l, const char *member)
{
    const struct tree_node *value = tree_get(l->object, member);
    return value ? value : wrong(l, member, "is missing: add it");
}

/* A variable whose name the object may set. */
static struct variable *name_variable(struct loop *l, const char *member, const char *otherwise)
{
    const struct tree_node *name = tree_get(l->object, member);
    struct tree_text text = {otherwise, strlen(otherwise)};
    if (name && name->kind != TREE_STRING) {
        wrong(l, member, "is a name: write a string");
        return NULL;
    }
    if (name) text = name->text;
    return scope_add(l->m, &l->scope, &l->object->place, text, EXPANDED, l->object) ? l->scope.first
                                                                                    : NULL;
}

static bool begin(struct loop *l, const char *over, const char *key, const char *item)
{
    const struct tree_node *from = needed(l, over);
    l->over = from ? macros_expand(l->m, from, l->scope.outer) : NULL;
    if (!l->over) return false;
    if (l->over->kind != TREE_LIST && l->over->kind != TREE_OBJECT) {
        wrong(l, over, "must be a list or an object, expanded");
        return false;
    }
    return (l->key = name_variable(l, key, "key")) && (l->item = name_variable(l, item, "item"));
}

/* The variables for the item of that number. */
static bool turn(struct loop *l, uint32_t i)
{
    struct tree_place at = l->object->place;
    if (l->over->kind == TREE_LIST) {
        l->key->value = tree_int(l->m->tree, &at, i);
        l->item->value = l->over->items[i];
    } else {
        const struct tree_member *member = &l->over->members[i];
        l->key->value =
            tree_string(l->m->tree, &member->place, member->name.bytes, member->name.len);
        l->item->value = member->value;
    }
    return l->key->value && macros_spend(l->m, &at, 1);
}

/* --- transform ------------------------------------------------------------------------------------------ */

/* One value under one name, or under each of a list of names. */
static bool put_all(struct loop *l, struct tree_members *to, const struct tree_node *names,
                    const struct tree_node *value)
{
    const struct tree_place *at = &l->object->place;
    if (names->kind == TREE_STRING) return tree_put(l->m->tree, to, names->text, at, value, NULL);
    for (uint32_t i = 0; i < names->n; i++) {
        if (names->items[i]->kind != TREE_STRING) {
            wrong(l, "keyTransform", "must give strings");
            return false;
        }
        if (!tree_put(l->m->tree, to, names->items[i]->text, at, value, NULL)) return false;
    }
    return true;
}

static bool transform_member(struct loop *l, struct tree_members *to)
{
    const struct tree_node *names = tree_get(l->object, "keyTransform"),
                           *value = tree_get(l->object, "itemTransform");
    names = names ? macros_expand(l->m, names, &l->scope) : l->key->value;
    if (!names) return false;
    if (names->kind != TREE_STRING && names->kind != TREE_LIST) {
        wrong(l, "keyTransform", "must give a string or a list of strings");
        return false;
    }
    if (names->kind == TREE_LIST && names->n == 0) return true;
    value = value ? macros_expand(l->m, value, &l->scope) : l->item->value;
    return value && put_all(l, to, names, value);
}

static const struct tree_node *transform(struct macros *m, const struct tree_node *object,
                                         const struct scope *scope)
{
    struct loop l = {.m = m, .object = object, .scope.outer = scope, .what = "a transform"};
    struct tree_items items = {0};
    struct tree_members members = {0};
    if (!begin(&l, "dictionary", "keyName", "itemName")) return NULL;
    if (l.over->n == 0) return l.over;
    bool is_list = l.over->kind == TREE_LIST;
    const struct tree_node *body = tree_get(object, "itemTransform");
    if (is_list && !body) return needed(&l, "itemTransform");
    for (uint32_t i = 0; i < l.over->n; i++) {
        const struct tree_node *made;
        if (!turn(&l, i)) return NULL;
        if (is_list ? !(made = macros_expand(m, body, &l.scope)) || !tree_add(m->tree, &items, made)
                    : !transform_member(&l, &members))
            return NULL;
    }
    return is_list ? tree_list(m->tree, &object->place, &items)
                   : tree_object(m->tree, &object->place, &members);
}

/* --- process -------------------------------------------------------------------------------------------- */

static const struct tree_node *process(struct macros *m, const struct tree_node *object,
                                       const struct scope *scope)
{
    struct loop l = {.m = m, .object = object, .scope.outer = scope, .what = "a process"};
    const struct tree_node *value, *body = needed(&l, "transform");
    if (!body || !begin(&l, "dictionary", "keyName", "itemName")) return NULL;
    value = needed(&l, "initialValue");
    if (value) value = macros_expand(m, value, scope);
    if (!value || !(l.value = name_variable(&l, "valueName", "value"))) return NULL;
    for (uint32_t i = 0; i < l.over->n && value; i++) {
        if (!turn(&l, i)) return NULL;
        l.value->value = value;
        value = macros_expand(m, body, &l.scope);
    }
    return value;
}

/* --- foreach -------------------------------------------------------------------------------------------- */

struct result {
    bool is_any, is_list;
    struct tree_items items;
    struct tree_members members;
};

/* Adds the items of a list, or the members of an object. All that is added is of one kind. */
static bool take(struct loop *l, struct result *to, const struct tree_node *more)
{
    struct tree *t = l->m->tree;
    bool is_list = more->kind == TREE_LIST;
    if ((!is_list && more->kind != TREE_OBJECT) || (to->is_any && to->is_list != is_list)) {
        wrong(l, "use", "must give lists only, or objects only");
        return false;
    }
    to->is_any = true;
    to->is_list = is_list;
    for (uint32_t i = 0; i < more->n; i++)
        if (is_list ? !tree_add(t, &to->items, more->items[i])
                    : !tree_put(t, &to->members, more->members[i].name, &more->members[i].place,
                                more->members[i].value, NULL))
            return false;
    return macros_spend(l->m, &l->object->place, more->n);
}

static bool take_itself(struct loop *l, struct result *to)
{
    struct tree *t = l->m->tree;
    to->is_any = true;
    to->is_list = l->over->kind == TREE_LIST;
    return to->is_list ? tree_add(t, &to->items, l->item->value)
                       : tree_put(t, &to->members, l->key->value->text, &l->object->place,
                                  l->item->value, NULL);
}

/* Whether it is wanted. */
static bool ask_where(struct loop *l, bool *wanted)
{
    const struct tree_node *where = tree_get(l->object, "where");
    *wanted = true;
    if (!where) return true;
    where = macros_expand(l->m, where, &l->scope);
    if (!where) return false;
    if (where->kind != TREE_BOOL) {
        wrong(l, "where", "must give true or false");
        return false;
    }
    *wanted = where->truth;
    return true;
}

static bool read_top(struct loop *l, uint64_t *top)
{
    const struct tree_node *value = tree_get(l->object, "top");
    *top = l->over->n;
    if (!value) return true;
    value = macros_expand(l->m, value, l->scope.outer);
    if (!value) return false;
    if (value->kind != TREE_INT || value->whole < 0) {
        wrong(l, "top", "must be a whole number from 0 on");
        return false;
    }
    *top = (uint64_t)value->whole;
    return true;
}

static const struct tree_node *foreach (struct macros *m, const struct tree_node *object,
                                        const struct scope *scope)
{
    struct loop l = {.m = m, .object = object, .scope.outer = scope, .what = "a foreach"};
    struct result result = {0};
    uint64_t top;
    const struct tree_node *body = tree_get(object, "use");
    if (!begin(&l, "from", "key", "item") || !read_top(&l, &top)) return NULL;
    for (uint32_t i = 0; i < l.over->n && top > 0; i++) {
        const struct tree_node *made;
        bool wanted;
        if (!turn(&l, i) || !ask_where(&l, &wanted)) return NULL;
        if (!wanted) continue;
        if (body ? !(made = macros_expand(m, body, &l.scope)) || !take(&l, &result, made)
                 : !take_itself(&l, &result))
            return NULL;
        top--;
    }
    if (!result.is_any && tree_get(object, "noMatchResult"))
        return macros_expand(m, tree_get(object, "noMatchResult"), scope);
    if (!result.is_any) result.is_list = l.over->kind == TREE_LIST;
    return result.is_list ? tree_list(m->tree, &object->place, &result.items)
                          : tree_object(m->tree, &object->place, &result.members);
}

loop_function *loop_find(struct tree_text name)
{
    if (text_is(name, "transform")) return transform;
    if (text_is(name, "process")) return process;
    return text_is(name, "foreach") ? foreach : NULL;
}
