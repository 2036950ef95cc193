/* The built-in macros that take lists, objects and texts apart and put them together. */
#include <stdlib.h>
#include <string.h>

#include "convert/macros.h"

static const struct tree_node *refuse(struct macros *m, const struct tree_place *at,
                                      const char *what, const struct tree_node *is,
                                      const char *must)
{
    return tree_fail(m->tree, at, "%s is %s: it must be %s", what, tree_kind_name(is->kind), must);
}

const struct tree_node *macros_keys(struct macros *m, struct scope *a, const struct tree_place *at)
{
    const struct tree_node *from = argument(a, "dictionary"), *name;
    struct tree_items items = {0};
    if (from->kind != TREE_OBJECT) return refuse(m, at, "what @keys gets", from, "an object");
    if (!macros_spend(m, at, from->n)) return NULL;
    for (uint32_t i = 0; i < from->n; i++) {
        const struct tree_member *member = &from->members[i];
        name = tree_string(m->tree, &member->place, member->name.bytes, member->name.len);
        if (!name || !tree_add(m->tree, &items, name)) return NULL;
    }
    return tree_list(m->tree, at, &items);
}

const struct tree_node *macros_values(struct macros *m, struct scope *a,
                                      const struct tree_place *at)
{
    const struct tree_node *from = argument(a, "dictionary");
    struct tree_items items = {0};
    if (from->kind != TREE_OBJECT) return refuse(m, at, "what @values gets", from, "an object");
    if (!macros_spend(m, at, from->n)) return NULL;
    for (uint32_t i = 0; i < from->n; i++)
        if (!tree_add(m->tree, &items, from->members[i].value)) return NULL;
    return tree_list(m->tree, at, &items);
}

/* --- merge -------------------------------------------------------------------------------------------- */

static const struct tree_node *merge_texts(struct macros *m, const struct tree_node *list,
                                           const struct tree_place *at)
{
    size_t len = 0;
    for (uint32_t i = 0; i < list->n; i++) len += list->items[i]->text.len;
    if (!macros_spend(m, at, len / 64)) return NULL;
    const struct tree_node *made = tree_string(m->tree, at, NULL, len < TREE_BYTES_MAX ? len : 0);
    if (!made || len >= TREE_BYTES_MAX) return tree_alloc(m->tree, at, len), NULL;
    char *to = (char *)made->text.bytes;
    for (uint32_t i = 0; i < list->n; i++) {
        memcpy(to, list->items[i]->text.bytes, list->items[i]->text.len);
        to += list->items[i]->text.len;
    }
    return made;
}

static const struct tree_node *merge_lists(struct macros *m, const struct tree_node *list,
                                           const struct tree_place *at)
{
    struct tree_items items = {0};
    for (uint32_t i = 0; i < list->n; i++) {
        if (!macros_spend(m, at, list->items[i]->n)) return NULL;
        for (uint32_t k = 0; k < list->items[i]->n; k++)
            if (!tree_add(m->tree, &items, list->items[i]->items[k])) return NULL;
    }
    return tree_list(m->tree, at, &items);
}

/* What comes later counts. */
static const struct tree_node *merge_objects(struct macros *m, const struct tree_node *list,
                                             const struct tree_place *at)
{
    struct tree_members members = {0};
    for (uint32_t i = 0; i < list->n; i++) {
        const struct tree_node *object = list->items[i];
        if (!macros_spend(m, at, object->n)) return NULL;
        for (uint32_t k = 0; k < object->n; k++)
            if (!tree_put(m->tree, &members, object->members[k].name, &object->members[k].place,
                          object->members[k].value, NULL))
                return NULL;
    }
    return tree_object(m->tree, at, &members);
}

const struct tree_node *macros_merge(struct macros *m, struct scope *a, const struct tree_place *at)
{
    const struct tree_node *list = argument(a, "params");
    if (list->kind != TREE_LIST || list->n == 0)
        return refuse(m, at, "what @merge gets", list, "a list that is not empty");
    enum tree_kind kind = list->items[0]->kind;
    if (kind != TREE_LIST && kind != TREE_OBJECT && kind != TREE_STRING)
        return refuse(m, at, "what @merge puts together", list->items[0],
                      "lists, objects or strings");
    for (uint32_t i = 1; i < list->n; i++)
        if (list->items[i]->kind != kind)
            return refuse(m, &list->items[i]->place, "what @merge puts together", list->items[i],
                          tree_kind_name(kind));
    if (kind == TREE_STRING) return merge_texts(m, list, at);
    return kind == TREE_LIST ? merge_lists(m, list, at) : merge_objects(m, list, at);
}

/* --- parts ----------------------------------------------------------------------------------------------- */

