/* A document comes from another process, and its names from clients and servers. So nothing in it is taken for granted: a member that is
 * missing, or of another type, shows as "-", and a byte that is not printable ASCII as \x1b. */
#include "tools/top_table.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base64.h"

/* clang-format off */
#define NAME(title)     {title, "name", TOP_NAME, 0}
#define REQUESTS        {"req/s", "requests_per_second", TOP_RATE, 9}
#define ERRORS          {"err/s", "errors_per_second", TOP_RATE, 8}
#define HITS            {"hits", "hit_rate", TOP_SHARE, 7}
#define P50             {"p50", "p50_us", TOP_MICROS, 8}
#define P99             {"p99", "p99_us", TOP_MICROS, 8}
#define BYTES_IN        {"in/s", "bytes_read_per_second", TOP_BYTES, 8}
#define BYTES_OUT       {"out/s", "bytes_written_per_second", TOP_BYTES, 8}

const struct top_table top_tables[TOP_TABLES] = {
    {"servers", "servers", "no script names a server",
     {NAME("server"), {"state", "state", TOP_WORD, 8}, REQUESTS, ERRORS, HITS, P50, P99,
      {"waiting", "cells.in_flight", TOP_COUNT, 7}, {"since", "state_seconds", TOP_SECONDS, 8}}, 2},
    {"pools", "pools", "no script names a pool",
     {NAME("pool"), {"state", "state", TOP_WORD, 8}, REQUESTS, ERRORS, HITS, P50, P99, BYTES_IN, BYTES_OUT}, 2},
    {"commands", "commands", "no client has sent one",
     {NAME("command"), REQUESTS, ERRORS, HITS, P50, P99, {NULL}}, 1},
    {"listeners", "listeners", "there is none",
     {NAME("listener"), REQUESTS, ERRORS, HITS, P50, P99, BYTES_IN, BYTES_OUT, {NULL}}, 1},
    {"keys", "hot_keys", "no key is hot",
     {NAME("key"), {"share", "share", TOP_SHARE, 7}, REQUESTS, {NULL}}, 1},
    {"clients", "hot_clients", "no client has sent anything lately",
     {NAME("client"), {"share", "share", TOP_SHARE, 7}, REQUESTS, {"of bytes", "bytes_share", TOP_SHARE, 8},
      {"bytes/s", "bytes_per_second", TOP_BYTES, 8}, {NULL}}, 1},
    {"stores", "stores", "the script has none",
     {NAME("store"), {"used", "used", TOP_SHARE, 7}, {"size", "cells.size", TOP_BYTES, 8}, {"items", "cells.items", TOP_COUNT, 8},
      {"gets/s", "gets_per_second", TOP_RATE, 8}, HITS, {"sets/s", "sets_per_second", TOP_RATE, 8},
      {"evict/s", "evictions_per_second", TOP_RATE, 8}, {NULL}}, 4, true},
    {"near", "near", "the script has none",
     {NAME("near"), REQUESTS, HITS, P50, P99, {"copies", "cells.copies", TOP_COUNT, 8}, {NULL}}, 1, true},
    {"leases", "leases", "the script has none",
     {NAME("lease"), REQUESTS, HITS, {"waiting", "cells.waiting", TOP_COUNT, 8}, {"waits/s", "waits_per_second", TOP_RATE, 8},
      {"in vain", "waits_in_vain", TOP_SHARE, 8}, P50, P99, ERRORS}, 1, true},
};
/* clang-format on */

size_t top_columns(const struct top_table *t)
{
    size_t n = 0;
    while (n < sizeof t->columns / sizeof *t->columns && t->columns[n].title) n++;
    return n;
}

/* --- the document ------------------------------------------------------------------------------ */

/* NULL: there is none. */
static struct json_object *find(const struct json_object *of, const char *member)
{
    char object[32];
    struct json_object *inner, *found = NULL;
    const char *dot = strchr(member, '.');
    if (!dot) {
        (void)json_object_object_get_ex(of, member, &found);
        return found;
    }
    snprintf(object, sizeof object, "%.*s", (int)(dot - member), member);
    if (json_object_object_get_ex(of, object, &inner))
        (void)json_object_object_get_ex(inner, dot + 1, &found);
    return found;
}

double top_number(const struct json_object *of, const char *member)
{
    struct json_object *value = find(of, member);
    bool is_number =
        json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int);
    return is_number ? json_object_get_double(value) : (double)NAN;
}

bool top_is_shown(const struct top_table *t, const struct json_object *document)
{
    struct json_object *list = document && t->is_rare ? find(document, t->member) : NULL;
    return !t->is_rare ||
           (json_object_is_type(list, json_type_array) && json_object_array_length(list) > 0);
}

/* --- texts ------------------------------------------------------------------------------------- */

void top_show(const void *from, size_t len, char *to)
{
    const uint8_t *bytes = from;
    size_t n = 0;
    for (size_t i = 0; i < len && n + 5 < TOP_CELL; i++) {
        if (bytes[i] >= ' ' && bytes[i] < 0x7f)
            to[n++] = (char)bytes[i];
        else
            n += (size_t)sprintf(to + n, "\\x%02x", bytes[i]);
    }
    to[n] = '\0';
}

