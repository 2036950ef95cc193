/* as_other: command lines of other programs, translated into moongate's own. moongate that is called by another program's name, through a
 * link, takes that program's flags: so a unit file or a script that starts it needs no change.
 *
 * A table says what each flag becomes. main makes a struct as_other before it reads its options, whose strings point into it, and
 * releases it at the end.
 */
#ifndef MOONGATE_MAIN_AS_OTHER_H
#define MOONGATE_MAIN_AS_OTHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Whether a flag has a value. AS_MAYBE: behind `=` alone, as getopt_long has it. */
enum as_value { AS_NONE, AS_VALUE, AS_MAYBE };

struct as_other;

/* What is done with a flag that needs more than a new name. value: NULL: it has none. NULL, or what is wrong: what to do. */
typedef const char *as_flag_fn(struct as_other *to, const char *value);

struct as_flag {
    char letter;      /* 0: none */
    const char *name; /* NULL: it has a letter alone */
    enum as_value value;
    const char
        *option; /* moongate's option that takes the same value, or none; NULL: there is none */
    as_flag_fn *take; /* NULL: there is none */
    /* With take: what it does, for the help. With neither: why it has no meaning here, for the log, too; NULL: it just has none. */
    const char *says;
};

/* A program. */
struct as_program {
    const char *name;
    const struct as_flag *flags;
    size_t flags_n;
    const char *(*settle)(struct as_other *to); /* after the last flag: NULL, or what is wrong */
    const char *help;                           /* above the list of flags */
    const char *
        ok; /* what it says to the standard error of a configuration that is well, %s: its path; or NULL */
    bool ignores_words; /* that belong to no flag */
};

struct as_other {
    const struct as_program *program; /* NULL: moongate was called by its own name */
    int argc;
    char **argv; /* moongate's own; owned, with its strings */
    bool ends;   /* it was asked for help or a version, or for what cannot be: exit with code */
    int code;
    char **remarks; /* for the log, once; owned */
    size_t remarks_n;
    const char *log_from; /* as log_show_from takes it; NULL: as moongate's options say */
    bool checks;          /* a check of the configuration was asked for */

    /* what the flags have said, until settle */
    const char *config, *config_text, *config_either, *address, *port, *unix_path;
    const char *tls_port, *tls_cert, *tls_key, *tls_ca;
    const char *async_dir;
    bool reloads_never, may_flush, needs_certs, no_asynclog;
};

/* Translates where argv[0] is another program's name. Else *to has argv as it is. */
void as_other_read(struct as_other *to, int argc, char **argv);
void as_other_release(struct as_other *to);

/* Logs what the flags had to say. */
void as_other_log(const struct as_other *to);

/* For tables: appends `--name` or `--name=value` (value NULL: none), or a word. */
void as_add(struct as_other *to, const char *name, const char *value);

/* For tables: appends a remark, as printf does. */
void as_remark(struct as_other *to, const char *form, ...) __attribute__((format(printf, 2, 3)));

/* For tables: a whole number in least..most; -1: it is none. */
long as_number(const char *text, long least, long most);

/* For tables: exit with that code, and nothing else. */
void as_end(struct as_other *to, int code);

/* For tables: prints the help, and a line for each flag. */
void as_print_flags(const struct as_program *p, FILE *out);

/* For tables: the flags that print that help, or moongate's version, and nothing else. */
as_flag_fn as_take_help, as_take_version;

extern const struct as_program as_nutcracker, as_mcrouter;

#endif
