/* `moongate replay`: recorded requests, put to a script that is not in service yet.
 *
 * The replay itself is a floor of its own (replay/replay.h), and leaves its results in one struct. Here are the options, what they must not be
 * together, and the judgement: a result over a threshold, a recording that is damaged and a replay that did not come to its end make
 * the exit code 1. Results are printed in any case, as far as there are any. */
#include "tools/replay_tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "tools/tool.h"

static const struct option_row rows[] = {
#define X(...) OPTION_ROW(struct replay_options, __VA_ARGS__)
    REPLAY_OPTIONS(X)
#undef X
};

static const struct option_range ranges[] = {
    {offsetof(struct replay_options, rate), 0, 100000000, "0..100000000"},
    {offsetof(struct replay_options, fake_memory), 64 << 10, 64ull << 30, "64k..64g"},
    {offsetof(struct replay_options, value_size), 0, 128ull << 20, "0..128m"},
    {offsetof(struct replay_options, max_p99), 0, 3600, "0..3600"},
    {offsetof(struct replay_options, script_timeout), 0, 3600, "0..3600"},
    {offsetof(struct replay_options, max_value), 1024, 128ull << 20, "1k..128m"},
    FOREIGN_RANGES(struct replay_options),
};

static bool take_file(void *to, const char *path)
{
    struct replay_options *o = to;
    if (o->file) {
        fprintf(stderr, "moongate: replay: two recordings, %s and %s: give one\n", o->file, path);
        return false;
    }
    o->file = path;
    return true;
}

static const struct option_table table = {
    .program = "moongate replay",
    .rows = rows,
    .rows_n = sizeof rows / sizeof *rows,
    .ranges = ranges,
    .ranges_n = sizeof ranges / sizeof *ranges,
    .take = take_file,
};

static void print_help(void)
{
    printf("  %s FILE --script NEW.lua [--compare OLD.lua]\n"
           "  %s FILE --script NEW.lua --against servers [--writes] [--rate NUMBER]\n\n",
           table.program, table.program);
    option_table_print(&table, stdout);
    fputs(
        "\nFILE is a recording of moongate ctl record; - is the standard input. Fakes of the old "
        "script begin with the items\n"
        "that the recording found before it stored them, those of the new one with nothing, unless "
        "--warm is given.\n"
        "Exit codes: 0 ok, 1 a limit is passed, or not all was replayed, 2 usage, 4 other "
        "failures.\n",
        stdout);
}

/* --- what options mean together -------------------------------------------------------------------- */

/* `10x`, `0.5x`, `max`. False: it is none. */
static bool read_speed(const char *text, double *speed)
{
    char *end;
    *speed = 0;
    if (strcmp(text, "max") == 0) return true;
    *speed = strtod(text, &end);
    return end > text && strcmp(end, "x") == 0 && *speed > 0 && *speed <= 1e6;
}

/* NULL: nothing is wrong. */
static const char *wrong(const struct replay_options *o)
{
    double speed;
    if (!o->file) return "no recording: give a file of moongate ctl record";
    if (!o->script) return "no script: give --script NEW.lua";
    if (o->speed && !read_speed(o->speed, &speed))
        return "--speed: not a speed: give max, 1x or 10x";
    if (o->writes && o->against == 0)
        return "--writes is about real servers: give --against servers";
    if (o->warm && o->against == 1) return "--warm is about servers in memory: leave it out";
    if (o->same_servers && (!o->compare || o->warm || o->against == 1))
        return "--same-servers: takes --compare, servers in memory, and no --warm";
    if (o->refill && o->against == 1) return "--refill is about servers in memory: leave it out";
    if (o->rate && o->against == 0) return "--rate is about real servers: give --against servers";
    if (o->max_moved >= 0 && !o->compare) return "--max-moved compares two scripts: give --compare";
    return NULL;
}

static bool make_options(const struct replay_options *o, struct options *daemon)
{
    if (!options_default(daemon)) return false;
    daemon->servers = o->servers;
    if (o->max_value) options_fix_max_value(daemon, o->max_value);
    daemon->shared_memory = 1ull << 30; /* as in tools/ask.c: more than a script will use */
    daemon->script_timeout = o->script_timeout;
    daemon->single_process = true;
    daemon->no_jit = o->no_jit;
    daemon->unsafe_lua = o->unsafe_lua;
    daemon->lua_dir = o->lua_dir;
    daemon->route_prefix = o->route_prefix;
    daemon->send_invalid_route_to_default = o->send_invalid_route_to_default;
    daemon->timeouts_until_tko = o->timeouts_until_tko;
    daemon->probe_timeout_initial = o->probe_timeout_initial;
    daemon->server_timeout_ms = o->server_timeout_ms;
    daemon->disable_tko_tracking = o->disable_tko_tracking;
    daemon->async_dir = o->async_dir;
    return true;
}

/* --- judgement --------------------------------------------------------------------------------------- */