/* The exact bytes, where the text itself has lost some. */
static void show_text(const struct json_object *of, const char *member, char *to)
{
    char other[64];
    struct json_object *value = find(of, member);
    if (!json_object_is_type(value, json_type_string)) {
        strcpy(to, "-");
        return;
    }
    snprintf(other, sizeof other, "%s_base64", member);
    struct json_object *exact = find(of, other);
    const uint8_t *encoded = json_object_is_type(exact, json_type_string)
                                 ? (const uint8_t *)json_object_get_string(exact)
                                 : NULL;
    size_t len = encoded ? (size_t)json_object_get_string_len(exact) : 0;
    uint8_t bytes[TOP_CELL];
    if (encoded && len <= sizeof bytes && base64_is_valid(encoded, len)) {
        size_t n = base64_decode(encoded, len, bytes);
        top_show(bytes, n, to);
        return;
    }
    top_show(json_object_get_string(value), (size_t)json_object_get_string_len(value), to);
}

void top_text(const struct json_object *of, const char *member, char *to)
{
    show_text(of, member, to);
}

/* Three digits at least, and a unit. */
static void scale(double value, const char *const *units, double step, char *to)
{
    while (units[1] && value >= step * 0.9995) {
        value /= step;
        units++;
    }
    snprintf(to, TOP_CELL,
             value < 9.995   ? "%.2f%s"
             : value < 99.95 ? "%.1f%s"
                             : "%.0f%s",
             value, *units);
}

static void show_seconds(double value, char *to)
{
    unsigned long s = (unsigned long)value;
    if (value >= 1e9)
        strcpy(to, "-");
    else if (s < 60)
        snprintf(to, TOP_CELL, "%lus", s);
    else if (s < 3600)
        snprintf(to, TOP_CELL, "%lum%02lus", s / 60, s % 60);
    else if (s < 86400)
        snprintf(to, TOP_CELL, "%luh%02lum", s / 3600, s / 60 % 60);
    else
        snprintf(to, TOP_CELL, "%lud%02luh", s / 86400, s / 3600 % 24);
}

void top_value(double value, enum top_format format, char *to)
{
    static const char *const micros[] = {"us", "ms", "s", NULL};
    static const char *const bytes[] = {"B", "kB", "MB", "GB", "TB", NULL};
    static const char *const plain[] = {"", "k", "M", "G", NULL};
    if (!isfinite(value) || value < 0)
        strcpy(to, "-");
    else if (format == TOP_SHARE)
        snprintf(to, TOP_CELL, "%.1f%%", value * 100);
    else if (format == TOP_MICROS)
        scale(value, micros, 1000, to);
    else if (format == TOP_BYTES)
        scale(value, bytes, 1000, to);
    else if (format == TOP_SECONDS)
        show_seconds(value, to);
    else if (value < 99999.5)
        snprintf(to, TOP_CELL, format == TOP_RATE && value < 99.95 ? "%.1f" : "%.0f", value);
    else
        scale(value, plain, 1000, to);
}

void top_cell(const struct top_column *c, const struct json_object *row, char *to)
{
    if (c->format == TOP_NAME || c->format == TOP_WORD)
        show_text(row, c->member, to);
    else
        top_value(top_number(row, c->member), c->format, to);
}

/* --- rows -------------------------------------------------------------------------------------- */

struct order {
    const struct top_column *column;
    bool reversed;
};

static const char *string_of(const struct json_object *of, const char *member)
{
    struct json_object *value = find(of, member);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static int compare_texts(const struct json_object *a, const struct json_object *b,
                         const char *member)
{
    const char *x = string_of(a, member), *y = string_of(b, member);
    return x && y ? strcmp(x, y) : (y != NULL) - (x != NULL);
}

/* Unknown ones come last, whatever the direction. *decides: at least one is not known. */
static int compare_known(bool x, bool y, bool *decides)
{
    *decides = !x || !y;
    return (int)y - (int)x;
}

/* The name decides between equals, so that rows do not jump. */
static int compare(const void *a, const void *b, void *about)
{
    const struct order *o = about;
    const struct json_object *x = *(struct json_object *const *)a;
    const struct json_object *y = *(struct json_object *const *)b;
    const char *member = o->column->member;
    bool is_text = o->column->format == TOP_NAME || o->column->format == TOP_WORD, decides;
    double left = is_text ? 0 : top_number(x, member), right = is_text ? 0 : top_number(y, member);
    bool knows_x = is_text ? string_of(x, member) != NULL : !isnan(left);
    bool knows_y = is_text ? string_of(y, member) != NULL : !isnan(right);
    int result = compare_known(knows_x, knows_y, &decides);
    if (!decides) {
        result = is_text ? compare_texts(x, y, member) : (left < right) - (left > right);
        if (o->reversed) result = -result;
    }
    return result ? result : compare_texts(x, y, "name");
}

struct json_object **top_rows(const struct top_table *t, const struct json_object *document,
                              size_t column, bool reversed, size_t *n)
{
    struct json_object *list = find(document, t->member);
    size_t size = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    struct json_object **rows = malloc((size + 1) * sizeof *rows);
    struct order order = {&t->columns[column], reversed};
    assert(column < top_columns(t));
    if (!rows) abort();
    *n = 0;
    for (size_t i = 0; i < size; i++)
        if (json_object_is_type(json_object_array_get_idx(list, i), json_type_object))
            rows[(*n)++] = json_object_array_get_idx(list, i);
    qsort_r(rows, *n, sizeof *rows, compare, &order);
    return rows;
}
