/* top_source: the status document, again and again, over the admin socket of a moongate that may end and come back.
 *
 * The caller owns the struct, and calls top_source_release; the source owns its document, which the next one replaces. It never waits: the
 * caller polls its descriptor, and calls top_source_step when it is readable or when time has come.
 */
#ifndef MOONGATE_TOOLS_TOP_SOURCE_H
#define MOONGATE_TOOLS_TOP_SOURCE_H

#include "net/addr.h"
#include "tools/admin_link.h"
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/* I6: a line is at most TOP_LINE_MOST long. Invariant: fd < 0 exactly while there is no connection. `error` is "" while all is well. */
struct top_source {
    struct addr_spec spec;
    double interval; /* seconds from one request to the next */
    int fd;
    bool asks; /* a request was sent, and its answer has not ended */
    double
        due; /* of process_clock: the next request, or attempt to connect; while it asks: when it gives up */
    double took; /* of process_clock: when the document came */
    char *line;  /* bytes of the line that has come in part; from malloc */
    size_t len, room;
    struct json_object *document; /* the last one; NULL: none has come */
    char error[ADMIN_LINK_ERROR];
};

enum { TOP_LINE_MOST = 32 * 1024 * 1024 };

void top_source_init(struct top_source *s, const struct addr_spec *spec, double interval);
void top_source_release(struct top_source *s);

/* Connects, asks, reads, as far as it can go now. True: there is something new to be shown, a document or an error. */
bool top_source_step(struct top_source *s, double now);

/* Takes a document from a text instead; false: `error` says what it is not. */
bool top_source_read(struct top_source *s, const char *text, size_t len);

#endif
