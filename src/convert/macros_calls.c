/* The built-in macros, and what to do instead of those that are not there. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "convert/macros.h"

/* Fails with the macro's name, what is wrong with an argument, and what it must be. */
static const struct tree_node *refuse(struct macros *m, const struct tree_place *at,
                                      const char *what, const struct tree_node *is,
                                      const char *must)
{
    return tree_fail(m->tree, at, "%s is %s: it must be %s", what, tree_kind_name(is->kind), must);
}

static bool has_size(const struct tree_node *value)
{
    return value->kind == TREE_LIST || value->kind == TREE_OBJECT || value->kind == TREE_STRING;
}

static uint64_t size_of(const struct tree_node *value)
{
    return value->kind == TREE_STRING ? value->text.len : value->n;
}

/* --- kinds ---------------------------------------------------------------------------------------------- */

/* The whole text, with blanks around it, as a number. */
static bool read_whole(struct tree_text text, int64_t *to)
{
    char *end;
    errno = 0;
    *to = strtoll(text.bytes, &end, 10);
    if (end == text.bytes || errno) return false;
    while (*end == ' ') end++;
    return end == text.bytes + text.len;
}

static bool read_fraction(struct tree_text text, double *to)
{
    char *end;
    *to = strtod(text.bytes, &end);
    if (end == text.bytes || !isfinite(*to) || strpbrk(text.bytes, "xX")) return false;
    while (*end == ' ') end++;
    return end == text.bytes + text.len;
}

static const struct tree_node *to_int(struct macros *m, struct scope *a,
                                      const struct tree_place *at)
{
    const struct tree_node *v = argument(a, "value");
    int64_t whole;
    if (v->kind == TREE_INT) return v;
    if (v->kind == TREE_BOOL) return tree_int(m->tree, at, v->truth);
    if (v->kind == TREE_DOUBLE && v->fraction > -9e18 && v->fraction < 9e18 &&
        (double)(int64_t)v->fraction == v->fraction)
        return tree_int(m->tree, at, (int64_t)v->fraction);
    if (v->kind == TREE_STRING && read_whole(v->text, &whole)) return tree_int(m->tree, at, whole);
    return refuse(m, at, "what @int gets", v, "a whole number, or the text of one");
}

static const struct tree_node *to_double(struct macros *m, struct scope *a,
                                         const struct tree_place *at)
{
    const struct tree_node *v = argument(a, "value");
    double fraction;
    if (v->kind == TREE_DOUBLE) return v;
    if (v->kind == TREE_INT) return tree_double(m->tree, at, (double)v->whole);
    if (v->kind == TREE_BOOL) return tree_double(m->tree, at, v->truth);
    if (v->kind == TREE_STRING && read_fraction(v->text, &fraction))
        return tree_double(m->tree, at, fraction);
    return refuse(m, at, "what @double gets", v, "a number, or the text of one");
}

static const struct tree_node *to_str(struct macros *m, struct scope *a,
                                      const struct tree_place *at)
{
    const struct tree_node *v = argument(a, "value");
    char text[40];
    int n = 0;
    if (v->kind == TREE_STRING) return v;
    if (v->kind == TREE_INT)
        n = snprintf(text, sizeof text, "%lld", (long long)v->whole);
    else if (v->kind == TREE_BOOL)
        n = snprintf(text, sizeof text, "%d", v->truth);
    else if (v->kind == TREE_DOUBLE) {
        for (int digits = 1; digits <= 17; digits++) {
            n = snprintf(text, sizeof text, "%.*g", digits, v->fraction);
            if (strtod(text, NULL) == v->fraction) break;
        }
    } else
        return refuse(m, at, "what @str gets", v, "a number, a boolean or a string");
    return tree_string(m->tree, at, text, (size_t)n);
}

