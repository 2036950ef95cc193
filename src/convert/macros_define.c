/* What names mean: variables, constants, macros. */
#include <stdio.h>
#include <string.h>

#include "convert/macros.h"
#include "placement/hash.h"

enum { TRACED_MAX = 3, ERROR_ROOM = 400 };

bool text_is(struct tree_text text, const char *other)
{
    return tree_same_text(text, (struct tree_text){other, strlen(other)});
}

static uint32_t bucket(struct tree_text name)
{
    return hash_bytes(HASH_XXH3, name.bytes, name.len) % MACROS_BUCKETS;
}

/* --- variables ---------------------------------------------------------------------------------------- */

static struct variable *variable_in(const struct scope *scope, struct tree_text name)
{
    for (struct variable *v = scope->first; v; v = v->next)
        if (tree_same_text(v->name, name)) return v;
    return NULL;
}

bool scope_add(struct macros *m, struct scope *scope, const struct tree_place *at,
               struct tree_text name, int state, const struct tree_node *value)
{
    if (variable_in(scope, name)) {
        tree_fail(m->tree, at,
                  "the name \"%.60s\" stands twice here: give one of them another name",
                  name.bytes);
        return false;
    }
    struct variable *v = tree_alloc(m->tree, at, sizeof *v);
    if (!v) return false;
    *v = (struct variable){.name = name, .value = value, .next = scope->first};
    v->state = state;
    scope->first = v;
    return macros_spend(m, at, 1);
}

bool scope_knows(const struct scope *scope, struct tree_text name)
{
    for (; scope; scope = scope->closed ? NULL : scope->outer)
        if (variable_in(scope, name)) return true;
    return false;
}

const struct tree_node *scope_find(struct macros *m, const struct scope *scope,
                                   struct tree_text name, bool *failed)
{
    struct variable *v = NULL;
    for (; scope && !(v = variable_in(scope, name)); scope = scope->closed ? NULL : scope->outer) {
    }
    if (!v) return NULL;
    if (v->state == LAZY) {
        v->state = EXPANDING;
        const struct tree_node *value = macros_expand(m, v->value, scope);
        *failed = !value;
        v->state = value ? EXPANDED : LAZY;
        if (value) v->value = value;
        return value;
    }
    if (v->state == EXPANDING) {
        *failed = true;
        return tree_fail(m->tree, &v->value->place,
                         "the variable \"%.60s\" needs itself: write its value", v->name.bytes);
    }
    return v->value;
}

static struct tree_text text_of(const char *name)
{
    return (struct tree_text){name, strlen(name)};
}

const struct tree_node *argument(const struct scope *arguments, const char *name)
{
    const struct variable *v = variable_in(arguments, text_of(name));
    return v ? v->value : NULL;
}

bool has_argument(const struct scope *arguments, const char *name)
{
    return variable_in(arguments, text_of(name));
}

const struct tree_node *expand_argument(struct macros *m, const struct scope *arguments,
                                        const char *name)
{
    return macros_expand(m, argument(arguments, name), arguments->outer);
}

/* --- constants and macros -------------------------------------------------------------------------------- */

struct constant *constant_find(const struct macros *m, struct tree_text name)
{
    struct constant *c = m->constants[bucket(name)];
    while (c && !tree_same_text(c->name, name)) c = c->next;
    return c;
}

bool constant_add(struct macros *m, const struct tree_place *at, struct tree_text name,
                  const struct tree_node *value)
{
    struct constant *c = constant_find(m, name), **first = &m->constants[bucket(name)];
    if (!c) {
        c = tree_alloc(m->tree, at, sizeof *c);
        if (!c) return false;
        *c = (struct constant){.name = name, .next = *first};
        *first = c;
    }
    c->value = value;
    c->state = NEW;
    return true;
}

const struct macro *macro_find(const struct macros *m, struct tree_text name)
{
    const struct macro *macro = m->macros[bucket(name)];
    while (macro && !tree_same_text(macro->name, name)) macro = macro->next;
    return macro;
}

