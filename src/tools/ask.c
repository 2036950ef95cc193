/* What explain and diff have in common.
 *
 * Both route requests without sending any. They load the script into a worker that connects nowhere (worker_rehearse), with the
 * options of a daemon that has the same command line, and route as the daemon does; then they read where a request went instead
 * of sending it. So what they print is what the daemon would do, and a script needs no server that answers.
 *
 * Order: options, worker, script, then keys or requests one by one. Each is explained in the turn's memory, which is reset behind
 * it, so a file of any length takes no more memory than its longest line.
 *
 * I4: explain_request and explain_key parse each line with the daemon's parser. A key that a client could not send is refused
 * with the line's number, and the rest is still explained.
 */
#include "tools/ask.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/addr.h"
#include "net/who.h"
#include "protocol/dialect.h"
#include "tools/tool.h"
#include "worker/source.h"
#include "worker/succession.h"

/* --- options ----------------------------------------------------------------------------------- */

static const struct option_row explain_rows[] = {
#define X(...) OPTION_ROW(struct ask_options, __VA_ARGS__)
    EXPLAIN_OPTIONS(X)
#undef X
};

static const struct option_row diff_rows[] = {
#define X(...) OPTION_ROW(struct ask_options, __VA_ARGS__)
    DIFF_OPTIONS(X)
#undef X
};

static const struct option_range ranges[] = {
    {offsetof(struct ask_options, max_value), 1024, 128ull << 20, "1k..128m"},
    FOREIGN_RANGES(struct ask_options),
};

static const struct option_old diff_olds[] = {{"fail-over", "max-moved"}};

static bool take_word(void *to, const char *word)
{
    struct ask_options *o = to;
    option_add_word(&o->words, &o->words_n, word);
    return true;
}

static const struct option_table explain_table = {
    .program = "moongate explain",
    .rows = explain_rows,
    .rows_n = sizeof explain_rows / sizeof *explain_rows,
    .ranges = ranges,
    .ranges_n = sizeof ranges / sizeof *ranges,
    .take = take_word,
};

static const struct option_table diff_table = {
    .program = "moongate diff",
    .rows = diff_rows,
    .rows_n = sizeof diff_rows / sizeof *diff_rows,
    .olds = diff_olds,
    .olds_n = sizeof diff_olds / sizeof *diff_olds,
    .ranges = ranges,
    .ranges_n = sizeof ranges / sizeof *ranges,
    .take = take_word,
};

/* The uses, a line each, and the table of options. */
static void print_help(const struct option_table *t, const char *const *uses)
{
    for (; *uses; uses++) printf("  %s %s\n", t->program, *uses);
    putchar('\n');
    option_table_print(t, stdout);
}

static enum ask_step read_options(const struct option_table *t, const char *const *uses,
                                  struct ask_options *o, int argc, char **argv, int *code)
{
    *o = (struct ask_options){.max_moved = -1};
    *code = EXIT_OK;
    if (!option_table_read(t, o, argc, argv)) {
        *code = EXIT_USAGE;
        return ASK_END;
    }
    if (o->help) {
        print_help(t, uses);
        return ASK_END;
    }
    return ASK_GO;
}

/* What req.client may be. */
static bool is_address(const char *text)
{
    return !text || (*text && strlen(text) < ADDR_TEXT_MAX && !strpbrk(text, " \t\r\n"));
}

/* For options that contradict each other, or are missing: what the table cannot see. */
static enum ask_step misused(int *code, const char *what)
{
    fprintf(stderr, "moongate: %s\n", what);
    *code = EXIT_USAGE;
    return ASK_END;
}

static const char BAD_CLIENT[] = "--client: not an address: give one such as 10.0.0.1:4711";
static const char BAD_IDENTITY[] = "--identity: not an identity: give user:NAME or cert:NAME";

/* NULL: both are as they must be. */
static const char *wrong_client(const struct ask_options *o)
{
    if (!is_address(o->client)) return BAD_CLIENT;
    return o->identity && !identity_is_valid(o->identity) ? BAD_IDENTITY : NULL;
}

