/* What is said of a tree: as JSON, and beside another one. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "convert/tree_build.h"

static int by_bytes(struct tree_text a, struct tree_text b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int order = least ? memcmp(a.bytes, b.bytes, least) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b)
{
    const struct tree_member *const *x = a, *const *y = b;
    return by_bytes((*x)->name, (*y)->name);
}

/* The members in the order of their names' bytes. The caller frees the list. Ends the process when there is no memory. */
static const struct tree_member **by_names(const struct tree_node *object)
{
    const struct tree_member **sorted = calloc(object->n + 1, sizeof *sorted);
    if (!sorted) abort();
    for (uint32_t i = 0; i < object->n; i++) sorted[i] = &object->members[i];
    qsort(sorted, object->n, sizeof *sorted, by_name);
    return sorted;
}

static void indent(FILE *to, unsigned depth)
{
    putc('\n', to);
    for (unsigned i = 0; i < depth; i++) fputs("  ", to);
}

/* As json_bytes writes it, without the second member of bytes that are not UTF-8. */
static void print_text(FILE *to, struct tree_text text)
{
    struct json j = {.out = to};
    json_bytes(&j, NULL, text.bytes, text.len);
}

/* The shortest text that is read as the same number, with a sign that it is no whole one. */
static void print_fraction(FILE *to, double fraction)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, fraction);
        if (strtod(text, NULL) == fraction) break;
    }
    fputs(text, to);
    if (isfinite(fraction) && !strpbrk(text, ".e")) fputs(".0", to);
}

static void print(FILE *to, const struct tree_node *node, unsigned depth, long most);

static void print_list(FILE *to, const struct tree_node *list, unsigned depth, long most)
{
    putc('[', to);
    for (uint32_t i = 0; i < list->n && ftell(to) <= most; i++) {
        if (i) putc(',', to);
        indent(to, depth + 1);
        print(to, list->items[i], depth + 1, most);
    }
    if (list->n) indent(to, depth);
    putc(']', to);
}

static void print_object(FILE *to, const struct tree_node *object, unsigned depth, long most)
{
    const struct tree_member **sorted = by_names(object);
    putc('{', to);
    for (uint32_t i = 0; i < object->n && ftell(to) <= most; i++) {
        if (i) putc(',', to);
        indent(to, depth + 1);
        print_text(to, sorted[i]->name);
        fputs(": ", to);
        print(to, sorted[i]->value, depth + 1, most);
    }
    if (object->n) indent(to, depth);
    putc('}', to);
    free(sorted);
}

static void print(FILE *to, const struct tree_node *node, unsigned depth, long most)
{
    switch (node->kind) {
    case TREE_NULL: fputs("null", to); break;
    case TREE_BOOL: fputs(node->truth ? "true" : "false", to); break;
    case TREE_INT: fprintf(to, "%lld", (long long)node->whole); break;
    case TREE_DOUBLE: print_fraction(to, node->fraction); break;
    case TREE_STRING: print_text(to, node->text); break;
    case TREE_LIST: print_list(to, node, depth, most); break;
    case TREE_OBJECT: print_object(to, node, depth, most); break;
    }
}

void tree_print(FILE *to, const struct tree_node *node)
{
    print(to, node, 0, LONG_MAX);
}

void tree_print_most(FILE *to, const struct tree_node *node, size_t most)
{
    print(to, node, 0, (long)most);
}

/* --- beside another one -------------------------------------------------------------------------- */

static bool is_number(const struct tree_node *node)
{
    return node->kind == TREE_INT || node->kind == TREE_DOUBLE;
}

static int by_number(const struct tree_node *a, const struct tree_node *b)
{
    if (a->kind == TREE_INT && b->kind == TREE_INT)
        return (a->whole > b->whole) - (a->whole < b->whole);
    double x = a->kind == TREE_INT ? (double)a->whole : a->fraction;
    double y = b->kind == TREE_INT ? (double)b->whole : b->fraction;
    return (x > y) - (x < y);
}

/* Sorted by name, so that large ones are compared quickly. */
static bool equal_objects(const struct tree_node *a, const struct tree_node *b)
{
    if (a->n != b->n) return false;
    const struct tree_member **left = by_names(a), **right = by_names(b);
    bool same = true;
    for (uint32_t i = 0; i < a->n && same; i++)
        same = tree_same_text(left[i]->name, right[i]->name) &&
               tree_equal(left[i]->value, right[i]->value);
    free(left);
    free(right);
    return same;
}

bool tree_equal(const struct tree_node *a, const struct tree_node *b)
{
    if (is_number(a) && is_number(b)) return by_number(a, b) == 0;
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case TREE_BOOL: return a->truth == b->truth;
    case TREE_STRING: return tree_same_text(a->text, b->text);
    case TREE_OBJECT: return equal_objects(a, b);
    case TREE_LIST:
        if (a->n != b->n) return false;
        for (uint32_t i = 0; i < a->n; i++)
            if (!tree_equal(a->items[i], b->items[i])) return false;
        return true;
    case TREE_NULL:
    case TREE_INT:
    case TREE_DOUBLE: break;
    }
    return true;
}

int tree_compare(const struct tree_node *a, const struct tree_node *b)
{
    static const unsigned ranks[] = {
        [TREE_NULL] = 0, [TREE_LIST] = 1,   [TREE_BOOL] = 2,  [TREE_DOUBLE] = 3,
        [TREE_INT] = 3,  [TREE_OBJECT] = 4, [TREE_STRING] = 5};
    if (is_number(a) && is_number(b)) return by_number(a, b);
    if (a->kind != b->kind) return ranks[a->kind] < ranks[b->kind] ? -1 : 1;
    switch (a->kind) {
    case TREE_BOOL: return (int)a->truth - (int)b->truth;
    case TREE_STRING: return by_bytes(a->text, b->text);
    case TREE_LIST:
        for (uint32_t i = 0; i < a->n && i < b->n; i++) {
            int order = tree_compare(a->items[i], b->items[i]);
            if (order) return order;
        }
        return (a->n > b->n) - (a->n < b->n);
    case TREE_NULL:
    case TREE_INT:
    case TREE_DOUBLE:
    case TREE_OBJECT: break;
    }
    return 0;
}
