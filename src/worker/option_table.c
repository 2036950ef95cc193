/* The header says what a table is for. Here: values, then the command line, then defaults. */
#include "worker/option_table.h"

#include "discovery/server.h"
#include "net/bind.h"
#include "net/networks.h"
#include "worker/advertised.h"
#include "worker/option_values.h"
#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONG_BASE = 1000
}; /* keys of long names for getopt: above all letters, and the row's place */

const struct option_range *option_table_range(const struct option_table *t,
                                              const struct option_row *row)
{
    for (size_t i = 0; i < t->ranges_n; i++)
        if (t->ranges[i].offset == row->offset) return &t->ranges[i];
    abort(); /* a number in the table without a range: no program to ship */
}

/* --- values ----------------------------------------------------------------------------------- */

/* The one form of a complaint about a value. */
static void option_complain(const struct option_row *row, const char *value, const char *wrong,
                            const char *wanted)
{
    fprintf(stderr, "moongate: --%s '%s' %s: %s\n", row->name, value, wrong, wanted);
}

static bool option_set_number(const struct option_table *t, void *field,
                              const struct option_row *row, const char *text)
{
    const struct option_range *range = option_table_range(t, row);
    char wanted[64];
    uint64_t n;

    assert(range->min <= range->max && range->max < UINT64_MAX);
    bool size = row->type == OPTION_SIZE;
    snprintf(wanted, sizeof wanted, "give %s in %s", size ? "a size" : "a number", range->text);
    if (!option_number(text, size, &n)) {
        option_complain(row, text, size ? "is not a size" : "is not a number", wanted);
        return false;
    }
    if (n < range->min || n > range->max) {
        option_complain(row, text, "is out of range", wanted);
        return false;
    }
    if (row->type == OPTION_PORT)
        *(uint16_t *)field = (uint16_t)n;
    else if (row->type == OPTION_COUNT)
        *(uint32_t *)field = (uint32_t)n;
    else
        *(uint64_t *)field = n;
    return true;
}

static bool option_set_seconds(const struct option_table *t, double *field,
                               const struct option_row *row, const char *text)
{
    const struct option_range *range = option_table_range(t, row);
    char wanted[96];
    double seconds;
    snprintf(wanted, sizeof wanted, "give seconds in %s, such as 2.5, 50ms or 1m", range->text);
    if (!option_time(text, &seconds)) {
        option_complain(row, text, "is not a time", wanted);
        return false;
    }
    if (seconds < (double)range->min || seconds > (double)range->max) {
        option_complain(row, text, "is out of range", wanted);
        return false;
    }
    *field = seconds;
    return true;
}

static bool option_set_share(double *field, const struct option_row *row, const char *text)
{
    if (!option_share(text, field)) {
        option_complain(row, text, "is not a number", "give a share such as 0.25 or 25%");
        return false;
    }
    if (*field <= 1) return true;
    option_complain(row, text, "is out of range", "give a share in 0..1 or 0%..100%");
    return false;
}

/* The argument shows the words between bars, `text|json`, and the field becomes the place of the given one. */
static bool option_set_choice(int *field, const struct option_row *row, const char *text)
{
    char advice[64];
    size_t len = strlen(text);
    int number = 0;
    for (const char *word = row->argument; word; word = strchr(word, '|'), number++) {
        word += *word == '|';
        if (strcspn(word, "|") != len || strncmp(word, text, len) != 0) continue;
        *field = number;
        return true;
    }
    snprintf(advice, sizeof advice, "give one of %s", row->argument);
    option_complain(row, text, "is not one of its words", advice);
    return false;
}

/* I1: clients get the text as a part of a line, so a line end in it would begin a second response. */
static bool option_set_text(const char **field, const struct option_row *row, const char *text)
{
    const char *wanted = "give 1 to 100 bytes without control bytes";
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] >= ' ' && text[i] != '\x7f') continue;
        option_complain(row, "...", "holds a control byte", wanted);
        return false;
    }
    if (len > 0 && len <= OPTION_TEXT_MAX) {
        *field = text;
        return true;
    }
    option_complain(row, text, len > 0 ? "is too long" : "is empty", wanted);
    return false;
}

