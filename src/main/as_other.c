/* A flag is taken as getopt_long(3) takes it, since the other programs do that, too: abbreviations, `-p5000`, `--port 5000`, words between
 * flags. What is translated is moongate's own command line, which is then read like any other: so no option has two meanings.
 */
#include "main/as_other.h"

#include <assert.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/process.h"

enum { FLAGS_MAX = 192, LONG_BASE = 1000 };

/* --- what tables call -------------------------------------------------------------------------- */

static void add_text(char ***list, size_t *n, char *text)
{
    char **more = reallocarray(*list, *n + 2, sizeof *more);
    if (!more || !text) abort();
    more[(*n)++] = text;
    more[*n] = NULL;
    *list = more;
}

void as_add(struct as_other *to, const char *name, const char *value)
{
    size_t n = (size_t)to->argc;
    char *text = NULL;
    if ((value ? asprintf(&text, "%s=%s", name, value) : asprintf(&text, "%s", name)) < 0) abort();
    add_text(&to->argv, &n, text);
    to->argc = (int)n;
}

/* A flag that is given twice is named once. */
void as_remark(struct as_other *to, const char *form, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, form);
    if (vasprintf(&text, form, arguments) < 0) abort();
    va_end(arguments);
    for (size_t i = 0; i < to->remarks_n; i++) {
        if (strcmp(to->remarks[i], text) != 0) continue;
        free(text);
        return;
    }
    add_text(&to->remarks, &to->remarks_n, text);
}

long as_number(const char *text, long least, long most)
{
    size_t len = text ? strlen(text) : 0;
    if (len == 0 || len > 9 || strspn(text, "0123456789") != len) return -1;
    long n = strtol(text, NULL, 10);
    return n >= least && n <= most ? n : -1;
}

const char *as_take_help(struct as_other *to, const char *value)
{
    as_print_flags(to->program, stdout);
    as_end(to, EXIT_OK);
    return NULL;
}

const char *as_take_version(struct as_other *to, const char *value)
{
    printf("moongate " MOONGATE_VERSION ", called as %s\n", to->program->name);
    as_end(to, EXIT_OK);
    return NULL;
}

/* --- flags ------------------------------------------------------------------------------------- */

struct tables {
    struct option names[FLAGS_MAX + 1];
    char letters[3 * FLAGS_MAX + 2];
};

static int argument_of(enum as_value value)
{
    return value == AS_NONE    ? no_argument
           : value == AS_VALUE ? required_argument
                               : optional_argument;
}

static void fill(struct tables *t, const struct as_program *p)
{
    size_t n = 0;
    char *at = t->letters;
    assert(p->flags_n <= FLAGS_MAX);
    *at++ = ':';
    for (size_t i = 0; i < p->flags_n; i++) {
        const struct as_flag *f = &p->flags[i];
        if (f->name)
            t->names[n++] = (struct option){
                .name = f->name, .has_arg = argument_of(f->value), .val = LONG_BASE + (int)i};
        if (!f->letter) continue;
        *at++ = f->letter;
        if (f->value != AS_NONE) *at++ = ':';
        if (f->value == AS_MAYBE) *at++ = ':';
    }
}

static const struct as_flag *flag_of(const struct as_program *p, int key)
{
    if (key >= LONG_BASE && key < LONG_BASE + (int)p->flags_n) return &p->flags[key - LONG_BASE];
    for (size_t i = 0; i < p->flags_n; i++)
        if (key && p->flags[i].letter == key) return &p->flags[i];
    return NULL;
}

/* As people write it. */
static const char *name_of(const struct as_flag *f, char name[64])
{
    if (f->name)
        snprintf(name, 64, "--%s", f->name);
    else
        snprintf(name, 64, "-%c", f->letter);
    return name;
}

static void end(struct as_other *to, int code)
{
    to->ends = true;
    to->code = code;
}

