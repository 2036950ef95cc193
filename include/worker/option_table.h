/* option_table: command lines read into a struct, by a table of its options.
 *
 * A table is constant and belongs to the module whose struct it fills. Strings in the struct point into argv; the items of lists
 * are copies, owned by the struct and freed by option_list_release. Each process reads its command line once, before anything
 * else.
 *
 * One table is everything that the program knows of its options. An X-macro has a line for each option: field, type, letter,
 * name, argument, default, meaning (OPTIONS in options.h is the daemon's; each tool has its own). From this line come
 *
 *   - the field's row in the table (OPTION_ROW), from which option_table_read makes getopt_long(3)'s tables, parses values and
 *     sets defaults;
 *   - a line of --help (option_table_print);
 *   - a line of the tables in src/main/README.md: tests/unit/main/options_readme_test.c compares them with the help;
 *   - a line of `stats settings` (SHOW_* in stats.c);
 *   - for the fields in SETTABLE_OPTIONS, an option of mg.options, with the same bounds (options_settable), which the command
 *     line overrides (the bits of `given`).
 *
 * So no two of these can differ, and a new option is one line there, a field in the struct, a range if it is a number, and a line
 * in the README. The compiler finds a missing field or SHOW_*; option_table_range aborts on a missing range the first time that
 * the table is used, so no build with one passes any test.
 *
 * In which order: defaults of scalars first, so that an option on the command line replaces them; then the command line from left
 * to right, where the last one wins, but for lists, which grow; then defaults of lists that are still empty. A default is text
 * and goes through the same parser as the user's text: one that breaks its own range is an error at start. A default such as
 * "processors" is for the reader of the help alone; the struct's owner computes it.
 *
 * I6: the ranges are the first of the bounds on memory. Every number is checked here, once, and is trusted afterwards. All that a
 * value alone can tell is checked when it is read (an address's grammar, a control byte in a text that clients get), so that a
 * typing error is a usage error and not a failure in a worker. What two options mean together is main/command_line.c's.
 *
 * Complaints are one line on stderr: the option by its long name, what is wrong, what to do.
 */
#ifndef MOONGATE_WORKER_OPTION_TABLE_H
#define MOONGATE_WORKER_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The type of an option, and of its field in the struct. */
enum option_type {
    OPTION_LIST,  /* struct option_list of servers; split at commas when its argument shows one */
    OPTION_NODES, /* the same, of addresses that clients can connect to: see worker/advertised.h */
    OPTION_NETWORKS, /* the same, of networks: see net/networks.h */
    OPTION_LITERALS, /* the same, of addresses in numbers, which need no look-up */
    OPTION_NAMED,    /* the same, of listeners: see net/bind.h */
    OPTION_SOCKETS,  /* the same, of unix sockets: see bind_parse_admin in net/bind.h */
    OPTION_PORT,     /* uint16_t */
    OPTION_COUNT,    /* uint32_t */
    OPTION_SIZE,     /* uint64_t; takes k, m, g */
    OPTION_SECONDS,  /* double; takes ms, s, m, h */
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

/* The row of a line of the X-macro, for a field of `structure`. */
#define OPTION_ROW(structure, field, type, letter, name, argument, fallback, meaning)              \
    {OPTION_##type, letter, name, argument, fallback, meaning, offsetof(structure, field)},

/* The meaning of --unsafe-lua, an option of every command that runs scripts. */
#define UNSAFE_LUA_MEANING "let scripts have all of Lua: files, processes, ffi, debug"

/* The bounds of a number, and the same as text for the user. Each PORT, COUNT, SIZE and SECONDS has a range. */
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

enum { OPTION_ROWS_MAX = 128, OPTION_OLDS_MAX = 8, OPTION_TEXT_MAX = 100 };

/* Which rows a command line names: a bit for each, by its place in the table. */
struct option_given {
    uint64_t bits[OPTION_ROWS_MAX / 64];
};

static inline void option_give(struct option_given *to, size_t row)
{
    to->bits[row / 64] |= 1ull << row % 64;
}

static inline bool option_is_given(const struct option_given *all, size_t row)
{
    return all->bits[row / 64] >> row % 64 & 1;
}

struct option_table {
    const char *program; /* "moongate explain": where -h shows this table */
    const struct option_row *rows;
    size_t rows_n; /* <= OPTION_ROWS_MAX */
    const struct option_old *olds;
    size_t olds_n; /* <= OPTION_OLDS_MAX */
    const struct option_range *ranges;
    size_t ranges_n;
    bool (*take)(
        void *to,
        const char *word); /* gets each word that is not an option; false after a complaint */
    size_t
        given; /* offset of a struct option_given, which gets the rows that argv names; 0: there is none */
};

/* Fills `to`, which is zero: defaults of scalars, argv[1..), defaults of lists that are still empty. False after a complaint; the
 * caller releases the lists either way. */
bool option_table_read(const struct option_table *t, void *to, int argc, char **argv)
    __attribute__((warn_unused_result));

/* Its first step alone. */
bool option_table_default(const struct option_table *t, void *to)
    __attribute__((warn_unused_result));

/* The range of a number's row. */
const struct option_range *option_table_range(const struct option_table *t,
                                              const struct option_row *row);

/* Prints a line for each row, with its default. */
void option_table_print(const struct option_table *t, FILE *out);

/* For take: appends a word, which is not copied, to a list from malloc, which the caller frees. */
void option_add_word(const char ***words, size_t *n, const char *word);

/* Frees the items, and leaves an empty list. */
void option_list_release(struct option_list *list);

/* Appends a copy. */
void option_list_add(struct option_list *list, const char *item);

#endif
