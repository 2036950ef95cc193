/* A line is composed in a buffer as wide as any terminal, and cut to the width at the end. Columns that have no room are left out from the
 * right; the name gets what the others leave, and at least NAME_LEAST. */
#include "tools/top_view.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_LEAST = 14, NAME_MOST = 60, HEAD_LINES = 4, LINE = TOP_WIDTH_MOST + 1 };

/* Where lines go. */
struct sheet {
    size_t width, left; /* columns; lines for which there is room */
    top_line_fn *line;
    void *about;
};

static void put(struct sheet *s, enum terminal_look look, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put(struct sheet *s, enum terminal_look look, const char *format, ...)
{
    char text[8 * 1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (s->left == 0) return;
    if (strlen(text) > s->width) text[s->width] = '\0';
    s->left--;
    s->line(s->about, look, text);
}

/* --- the whole --------------------------------------------------------------------------------- */

static const char *number(const struct json_object *document, const char *member,
                          enum top_format format, char *to)
{
    top_value(top_number(document, member), format, to);
    return to;
}

static bool flag(const struct json_object *document, const char *member)
{
    return json_object_get_boolean(json_object_object_get(document, member));
}

static void put_service(struct sheet *s, const struct json_object *d)
{
    char version[TOP_CELL], state[TOP_CELL], up[TOP_CELL], ready[TOP_CELL], all[TOP_CELL];
    top_text(d, "version", version);
    top_text(d, "state", state);
    put(s, LOOK_BOLD, "moongate %s %s, up %s, workers %s/%s, pid %.0f", version, state,
        number(d, "uptime", TOP_SECONDS, up), number(d, "workers_ready", TOP_COUNT, ready),
        number(d, "workers", TOP_COUNT, all), top_number(d, "pid"));
}

static void put_script(struct sheet *s, const struct json_object *d)
{
    char script[TOP_CELL], generation[TOP_CELL], clients[TOP_CELL];
    top_text(d, "script", script);
    put(s, LOOK_PLAIN, "clients %s, script %s, generation %s%s%s",
        number(d, "totals.curr_connections", TOP_COUNT, clients), script,
        number(d, "generation", TOP_COUNT, generation),
        flag(d, "on_probation") ? ", on probation" : "",
        flag(d, "runs_last_good") ? ", the last good one: not what is in the file" : "");
}

static void put_rates(struct sheet *s, const struct json_object *d)
{
    char requests[TOP_CELL], errors[TOP_CELL], hits[TOP_CELL], p50[TOP_CELL], p99[TOP_CELL];
    char in[TOP_CELL], out[TOP_CELL];
    number(d, "requests_per_second", TOP_RATE, requests);
    number(d, "errors_per_second", TOP_RATE, errors);
    number(d, "hit_rate", TOP_SHARE, hits);
    number(d, "p50_us", TOP_MICROS, p50);
    number(d, "p99_us", TOP_MICROS, p99);
    number(d, "bytes_read_per_second", TOP_BYTES, in);
    number(d, "bytes_written_per_second", TOP_BYTES, out);
    put(s, LOOK_PLAIN, "req/s %s, hits %s, err/s %s, p50 %s, p99 %s, in/s %s, out/s %s", requests,
        hits, errors, p50, p99, in, out);
}

/* --- tables ------------------------------------------------------------------------------------ */

/* How many columns fit, and how wide the name is then. Where they fit with room to spare, the name takes it. */
static size_t fit(const struct top_table *t, size_t width, int *name)
{
    size_t n = 1, used = NAME_LEAST;
    while (n < top_columns(t) && used + 1 + (size_t)t->columns[n].width <= width)
        used += 1 + (size_t)t->columns[n++].width;
    size_t room = width > used ? width - used + NAME_LEAST : NAME_LEAST;
    *name = (int)(room < NAME_MOST ? room : NAME_MOST);
    if (n == top_columns(t) && top_columns(t) <= 3) *name = (int)room; /* keys are long */
    return n;
}

/* Appends a cell. One that does not fit is cut, and `~` stands at its end. */
static void append(char *line, const char *text, int width, bool left)
{
    size_t n = strlen(line);
    char cut[LINE];
    snprintf(cut, sizeof cut, "%.*s", width, text);
    if (strlen(text) > (size_t)width && width > 0) cut[width - 1] = '~';
    snprintf(line + n, LINE - n, left ? "%s%-*s" : "%s%*s", n ? " " : "", width, cut);
}

static void put_titles(struct sheet *s, const struct top_table *t, const struct top_order *o)
{
    char line[LINE] = "";
    int name;
    size_t n = fit(t, s->width, &name);
    for (size_t i = 0; i < n; i++) {
        const struct top_column *c = &t->columns[i];
        char title[32];
        snprintf(title, sizeof title, i == o->column ? "%s%c" : "%s", c->title,
                 o->reversed ? '^' : '*');
        append(line, title, i ? c->width : name, i == 0 || c->format == TOP_WORD);
    }
    put(s, LOOK_REVERSE, "%s", line);
}

static void put_row(struct sheet *s, const struct top_table *t, const struct json_object *row)
{
    char line[LINE] = "", cell[TOP_CELL];
    int name;
    size_t n = fit(t, s->width, &name);
    for (size_t i = 0; i < n; i++) {
        top_cell(&t->columns[i], row, cell);
        append(line, cell, i ? t->columns[i].width : name,
               i == 0 || t->columns[i].format == TOP_WORD);
    }
    put(s, LOOK_PLAIN, "%s", line);
}

/* From the row *first on, which moves back where fewer rows are left. Returns for how many rows there was room. */
static size_t put_table(struct sheet *s, const struct top_table *t, const struct top_order *o,
                        const struct json_object *document, size_t *first)
{
    size_t n;
    struct json_object **rows = top_rows(t, document, o->column, o->reversed, &n);
    put_titles(s, t, o);
    size_t room = s->left;
    if (*first + room > n) *first = n > room ? n - room : 0;
    if (n == 0)
        put(s, LOOK_PLAIN, "%s",
            json_object_object_get(document, t->member) ? t->empty : "not told");
    for (size_t i = *first; i < n; i++) put_row(s, t, rows[i]);
    free(rows);
    return room;
}

/* --- a frame ------------------------------------------------------------------------------------ */

static const char *const help[] = {
    "1 to 9, Tab, left, right  another table",
    "s, S                      sort by the next column, the one before",
    "r                         sort the other way round",
    "up, down, j, k            move the rows by one",
    "PgUp, PgDn, Home, End     by a page, to the begin, to the end",
    "space                     stop, go on",
    "?                         this, and back",
    "q, Ctrl-C                 leave",
    "",
    "The sorted column has a *, or ^ when sorted the other way.",
    "Numbers are of the last seconds; hot keys and clients are estimates.",
    "A byte that is not printable ASCII is shown as \\x1b.",
};

static bool is_shown(const struct top_view *v, size_t table)
{
    return v->shown >> table & 1;
}

/* letters: of each name, at most. is_wide: with a space on each side. */
static void compose_tabs(const struct top_view *v, int letters, bool is_wide, char line[LINE])
{
    size_t n = 0;
    const char *left = is_wide ? " " : "", *right = left;
    for (size_t i = 0; i < TOP_TABLES; i++) {
        bool is_now = i == v->table;
        if (!is_shown(v, i)) continue;
        n += (size_t)snprintf(line + n, LINE - n, "%s%s%zu %.*s%s", n ? " " : "",
                              is_now ? "[" : left, i + 1, letters, top_tables[i].title,
                              is_now ? "]" : right);
    }
}

/* Where there are many they come closer, and then get shorter. */
static void put_tabs(struct sheet *s, const struct top_view *v)
{
    enum { ALL = 20, LEAST = 2 };
    char line[LINE];
    compose_tabs(v, ALL, true, line);
    for (int letters = ALL; strlen(line) > s->width && letters >= LEAST; letters--)
        compose_tabs(v, letters, false, line);
    put(s, LOOK_PLAIN, "%s", line);
}

/* Which tables the document has; one that has lost its rows gives way. */
static void look_for_tables(struct top_view *v, const struct json_object *document)
{
    v->shown = 0;
    for (size_t i = 0; i < TOP_TABLES; i++)
        v->shown |= (unsigned)top_is_shown(&top_tables[i], document) << i;
    if (!is_shown(v, v->table)) v->table = 0;
}

void top_view_draw(struct top_view *v, const struct json_object *document, const char *note,
                   size_t width, size_t height, top_line_fn *line, void *about)
{
    struct sheet s = {width < TOP_WIDTH_MOST ? width : TOP_WIDTH_MOST, height, line, about};
    bool has_foot = height > HEAD_LINES + 2;
    if (has_foot) s.left--;
    look_for_tables(v, document);
    if (document) {
        put_service(&s, document);
        put_rates(&s, document);
        put_script(&s, document);
    }
    if (v->helps) {
        put(&s, LOOK_REVERSE, "%-*s", (int)s.width, "keys");
        for (size_t i = 0; i < sizeof help / sizeof *help; i++) put(&s, LOOK_PLAIN, "%s", help[i]);
    } else if (document) {
        struct top_order *o = &v->orders[v->table];
        put_tabs(&s, v);
        v->page = put_table(&s, &top_tables[v->table], o, document, &o->first);
    }
    while (has_foot && s.left > 0) put(&s, LOOK_PLAIN, "%s", "");
    s.left = has_foot;
    if (note[0])
        put(&s, LOOK_BOLD, "no connection: %s; trying again", note);
    else
        put(&s, LOOK_PLAIN, "%s",
            !document  ? "connecting"
            : v->waits ? "stopped: space goes on"
                       : "? help, q leave");
}

void top_view_print(const struct top_view *v, const struct json_object *document, size_t width,
                    top_line_fn *line, void *about)
{
    struct sheet s = {width < TOP_WIDTH_MOST ? width : TOP_WIDTH_MOST, (size_t)-1, line, about};
    put_service(&s, document);
    put_rates(&s, document);
    put_script(&s, document);
    for (size_t i = 0; i < TOP_TABLES; i++) {
        size_t first = 0;
        if (!top_is_shown(&top_tables[i], document)) continue;
        put(&s, LOOK_PLAIN, "%s", "");
        put_table(&s, &top_tables[i], &v->orders[i], document, &first);
    }
}

/* --- keys --------------------------------------------------------------------------------------- */

void top_view_init(struct top_view *v)
{
    *v = (struct top_view){.table = 0};
    look_for_tables(v, NULL);
    for (size_t i = 0; i < TOP_TABLES; i++) v->orders[i].column = top_tables[i].sorted;
}

static void move(struct top_order *o, size_t rows, bool up)
{
    if (up)
        o->first = o->first > rows ? o->first - rows : 0;
    else
        o->first += rows; /* drawing stops at the end */
}

static void sort_by(struct top_view *v, size_t step)
{
    struct top_order *o = &v->orders[v->table];
    o->column = (o->column + step) % top_columns(&top_tables[v->table]);
    o->first = 0;
}

static void act_on_rows(struct top_view *v, int key)
{
    struct top_order *o = &v->orders[v->table];
    size_t page = v->page > 1 ? v->page - 1 : 1;
    switch (key) {
    case KEY_UP:
    case 'k': move(o, 1, true); break;
    case KEY_DOWN:
    case 'j': move(o, 1, false); break;
    case KEY_PAGE_UP: move(o, page, true); break;
    case KEY_PAGE_DOWN: move(o, page, false); break;
    case KEY_HOME: o->first = 0; break;
    case KEY_END: o->first = (size_t)1 << 30; break;
    case 's': sort_by(v, 1); break;
    case 'S': sort_by(v, top_columns(&top_tables[v->table]) - 1); break;
    case 'r': o->reversed = !o->reversed; break;
    default: break;
    }
}

/* The next table that is shown, by that step. */
static void turn_to(struct top_view *v, size_t step)
{
    do {
        v->table = (v->table + step) % TOP_TABLES;
    } while (!is_shown(v, v->table));
}

bool top_view_key(struct top_view *v, int key)
{
    assert(v->table < TOP_TABLES);
    if (key == 'q' || key == 'Q') return false;
    if (key >= '1' && key < '1' + TOP_TABLES && is_shown(v, (size_t)(key - '1')))
        v->table = (size_t)(key - '1');
    if (key == '\t' || key == KEY_RIGHT) turn_to(v, 1);
    if (key == KEY_BACK_TAB || key == KEY_LEFT) turn_to(v, TOP_TABLES - 1);
    v->helps = key == '?' || key == 'h' ? !v->helps : false;
    if (key == ' ') v->waits = !v->waits;
    act_on_rows(v, key);
    return true;
}