static const struct tree_node *member_of(const struct tree_node *object, struct tree_text name)
{
    for (uint32_t i = 0; i < object->n; i++)
        if (tree_same_text(object->members[i].name, name)) return object->members[i].value;
    return NULL;
}

/* Negative numbers count from the end. */
const struct tree_node *macros_select(struct macros *m, struct scope *a,
                                      const struct tree_place *at)
{
    const struct tree_node *from = expand_argument(m, a, "dictionary"), *key, *found = NULL;
    if (!from || !(key = expand_argument(m, a, "key"))) return NULL;
    if (from->kind != TREE_OBJECT && from->kind != TREE_LIST)
        return refuse(m, at, "what @select gets", from, "a list or an object");
    if (from->kind == TREE_OBJECT) {
        if (key->kind != TREE_STRING)
            return refuse(m, at, "the key of @select", key, "a string, of an object");
        if (!macros_spend(m, at, from->n)) return NULL;
        found = member_of(from, key->text);
    } else {
        if (key->kind != TREE_INT)
            return refuse(m, at, "the key of @select", key, "a whole number, of a list");
        int64_t i = key->whole < 0 ? key->whole + from->n : key->whole;
        if (i >= 0 && i < from->n) found = from->items[i];
    }
    if (found) return found;
    if (has_argument(a, "default")) return expand_argument(m, a, "default");
    if (key->kind == TREE_STRING)
        return tree_fail(m->tree, at, "@select finds no \"%.60s\": add it, or give a default",
                         key->text.bytes);
    return tree_fail(m->tree, at, "@select finds no item %lld among %u: give a default",
                     (long long)key->whole, from->n);
}

static bool is_between(struct tree_text text, struct tree_text from, struct tree_text to)
{
    const struct tree_node low = {.kind = TREE_STRING, .text = from},
                           high = {.kind = TREE_STRING, .text = to},
                           it = {.kind = TREE_STRING, .text = text};
    return tree_compare(&low, &it) <= 0 && tree_compare(&it, &high) <= 0;
}

static const struct tree_node *slice_object(struct macros *m, const struct tree_node *of,
                                            struct tree_text from, struct tree_text to,
                                            const struct tree_place *at)
{
    struct tree_members members = {0};
    for (uint32_t i = 0; i < of->n; i++) {
        const struct tree_member *member = &of->members[i];
        if (is_between(member->name, from, to) &&
            !tree_put(m->tree, &members, member->name, &member->place, member->value, NULL))
            return NULL;
    }
    return tree_object(m->tree, at, &members);
}

/* Both ends are in it. */
const struct tree_node *macros_slice(struct macros *m, struct scope *a, const struct tree_place *at)
{
    const struct tree_node *of = argument(a, "dictionary"), *from = argument(a, "from"),
                           *to = argument(a, "to");
    enum tree_kind kind = of->kind == TREE_OBJECT ? TREE_STRING : TREE_INT;
    struct tree_items items = {0};
    if (of->kind != TREE_OBJECT && of->kind != TREE_LIST && of->kind != TREE_STRING)
        return refuse(m, at, "what @slice gets", of, "a list, an object or a string");
    if (from->kind != kind) return refuse(m, at, "`from` of @slice", from, tree_kind_name(kind));
    if (to->kind != kind) return refuse(m, at, "`to` of @slice", to, tree_kind_name(kind));
    if (of->kind != TREE_STRING && !macros_spend(m, at, of->n)) return NULL;
    if (kind == TREE_STRING) return slice_object(m, of, from->text, to->text, at);
    int64_t size = of->kind == TREE_LIST ? of->n : (int64_t)of->text.len;
    int64_t first = from->whole < 0 ? 0 : from->whole;
    int64_t last = to->whole < size ? to->whole : size - 1;
    if (of->kind == TREE_STRING)
        return first > last
                   ? tree_string(m->tree, at, "", 0)
                   : tree_string(m->tree, at, of->text.bytes + first, (size_t)(last - first + 1));
    for (; first <= last; first++)
        if (!tree_add(m->tree, &items, of->items[first])) return NULL;
    return tree_list(m->tree, at, &items);
}

/* Without a delimiter the text stays whole. */
const struct tree_node *macros_split(struct macros *m, struct scope *a, const struct tree_place *at)
{
    const struct tree_node *of = argument(a, "dictionary"), *by = argument(a, "delim"), *part;
    struct tree_items items = {0};
    if (of->kind != TREE_STRING) return refuse(m, at, "what @split gets", of, "a string");
    if (by->kind != TREE_STRING) return refuse(m, at, "the delimiter of @split", by, "a string");
    const char *p = of->text.bytes, *end = p + of->text.len;
    for (;;) {
        const char *found =
            by->text.len ? memmem(p, (size_t)(end - p), by->text.bytes, by->text.len) : NULL;
        part = tree_string(m->tree, at, p, (size_t)((found ? found : end) - p));
        if (!part || !tree_add(m->tree, &items, part) || !macros_spend(m, at, 1)) return NULL;
        if (!found) return tree_list(m->tree, at, &items);
        p = found + by->text.len;
    }
}

