/* verify_print: what a verification has counted, for people and for programs. Owns nothing. */
#ifndef MOONGATE_TOOLS_VERIFY_PRINT_H
#define MOONGATE_TOOLS_VERIFY_PRINT_H

#include "base/json.h"
#include "move/verify.h"

/* Lines on the standard output. dry_run: nothing was changed. */
void verify_print_text(const struct verify_counts *n, bool dry_run);

/* Members of an object that the caller has begun. */
void verify_put_json(struct json *j, const struct verify_counts *n, enum verify_end end);

#endif
