/* recording_print: one recorded request, as a line for programs or for people. Owns nothing; writes to a stream of its caller.
 */
#ifndef MOONGATE_TOOLS_RECORDING_PRINT_H
#define MOONGATE_TOOLS_RECORDING_PRINT_H

#include <stdio.h>

#include "record/file.h"

/* An object, with all that the take has. */
void recording_print_json(const struct recording *r, const struct take *t, FILE *out);

/* Columns with a space between them, as `ctl watch` has them; bytes that are not printable as \x01, "-" for what is not there. */
void recording_print_head(FILE *out);
void recording_print_line(const struct recording *r, const struct take *t, FILE *out);

#endif