enum ask_step explain_options_read(struct ask_options *o, int argc, char **argv, int *code)
{
    static const char *const uses[] = {
        "SCRIPT.lua 'get user:42' 'set a 0 0 3' ...", "SCRIPT.lua < REQUESTS",
        "SCRIPT.lua --keys FILE [--summary]", "--servers HOST:PORT[,...] 'get user:42' ...", NULL};
    if (read_options(&explain_table, uses, o, argc, argv, code) == ASK_END) return ASK_END;
    if (o->servers.n == 0 && o->words_n == 0)
        return misused(code, "explain: no script: give SCRIPT.lua, or --servers HOST:PORT");
    if (o->keys && o->words_n > (o->servers.n == 0))
        return misused(code, "explain: requests and --keys: give one of them");
    if (o->summary && !o->keys)
        return misused(code, "explain: --summary of which keys? give --keys FILE");
    if (o->wire && !dialect_number(o->wire, strlen(o->wire)))
        return misused(code, "explain: --wire: not a version: give one such as 1.6.18");
    return wrong_client(o) ? misused(code, wrong_client(o)) : ASK_GO;
}

enum ask_step diff_options_read(struct ask_options *o, int argc, char **argv, int *code)
{
    static const char *const uses[] = {"OLD.lua NEW.lua --keys FILE [--max-moved SHARE]", NULL};
    if (read_options(&diff_table, uses, o, argc, argv, code) == ASK_END) return ASK_END;
    if (o->words_n != 2) return misused(code, "diff: takes two scripts: give OLD.lua NEW.lua");
    if (!o->keys) return misused(code, "diff: no keys: give --keys FILE, or --keys - to type them");
    return wrong_client(o) ? misused(code, wrong_client(o)) : ASK_GO;
}

void ask_options_release(struct ask_options *o)
{
    option_list_release(&o->servers);
    free(o->words);
    *o = (struct ask_options){.words = NULL};
}

/* --- scripts ----------------------------------------------------------------------------------- */

/* Bytes. The tool does not know the daemon's --shared-memory, so it allows more than a script will use; pages that are never
 * written cost nothing. */
static const uint64_t SHARED_MEMORY = 1ull << 30;

/* The options of a daemon with the same command line. Its servers stay owned by o. */
static bool daemon_options(const struct ask_options *o, struct options *daemon)
{
    if (!options_default(daemon)) return false;
    daemon->servers = o->servers;
    if (o->max_value) options_fix_max_value(daemon, o->max_value);
    daemon->shared_memory = SHARED_MEMORY;
    daemon->no_jit = o->no_jit;
    daemon->unsafe_lua = o->unsafe_lua;
    daemon->lua_dir = o->lua_dir;
    return true;
}

int ask_in_worker(const struct ask_options *o, worker_act_fn *act, void *arg)
{
    struct options daemon;
    return daemon_options(o, &daemon) ? worker_rehearse(&daemon, act, arg) : EXIT_SYSTEM;
}

/* The largest value in a daemon that runs the script: --max-value, or what the script sets, or the default. */
static size_t settle_max_value(const struct ask_options *o, struct script *s)
{
    struct options daemon;
    bool good = daemon_options(o, &daemon);
    assert(good); /* ask_in_worker has succeeded with the same options */
    succession_options(&daemon, s);
    script_set_max_value(s, daemon.max_value);
    script_set_timeout(s, daemon.script_timeout);
    return daemon.max_value;
}

/* A script whose listeners have all routes answers nothing else: each key would be refused, and none would seem to move. */
static bool is_served(const struct ask_options *o, const char *path, const struct script *s)
{
    const char *name;
    if (script_serves(s, o->listener)) return true;
    fprintf(stderr, "moongate: %s: ", path);
    if (o->listener)
        fprintf(stderr, "there is no listener '%s'", o->listener);
    else
        fputs("each listener has a route of its own", stderr);
    fputs(": give one with --listener:", stderr);
    for (uint32_t i = 0; script_listener(s, i, &name); i++)
        fprintf(stderr, "%s %s", i ? "," : "", name);
    fputc('\n', stderr);
    return false;
}

