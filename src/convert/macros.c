/* A value with everything in it expanded: %names%, @calls and objects whose "type" is a macro. What changes nothing gives the same node
 * again, so a large configuration with few macros costs little more than itself. */
#include "convert/macros.h"

#include <stdlib.h>
#include <string.h>

bool macros_spend(struct macros *m, const struct tree_place *at, uint64_t n)
{
    if (n <= MACROS_WORK_MAX - m->work) {
        m->work += (unsigned)n;
        return true;
    }
    tree_fail(
        m->tree, at,
        "the macros do not come to an end within %d steps: look for one that calls itself, or "
        "doubles what it gets",
        MACROS_WORK_MAX);
    return false;
}

static bool enter(struct macros *m, const struct tree_place *at)
{
    if (m->nested + 1 >= MACROS_NESTED_MAX) {
        tree_fail(m->tree, at,
                  "more than %d macros and values lie in each other: look for a macro that calls "
                  "itself",
                  MACROS_NESTED_MAX);
        return false;
    }
    if (!macros_spend(m, at, 1)) return false;
    m->nested++;
    return true;
}

/* --- %name% ----------------------------------------------------------------------------------------- */

/* Text that grows. Its user frees the bytes. */
struct draft {
    char *bytes;
    size_t len, room;
};

static bool draft_add(struct macros *m, const struct tree_place *at, struct draft *d,
                      const char *bytes, size_t n)
{
    if (n > TREE_BYTES_MAX - d->len || !macros_spend(m, at, n / 64)) return false;
    if (d->len + n > d->room) {
        size_t room = (d->len + n) * 2 + 64;
        char *more = realloc(d->bytes, room);
        if (!more) return false;
        d->bytes = more;
        d->room = room;
    }
    if (n) memcpy(d->bytes + d->len, bytes, n);
    d->len += n;
    return true;
}

/* Adds the text up to the next percent sign, without backslashes: what follows one is taken as it is. *rest is then behind the sign.
 * False with *rest empty: there is no other. */
static bool until_percent(struct macros *m, const struct tree_place *at, struct tree_text *rest,
                          struct draft *d, bool *found)
{
    const char *p = rest->bytes, *end = p + rest->len;
    *found = false;
    for (; p < end && !*found; p++) {
        if (*p == '%')
            *found = true;
        else if (*p != '\\' || ++p < end) {
            if (!draft_add(m, at, d, p, 1)) return false;
        } else
            break; /* a backslash is the last byte: it goes */
    }
    if (p > end) p = end;
    *rest = (struct tree_text){p, (size_t)(end - p)};
    if (!*found) rest->len = 0;
    return true;
}

static const struct tree_node *constant_value(struct macros *m, struct constant *c,
                                              const struct tree_place *at)
{
    static const struct scope nothing;
    if (c->state == BUSY)
        return tree_fail(m->tree, at, "the constant \"%.60s\" needs itself: write its value",
                         c->name.bytes);
    if (c->state == NEW) {
        c->state = BUSY;
        const struct tree_node *value = macros_expand(m, c->value, &nothing);
        c->state = value ? DONE : NEW;
        if (value) c->value = value;
        return value;
    }
    return c->value;
}

static const struct tree_node *value_of(struct macros *m, struct tree_text name,
                                        const struct tree_place *at, const struct scope *scope)
{
    bool failed = false;
    const struct tree_node *value = scope_find(m, scope, name, &failed);
    if (value || failed) return value;
    struct constant *c = constant_find(m, name);
    if (c) return constant_value(m, c, at);
    if (text_is(name, "hostid") || text_is(name, "num-proxies") ||
        text_is(name, "service-router-capable") ||
        (name.len > 9 && memcmp(name.bytes, "mcr_opts-", 9) == 0))
        return tree_fail(m->tree, at,
                         "%%%.60s%% is known to a running mcrouter only: write its value",
                         name.bytes);
    return tree_fail(m->tree, at,
                     "nothing is called \"%.60s\": define it in \"macros\" as a constDef, or write "
                     "\\\\%% for a percent sign",
                     name.bytes);
}

/* A copy, so that the name has its NUL. */
static bool name_between(struct macros *m, const struct tree_place *at, struct tree_text *rest,
                         struct tree_text *name)
{
    struct draft d = {0};
    bool found, good = until_percent(m, at, rest, &d, &found);
    if (good && !found)
        tree_fail(m->tree, at,
                  "this text has a percent sign without a second one: write \\\\%% for a percent "
                  "sign");
    name->len = d.len;
    name->bytes = good && found ? tree_copy(m->tree, at, d.bytes, d.len) : NULL;
    free(d.bytes);
    return name->bytes;
}

