#include "daemon/options.h"

#include "base/addr.h"
#include "base/log.h"
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum option_type {
    OPTION_LIST,
    OPTION_PORT,
    OPTION_COUNT,
    OPTION_SIZE,
    OPTION_SECONDS,
    OPTION_STRING,
    OPTION_CHOICE,
    OPTION_FLAG,
    OPTION_REPEAT,
};

/* A line of the OPTIONS table. */
struct option_row {
    enum option_type type;
    char letter;
    const char *name;
    const char *argument;
    const char *fallback;
    const char *meaning;
    size_t offset; /* of the field in struct options */
};

static const struct option_row rows[] = {
#define X(field, type, letter, name, argument, fallback, meaning)                                  \
    {OPTION_##type, letter, name, argument, fallback, meaning, offsetof(struct options, field)},
    OPTIONS(X)
#undef X
};

enum { ROWS = sizeof rows / sizeof *rows, LONG_BASE = 1000, WORKERS_MAX = 256 };

/* What a number may be, as numbers and as the user reads it. */
struct range {
    size_t offset;
    uint64_t min, max;
    const char *text;
};

static const struct range ranges[] = {
    {offsetof(struct options, port), 0, 65535, "0..65535"},
    {offsetof(struct options, connections), 1, 64, "1..64"},
    {offsetof(struct options, workers), 1, WORKERS_MAX, "1..256"},
    {offsetof(struct options, max_conns), 1, 1000000, "1..1000000"},
    {offsetof(struct options, max_value), 1024, 128ull << 20, "1k..128m"},
    {offsetof(struct options, client_buffer), 64ull << 10, 4ull << 30, "64k..4g"},
    {offsetof(struct options, drain_timeout), 0, 86400, "0..86400"},
};

static const struct range *range_of(const struct option_row *row)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (ranges[i].offset == row->offset) return &ranges[i];
    abort(); /* a number in the table without a range: no program to ship */
}

/* --- values ----------------------------------------------------------------------------------- */

/* A power of two; 0: not a unit. */
static unsigned unit_shift(char unit)
{
    switch (unit) {
    case 'k':
    case 'K': return 10;
    case 'm':
    case 'M': return 20;
    case 'g':
    case 'G': return 30;
    default: return 0;
    }
}

/* Decimal digits, and k, m or g where a unit is allowed. False when it reads otherwise; a number
 * too large to hold becomes UINT64_MAX, which no range allows. */
static bool number_parse(const char *text, bool unit_allowed, uint64_t *number)
{
    uint64_t n = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
    }
    if (p == text) return false;

    unsigned shift = unit_allowed ? unit_shift(*p) : 0;
    if (shift) {
        n = n > UINT64_MAX >> shift ? UINT64_MAX : n << shift;
        p++;
    }
    *number = n;
    return *p == '\0';
}

/* strtod also reads hexadecimal, "inf" and "nan": only digits and a point come so far. */
static bool seconds_parse(const char *text, double *seconds)
{
    char *end;
    if (!*text || text[strspn(text, "0123456789.")]) return false;
    *seconds = strtod(text, &end);
    return end != text && *end == '\0';
}

/* The processors this process may run on, which in a container are fewer than the machine has. */
static uint32_t processors_available(void)
{
    cpu_set_t set;
    long n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                         : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (uint32_t)n;
}

static void option_complain(const struct option_row *row, const char *value, const char *wrong,
                            const char *wanted)
{
    fprintf(stderr, "moongate: --%s '%s' %s: %s\n", row->name, value, wrong, wanted);
}