static void complain(struct as_other *to, const char *what, const char *wrong)
{
    fprintf(stderr, "moongate: called as %s: %s: %s\n", to->program->name, what, wrong);
    end(to, EXIT_USAGE);
}

static void take(struct as_other *to, const struct as_flag *f, const char *value)
{
    char name[64];
    const char *wrong = f->take ? f->take(to, value) : NULL;
    if (wrong) complain(to, name_of(f, name), wrong);
    if (f->take) return;
    if (f->option)
        as_add(to, f->option, value);
    else
        as_remark(to, "%s: %s", name_of(f, name), f->says ? f->says : "it has no meaning here");
}

static void take_key(struct as_other *to, int key, char **argv)
{
    const struct as_flag *f = flag_of(to->program, key == ':' || key == '?' ? optopt : key);
    char name[64];
    if (key == ':' && f)
        complain(to, name_of(f, name), "a value is missing: give one");
    else if (key == '?' || !f)
        complain(to, argv[optind - 1],
                 f ? "it takes no value: leave that out"
                   : "it is not one of its flags, or more than one begins so: -h lists them");
    else
        take(to, f, optarg);
}

static void read_all(struct as_other *to, int argc, char **argv)
{
    struct tables t = {.letters = ""};
    int key;
    fill(&t, to->program);
    optind = 0;
    opterr = 0;
    while (!to->ends && (key = getopt_long(argc, argv, t.letters, t.names, NULL)) != -1)
        take_key(to, key, argv);
    if (!to->ends && optind < argc && !to->program->ignores_words)
        complain(to, argv[optind], "a word that belongs to no flag: leave it out");
    for (int i = optind; !to->ends && i < argc; i++)
        as_remark(to, "%s: a word that belongs to no flag has no meaning here", argv[i]);
    const char *wrong = to->ends ? NULL : to->program->settle(to);
    if (wrong) complain(to, "the flags", wrong);
}

/* --- programs ---------------------------------------------------------------------------------- */

static const struct as_program *program_of(const char *path)
{
    static const struct as_program *const all[] = {&as_nutcracker, &as_mcrouter};
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path ? path : "";
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->name, name) == 0) return all[i];
    return NULL;
}

void as_other_read(struct as_other *to, int argc, char **argv)
{
    *to = (struct as_other){.argc = argc, .argv = argv};
    const struct as_program *p = argc > 0 ? program_of(argv[0]) : NULL;
    if (!p) return;
    *to = (struct as_other){.program = p};
    as_add(to, argv[0], NULL);
    read_all(to, argc, argv);
}

static void release_list(char **list, size_t n)
{
    for (size_t i = 0; i < n; i++) free(list[i]);
    free(list);
}

void as_other_release(struct as_other *to)
{
    if (!to->program) return;
    release_list(to->argv, (size_t)to->argc);
    release_list(to->remarks, to->remarks_n);
    *to = (struct as_other){.argc = 0};
}

void as_other_log(const struct as_other *to)
{
    for (size_t i = 0; i < to->remarks_n; i++)
        log_warn("called as %s: %s", to->program->name, to->remarks[i]);
}

void as_print_flags(const struct as_program *p, FILE *out)
{
    fputs(p->help, out);
    for (size_t i = 0; i < p->flags_n; i++) {
        const struct as_flag *f = &p->flags[i];
        char name[64];
        if (f->letter && f->name)
            fprintf(out, "  -%c, %s", f->letter, name_of(f, name));
        else
            fprintf(out, "  %s", name_of(f, name));
        fputs(f->value == AS_VALUE ? " VALUE" : f->value == AS_MAYBE ? "[=VALUE]" : "", out);
        if (f->option)
            fprintf(out, "    moongate's %s\n", f->option);
        else
            fprintf(out, "    %s\n",
                    f->says   ? f->says
                    : f->take ? "see man moongate"
                              : "no meaning here");
    }
}

void as_end(struct as_other *to, int code)
{
    end(to, code);
}