/* All of the text: one that is only a name becomes the value, whatever its kind. */
static const struct tree_node *replace_in(struct macros *m, struct tree_text text,
                                          const struct tree_place *at, const struct scope *scope,
                                          struct draft *d)
{
    struct tree_text rest = text, name;
    for (;;) {
        bool found;
        if (!until_percent(m, at, &rest, d, &found)) return NULL;
        if (!found) return tree_string(m->tree, at, d->bytes, d->len);
        if (!name_between(m, at, &rest, &name)) return NULL;
        const struct tree_node *value = value_of(m, name, at, scope);
        if (!value) return NULL;
        if (d->len == 0 && rest.len == 0) return value;
        if (value->kind != TREE_STRING)
            return tree_fail(m->tree, at,
                             "\"%.60s\" is %s and stands inside a text: write @str(%%%.60s%%)",
                             name.bytes, tree_kind_name(value->kind), name.bytes);
        if (!draft_add(m, at, d, value->text.bytes, value->text.len)) return NULL;
    }
}

static const struct tree_node *replace(struct macros *m, struct tree_text text,
                                       const struct tree_place *at, const struct scope *scope)
{
    if (!memchr(text.bytes, '%', text.len) && !memchr(text.bytes, '\\', text.len))
        return tree_string(m->tree, at, text.bytes, text.len);
    struct draft d = {0};
    const struct tree_node *made = replace_in(m, text, at, scope, &d);
    free(d.bytes);
    return made;
}

/* --- @name(arguments) --------------------------------------------------------------------------------- */

/* The first such byte that no backslash is before, or NULL. */
static const char *find_plain(struct tree_text text, char c)
{
    const char *end = text.bytes + text.len;
    for (const char *p = text.bytes; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == c)
            return p;
    }
    return NULL;
}

/* The bracket that closes the one at p, or NULL. */
static const char *closing(const char *p, const char *end)
{
    int open = 0;
    for (; p < end; p++) {
        if (*p == '\\') {
            p++;
            continue;
        }
        open += (*p == '(') - (*p == ')');
        if (open == 0) return p;
    }
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Without blanks around it; one behind a backslash stays. */
static struct tree_text trim(const char *from, const char *end)
{
    while (from < end && is_blank(*from)) from++;
    while (from < end && (is_blank(end[-1]) || end[-1] == '\v' || end[-1] == '\f')) {
        size_t slashes = 0;
        for (const char *p = end - 1; p > from && p[-1] == '\\'; p--) slashes++;
        if (slashes % 2) break;
        end--;
        if (slashes) break;
    }
    return (struct tree_text){from, (size_t)(end - from)};
}

/* Where the first argument ends: at a comma, or at the end. NULL: the brackets are wrong. */
static const char *argument_end(struct macros *m, const struct tree_place *at,
                                struct tree_text rest)
{
    const char *end = rest.bytes + rest.len, *comma = find_plain(rest, ',');
    if (!comma) return end;
    const char *open =
        find_plain((struct tree_text){rest.bytes, (size_t)(comma - rest.bytes)}, '(');
    if (!open) return comma;
    const char *close = closing(open, end);
    if (!close) {
        tree_fail(m->tree, at,
                  "a bracket of this call is not closed: close it, or write \\\\( for a bracket");
        return NULL;
    }
    if (close + 1 == end) return end;
    comma = memchr(close, ',', (size_t)(end - close));
    if (!comma)
        tree_fail(m->tree, at,
                  "text follows a call inside a call: take it out, or write a comma before it");
    return comma;
}

/* Splits what stands in the brackets. @a() has one argument, which is empty. */
static bool split_arguments(struct macros *m, const struct tree_place *at, struct tree_text rest,
                            struct tree_text *to, uint32_t *n)
{
    for (*n = 0;;) {
        const char *end = rest.bytes + rest.len, *stop = argument_end(m, at, rest);
        if (!stop) return false;
        if (*n == MACROS_ARGUMENTS_MAX) {
            tree_fail(m->tree, at, "a call has more than %d arguments: write fewer",
                      MACROS_ARGUMENTS_MAX);
            return false;
        }
        to[(*n)++] = trim(rest.bytes, stop);
        if (stop == end) return true;
        rest = (struct tree_text){stop + 1, (size_t)(end - stop - 1)};
    }
}

static const struct tree_node *no_macro(struct macros *m, struct tree_text name,
                                        const struct tree_place *at)
{
    const char *instead = macro_instead(name);
    if (instead)
        return tree_fail(m->tree, at, "the built-in macro \"%.60s\" is missing here: %s",
                         name.bytes, instead);
    return tree_fail(
        m->tree, at,
        "there is no macro \"%.60s\": define it in \"macros\", or write \\\\@ for an at "
        "sign",
        name.bytes);
}

static const struct tree_node *call_in(struct macros *m, struct tree_text text,
                                       const struct tree_place *at, const struct scope *scope)
{
    const char *end = text.bytes + text.len, *open = find_plain(text, '(');
    struct tree_text arguments[MACROS_ARGUMENTS_MAX];
    struct tree_text name = {text.bytes + 1, (size_t)((open ? open : end) - text.bytes - 1)};
    uint32_t n = 0;
    if (open && end[-1] != ')')
        return tree_fail(m->tree, at,
                         "a call ends with a bracket: write ) last, or \\\\@ for an at sign");
    if (open && !split_arguments(m, at, (struct tree_text){open + 1, (size_t)(end - open - 2)},
                                 arguments, &n))
        return NULL;
    const struct tree_node *called = replace(m, name, at, scope);
    if (!called) return NULL;
    if (called->kind != TREE_STRING)
        return tree_fail(m->tree, at, "the name of a macro is %s: it must be a string",
                         tree_kind_name(called->kind));
    const struct macro *macro = macro_find(m, called->text);
    if (!macro) return no_macro(m, called->text, at);
    return macro_call(m, macro, at, NULL, arguments, n, scope);
}

const struct tree_node *macros_expand_text(struct macros *m, struct tree_text text,
                                           const struct tree_place *at, const struct scope *scope)
{
    if (!enter(m, at)) return NULL;
    const struct tree_node *made = text.len && text.bytes[0] == '@' ? call_in(m, text, at, scope)
                                                                    : replace(m, text, at, scope);
    m->nested--;
    return made;
}

/* --- values ------------------------------------------------------------------------------------------ */

static bool is_plain(struct tree_text text)
{
    return (!text.len || text.bytes[0] != '@') && !memchr(text.bytes, '%', text.len) &&
           !memchr(text.bytes, '\\', text.len);
}

static const struct tree_node *expand_list(struct macros *m, const struct tree_node *list,
                                           const struct scope *scope)
{
    struct tree_items items = {0};
    bool is_same = true;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct tree_node *item = macros_expand(m, list->items[i], scope);
        if (!item || !tree_add(m->tree, &items, item)) return NULL;
        is_same = is_same && item == list->items[i];
    }
    return is_same ? list : tree_list(m->tree, &list->place, &items);
}