/* NULL, or what is wrong with an item. Names are not looked up: that would take time, and may succeed later. */
static const char *wrong_item(enum option_type type, const char *item)
{
    struct server_spec server;
    struct bind_spec bound;
    char stripped[BIND_ITEM_MAX];
    bool read_only;
    struct addr_spec spec;
    struct addr addr;
    struct network network;
    if (type == OPTION_NETWORKS) return network_parse(&network, item, strlen(item));
    if (type == OPTION_LIST) return server_spec_parse(&server, item, strlen(item));
    if (type == OPTION_NAMED) return bind_parse(&bound, item);
    if (type == OPTION_NODES) return advertised_wrong(item);
    if (type == OPTION_SOCKETS) return bind_parse_admin(&bound, &read_only, stripped, item);
    const char *wrong = addr_spec_parse(&spec, item, strlen(item));
    if (wrong) return wrong;
    if (spec.path[0] || !addr_spec_is_literal(&spec, 0, &addr))
        return "give it in numbers: there is no name server yet that could look up a name";
    return spec.has_port && spec.port == 0 ? "port 0 is no port of a server: give 1 to 65535"
                                           : NULL;
}

/* The item joins the list before it is checked, so that one release frees all. */
static bool list_add(struct option_list *list, const struct option_row *row, const char *item,
                     size_t len)
{
    char *copy = strndup(item, len);
    const char **items = realloc(list->items, (list->n + 1) * sizeof *items);
    if (items) list->items = items;
    if (!copy || !items) {
        fprintf(stderr, "moongate: --%s: out of memory: give fewer\n", row->name);
        free(copy);
        return false;
    }
    list->items[list->n++] = copy;

    const char *wrong = wrong_item(row->type, copy);
    if (!wrong) return true;
    option_complain(row, copy,
                    row->type == OPTION_NETWORKS ? "is not a network" : "is not an address", wrong);
    return false;
}

/* Where the argument's name in the table shows a comma, one argument may hold several items. */
static bool option_add_items(struct option_list *list, const struct option_row *row,
                             const char *text)
{
    if (!strchr(row->argument, ',')) return list_add(list, row, text, strlen(text));
    for (;;) {
        size_t len = strcspn(text, ",");
        if (!list_add(list, row, text, len)) return false;
        if (!text[len]) return true;
        text += len + 1;
    }
}

/* The type decides what the field is: see enum option_type. */
static bool option_set(const struct option_table *t, void *to, const struct option_row *row,
                       const char *text)
{
    void *field = (char *)to + row->offset;
    assert(row >= t->rows && row < t->rows + t->rows_n);
    switch (row->type) {
    case OPTION_LIST:
    case OPTION_NAMED:
    case OPTION_SOCKETS:
    case OPTION_NODES:
    case OPTION_NETWORKS:
    case OPTION_LITERALS: return option_add_items(field, row, text);
    case OPTION_PORT:
    case OPTION_COUNT:
    case OPTION_SIZE: return option_set_number(t, field, row, text);
    case OPTION_SECONDS: return option_set_seconds(t, field, row, text);
    case OPTION_SHARE: return option_set_share(field, row, text);
    case OPTION_STRING: *(const char **)field = text; return true;
    case OPTION_TEXT: return option_set_text(field, row, text);
    case OPTION_CHOICE: return option_set_choice(field, row, text);
    case OPTION_FLAG: *(bool *)field = true; return true;
    case OPTION_REPEAT: ++*(int *)field; return true;
    }
    return false;
}

/* --- the command line ------------------------------------------------------------------------- */

/* The table in the form of getopt_long(3). With '-' in front it returns all arguments in their order,
 * whatever POSIXLY_CORRECT says; with ':' a missing argument differs from an unknown option. */