static double percentile(const struct replay_results *r, double share)
{
    return latency_percentile(&r->sides[REPLAY_NEW].latency, share);
}

static void add(struct replay_results *r, const char *name, double allowed, double found,
                bool is_over, bool is_time)
{
    struct replay_threshold *t = &r->thresholds[r->thresholds_n++];
    snprintf(t->name, sizeof t->name, "%s", name);
    t->allowed = allowed;
    t->found = found;
    t->is_over = is_over;
    t->is_time = is_time;
}

static void add_most(struct replay_results *r, const char *name, double allowed, double found)
{
    if (allowed >= 0) add(r, name, allowed, found, found > allowed, false);
}

static void judge_thresholds(const struct replay_options *o, struct replay_results *r)
{
    double now = replay_hit_rate(r, REPLAY_NEW);
    double before =
        r->sides[REPLAY_OLD].is_there ? replay_hit_rate(r, REPLAY_OLD) : replay_recorded_rate(r);
    add_most(r, "--max-moved", o->max_moved, replay_moved(r));
    if (o->min_hit_rate >= 0)
        add(r, "--min-hit-rate", o->min_hit_rate, now, now < o->min_hit_rate, false);
    add_most(r, "--max-hit-loss", o->max_hit_loss, before > now ? before - now : 0);
    add_most(r, "--max-errors", o->max_errors, replay_error_rate(r, REPLAY_NEW));
    if (o->max_p99 > 0)
        add(r, "--max-p99", o->max_p99, percentile(r, 0.99), percentile(r, 0.99) > o->max_p99,
            true);
}

static int complain(const struct replay_results *r)
{
    int code = EXIT_OK;
    for (uint32_t i = 0; i < r->thresholds_n; i++) {
        const struct replay_threshold *t = &r->thresholds[i];
        double by = t->is_time ? 1000 : 100;
        if (!t->is_over) continue;
        fprintf(stderr, "moongate: replay: %s: %.4g %s is not within %.4g %s\n", t->name,
                t->found * by, t->is_time ? "ms" : "%", t->allowed * by, t->is_time ? "ms" : "%");
        code = EXIT_SCRIPT;
    }
    if (r->end == REPLAY_DONE) return code;
    fprintf(stderr, "moongate: replay: %s\n", r->trouble[0] ? r->trouble : replay_end_text(r->end));
    return EXIT_SCRIPT;
}

static void warn(const struct replay_results *r)
{
    const struct replay_recorded *rec = &r->recorded;
    if (rec->has_hashed_keys && !rec->keeps_prefixes)
        fprintf(stderr,
                "moongate: replay: %s: its keys are hashed, and are routed by their hashes: a "
                "script that looks at keys does "
                "not see those that clients sent; record with --keep-prefix\n",
                r->file);
    if (rec->has_hashed_keys && !r->fakes)
        fputs("moongate: replay: real servers have no items under hashed keys: nothing will be "
              "found\n",
              stderr);
    if (r->writes) fputs("moongate: replay: --writes: real servers were written to\n", stderr);
}

/* --- the tool ---------------------------------------------------------------------------------------- */

static int run(const struct replay_options *o)
{
    struct options daemon;
    struct replay_how how = {.file = o->file,
                             .scripts = {o->compare, o->script},
                             .kinds = {o->from, o->to},
                             .options = &daemon,
                             .is_real = o->against == 1,
                             .writes = o->writes,
                             .warm = o->warm,
                             .refill = o->refill,
                             .same_servers = o->same_servers,
                             .speed = o->against == 1 ? 1 : 0,
                             .rate = o->rate,
                             .fake_memory = o->fake_memory,
                             .value_bytes = (uint32_t)o->value_size,
                             .verbose = o->verbose,
                             .shows_progress = true};
    if (o->speed) (void)read_speed(o->speed, &how.speed);
    if (!make_options(o, &daemon)) return EXIT_SYSTEM;
    struct replay_results *r = calloc(1, sizeof *r);
    if (!r) abort();
    int code = replay_run(&how, r);
    if (code == EXIT_OK) {
        judge_thresholds(o, r);
        if (o->json)
            replay_print_json(r, stdout);
        else
            replay_print(r, stdout);
        (void)output_flush();
        warn(r);
        code = complain(r);
        if (o->report && !replay_save_page(r, o->report) && code == EXIT_OK) code = EXIT_SYSTEM;
    }
    free(r);
    return code;
}

int replay_tool(int argc, char **argv)
{
    struct replay_options o = {
        .max_moved = -1, .min_hit_rate = -1, .max_hit_loss = -1, .max_errors = -1};
    int code = EXIT_OK;
    if (!option_table_read(&table, &o, argc, argv)) {
        code = EXIT_USAGE;
    } else if (o.help) {
        print_help();
    } else if (wrong(&o)) {
        fprintf(stderr, "moongate: replay: %s\n", wrong(&o));
        code = EXIT_USAGE;
    } else {
        code = run(&o);
    }
    option_list_release(&o.servers);
    return code;
}