static const struct tree_node *expand_members(struct macros *m, const struct tree_node *object,
                                              const struct scope *scope)
{
    struct tree_members members = {0};
    bool is_same = true;
    for (uint32_t i = 0; i < object->n; i++) {
        const struct tree_member *member = &object->members[i];
        struct tree_text name = member->name;
        if (text_is(name, "vars")) {
            is_same = false;
            continue;
        }
        if (!is_plain(name)) {
            const struct tree_node *text = macros_expand_text(m, name, &member->place, scope);
            if (!text) return NULL;
            if (text->kind != TREE_STRING)
                return tree_fail(m->tree, &member->place,
                                 "the name of a member is %s, expanded: it must be a string",
                                 tree_kind_name(text->kind));
            name = text->text;
            is_same = false;
        }
        const struct tree_node *value = macros_expand(m, member->value, scope);
        if (!value || !tree_put(m->tree, &members, name, &member->place, value, NULL)) return NULL;
        is_same = is_same && value == member->value;
    }
    return is_same ? object : tree_object(m->tree, &object->place, &members);
}

static const struct tree_node *expand_object(struct macros *m, const struct tree_node *object,
                                             const struct scope *scope)
{
    const struct tree_node *type = tree_get(object, "type");
    if (type) type = macros_expand(m, type, scope);
    if (!type && tree_get(object, "type")) return NULL;
    if (!type || type->kind != TREE_STRING) return expand_members(m, object, scope);
    if (text_is(type->text, "macroDef") || text_is(type->text, "constDef")) return object;
    loop_function *loop = loop_find(type->text);
    if (loop) return loop(m, object, scope);
    const struct macro *macro = macro_find(m, type->text);
    if (macro) return macro_call(m, macro, &object->place, object, NULL, 0, scope);
    const char *instead = macro_instead(type->text);
    if (instead) return no_macro(m, type->text, &object->place);
    return expand_members(m, object, scope);
}

/* "vars" of an object are known in it; they may use each other in any order. */
static const struct tree_node *expand_with(struct macros *m, const struct tree_node *object,
                                           const struct tree_node *vars, const struct scope *outer)
{
    struct scope inner = {.outer = outer};
    bool failed = false;
    if (vars->kind != TREE_OBJECT)
        return tree_fail(m->tree, &vars->place, "\"vars\" is %s: it must be an object",
                         tree_kind_name(vars->kind));
    for (uint32_t i = 0; i < vars->n; i++)
        if (!scope_add(m, &inner, &vars->members[i].place, vars->members[i].name, LAZY,
                       vars->members[i].value))
            return NULL;
    for (uint32_t i = 0; i < vars->n; i++)
        if (!scope_find(m, &inner, vars->members[i].name, &failed)) return NULL;
    return expand_object(m, object, &inner);
}

const struct tree_node *macros_expand(struct macros *m, const struct tree_node *value,
                                      const struct scope *scope)
{
    const struct tree_node *made = value, *vars;
    if (!enter(m, &value->place)) return NULL;
    if (value->kind == TREE_LIST)
        made = expand_list(m, value, scope);
    else if (value->kind == TREE_STRING && !is_plain(value->text))
        made = macros_expand_text(m, value->text, &value->place, scope);
    else if (value->kind == TREE_OBJECT)
        made = (vars = tree_get(value, "vars")) ? expand_with(m, value, vars, scope)
                                                : expand_object(m, value, scope);
    m->nested--;
    return made;
}
