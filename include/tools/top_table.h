/* top_table: the tables of `moongate top`: which columns they have, how their rows are sorted, and what a cell shows.
 *
 * Tables are constant. Rows belong to the status document (json-c), which its reader owns. All text that comes out of here is printable ASCII:
 * whatever names hold, the terminal shows it and obeys none of it.
 */
#ifndef MOONGATE_TOOLS_TOP_TABLE_H
#define MOONGATE_TOOLS_TOP_TABLE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

enum { TOP_CELL = 1200 }; /* bytes of a cell's text, NUL included */

enum top_format {
    TOP_NAME,  /* a text, with its exact bytes in a second member */
    TOP_WORD,  /* a text */
    TOP_RATE,  /* a number a second */
    TOP_COUNT, /* a number */
    TOP_SHARE, /* 0..1, in percent */
    TOP_MICROS,
    TOP_BYTES,
    TOP_SECONDS,
};

struct top_column {
    const char *title;
    const char *member; /* of a row; `cells.NAME` is one inside */
    enum top_format format;
    int width;
};

struct top_table {
    const char *title;
    const char *member;           /* the list in the document */
    const char *empty;            /* what to say when it is */
    struct top_column columns[9]; /* the name first; a NULL title ends them */
    size_t sorted;                /* the column by which rows are sorted at first */
    bool is_rare; /* left out while it has no rows: most services have none of these */
};

enum { TOP_TABLES = 9 };

extern const struct top_table top_tables[TOP_TABLES];

/* How many columns it has. */
size_t top_columns(const struct top_table *t);

/* False: it is to be left out. document NULL: none has come. */
bool top_is_shown(const struct top_table *t, const struct json_object *document);

/* A number in the document, or in a row, by its name or `object.name`; NAN: there is none. */
double top_number(const struct json_object *of, const char *member);

/* Texts of TOP_CELL bytes: a member's value; of a number, by its format. */
void top_text(const struct json_object *of, const char *member, char *to);
void top_value(double value, enum top_format format, char *to);

/* Bytes as printable ASCII, cut to TOP_CELL. */
void top_show(const void *from, size_t len, char *to);

/* What a cell shows. */
void top_cell(const struct top_column *c, const struct json_object *row, char *to);

/* The rows of a table, sorted, in memory from malloc; *n: how many. Numbers stand with the highest first, texts from A to Z; reversed: the other
 * way round. */
struct json_object **top_rows(const struct top_table *t, const struct json_object *document,
                              size_t column, bool reversed, size_t *n);

#endif