/* In front of one with the same name, which is found no more. */
bool macro_add(struct macros *m, const struct tree_place *at, struct macro *macro)
{
    struct macro **first = &m->macros[bucket(macro->name)];
    macro->next = *first;
    *first = macro;
    return macros_spend(m, at, 1);
}

/* Says in which macro it was, from the innermost on. */
static const struct tree_node *trace(struct macros *m, const struct macro *macro,
                                     const struct tree_place *at)
{
    size_t len = strlen(m->out->error);
    if (m->traced++ < TRACED_MAX && len < ERROR_ROOM)
        snprintf(m->out->error + len, sizeof m->out->error - len,
                 " (in the macro \"%.60s\", called in line %u)", macro->name.bytes, at->line);
    return NULL;
}

static bool wrong_number(struct macros *m, const struct macro *macro, const struct tree_place *at,
                         uint32_t n)
{
    if (n >= macro->required_n && n <= macro->n) return false;
    char takes[40];
    if (macro->required_n == macro->n)
        snprintf(takes, sizeof takes, "%u argument%s", macro->n, macro->n == 1 ? "" : "s");
    else
        snprintf(takes, sizeof takes, "%u to %u arguments", macro->required_n, macro->n);
    tree_fail(m->tree, at, "the macro \"%.60s\" takes %s, and is called with %u: %s",
              macro->name.bytes, takes, n,
              n > macro->n ? "write a backslash before a comma that belongs to a text"
                           : "write the missing ones");
    return true;
}

static bool take_text(struct macros *m, const struct macro *macro, struct tree_text name,
                      struct tree_text text, const struct tree_place *at, struct scope *arguments)
{
    const struct tree_node *value = macro->is_lazy
                                        ? tree_string(m->tree, at, text.bytes, text.len)
                                        : macros_expand_text(m, text, at, arguments->outer);
    return value && scope_add(m, arguments, at, name, macro->is_lazy ? RAW : EXPANDED, value);
}

static bool take_member(struct macros *m, const struct macro *macro, const struct parameter *p,
                        const struct tree_node *object, struct scope *arguments)
{
    const struct tree_node *value = tree_get(object, p->name.bytes);
    if (!value && p->required) {
        tree_fail(m->tree, &object->place,
                  "the macro \"%.60s\" is called without \"%.60s\": add it", macro->name.bytes,
                  p->name.bytes);
        return false;
    }
    if (!value)
        return !p->otherwise ||
               scope_add(m, arguments, &object->place, p->name, EXPANDED, p->otherwise);
    if (!macro->is_lazy) value = macros_expand(m, value, arguments->outer);
    return value &&
           scope_add(m, arguments, &object->place, p->name, macro->is_lazy ? RAW : EXPANDED, value);
}

static const struct tree_node *call(struct macros *m, const struct macro *macro,
                                    const struct tree_place *at, const struct tree_node *object,
                                    const struct tree_text *texts, uint32_t n,
                                    const struct scope *scope)
{
    struct scope arguments = {.outer = scope, .closed = true};
    if (!object && wrong_number(m, macro, at, n)) return NULL;
    for (uint32_t i = 0; i < macro->n; i++) {
        const struct parameter *p = &macro->parameters[i];
        if (object ? !take_member(m, macro, p, object, &arguments)
            : i < n
                ? !take_text(m, macro, p->name, texts[i], at, &arguments)
                : p->otherwise && !scope_add(m, &arguments, at, p->name, EXPANDED, p->otherwise))
            return NULL;
    }
    return macro->function ? macro->function(m, &arguments, at)
                           : macros_expand(m, macro->result, &arguments);
}

const struct tree_node *macro_call(struct macros *m, const struct macro *macro,
                                   const struct tree_place *at, const struct tree_node *object,
                                   const struct tree_text *texts, uint32_t n,
                                   const struct scope *scope)
{
    const struct tree_node *made = call(m, macro, at, object, texts, n, scope);
    return made || macro->function ? made : trace(m, macro, at);
}

