/* `moongate recording FILE ...`: what is in recordings: a page about all of it, or each request.
 *
 * Files are read one after the other, in the order in which they are given, so the files of a recording that was rotated are one. What
 * is missing in a file is said on the standard error, and makes the exit code 1; the rest is shown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "base/process.h"
#include "base/progress.h"
#include "tools/recording_print.h"
#include "tools/recording_sum.h"
#include "tools/tool.h"
#include "worker/option_table.h"

/* field, type, letter, name, argument, default, meaning */
#define RECORDING_OPTIONS(X)                                                                       \
    X(json, FLAG, 0, "json", NULL, "", "for programs: each request as a JSON object, one a line")  \
    X(dump, FLAG, 0, "dump", NULL, "", "for people: each request as a line of columns")            \
    X(key, STRING, 0, "key", "PREFIX", "", "only keys that begin so")                              \
    X(command, STRING, 0, "command", "NAME", "", "only requests of that command")                  \
    X(help, FLAG, 'h', "help", NULL, "", "print this help and exit")

struct recording_options {
    bool json, dump, help;
    const char *key, *command; /* NULL: all */
    const char **paths;
    size_t paths_n;
};

static const struct option_row rows[] = {
#define X(...) OPTION_ROW(struct recording_options, __VA_ARGS__)
    RECORDING_OPTIONS(X)
#undef X
};

static bool take_path(void *to, const char *path)
{
    struct recording_options *o = to;
    option_add_word(&o->paths, &o->paths_n, path);
    return true;
}

static const struct option_table table = {.program = "moongate recording",
                                          .rows = rows,
                                          .rows_n = sizeof rows / sizeof *rows,
                                          .take = take_path};

/* All files. */
struct reading {
    const struct recording_options *o;
    struct recording_sum sum;
    uint64_t lost;
    struct progress progress;
    int code;
};

/* --- one file ---------------------------------------------------------------------------------- */

static bool is_wanted(const struct recording_options *o, const struct recording *r,
                      const struct take *t)
{
    size_t len = o->key ? strlen(o->key) : 0;
    if (len > t->key_len || (len && memcmp(t->key, o->key, len) != 0)) return false;
    return !o->command || strcmp(o->command, recording_command(r)) == 0;
}

static void show(struct reading *x, const struct recording *r, const struct take *t)
{
    if (!is_wanted(x->o, r, t)) return;
    if (x->o->json)
        recording_print_json(r, t, stdout);
    else if (x->o->dump)
        recording_print_line(r, t, stdout);
    else
        recording_sum_take(&x->sum, r, t);
}

static void is_missing(struct reading *x, const char *path, const struct recording *r)
{
    progress_clear(&x->progress);
    fprintf(stderr, "moongate: recording: %s: %s\n", path, recording_note(r));
    x->code = EXIT_SCRIPT;
}

static void take_gap(struct reading *x, const char *path, const struct recording *r)
{
    recording_sum_gap(&x->sum, r);
    if (!x->o->json && !x->o->dump) return;
    fprintf(stderr, "moongate: recording: %s: a gap: %s\n", path, recording_note(r));
}

static void print_about(const char *path, const struct recording *r)
{
    const struct recording_about *a = recording_about(r);
    printf("file      %s: moongate %s, %s, ", path, a->version, recording_mode_text(a->mode));
    if (a->sample < 1) printf("%.3g %% of the keys asked for, ", a->sample * 100);
    printf("keys %s", a->hashed ? "hashed" : "as they are");
    if (a->hashed && a->keep_prefix) printf(" behind the first '%c'", a->keep_prefix);
    putchar('\n');
}

/* False: nobody reads what is printed. */
static bool read_file(struct reading *x, const char *path, struct recording *r)
{
    bool goes_on = true;
    struct take t;
    if (!x->o->json && !x->o->dump) print_about(path, r);
    for (uint64_t n = 0; goes_on; n++) {
        switch (recording_next(r, &t)) {
        case RECORDING_TAKE: show(x, r, &t); break;
        case RECORDING_GAP: take_gap(x, path, r); break;
        case RECORDING_DAMAGED:
        case RECORDING_CUT: is_missing(x, path, r); break;
        case RECORDING_END: return true;
        }
        if (n % 1024 == 0) progress_step(&x->progress, recording_at(r), recording_size(r), 0);
        goes_on = !ferror(stdout);
    }
    return false;
}

static bool read_path(struct reading *x, const char *path)
{
    char error[RECORDING_ERROR];
    struct recording *r = recording_open(path, error);
    if (!r) {
        fprintf(stderr, "moongate: recording: %s\n", error);
        x->code = EXIT_SYSTEM;
        return true;
    }
    progress_begin(&x->progress, progress_terminal(), "recording", "bytes");
    bool goes_on = read_file(x, path, r);
    progress_clear(&x->progress);
    x->lost += recording_lost(r);
    recording_close(r);
    return goes_on;
}

/* --- the tool ---------------------------------------------------------------------------------- */

static int run(const struct recording_options *o)
{
    struct reading x = {.o = o, .code = EXIT_OK};
    recording_sum_init(&x.sum);
    if (o->dump) recording_print_head(stdout);
    for (size_t i = 0; i < o->paths_n && read_path(&x, o->paths[i]); i++) {
    }
    if (!o->json && !o->dump) recording_sum_print(&x.sum, x.lost, stdout);
    recording_sum_release(&x.sum);
    return x.code;
}

static int complain(const char *what)
{
    fprintf(stderr, "moongate: recording: %s\n", what);
    return EXIT_USAGE;
}

int recording_tool(int argc, char **argv)
{
    struct recording_options o = {.json = false};
    int code = EXIT_USAGE;
    if (!option_table_read(&table, &o, argc, argv)) {
        free(o.paths);
        return code;
    }
    if (o.help) {
        fputs("  moongate recording [options] FILE ...\n\n", stdout);
        option_table_print(&table, stdout);
        fputs("\nExit codes: 0 done, 1 a part of a file is missing or damaged, 2 usage, 4 a file "
              "cannot be read.\n",
              stdout);
        code = EXIT_OK;
    } else if (o.paths_n == 0) {
        code = complain("give a file, or - for the standard input: recording FILE");
    } else if (o.json && o.dump) {
        code = complain("give --json or --dump, not both");
    } else {
        code = run(&o);
    }
    free(o.paths);
    return code;
}