struct getopt_tables {
    struct option names[OPTION_ROWS_MAX + OPTION_OLDS_MAX + 1];
    char letters[2 * OPTION_ROWS_MAX + 3];
};

static const struct option_row *row_named(const struct option_table *t, const char *name)
{
    for (size_t i = 0; i < t->rows_n; i++)
        if (strcmp(t->rows[i].name, name) == 0) return &t->rows[i];
    abort(); /* an old name of no option: no program to ship */
}

static void getopt_tables_fill(struct getopt_tables *to, const struct option_table *t)
{
    assert(t->rows_n <= OPTION_ROWS_MAX && t->olds_n <= OPTION_OLDS_MAX);
    memset(to, 0, sizeof *to);
    char *p = stpcpy(to->letters, "-:");
    for (size_t i = 0; i < t->rows_n; i++) {
        const struct option_row *row = &t->rows[i];
        int has = row->argument ? required_argument : no_argument;
        to->names[i] =
            (struct option){.name = row->name, .has_arg = has, .val = LONG_BASE + (int)i};
        if (!row->letter) continue;
        *p++ = row->letter;
        if (has == required_argument) *p++ = ':';
    }
    for (size_t i = 0; i < t->olds_n; i++) { /* keys behind those of the rows */
        struct option *old = &to->names[t->rows_n + i];
        *old = to->names[row_named(t, t->olds[i].now) - t->rows];
        old->name = t->olds[i].name;
        old->val = LONG_BASE + (int)(t->rows_n + i);
    }
}

/* The old name of a key, or NULL. */
static const struct option_old *old_of(const struct option_table *t, int key)
{
    int at = key - LONG_BASE - (int)t->rows_n;
    return at >= 0 && at < (int)t->olds_n ? &t->olds[at] : NULL;
}

/* The row of one of getopt's keys: a letter, or LONG_BASE and the place of a name. NULL: not in the table. */
static const struct option_row *row_of(const struct option_table *t, int key)
{
    const struct option_old *old = old_of(t, key);
    if (old) return row_named(t, old->now);
    if (key >= LONG_BASE && key < LONG_BASE + (int)t->rows_n) return &t->rows[key - LONG_BASE];
    for (size_t i = 0; i < t->rows_n; i++)
        if (key && t->rows[i].letter == key) return &t->rows[i];
    return NULL;
}

/* getopt stopped in argv's `word` at an option that is not in the table, or that has a value too many. */
static void complain_unknown(const struct option_table *t, const char *word)
{
    const struct option_row *row = row_of(t, optopt);
    if (row) {
        fprintf(stderr, "moongate: --%s takes no value: leave out what follows '='\n", row->name);
        return;
    }
    if (optopt) {
        fprintf(stderr, "moongate: unknown option -%c: %s -h lists the options\n", optopt,
                t->program);
        return;
    }
    int matches = 0;
    size_t len =
        strcspn(word + 2, "="); /* only a long option leaves optopt 0: word starts with -- */
    for (size_t i = 0; i < t->rows_n; i++) matches += strncmp(t->rows[i].name, word + 2, len) == 0;
    for (size_t i = 0; i < t->olds_n; i++) matches += strncmp(t->olds[i].name, word + 2, len) == 0;
    fprintf(stderr, "moongate: %s option %s: %s -h lists the options\n",
            matches > 1 ? "ambiguous" : "unknown", word, t->program);
}

/* An old name still works, so that an upgrade breaks no job that gives it; the warning names the new one. */
static void warn_old(const struct option_old *old)
{
    fprintf(stderr,
            "moongate: --%s is now --%s: give that, the next version removes the old name\n",
            old->name, old->now);
}