static const struct tree_node *to_bool(struct macros *m, struct scope *a,
                                       const struct tree_place *at)
{
    static const char *const yes[] = {"true", "t", "yes", "y", "on", "1"}, *const no[] = {
                                                                               "false", "f",   "no",
                                                                               "n",     "off", "0"};
    const struct tree_node *v = argument(a, "value");
    if (v->kind == TREE_BOOL) return v;
    if (v->kind == TREE_INT && (v->whole == 0 || v->whole == 1))
        return tree_bool(m->tree, at, v->whole);
    for (unsigned i = 0; v->kind == TREE_STRING && i < sizeof yes / sizeof *yes; i++) {
        if (v->text.len == strlen(yes[i]) && strcasecmp(v->text.bytes, yes[i]) == 0)
            return tree_bool(m->tree, at, true);
        if (v->text.len == strlen(no[i]) && strcasecmp(v->text.bytes, no[i]) == 0)
            return tree_bool(m->tree, at, false);
    }
    return refuse(m, at, "what @bool gets", v, "true, false, 1, 0 or the text of one");
}

#define IS_KIND(name, KIND)                                                                        \
    static const struct tree_node *name(struct macros *m, struct scope *a,                         \
                                        const struct tree_place *at)                               \
    {                                                                                              \
        return tree_bool(m->tree, at, argument(a, "value")->kind == (KIND));                       \
    }
IS_KIND(is_array, TREE_LIST)
IS_KIND(is_bool, TREE_BOOL)
IS_KIND(is_int, TREE_INT)
IS_KIND(is_double, TREE_DOUBLE)
IS_KIND(is_object, TREE_OBJECT)
IS_KIND(is_string, TREE_STRING)

/* --- comparing, and, or ------------------------------------------------------------------------------------ */

static bool spend_both(struct macros *m, struct scope *a, const struct tree_place *at)
{
    return macros_spend(m, at, argument(a, "A")->weight) &&
           macros_spend(m, at, argument(a, "B")->weight);
}

static const struct tree_node *equals(struct macros *m, struct scope *a,
                                      const struct tree_place *at)
{
    if (!spend_both(m, a, at)) return NULL;
    return tree_bool(m->tree, at, tree_equal(argument(a, "A"), argument(a, "B")));
}

static const struct tree_node *less(struct macros *m, struct scope *a, const struct tree_place *at)
{
    const struct tree_node *x = argument(a, "A"), *y = argument(a, "B");
    if (!spend_both(m, a, at)) return NULL;
    if (x->kind == TREE_OBJECT) return refuse(m, at, "what @less compares", x, "no object");
    if (y->kind == TREE_OBJECT) return refuse(m, at, "what @less compares", y, "no object");
    return tree_bool(m->tree, at, tree_compare(x, y) < 0);
}

/* The second one is expanded only when the first does not decide. */
static const struct tree_node *decide(struct macros *m, struct scope *a,
                                      const struct tree_place *at, bool decides)
{
    for (const char *name = "A";; name = "B") {
        const struct tree_node *v = expand_argument(m, a, name);
        if (!v) return NULL;
        if (v->kind != TREE_BOOL)
            return refuse(m, at, "what @and and @or get", v, "true or false: write @bool(...)");
        if (v->truth == decides || *name == 'B') return v;
    }
}

static const struct tree_node *both(struct macros *m, struct scope *a, const struct tree_place *at)
{
    return decide(m, a, at, false);
}

static const struct tree_node *either(struct macros *m, struct scope *a,
                                      const struct tree_place *at)
{
    return decide(m, a, at, true);
}

static const struct tree_node *inverse(struct macros *m, struct scope *a,
                                       const struct tree_place *at)
{
    const struct tree_node *v = argument(a, "A");
    if (v->kind != TREE_BOOL) return refuse(m, at, "what @not gets", v, "true or false");
    return tree_bool(m->tree, at, !v->truth);
}

static const struct tree_node *choose_if(struct macros *m, struct scope *a,
                                         const struct tree_place *at)
{
    const struct tree_node *v = expand_argument(m, a, "condition");
    if (!v) return NULL;
    if (v->kind != TREE_BOOL)
        return refuse(m, at, "the condition of @if", v, "true or false: write @bool(...)");
    return expand_argument(m, a, v->truth ? "is_true" : "is_false");
}

/* --- numbers ---------------------------------------------------------------------------------------------- */

