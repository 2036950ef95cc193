/* top_view: what `moongate top` shows of a status document: a few lines about the whole, then one of the tables, or all of them.
 *
 * A plain value that owns nothing. Lines go out one by one, to a terminal or to a file.
 */
#ifndef MOONGATE_TOOLS_TOP_VIEW_H
#define MOONGATE_TOOLS_TOP_VIEW_H

#include "tools/terminal.h"
#include "tools/top_table.h"

enum { TOP_WIDTH_MOST = 500 };

/* Gets a line, without its end. */
typedef void top_line_fn(void *about, enum terminal_look look, const char *text);

struct top_view {
    size_t table;   /* that is shown, if it is to be: else the first */
    unsigned shown; /* a bit for each table that the last document has */
    struct top_order {
        size_t column;
        bool reversed;
        size_t first; /* row that is shown */
    } orders[TOP_TABLES];
    bool helps;  /* the keys are shown, and no table */
    bool waits;  /* the reader has stopped it */
    size_t page; /* rows that the last frame had room for */
};

void top_view_init(struct top_view *v);

/* Acts on a key. False: it was the one to leave. */
bool top_view_key(struct top_view *v, int key);

/* A frame of width by height. document NULL: none has come. note: what is wrong with the connection, or "". */
void top_view_draw(struct top_view *v, const struct json_object *document, const char *note,
                   size_t width, size_t height, top_line_fn *line, void *about);

/* All tables, one below the other. */
void top_view_print(const struct top_view *v, const struct json_object *document, size_t width,
                    top_line_fn *line, void *about);

#endif
