/* json: one object a line, for programs that read what moongate prints.
 *
 * A struct json is a plain value over a stream that its maker owns; members come in the order in which they are put. Errors of the
 * stream show when it is flushed.
 */
#ifndef MOONGATE_TOOLS_JSON_H
#define MOONGATE_TOOLS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    bool follows; /* something stands before in the innermost object or list */
};

/* The outermost object, and the end of it and of its line. */
void json_begin(struct json *j, FILE *out);
void json_end(struct json *j);

/* Members. In bytes that are no UTF-8 each wrong byte becomes U+FFFD, and a further member NAME_base64 has them as they
 * are. */
void json_bytes(struct json *j, const char *name, const void *bytes, size_t len);
void json_text(struct json *j, const char *name, const char *text);
void json_number(struct json *j, const char *name, uint64_t number);
void json_fraction(struct json *j, const char *name,
                   double number); /* null for what is no number */

/* A list of texts: open, its items (name NULL), close. */
void json_list(struct json *j, const char *name);
void json_list_end(struct json *j);

#endif