/* With overflow as the processor's: mcrouter's own is undefined. */
static int64_t calculate(char operation, int64_t x, int64_t y)
{
    uint64_t a = (uint64_t)x, b = (uint64_t)y;
    switch (operation) {
    case '+': return (int64_t)(a + b);
    case '-': return (int64_t)(a - b);
    case '*': return (int64_t)(a * b);
    case '/': return y == -1 ? (int64_t)(0 - a) : x / y;
    case '%': return y == -1 ? 0 : x % y;
    case '&': return (int64_t)(a & b);
    case '|': return (int64_t)(a | b);
    case '^': return (int64_t)(a ^ b);
    case '<': return (int64_t)(a << (b & 63));
    default: return (int64_t)(a >> (b & 63));
    }
}

static const struct tree_node *operate(struct macros *m, struct scope *a,
                                       const struct tree_place *at, char operation)
{
    const struct tree_node *x = argument(a, "A"), *y = argument(a, "B");
    if (x->kind != TREE_INT)
        return refuse(m, at, "what is calculated with", x, "a whole number: write @int(...)");
    if (y->kind != TREE_INT)
        return refuse(m, at, "what is calculated with", y, "a whole number: write @int(...)");
    if ((operation == '/' || operation == '%') && y->whole == 0)
        return tree_fail(m->tree, at, "this divides by 0: give another number");
    return tree_int(m->tree, at, calculate(operation, x->whole, y->whole));
}

#define OPERATION(name, operation)                                                                 \
    static const struct tree_node *name(struct macros *m, struct scope *a,                         \
                                        const struct tree_place *at)                               \
    {                                                                                              \
        return operate(m, a, at, operation);                                                       \
    }
OPERATION(add, '+')
OPERATION(sub, '-')
OPERATION(mul, '*')
OPERATION(divide, '/')
OPERATION(mod, '%')
OPERATION(bits_and, '&')
OPERATION(bits_or, '|')
OPERATION(bits_xor, '^')
OPERATION(bits_left, '<')
OPERATION(bits_right, '>')

static const struct tree_node *bits_not(struct macros *m, struct scope *a,
                                        const struct tree_place *at)
{
    const struct tree_node *v = argument(a, "A");
    if (v->kind != TREE_INT)
        return refuse(m, at, "what @bitwiseNot gets", v, "a whole number: write @int(...)");
    return tree_int(m->tree, at, ~v->whole);
}

/* --- sizes, parts, ends ------------------------------------------------------------------------------------ */

static const struct tree_node *size(struct macros *m, struct scope *a, const struct tree_place *at)
{
    const struct tree_node *v = argument(a, "dictionary");
    if (!has_size(v)) return refuse(m, at, "what @size gets", v, "a list, an object or a string");
    return tree_int(m->tree, at, (int64_t)size_of(v));
}

static const struct tree_node *empty(struct macros *m, struct scope *a, const struct tree_place *at)
{
    const struct tree_node *v = argument(a, "dictionary");
    if (!has_size(v)) return refuse(m, at, "what @empty gets", v, "a list, an object or a string");
    return tree_bool(m->tree, at, size_of(v) == 0);
}

static const struct tree_node *fail(struct macros *m, struct scope *a, const struct tree_place *at)
{
    const struct tree_node *v = argument(a, "msg");
    return tree_fail(m->tree, at, "@fail: %.300s",
                     v->kind == TREE_STRING ? v->text.bytes : "the configuration refuses itself");
}

static const struct tree_node *define(struct macros *m, struct scope *a,
                                      const struct tree_place *at)
{
    return argument(a, "result");
}

static const struct tree_node *defined(struct macros *m, struct scope *a,
                                       const struct tree_place *at)
{
    const struct tree_node *v = argument(a, "name");
    if (v->kind != TREE_STRING) return refuse(m, at, "what @defined gets", v, "a name");
    return tree_bool(m->tree, at, scope_knows(a->outer, v->text) || constant_find(m, v->text));
}

