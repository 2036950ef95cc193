/* records: answers in lines, each a record of named values, as one process writes them and another one reads and shows them.
 *
 * struct records belongs to its owner, which calls records_release. struct record points into the text that it was read from. A text has
 * no NUL and, within a record, no line end and no tab: such bytes of a value, and backslashes, are written as \x0a.
 *
 *   record = kind { TAB name ( "=" value | "#" number ) } LF      kind and names: small letters, digits and '_'
 */
#ifndef MOONGATE_BASE_RECORDS_H
#define MOONGATE_BASE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_FIELDS = 24, RECORD_NAME_MAX = 32 };

/* Invariant: len <= most, but between record_begin and record_end. I6: a record that does not fit is left out whole. */
struct records {
    char *bytes; /* no NUL at the end; NULL: none yet */
    size_t len, room, most;
    size_t begun; /* where the record begins that is being written */
    bool is_cut;  /* at least one was left out */
};

void records_init(struct records *r, size_t most);
void records_release(struct records *r);

/* Appends text that has come in records, cut to what fits. */
void records_append(struct records *r, const char *text, size_t len);

void record_begin(struct records *r, const char *kind);
void record_bytes(struct records *r, const char *name, const void *bytes, size_t len);
void record_text(struct records *r, const char *name, const char *text);
void record_number(struct records *r, const char *name, uint64_t number);
void record_real(struct records *r, const char *name, double number);
void record_tenths(struct records *r, const char *name, double number); /* as 48.7, for people */
void record_end(struct records *r);

struct record_field {
    const char *name, *value; /* the value as written, with its escapes */
    size_t name_len, value_len;
    bool is_number; /* the value is a number as JSON writes one */
};

struct record {
    const char *kind;
    size_t kind_len;
    struct record_field fields[RECORD_FIELDS];
    size_t n;
};

/* Reads the next record at *at, which moves behind it. False: there is none before end. What is not as the grammar says is left out: the
 * text may come from a process that has gone wrong. */
bool record_next(const char **at, const char *end, struct record *to);

/* The field of that name, or NULL. */
const struct record_field *record_find(const struct record *r, const char *name);

/* The value without its escapes, cut to room, with a NUL at the end. Returns its length, which counts no NUL at the end. */
size_t record_value(const struct record_field *f, char *to, size_t room);

/* Writes bytes with their escapes, cut to whole ones that fit, and a NUL. Returns the length. For a value that stands alone in a message. */
size_t record_escape(char *to, size_t room, const void *bytes, size_t len);

#endif