struct script *ask_load(const struct ask_options *o, const char *path, int from,
                        const struct script_host *host, struct turn *turn, struct explainer *e)
{
    char error[SCRIPT_ERROR_MAX];
    int fd = path ? source_open(path) : -1;
    if (path && fd < 0) {
        /* without --keys there are requests, and a path with a space is probably one */
        const char *advice = !o->keys && strchr(path, ' ') ? "the script comes first, then requests"
                                                           : "give the path of a readable file";
        fprintf(stderr, "moongate: script %s: %s: %s\n", path, strerror(errno), advice);
        return NULL;
    }
    struct script_host as = *host;
    as.as_client = o->client;
    turn->as_identity = o->identity;
    if (o->listener) {
        as.listeners = &o->listener;
        as.addresses = NULL;
        as.listeners_n = as.as_listener = 1;
    }
    struct script_file file = {.path = path, .flags = FOREIGN_FLAGS(o)};
    script_file_set_kind(&file, from);
    struct script *s = source_load(&as, &file, fd, 1, error);
    if (fd >= 0) close(fd);
    if (!s) fprintf(stderr, "%s\n", error);
    if (s && !is_served(o, path, s)) {
        script_destroy(s);
        return NULL;
    }
    *e = (struct explainer){.trace = &script_tracer,
                            .router = s,
                            .turn = turn,
                            .routes = s ? script_routes(s) : NULL,
                            .slots = turn->slots,
                            .answers = turn->answers,
                            .arena = turn->arena,
                            .entrance = o->listener ? REQUEST_BY_LISTENER : 0,
                            .rules = {.max_value = s ? settle_max_value(o, s) : 0}};
    return s;
}

/* --- keys -------------------------------------------------------------------------------------- */

static bool is_standard_input(const char *path)
{
    return strcmp(path, "-") == 0;
}

static const char *name_of(const char *path)
{
    return is_standard_input(path) ? "standard input" : path;
}

static int cannot_read(const char *path)
{
    fprintf(stderr, "moongate: %s: %s: give the path of a readable file\n", name_of(path),
            strerror(errno));
    return EXIT_SYSTEM;
}

/* A line may end in CR LF. getline reports the end and an error in the same way, hence ferror. */
int ask_lines(const char *path, ask_line_fn *take, void *to)
{
    bool is_input = is_standard_input(path);
    FILE *in = is_input ? stdin : fopen(path, "re");
    char *line = NULL;
    size_t room = 0, number = 0;
    ssize_t n;
    if (!in) return cannot_read(path);
    errno = 0;
    while ((n = getline(&line, &room, in)) >= 0) {
        size_t len = (size_t)n;
        number++;
        if (len > 0 && line[len - 1] == '\n') len--;
        if (len > 0 && line[len - 1] == '\r') len--;
        if (len > 0) take(to, line, len, number);
    }
    int code = ferror(in) ? cannot_read(path) : EXIT_OK;
    free(line);
    if (!is_input) fclose(in);
    return code;
}

const char *ask_key(const struct ask_options *o, const struct explainer *e, const char *key,
                    size_t len, explain_told_fn *told, void *to)
{
    struct explain_value value = {o->value, o->value ? strlen(o->value) : 0};
    assert(len > 0 && e->router);
    const char *wrong = explain_key(e, o->command, strlen(o->command), key, len, value, told, to);
    arena_reset(e->arena);
    return wrong;
}

void ask_complain(const struct ask_options *o, size_t number, const char *wrong)
{
    assert(o->keys && number > 0 && wrong);
    fprintf(stderr, "moongate: %s:%zu: %s\n", name_of(o->keys), number, wrong);
}