const struct tree_node *macros_range(struct macros *m, struct scope *a, const struct tree_place *at)
{
    const struct tree_node *from = argument(a, "from"), *to = argument(a, "to"), *number;
    struct tree_items items = {0};
    if (from->kind != TREE_INT) return refuse(m, at, "`from` of @range", from, "a whole number");
    if (to->kind != TREE_INT) return refuse(m, at, "`to` of @range", to, "a whole number");
    for (int64_t i = from->whole; i <= to->whole; i++) {
        number = tree_int(m->tree, at, i);
        if (!number || !tree_add(m->tree, &items, number) || !macros_spend(m, at, 1)) return NULL;
        if (i == INT64_MAX) break;
    }
    return tree_list(m->tree, at, &items);
}

const struct tree_node *macros_contains(struct macros *m, struct scope *a,
                                        const struct tree_place *at)
{
    const struct tree_node *in = argument(a, "dictionary"), *key = argument(a, "key");
    bool found = false;
    if (in->kind != TREE_LIST && in->kind != TREE_OBJECT && in->kind != TREE_STRING)
        return refuse(m, at, "what @contains looks into", in, "a list, an object or a string");
    if (in->kind != TREE_LIST && key->kind != TREE_STRING)
        return refuse(m, at, "the key of @contains", key, "a string");
    if (!macros_spend(m, at, in->kind == TREE_STRING ? in->text.len / 64 : in->weight)) return NULL;
    if (in->kind == TREE_STRING)
        found =
            !key->text.len || memmem(in->text.bytes, in->text.len, key->text.bytes, key->text.len);
    else if (in->kind == TREE_OBJECT)
        found = member_of(in, key->text);
    else
        for (uint32_t i = 0; i < in->n && !found; i++) found = tree_equal(in->items[i], key);
    return tree_bool(m->tree, at, found);
}

/* --- changed ------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    const struct tree_node *const *x = a, *const *y = b;
    return tree_compare(*x, *y);
}

const struct tree_node *macros_sort(struct macros *m, struct scope *a, const struct tree_place *at)
{
    const struct tree_node *list = argument(a, "dictionary");
    struct tree_items items = {0};
    if (list->kind != TREE_LIST) return refuse(m, at, "what @sort gets", list, "a list");
    if (!macros_spend(m, at, (uint64_t)list->weight * 8)) return NULL;
    for (uint32_t i = 0; i < list->n; i++) {
        if (list->n > 1 && list->items[i]->kind == TREE_OBJECT)
            return refuse(m, at, "what @sort compares", list->items[i], "no object");
        if (!tree_add(m->tree, &items, list->items[i])) return NULL;
    }
    if (items.n) qsort(items.at, items.n, sizeof *items.at, by_value);
    return tree_list(m->tree, at, &items);
}

static const struct tree_node *set_member(struct macros *m, const struct tree_node *object,
                                          struct tree_text name, const struct tree_node *value,
                                          const struct tree_place *at)
{
    struct tree_members members = {0};
    for (uint32_t i = 0; i < object->n; i++)
        if (!tree_put(m->tree, &members, object->members[i].name, &object->members[i].place,
                      object->members[i].value, NULL))
            return NULL;
    return tree_put(m->tree, &members, name, at, value, NULL) ? tree_object(m->tree, at, &members)
                                                              : NULL;
}

const struct tree_node *macros_set(struct macros *m, struct scope *a, const struct tree_place *at)
{
    const struct tree_node *in = argument(a, "dictionary"), *key = argument(a, "key");
    struct tree_items items = {0};
    if (in->kind != TREE_LIST && in->kind != TREE_OBJECT)
        return refuse(m, at, "what @set changes", in, "a list or an object");
    if (!macros_spend(m, at, in->n)) return NULL;
    if (in->kind == TREE_OBJECT)
        return key->kind == TREE_STRING
                   ? set_member(m, in, key->text, argument(a, "value"), at)
                   : refuse(m, at, "the key of @set", key, "a string, of an object");
    if (key->kind != TREE_INT)
        return refuse(m, at, "the key of @set", key, "a whole number, of a list");
    if (key->whole < 0 || key->whole >= in->n)
        return tree_fail(m->tree, at, "@set finds no item %lld among %u: give a number below",
                         (long long)key->whole, in->n);
    for (uint32_t i = 0; i < in->n; i++)
        if (!tree_add(m->tree, &items, i == key->whole ? argument(a, "value") : in->items[i]))
            return NULL;
    return tree_list(m->tree, at, &items);
}