/* One result of getopt_long. A key of 1 is a word that is not an option. */
static bool take(const struct option_table *t, void *to, int key, char **argv)
{
    const struct option_row *row = row_of(t, key);
    const struct option_old *old = old_of(t, key);
    if (old) warn_old(old);
    if (row) {
        assert(row - t->rows < OPTION_ROWS_MAX); /* a bit each */
        if (t->given)
            option_give((struct option_given *)((char *)to + t->given), (size_t)(row - t->rows));
        return option_set(t, to, row, optarg);
    }
    if (key == 1) return t->take(to, optarg);
    if (key == ':') {
        row = row_of(t, optopt);
        fprintf(stderr, "moongate: --%s needs %s: %s -h lists the options\n", row->name,
                row->argument, t->program);
        return false;
    }
    complain_unknown(t, argv[optind - 1]);
    return false;
}

static bool read_words(const struct option_table *t, void *to, int argc, char **argv)
{
    struct getopt_tables tables;
    int key;

    getopt_tables_fill(&tables, t);
    optind = 0; /* in glibc: begin from the start, without any state of an earlier call */
    opterr = 0;
    while ((key = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1)
        if (!take(t, to, key, argv)) return false;
    for (; optind < argc; optind++) /* what stands behind `--` */
        if (!t->take(to, argv[optind])) return false;
    return true;
}

/* --- defaults --------------------------------------------------------------------------------- */

/* A number whose default is a word, for people alone. */
static bool is_computed(const struct option_row *row)
{
    bool number = row->type == OPTION_PORT || row->type == OPTION_COUNT ||
                  row->type == OPTION_SIZE || row->type == OPTION_SECONDS;
    return number && !strchr("0123456789", *row->fallback);
}

static bool is_list(const struct option_row *row)
{
    return row->type == OPTION_LIST || row->type == OPTION_NAMED || row->type == OPTION_LITERALS ||
           row->type == OPTION_SOCKETS || row->type == OPTION_NODES || row->type == OPTION_NETWORKS;
}

/* Either those of lists, which must still be empty, or all others. */
static bool set_defaults(const struct option_table *t, void *to, bool lists)
{
    for (size_t i = 0; i < t->rows_n; i++) {
        const struct option_row *row = &t->rows[i];
        if (!*row->fallback || is_list(row) != lists || is_computed(row)) continue;
        if (lists && ((struct option_list *)((char *)to + row->offset))->n > 0) continue;
        if (!option_set(t, to, row, row->fallback)) return false;
    }
    return true;
}

bool option_table_default(const struct option_table *t, void *to)
{
    return set_defaults(t, to, false);
}

bool option_table_read(const struct option_table *t, void *to, int argc, char **argv)
{
    return set_defaults(t, to, false) && read_words(t, to, argc, argv) && set_defaults(t, to, true);
}

void option_table_print(const struct option_table *t, FILE *out)
{
    for (size_t i = 0; i < t->rows_n; i++) {
        const struct option_row *row = &t->rows[i];
        char names[80];
        int len = snprintf(names, sizeof names, "--%s%s%s", row->name, row->argument ? " " : "",
                           row->argument ? row->argument : "");
        if (len > 28) strcat(names, " "); /* two blanks stand before the meaning */
        fprintf(out, row->letter ? "  -%c, %-28s %s" : "  %c   %-28s %s",
                row->letter ? row->letter : ' ', names, row->meaning);
        fprintf(out, *row->fallback ? " [%s]\n" : "%s\n", row->fallback);
    }
}

void option_add_word(const char ***words, size_t *n, const char *word)
{
    const char **more = reallocarray(*words, *n + 1, sizeof *more);
    if (!more) abort();
    more[(*n)++] = word;
    *words = more;
}

void option_list_add(struct option_list *list, const char *item)
{
    const char **items = reallocarray(list->items, list->n + 1, sizeof *items);
    if (!items || !(items[list->n] = strdup(item))) abort();
    list->items = items;
    list->n++;
}

void option_list_release(struct option_list *list)
{
    for (size_t i = 0; i < list->n; i++) free((char *)list->items[i]);
    free(list->items);
    *list = (struct option_list){0};
}