#define CALLS(X)                                                                                   \
    X("and", "A B", true, both)                                                                    \
    X("or", "A B", true, either)                                                                   \
    X("not", "A", false, inverse)                                                                  \
    X("if", "condition is_true is_false", true, choose_if)                                         \
    X("equals", "A B", false, equals)                                                              \
    X("less", "A B", false, less)                                                                  \
    X("int", "value", false, to_int)                                                               \
    X("double", "value", false, to_double)                                                         \
    X("str", "value", false, to_str)                                                               \
    X("bool", "value", false, to_bool)                                                             \
    X("isArray", "value", false, is_array)                                                         \
    X("isBool", "value", false, is_bool)                                                           \
    X("isInt", "value", false, is_int)                                                             \
    X("isDouble", "value", false, is_double)                                                       \
    X("isObject", "value", false, is_object)                                                       \
    X("isString", "value", false, is_string)                                                       \
    X("add", "A B", false, add)                                                                    \
    X("sub", "A B", false, sub)                                                                    \
    X("mul", "A B", false, mul)                                                                    \
    X("div", "A B", false, divide)                                                                 \
    X("mod", "A B", false, mod)                                                                    \
    X("bitwiseAnd", "A B", false, bits_and)                                                        \
    X("bitwiseOr", "A B", false, bits_or)                                                          \
    X("bitwiseXor", "A B", false, bits_xor)                                                        \
    X("bitwiseLeftShift", "A B", false, bits_left)                                                 \
    X("bitwiseRightShift", "A B", false, bits_right)                                               \
    X("bitwiseNot", "A", false, bits_not)                                                          \
    X("size", "dictionary", false, size)                                                           \
    X("empty", "dictionary", false, empty)                                                         \
    X("fail", "msg", false, fail)                                                                  \
    X("define", "result", false, define)                                                           \
    X("defined", "name", false, defined)                                                           \
    X("import", "path default?", true, macros_import)                                              \
    X("keys", "dictionary", false, macros_keys)                                                    \
    X("values", "dictionary", false, macros_values)                                                \
    X("merge", "params", false, macros_merge)                                                      \
    X("select", "dictionary key default?", true, macros_select)                                    \
    X("slice", "dictionary from to", false, macros_slice)                                          \
    X("split", "dictionary delim", false, macros_split)                                            \
    X("range", "from to", false, macros_range)                                                     \
    X("contains", "dictionary key", false, macros_contains)                                        \
    X("sort", "dictionary", false, macros_sort)                                                    \
    X("set", "dictionary key value", false, macros_set)

/* The names of the parameters: one with a question mark may be left out. */
static bool name_parameters(struct macros *m, const struct tree_place *at, struct macro *macro,
                            const char *names)
{
    macro->parameters = tree_alloc(m->tree, at, 3 * sizeof *macro->parameters);
    if (!macro->parameters) return false;
    while (*names) {
        size_t len = strcspn(names, " ?");
        char *copy = tree_copy(m->tree, at, names, len);
        if (!copy) return false;
        macro->parameters[macro->n++] =
            (struct parameter){.name = {copy, len}, .required = names[len] != '?'};
        macro->required_n += names[len] != '?';
        names += len;
        names += strspn(names, " ?");
    }
    return true;
}

bool macros_add_built_in(struct macros *m)
{
    static const struct {
        const char *name, *parameters;
        bool is_lazy;
        macro_function *function;
    } calls[] = {
#define X(name, parameters, is_lazy, function) {name, parameters, is_lazy, function},
        CALLS(X)
#undef X
    };
    struct tree_place at = {m->in->path, 0, 0};
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct macro *macro = tree_alloc(m->tree, &at, sizeof *macro);
        if (!macro) return false;
        *macro = (struct macro){.name = {calls[i].name, strlen(calls[i].name)},
                                .is_lazy = calls[i].is_lazy,
                                .function = calls[i].function};
        if (!name_parameters(m, &at, macro, calls[i].parameters) || !macro_add(m, &at, macro))
            return false;
    }
    return true;
}

const char *macro_instead(struct tree_text name)
{
    if (text_is(name, "shuffle")) return "write the list in the order that you want";
    if (text_is(name, "hash") || text_is(name, "weightedHash"))
        return "write the value that it gives in mcrouter";
    if (text_is(name, "isLocalIp"))
        return "write @bool(true) or @bool(false), in a file for each host";
    return NULL;
}
