/* exposition: the service's numbers in Prometheus' text format 0.0.4.
 *
 * Writes to a stream of the caller's, and owns nothing. Pure but for the board, whose script metrics and dictionaries it reads. Names of the
 * cells of the board become names of metrics by rules, so a new cell is a new metric by itself: see src/main/README.md, "Metrics".
 */
#ifndef MOONGATE_MASTER_EXPOSITION_H
#define MOONGATE_MASTER_EXPOSITION_H

#include "base/board.h"
#include "base/survey.h"
#include "master/journal.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct exposition {
    const struct survey *survey;
    const struct board *board;
    const struct journal *journal;
    const char *version;
    double now;         /* seconds since 1970 */
    uint32_t workers;   /* processes that are to be */
    uint32_t hot_keys;  /* keys with more than 1 % of the requests */
    bool shows_reasons; /* why a reload was refused: a key may be in there */
};

/* Errors of the stream show when it is closed. */
void exposition_write(const struct exposition *e, FILE *to);

/* The name of a cell's metric, with its unit and, for a counter, `_total`; *scale: what its value is multiplied with. text has
 * EXPOSITION_NAME bytes. Returns text. prefix: such as "server_", or "". */
enum { EXPOSITION_NAME = 128 };
const char *exposition_name(char *text, const char *prefix, const struct survey_cell *cell,
                            double *scale);

/* A label's value: quotes and backslashes are escaped. Control characters and what is not UTF-8 become \\x1b and the like. Different
 * values stay different. */
void exposition_label(FILE *to, const char *value);

#endif
