/* json: objects for programs that read what moongate prints, on a stream or in memory.
 *
 * A struct json is a plain value over a stream that the caller owns. Members are written at once, in the order of the calls;
 * their names may be any text, and are the caller's to keep apart. Errors of the stream show when it is flushed.
 */
#ifndef MOONGATE_BASE_JSON_H
#define MOONGATE_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    bool follows; /* the innermost object or list is not empty: a comma comes next */
};

/* Begin and end the object, and end its line. */
void json_begin(struct json *j, FILE *out);
void json_end(struct json *j);

/* Members. Name NULL: an item of a list. Where bytes are not UTF-8, each wrong byte becomes U+FFFD, and a second member NAME_base64 has
 * all bytes unchanged; an item of a list has no second member. */
void json_bytes(struct json *j, const char *name, const void *bytes, size_t len);
void json_text(struct json *j, const char *name, const char *text);
void json_number(struct json *j, const char *name, uint64_t number);
void json_integer(struct json *j, const char *name, int64_t number);
void json_flag(struct json *j, const char *name, bool flag);
void json_null(struct json *j, const char *name);

/* Six digits. null for infinity and NaN, which JSON does not have. */
void json_fraction(struct json *j, const char *name, double number);

/* A list and an object inside: begin it, write items (with name NULL) or members, end it. */
void json_list(struct json *j, const char *name);
void json_list_end(struct json *j);
void json_object(struct json *j, const char *name);
void json_object_end(struct json *j);

#endif
