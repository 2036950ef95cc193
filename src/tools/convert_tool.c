/* `moongate convert`: prints the script that another proxy's configuration stands for.
 *
 * It is the text that the daemon loads for that file, made by the same function. The notes of its reader go to the standard error, with
 * their places. A program for memcached's proxy that uses its API itself is no configuration: for that there is a list of what each
 * function would be.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bundle.h"
#include "base/process.h"
#include "convert/mcp.h"
#include "script/script.h"
#include "tools/tool.h"
#include "worker/source.h"

/* field, type, letter, name, argument, default, meaning */
#define CONVERT_OPTIONS(X)                                                                         \
    X(from, CHOICE, 0, "from", "auto|twemproxy|mcrouter|routelib|mcp", "auto",                     \
      "what kind of file it is; auto: by its name's end and its bytes")                            \
    FOREIGN_OPTIONS(X)                                                                             \
    X(help, FLAG, 'h', "help", NULL, "", "print this help and exit")

enum from { AUTO, TWEMPROXY, MCROUTER, ROUTELIB, MCP };

struct convert_tool_options {
    int from;
    FOREIGN_FIELDS;
    bool help;
    const char *path;
};

static const struct option_row rows[] = {
#define X(...) OPTION_ROW(struct convert_tool_options, __VA_ARGS__)
    CONVERT_OPTIONS(X)
#undef X
};

static const struct option_range ranges[] = {FOREIGN_RANGES(struct convert_tool_options)};

static bool take_path(void *to, const char *path)
{
    struct convert_tool_options *o = to;
    if (o->path) {
        fprintf(stderr, "moongate: convert: two files, %s and %s: give one\n", o->path, path);
        return false;
    }
    o->path = path;
    return true;
}

static const struct option_table table = {.program = "moongate convert",
                                          .rows = rows,
                                          .rows_n = sizeof rows / sizeof *rows,
                                          .ranges = ranges,
                                          .ranges_n = sizeof ranges / sizeof *ranges,
                                          .take = take_path};

/* --- the tool ---------------------------------------------------------------------------------- */

static void print_notes(const struct bundle *b)
{
    struct bundle_file file;
    size_t at = 0;
    while (bundle_next(b, &at, &file))
        if (file.kind == BUNDLE_NOTE)
            fprintf(stderr, "%.*s: warning: %.*s\n", (int)file.path_len, file.path, (int)file.len,
                    file.bytes);
}

static struct script_file file_of(const struct convert_tool_options *o)
{
    static const enum convert_kind kinds[] = {[TWEMPROXY] = CONVERT_TWEMPROXY,
                                              [MCROUTER] = CONVERT_MCROUTER,
                                              [ROUTELIB] = CONVERT_ROUTELIB};
    struct script_file file = {.path = o->path,
                               .guess = o->from == AUTO ? GUESS_ANY : GUESS_NOT,
                               .flags = FOREIGN_FLAGS(o)};
    if (o->from != AUTO) file.kind = kinds[o->from];
    return file;
}

/* The text is copied out of the bundle, which moves when files are added. */
static int convert(const struct convert_tool_options *o, struct bundle *b, const char *bytes,
                   size_t len)
{
    struct script_file file = file_of(o);
    struct converted c;
    char error[SCRIPT_ERROR_MAX];
    b->records = true;
    bool good = converted_make(&c, &file, bytes, len, b, error);
    print_notes(b);
    if (!good) {
        fprintf(stderr, "moongate: %s\n", error);
        return EXIT_SCRIPT;
    }
    if (c.kind == CONVERT_SCRIPT) {
        fprintf(stderr,
                "moongate: convert: %s: no configuration of another proxy, as far as can be seen: "
                "say what "
                "it is, with --from\n",
                o->path);
        good = false;
    } else {
        fwrite(c.text, 1, c.len, stdout);
    }
    converted_release(&c);
    return good ? EXIT_OK : EXIT_SCRIPT;
}

static int convert_bytes(const struct convert_tool_options *o, struct bundle *b, const char *bytes,
                         size_t len)
{
    bool is_program = o->from == MCP || (o->from == AUTO && mcp_is_used(bytes, len) &&
                                         convert_guess(o->path, bytes, len) == CONVERT_SCRIPT);
    if (!is_program) return convert(o, b, bytes, len);
    mcp_print(o->path, bytes, len, stdout);
    fprintf(stderr,
            "moongate: convert: %s: a program for memcached's proxy: what its functions would be "
            "here is "
            "printed, and the script is yours to write\n",
            o->path);
    return EXIT_SCRIPT;
}

static int run(const struct convert_tool_options *o)
{
    char error[SCRIPT_ERROR_MAX];
    struct bundle_file main;
    int fd = source_open(o->path);
    if (fd < 0) {
        fprintf(stderr, "moongate: convert: %s: %s: give the path of a readable file\n", o->path,
                strerror(errno));
        return EXIT_SCRIPT;
    }
    struct bundle *b = source_read(o->path, fd, &main, error);
    close(fd);
    if (!b) {
        fprintf(stderr, "moongate: %s\n", error);
        return EXIT_SYSTEM;
    }
    char *bytes = malloc(main.len + 1);
    if (!bytes) abort();
    memcpy(bytes, main.bytes, main.len);
    int code = convert_bytes(o, b, bytes, main.len);
    free(bytes);
    bundle_give(b);
    return code;
}

int convert_tool(int argc, char **argv)
{
    struct convert_tool_options o = {.from = AUTO};
    if (!option_table_read(&table, &o, argc, argv)) return EXIT_USAGE;
    if (o.help) {
        printf("  %s [options] FILE > SCRIPT.lua\n\n", table.program);
        option_table_print(&table, stdout);
        return EXIT_OK;
    }
    if (!o.path) {
        fputs("moongate: convert: no file: give a configuration of nutcracker, mcrouter or "
              "routelib\n",
              stderr);
        return EXIT_USAGE;
    }
    return run(&o);
}