static bool option_set_number(struct options *o, const struct option_row *row, const char *text)
{
    const struct range *range = range_of(row);
    void *field = (char *)o + row->offset;
    char wanted[64];
    uint64_t n;

    bool size = row->type == OPTION_SIZE;
    snprintf(wanted, sizeof wanted, "give %s in %s", size ? "a size" : "a number", range->text);
    if (!number_parse(text, size, &n)) {
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

static bool option_set_seconds(struct options *o, const struct option_row *row, const char *text)
{
    const struct range *range = range_of(row);
    char wanted[64];
    double seconds;

    snprintf(wanted, sizeof wanted, "give seconds in %s, such as 2.5", range->text);
    if (!seconds_parse(text, &seconds)) {
        option_complain(row, text, "is not a number", wanted);
        return false;
    }
    if (seconds < (double)range->min || seconds > (double)range->max) {
        option_complain(row, text, "is out of range", wanted);
        return false;
    }
    void *field = (char *)o + row->offset;
    *(double *)field = seconds;
    return true;
}

/* The field becomes the place of text among the words that the table shows between bars: text|json. */
static bool option_set_choice(struct options *o, const struct option_row *row, const char *text)
{
    char advice[64];
    size_t len = strlen(text);
    int number = 0;
    for (const char *word = row->argument; word; word = strchr(word, '|'), number++) {
        word += *word == '|';
        if (strcspn(word, "|") != len || strncmp(word, text, len) != 0) continue;
        *(int *)((char *)o + row->offset) = number;
        return true;
    }
    snprintf(advice, sizeof advice, "give one of %s", row->argument);
    option_complain(row, text, "is none of its words", advice);
    return false;
}

const char *options_choice(const char *words, int number, char *text, size_t size)
{
    for (; number > 0; number--) words = strchr(words, '|') + 1;
    snprintf(text, size, "%.*s", (int)strcspn(words, "|"), words);
    return text;
}

/* No address has a '=' with only such characters before it. */
const char *options_bind_address(const char *item, const char **name, size_t *len)
{
    static const char NAME[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t n = strspn(item, NAME);
    bool named = n > 0 && item[n] == '=';
    *name = item;
    *len = named ? n : 0;
    return named ? item + n + 1 : item;
}

/* An item must be an address already here: a slip on the command line is a usage error, not the
 * script's. */
static bool list_add(struct option_list *list, const struct option_row *row, const char *item,
                     size_t len)
{
    struct addr_spec spec;
    char *copy = strndup(item, len);
    const char **items = realloc(list->items, (list->n + 1) * sizeof *items);
    if (items) list->items = items;
    if (!copy || !items) {
        fprintf(stderr, "moongate: --%s: out of memory: give fewer\n", row->name);
        free(copy);
        return false;
    }
    list->items[list->n++] = copy;

    const char *name, *address = copy;
    size_t name_len;
    if (row->offset == offsetof(struct options, bind))
        address = options_bind_address(copy, &name, &name_len);
    const char *wrong = addr_spec_parse(&spec, address, strlen(address));
    if (!wrong) return true;
    option_complain(row, copy, "is not an address", wrong);
    return false;
}

/* An argument that the table writes with a comma may hold several items. */
static bool option_add_items(struct options *o, const struct option_row *row, const char *text)
{
    struct option_list *list = (struct option_list *)((char *)o + row->offset);
    if (!strchr(row->argument, ',')) return list_add(list, row, text, strlen(text));
    for (;;) {
        size_t len = strcspn(text, ",");
        if (!list_add(list, row, text, len)) return false;
        if (!text[len]) return true;
        text += len + 1;
    }
}

static bool option_set(struct options *o, const struct option_row *row, const char *text)
{
    char *field = (char *)o + row->offset;
    switch (row->type) {
    case OPTION_LIST: return option_add_items(o, row, text);
    case OPTION_PORT:
    case OPTION_COUNT:
    case OPTION_SIZE: return option_set_number(o, row, text);
    case OPTION_SECONDS: return option_set_seconds(o, row, text);
    case OPTION_STRING: *(const char **)field = text; return true;
    case OPTION_CHOICE: return option_set_choice(o, row, text);
    case OPTION_FLAG: *(bool *)field = true; return true;
    case OPTION_REPEAT: ++*(int *)field; return true;
    }
    return false;
}

/* --- the command line ------------------------------------------------------------------------- */

/* The table as getopt_long(3) wants it. The leading '-' keeps the order of arguments as given
 * and, unlike the default, does not depend on the environment; ':' tells a missing argument from
 * an unknown option. */
struct getopt_tables {
    struct option names[ROWS + 1];
    char letters[2 * ROWS + 3];
};

static void getopt_tables_fill(struct getopt_tables *t)
{
    memset(t, 0, sizeof *t);
    char *p = stpcpy(t->letters, "-:");
    for (int i = 0; i < ROWS; i++) {
        int has = rows[i].argument ? required_argument : no_argument;
        t->names[i] = (struct option){.name = rows[i].name, .has_arg = has, .val = LONG_BASE + i};
        if (!rows[i].letter) continue;
        *p++ = rows[i].letter;
        if (has == required_argument) *p++ = ':';
    }
}

static const struct option_row *row_of(int key)
{
    if (key >= LONG_BASE && key < LONG_BASE + ROWS) return &rows[key - LONG_BASE];
    for (int i = 0; i < ROWS; i++)
        if (key && rows[i].letter == key) return &rows[i];
    return NULL;
}

/* getopt stopped at an option that is not in the table. `word` is where it stands. */
static void complain_unknown(const char *word)
{
    const struct option_row *row = row_of(optopt);
    if (row) {
        fprintf(stderr, "moongate: --%s takes no value: leave out what follows '='\n", row->name);
        return;
    }
    if (optopt) {
        fprintf(stderr, "moongate: unknown option -%c: moongate -h lists the options\n", optopt);
        return;
    }
    int matches = 0;
    size_t len =
        strcspn(word + 2, "="); /* only a long option leaves optopt 0: word starts with -- */
    for (int i = 0; i < ROWS; i++) matches += strncmp(rows[i].name, word + 2, len) == 0;
    fprintf(stderr, "moongate: %s option %s: moongate -h lists the options\n",
            matches > 1 ? "ambiguous" : "unknown", word);
}

static bool options_take_script(struct options *o, const char *path)
{
    if (o->script) {
        fprintf(stderr, "moongate: two scripts, %s and %s: give one\n", o->script, path);
        return false;
    }
    if (!*path) {
        fputs("moongate: the script's path is empty: give SCRIPT.lua\n", stderr);
        return false;
    }
    o->script = path;
    return true;
}

static bool options_take(struct options *o, int key, char **argv)
{
    const struct option_row *row = row_of(key);
    if (row) return option_set(o, row, optarg);
    if (key == 1) return options_take_script(o, optarg);
    if (key == ':') {
        row = row_of(optopt);
        fprintf(stderr, "moongate: --%s needs %s: moongate -h lists the options\n", row->name,
                row->argument);
        return false;
    }
    complain_unknown(argv[optind - 1]);
    return false;
}

static bool options_read(struct options *o, int argc, char **argv)
{
    struct getopt_tables tables;
    int key;

    getopt_tables_fill(&tables);
    optind = 0; /* glibc: start over, also what is kept from an earlier call */
    opterr = 0;
    while ((key = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1)
        if (!options_take(o, key, argv)) return false;
    for (; optind < argc; optind++)
        if (!options_take_script(o, argv[optind])) return false;
    return true;
}

/* Scalars get their defaults before the command line is read, lists after it, when they are
 * still empty. */
static bool options_set_defaults(struct options *o, bool lists)
{
    for (int i = 0; i < ROWS; i++) {
        const struct option_row *row = &rows[i];
        if (!*row->fallback || (row->type == OPTION_LIST) != lists) continue;
        if (lists && ((struct option_list *)((char *)o + row->offset))->n > 0) continue;
        if (strcmp(row->fallback, "processors") == 0)
            o->workers = processors_available();
        else if (!option_set(o, row, row->fallback))
            return false;
    }
    return true;
}

static bool options_agree(const struct options *o)
{
    if (o->help || o->version || o->print_script) return true;
    if (o->script && o->servers.n > 0) {
        fprintf(stderr, "moongate: a script (%s) and --servers: give one of them\n", o->script);
        return false;
    }
    if (!o->script && o->servers.n == 0) {
        fputs("moongate: no script: give SCRIPT.lua, or --servers HOST:PORT to go without one\n",
              stderr);
        return false;
    }
    return true;
}

bool options_parse(struct options *o, int argc, char **argv)
{
    memset(o, 0, sizeof *o);
    o->script_fd = -1;
    bool good = options_set_defaults(o, false) && options_read(o, argc, argv) &&
                options_set_defaults(o, true) && options_agree(o);
    if (!good) options_release(o);
    return good;
}

void options_help(FILE *out)
{
    fputs("moongate: a memcache proxy whose routing is a Lua script\n\n"
          "  moongate [options] SCRIPT.lua\n"
          "  moongate [options] --servers HOST:PORT[,...]\n\n",
          out);
    for (int i = 0; i < ROWS; i++) {
        const struct option_row *row = &rows[i];
        char names[64];
        snprintf(names, sizeof names, "--%s%s%s", row->name, row->argument ? " " : "",
                 row->argument ? row->argument : "");
        fprintf(out, row->letter ? "  -%c, %-28s %s" : "  %c   %-28s %s",
                row->letter ? row->letter : ' ', names, row->meaning);
        fprintf(out, *row->fallback ? " [%s]\n" : "%s\n", row->fallback);
    }
    fputs("\nSizes take k, m or g. Signals: HUP reloads the script; TERM and INT answer what is in "
          "flight and\n"
          "exit, a second one exits at once; QUIT does so without a time limit.\n"
          "Exit codes: 0 ok, 1 script, 2 usage, 3 binding, 4 other failures of the system.\n",
          out);
}

static void list_release(struct option_list *list)
{
    for (size_t i = 0; i < list->n; i++) free((char *)list->items[i]);
    free(list->items);
    *list = (struct option_list){0};
}

void options_release(struct options *o)
{
    list_release(&o->servers);
    list_release(&o->bind);
}
