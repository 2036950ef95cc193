/* versions: memcached's versions, and where their answers are not moongate's.
 *
 * For what is passed on, the server behind is right. What moongate answers itself is what 1.6.18 answers, whatever stands
 * behind; where another version answers otherwise, a row of versions_differences says so, and why. Constants; nothing to free.
 */
#ifndef TESTS_LIB_VERSIONS_H
#define TESTS_LIB_VERSIONS_H

#include "lib/octets.h"
#include <stdbool.h>
#include <stddef.h>

/* BY_DESIGN: moongate's answer is the one that is meant. TO_FIX: it is a defect, and the row goes with it. */
enum difference_kind { BY_DESIGN, TO_FIX };

struct difference {
    const char *from, *to; /* of these versions, both included; NULL: of all before, of all after */
    const char *
        line; /* fnmatch(3) over the request's line, with keys as streams have them; NULL: any line */
    const char *server,
        *moongate; /* lines that stand for each other; NULL: such requests are not compared */
    enum difference_kind kind;
    const char *why;
};

enum { VERSIONS_DIFFERENCES_MAX = 64 };
extern const struct difference versions_differences[]; /* ends with a row without `why` */

/* Below 0, 0 or above, as strcmp; "1.6.9" is before "1.6.18". */
int versions_compare(const char *a, const char *b);

/* The lines that were sent, to a server of that version, and which rows were needed to understand the answers. */
struct exchange {
    const char *version;
    const char *const *lines; /* line ends do not count */
    size_t n;
    bool *is_used; /* VERSIONS_DIFFERENCES_MAX; NULL: nobody asks */
};

/* The two are the same, line by line, but for rows about these lines. */
bool versions_agree(const struct exchange *e, const struct octets *server,
                    const struct octets *moongate);

/* The row that says that this line's answers are not compared, or -1. */
int versions_row_that_leaves_out(const char *version, const char *line);

/* Prints the rows about this version and one of these lines (NULL-ended) that no answer has needed, and returns how many have to
 * go. One that waits for the end of a defect is only named: it goes with the next change of the table. */
unsigned versions_rows_unused(const char *version, const char *const lines[], const bool *is_used);

/* This server's version was never measured (tests/servers/run says so in the environment): what differs is printed, and is not
 * a failure. */
bool versions_is_new(void);

#endif
