/* `moongate repl`: a prompt at which requests go through a script.
 *
 * The prompt itself is a program in Lua (lua/moongate/repl.lua) that drives a rehearsal, as `moongate test` does, with functions
 * that it gets here. With real servers time is real, and the loop sleeps until an answer comes; with --fake the clock stands
 * still (rehearsal.c) and goes on only by :advance or while a reply is waited for.
 *
 * An answer is flushed before the next line is read: the user, or the program at the other end of a pipe, waits for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/output.h"
#include "script/script.h"
#include "tools/tool.h"
#include "worker/clock.h"
#include "worker/option_table.h"
#include "worker/rehearsal.h"

/* field, type, letter, name, argument, default, meaning */
#define REPL_OPTIONS(X)                                                                            \
    X(servers, LIST, 's', "servers", "HOST:PORT[,...]", "", "what mg.servers is")                  \
    X(fake, FLAG, 0, "fake", NULL, "",                                                             \
      "servers in memory instead of real ones; :advance moves the clock")                          \
    X(client, STRING, 0, "client", "ADDRESS", "unix", "what req.client is, such as 10.0.0.1:4711") \
    X(identity, STRING, 0, "identity", "IDENTITY", "",                                             \
      "what req.identity is: user:NAME or cert:NAME; else nothing")                                \
    X(listener, STRING, 0, "listener", "NAME", "", "what req.listener is; else nothing")           \
    X(from, CHOICE, 0, "from", SCRIPT_KIND_WORDS, "auto",                                          \
      "what kind of file it is; auto: by its name's end and its bytes")                            \
    X(max_value, SIZE, 0, "max-value", "BYTES", "the script's, or 1m",                             \
      "largest value accepted (1k..128m)")                                                         \
    X(no_jit, FLAG, 0, "no-jit", NULL, "", "interpret the script instead of compiling it")         \
    X(unsafe_lua, FLAG, 0, "unsafe-lua", NULL, "", UNSAFE_LUA_MEANING)                             \
    X(lua_dir, STRING, 0, "lua-dir", "PATH", "",                                                   \
      "read moongate's own Lua modules from here, for development")                                \
    X(help, FLAG, 'h', "help", NULL, "", "print this help and exit")

struct repl_options {
    struct option_list servers;
    bool fake;
    const char *client, *identity, *listener; /* NULL: not given */
    int from;                                 /* a place among SCRIPT_KIND_WORDS */
    uint64_t max_value;                       /* 0: not given */
    bool no_jit;
    bool unsafe_lua;
    const char *lua_dir;
    bool help;
    const char *script;
};

static const struct option_row rows[] = {
#define X(...) OPTION_ROW(struct repl_options, __VA_ARGS__)
    REPL_OPTIONS(X)
#undef X
};

static const struct option_range ranges[] = {
    {offsetof(struct repl_options, max_value), 1024, 128ull << 20, "1k..128m"},
};

static bool take_script(void *to, const char *path)
{
    struct repl_options *o = to;
    if (o->script) {
        fprintf(stderr, "moongate: repl: two scripts, %s and %s: give one\n", o->script, path);
        return false;
    }
    o->script = path;
    return true;
}

static const struct option_table table = {
    .program = "moongate repl",
    .rows = rows,
    .rows_n = sizeof rows / sizeof *rows,
    .ranges = ranges,
    .ranges_n = 1,
    .take = take_script,
};

/* --- for Lua ----------------------------------------------------------------------------------- */

struct repl {
    const struct repl_options *o;
    struct options options;
};

/* The functions of struct tester_tools that are the prompt's own. */

static struct rehearsal *open_rehearsal(void *about, const struct tester_script *script,
                                        char *error)
{
    const struct repl *repl = about;
    struct tester_script with_servers = *script;
    with_servers.servers = repl->o->servers.items;
    with_servers.servers_n = repl->o->servers.n;
    return rehearsal_create(
        &(struct rehearsal_how){.options = &repl->options, .connects = !repl->o->fake},
        &with_servers, error);
}

/* The prompt is for people: a program that reads the answers gets only answers. */
static char *read_line(void *about, size_t *len)
{
    char *line = NULL;
    size_t room = 0;
    (void)about;
    if (isatty(STDIN_FILENO)) fputs("> ", stdout);
    if (!output_flush()) return NULL; /* the answers reach no reader */
    ssize_t n = getline(&line, &room, stdin);
    if (n < 0) {
        free(line);
        return NULL;
    }
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) n--;
    *len = (size_t)n;
    return line;
}

static void print(void *about, const struct tester_report *r)
{
    (void)about;
    fwrite(r->text, 1, r->len, stdout);
    putchar('\n');
}

/* `logged`: there is nothing to show, as the log goes to the standard error. */
static void nothing(void *about, FILE *to)
{
    (void)about;
    (void)to;
}

/* --- the tool ---------------------------------------------------------------------------------- */

static int run(const struct repl_options *o)
{
    struct repl repl = {.o = o};
    static const struct tester_tools own = {
        .open = open_rehearsal, .logged = nothing, .report = print, .line = read_line};
    struct tester_tools tools = rehearsal_tools_with(&own);
    struct tester tester = {.tools = &tools, .about = &repl, .lua_dir = o->lua_dir};
    const char *arguments[] = {o->script,
                               o->fake ? "fake" : "real",
                               o->client ? o->client : "",
                               o->listener ? o->listener : "",
                               o->identity ? o->identity : "",
                               NULL};
    char error[SCRIPT_ERROR_MAX];
    if (!options_default(&repl.options)) return EXIT_SYSTEM;
    repl.options.guess = GUESS_ANY;
    if (o->max_value) options_fix_max_value(&repl.options, o->max_value);
    options_set_kind(&repl.options, o->from);
    repl.options.no_jit = o->no_jit;
    repl.options.unsafe_lua = o->unsafe_lua;
    repl.options.lua_dir = o->lua_dir;
    if (o->fake) clock_take(clock_wall());
    if (tester_run(&tester, "moongate.repl", arguments, error)) return EXIT_OK;
    fprintf(stderr, "moongate: %s\n", error);
    return EXIT_SCRIPT;
}

int repl_tool(int argc, char **argv)
{
    struct repl_options o = {.fake = false};
    int code = EXIT_OK;
    if (!option_table_read(&table, &o, argc, argv)) {
        code = EXIT_USAGE;
    } else if (o.help) {
        printf("  %s [options] SCRIPT.lua\n\n", table.program);
        option_table_print(&table, stdout);
    } else if (!o.script) {
        fputs("moongate: repl: no script: give SCRIPT.lua\n", stderr);
        code = EXIT_USAGE;
    } else {
        code = run(&o);
    }
    option_list_release(&o.servers);
    return code;
}
