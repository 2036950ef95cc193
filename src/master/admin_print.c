/* Records as people and programs read them. A worker's bytes are shown as text that a terminal does not obey, and as valid JSON.
 *
 * The last line of an answer is `END` or begins with `ERROR`. No other line does: where a name would make it so, a space stands before it.
 */
#include "base/json.h"
#include "base/utf8.h"
#include "master/admin.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 16 * 1024 };

/* --- text -------------------------------------------------------------------------------------- */

struct column {
    const char *name;
    size_t name_len, width;
    bool is_number; /* some cell is a number: the column stands to the right */
};

struct table {
    struct column columns[RECORD_FIELDS];
    size_t n;
};

static bool is_kind(const struct record *r, const char *kind, size_t len)
{
    return r->kind_len == len && memcmp(r->kind, kind, len) == 0;
}

/* The value as it is shown. */
static const char *show_value(const struct record_field *f)
{
    static char value[SHOWN], shown[SHOWN];
    size_t len = record_value(f, value, sizeof value);
    utf8_show(shown, sizeof shown, value, len);
    return shown[0] ? shown : "-";
}

/* Characters, as far as each takes one column. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* The number of the column of that field. One that is new comes at `at`, behind the field before it in its record. n: no room. */
static size_t find_column(struct table *t, const struct record_field *f, size_t at)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->columns[i].name_len == f->name_len &&
            memcmp(t->columns[i].name, f->name, f->name_len) == 0)
            return i;
    if (t->n == RECORD_FIELDS) return t->n;
    memmove(&t->columns[at + 1], &t->columns[at], (t->n - at) * sizeof t->columns[0]);
    t->columns[at] = (struct column){f->name, f->name_len, f->name_len, false};
    t->n++;
    return at;
}

static void measure(struct table *t, const struct record *r)
{
    size_t at = 0;
    for (size_t i = 0; i < r->n; i++) {
        size_t found = find_column(t, &r->fields[i], at),
               width = width_of(show_value(&r->fields[i]));
        if (found == t->n) continue;
        struct column *c = &t->columns[found];
        if (width > c->width) c->width = width;
        if (r->fields[i].is_number) c->is_number = true;
        at = found + 1;
    }
}

static void put_cell(FILE *to, const char *text, size_t width, bool right, bool is_last)
{
    size_t has = width_of(text);
    int gap = (int)(width > has ? width - has : 0);
    if (right) fprintf(to, "%*s", gap, "");
    fputs(text, to);
    if (!right && !is_last) fprintf(to, "%*s", gap, "");
    fputs(is_last ? "\n" : "  ", to);
}

static void put_head(FILE *to, const struct table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        char name[RECORD_NAME_MAX];
        snprintf(name, sizeof name, "%.*s", (int)t->columns[i].name_len, t->columns[i].name);
        put_cell(to, name, t->columns[i].width, t->columns[i].is_number, i + 1 == t->n);
    }
}

static const struct record_field *field_of(const struct record *r, const struct column *c)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->fields[i].name_len == c->name_len &&
            memcmp(r->fields[i].name, c->name, c->name_len) == 0)
            return &r->fields[i];
    return NULL;
}

static void put_row(FILE *to, const struct table *t, const struct record *r)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct record_field *f = field_of(r, &t->columns[i]);
        const char *text = f ? show_value(f) : "-";
        if (i == 0 && (strncmp(text, "END", 3) == 0 || strncmp(text, "ERROR", 5) == 0))
            putc(' ', to);
        put_cell(to, text, t->columns[i].width, t->columns[i].is_number, i + 1 == t->n);
    }
}

static void put_table(FILE *to, const struct records *all, const char *kind, size_t len)
{
    struct table t = {.n = 0};
    struct record r;
    const char *at = all->bytes, *end = all->bytes + all->len;
    while (record_next(&at, end, &r))
        if (is_kind(&r, kind, len)) measure(&t, &r);
    put_head(to, &t);
    at = all->bytes;
    while (record_next(&at, end, &r))
        if (is_kind(&r, kind, len)) put_row(to, &t, &r);
}

static void put_note(FILE *to, const struct record *r)
{
    if (r->n > 0) fprintf(to, "note: %s\n", show_value(&r->fields[0]));
}

/* A table for each kind, in the order in which kinds come first. */
static void put_tables(FILE *to, const struct records *all, const char *only)
{
    struct record r, before;
    const char *at = all->bytes, *end = all->bytes + all->len;
    bool follows = false;
    while (record_next(&at, end, &r)) {
        const char *again = all->bytes;
        if (is_kind(&r, "note", 4) || (only && !is_kind(&r, only, strlen(only)))) continue;
        while (record_next(&again, end, &before) && !is_kind(&before, r.kind, r.kind_len))
            ;
        if (before.kind != r.kind) continue;
        if (follows) putc('\n', to);
        follows = true;
        put_table(to, all, r.kind, r.kind_len);
    }
    at = all->bytes;
    while (record_next(&at, end, &r))
        if (is_kind(&r, "note", 4)) put_note(to, &r);
}

/* Names of one width, so that values stand below each other. */
static void put_lines(FILE *to, const struct record *r)
{
    size_t width = 12;
    for (size_t i = 0; i < r->n; i++)
        if (r->fields[i].name_len > width) width = r->fields[i].name_len;
    for (size_t i = 0; i < r->n; i++)
        fprintf(to, "%-*.*s  %s\n", (int)width, (int)r->fields[i].name_len, r->fields[i].name,
                show_value(&r->fields[i]));
}

static void put_list(FILE *to, const struct records *all)
{
    struct record r;
    const char *at = all->bytes, *end = all->bytes + all->len;
    bool follows = false;
    while (record_next(&at, end, &r)) {
        if (follows) putc('\n', to);
        follows = true;
        put_lines(to, &r);
    }
}

/* --- JSON -------------------------------------------------------------------------------------- */

static void put_member(struct json *j, const struct record_field *f)
{
    static char value[SHOWN];
    char name[RECORD_NAME_MAX];
    size_t len = record_value(f, value, sizeof value);
    snprintf(name, sizeof name, "%.*s", (int)f->name_len, f->name);
    if (!f->is_number)
        json_bytes(j, name, value, len);
    else if (strspn(value, "0123456789") == len && len < 20)
        json_number(j, name, strtoull(value, NULL, 10));
    else
        json_fraction(j, name, strtod(value, NULL));
}

static void put_json(FILE *to, const struct records *all, const char *only)
{
    struct record r;
    const char *at = all->bytes, *end = all->bytes + all->len;
    while (record_next(&at, end, &r)) {
        struct json j;
        char kind[RECORD_NAME_MAX];
        if (only && !is_kind(&r, only, strlen(only)) && !is_kind(&r, "note", 4)) continue;
        snprintf(kind, sizeof kind, "%.*s", (int)r.kind_len, r.kind);
        json_begin(&j, to);
        json_text(&j, "type", kind);
        for (size_t i = 0; i < r.n; i++) put_member(&j, &r.fields[i]);
        json_end(&j);
    }
}

/* ----------------------------------------------------------------------------------------------- */

void session_show(struct session *s, const struct records *r, bool is_list, const char *only)
{
    char *text = NULL;
    size_t size;
    if (r->len == 0) return;
    FILE *to = open_memstream(&text, &size);
    if (!to) abort();
    if (s->json)
        put_json(to, r, only);
    else if (is_list)
        put_list(to, r);
    else
        put_tables(to, r, only);
    if (fclose(to) != 0) abort();
    session_say(s, text, size);
    free(text);
}
