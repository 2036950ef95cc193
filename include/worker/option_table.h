/* option_table: command lines read into a struct, by a table of its options.
 *
 * A table is constant and belongs to the module whose struct it fills; rows come from an X-macro there (OPTION_ROWS). Strings in the
 * struct point into argv; the items of lists are copies, freed by option_list_release. Complaints are one line on stderr: the
 * option, what is wrong, what to do.
 */
#ifndef MOONGATE_WORKER_OPTION_TABLE_H
#define MOONGATE_WORKER_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* type, its field in the struct */
enum option_type {
    OPTION_LIST, /* struct option_list of servers; split at commas when its argument shows one */
    OPTION_LITERALS, /* the same, of addresses that need no look-up */
    OPTION_NAMED,    /* the same, of listeners: see bind.h */
    OPTION_PORT,     /* uint16_t */
    OPTION_COUNT,    /* uint32_t */
    OPTION_SIZE,     /* uint64_t; takes k, m, g */
    OPTION_SECONDS,  /* double */
    OPTION_SHARE,    /* double, 0..1; 25% is 0.25 */
    OPTION_STRING,   /* const char * */
    OPTION_TEXT,     /* const char *, to be sent: 1 to 100 bytes, none of them a control byte */
    OPTION_CHOICE,   /* int: its place among the words that the argument shows: text|json */
    OPTION_FLAG,     /* bool */
    OPTION_REPEAT,   /* int: how many times */
};

struct option_list {
    const char **items;
    size_t n;
};

struct option_row {
    enum option_type type;
    char letter; /* 0 = none */
    const char *name;
    const char *argument; /* NULL = none */
    const char *fallback; /* as text, "" = zero */
    const char *meaning;
    size_t offset; /* of the field */
};

/* The row of an X-macro's line (field, type, letter, name, argument, fallback, meaning) for a struct. */
#define OPTION_ROW(structure, field, type, letter, name, argument, fallback, meaning)              \
    {OPTION_##type, letter, name, argument, fallback, meaning, offsetof(structure, field)},

/* Of the option --unsafe-lua, which all that run scripts have. */
#define UNSAFE_LUA_MEANING "let scripts have all of Lua: files, processes, ffi, debug"

/* What a number may be, as numbers and as the user reads it. Each PORT, COUNT, SIZE and SECONDS has one. */
struct option_range {
    size_t offset; /* of the field */
    uint64_t min, max;
    const char *text;
};

/* A long name that an option had in an earlier version. It works, with a warning, and no help shows it. */
struct option_old {
    const char *name;
    const char *now; /* the long name of its row */
};

enum { OPTION_ROWS_MAX = 64, OPTION_OLDS_MAX = 8, OPTION_TEXT_MAX = 100 };

struct option_table {
    const char *program; /* "moongate explain": where -h shows this table */
    const struct option_row *rows;
    size_t rows_n; /* <= OPTION_ROWS_MAX */
    const struct option_old *olds;
    size_t olds_n; /* <= OPTION_OLDS_MAX */
    const struct option_range *ranges;
    size_t ranges_n;
    bool (*take)(void *to, const char *word); /* what is no option; false: it has complained */
    size_t
        given; /* place of a uint64_t that gets a bit for each row that argv names; 0: there is none */
};

/* Fills `to`, which is zero: defaults (but for those that are words, which are their owner's to compute), then what argv[1..)
 * says, then the defaults of lists that are still empty. False after a complaint; lists are then as far as they came. */
bool option_table_read(const struct option_table *t, void *to, int argc, char **argv)
    __attribute__((warn_unused_result));

/* The first step of it alone. */
bool option_table_default(const struct option_table *t, void *to)
    __attribute__((warn_unused_result));

/* What a number may be. */
const struct option_range *option_table_range(const struct option_table *t,
                                              const struct option_row *row);

/* A line a row, with its default. */
void option_table_print(const struct option_table *t, FILE *out);

/* For take: one more of n words, whose list is from malloc. */
void option_add_word(const char ***words, size_t *n, const char *word);

void option_list_release(struct option_list *list);

#endif