/* --- "macros" ------------------------------------------------------------------------------------------ */

static bool read_parameter(struct macros *m, struct macro *macro, const struct tree_node *from)
{
    struct parameter *p = &macro->parameters[macro->n];
    const struct tree_node *name = from->kind == TREE_OBJECT ? tree_get(from, "name") : from;
    const struct tree_node *optional = tree_get(from, "optional");
    const char *wrong = NULL;
    if (!name || name->kind != TREE_STRING)
        wrong = "is a name, or an object with a \"name\"";
    else if (optional && optional->kind != TREE_BOOL)
        wrong = "has \"optional\": true or false";
    *p = (struct parameter){.required = true};
    if (!wrong) {
        p->name = name->text;
        p->otherwise = tree_get(from, "default");
        p->required = !p->otherwise && !(optional && optional->truth);
        if (p->otherwise && optional && !optional->truth)
            wrong = "with a \"default\" is optional: take \"optional\": false out";
        else if (p->required && macro->required_n < macro->n)
            wrong = "behind an optional one is optional, too: give it a \"default\", or move it up";
        if (p->otherwise && p->otherwise->kind == TREE_NULL) p->otherwise = NULL;
    }
    if (wrong)
        tree_fail(m->tree, &from->place, "a parameter of the macro \"%.60s\" %s", macro->name.bytes,
                  wrong);
    macro->required_n += p->required;
    macro->n++;
    return !wrong;
}

static bool define_macro(struct macros *m, struct tree_text name, const struct tree_node *from)
{
    const struct tree_node *list = tree_get(from, "params");
    uint32_t n = list && list->kind == TREE_LIST ? list->n : 0;
    struct macro *macro = tree_alloc(m->tree, &from->place, sizeof *macro);
    if (!macro) return false;
    *macro = (struct macro){.name = name, .result = tree_get(from, "result")};
    if (list && (list->kind != TREE_LIST || n > MACROS_ARGUMENTS_MAX)) {
        tree_fail(m->tree, &list->place,
                  "\"params\" of the macro \"%.60s\" is a list of at most %d names: write it so",
                  name.bytes, MACROS_ARGUMENTS_MAX);
        return false;
    }
    macro->parameters = tree_alloc(m->tree, &from->place, (n + 1) * sizeof *macro->parameters);
    if (!macro->parameters) return false;
    for (uint32_t i = 0; i < n; i++)
        if (!read_parameter(m, macro, list->items[i])) return false;
    return macro_add(m, &from->place, macro);
}

static bool define(struct macros *m, const struct tree_member *member)
{
    const struct tree_node *from = member->value, *type = tree_get(from, "type");
    bool is_macro = tree_says(type, "macroDef");
    if (!is_macro && !tree_says(type, "constDef")) {
        tree_fail(m->tree, &from->place,
                  "\"%.60s\" in \"macros\" is no definition: write an object with \"type\": "
                  "\"macroDef\" or \"constDef\" and a \"result\"",
                  member->name.bytes);
        return false;
    }
    if (!tree_get(from, "result")) {
        tree_fail(m->tree, &from->place, "the definition of \"%.60s\" has no \"result\": add it",
                  member->name.bytes);
        return false;
    }
    return is_macro ? define_macro(m, member->name, from)
                    : constant_add(m, &member->place, member->name, tree_get(from, "result"));
}

bool macros_define(struct macros *m, const struct tree_node *definitions)
{
    static const struct scope nothing;
    const struct tree_node *all = macros_expand(m, definitions, &nothing);
    if (!all) return false;
    if (all->kind != TREE_OBJECT && all->kind != TREE_LIST) {
        tree_fail(m->tree, &definitions->place,
                  "\"macros\" is %s: it must be an object, or a list of objects",
                  tree_kind_name(all->kind));
        return false;
    }
    for (uint32_t i = 0; i < all->n; i++)
        if (all->kind == TREE_OBJECT ? !define(m, &all->members[i])
                                     : !macros_define(m, all->items[i]))
            return false;
    return true;
}
