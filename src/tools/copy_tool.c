/* `moongate copy`: the items of the old script's servers, put where the new script looks for them, before clients use it.
 *
 * This file has the options and what is printed; move/copy.h does the work.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/html.h"
#include "base/json.h"
#include "base/process.h"
#include "move/copy.h"
#include "placement/hash.h"
#include "tools/admin_link.h"
#include "tools/rate.h"
#include "tools/tool.h"
#include "tools/verify_print.h"
#include "worker/option_table.h"

/* field, type, letter, name, argument, default, meaning */
#define COPY_OPTIONS(X)                                                                            \
    X(prefix, STRING, 0, "prefix", "PREFIX", "", "only keys that begin so, as clients name them")  \
    X(rate, STRING, 0, "rate", "ITEMS/s", "20k/s",                                                 \
      "items a second; max: as fast as the servers and this machine can")                          \
    X(bandwidth, SIZE, 0, "bandwidth", "BYTES", "",                                                \
      "bytes of values a second (1k..100g); without it: no limit")                                 \
    X(load, COUNT, 0, "load", "TIMES", "3",                                                        \
      "go slower when a server takes so many times as long as at its best (0: never)")             \
    X(patience, SECONDS, 0, "patience", "SECONDS", "60",                                           \
      "how long a server that does not answer is waited for")                                      \
    X(state, STRING, 0, "state", "FILE", "",                                                       \
      "keep in FILE how far it is: the same command goes on from there")                           \
    X(service, STRING, 0, "service", "PATH", "",                                                   \
      "the admin socket of the moongate that clients use; else admin.sock in RUNTIME_DIRECTORY "   \
      "or in /run/moongate")                                                                       \
    X(repeat, FLAG, 0, "repeat", NULL, "",                                                         \
      "copy again what has come meanwhile, until a pass finds nothing new; ask no service")        \
    X(passes, COUNT, 0, "passes", "NUMBER", "10", "with --repeat: so many passes at most")         \
    X(verify, FLAG, 0, "verify", NULL, "",                                                         \
      "then compare: what differs in the new place is overwritten, what the old one lost is "      \
      "removed")                                                                                   \
    X(verify_only, FLAG, 0, "verify-only", NULL, "", "compare, and copy nothing before")           \
    X(settle, SECONDS, 0, "settle", "SECONDS", "2",                                                \
      "with --verify: a difference counts if it stays so long (0..3600)")                          \
    X(dry_run, FLAG, 0, "dry-run", NULL, "", "only count what would be copied")                    \
    X(json, FLAG, 0, "json", NULL, "", "for programs: one JSON object")                            \
    TIER_OPTIONS(X)                                                                                \
    TIER_OPTIONS_TO(X)                                                                             \
    X(help, FLAG, 'h', "help", NULL, "", "print this help and exit")

struct copy_options {
    const char *prefix, *rate, *state, *service;
    uint64_t bandwidth; /* 0: not given */
    uint32_t load, passes;
    double patience, settle;
    bool repeat, verify, verify_only, dry_run, json, help;
    struct tier_how how;
    FOREIGN_FIELDS;
    const char **scripts; /* they point into argv, the list is from malloc */
    size_t scripts_n;
};

static const struct option_row rows[] = {
#define X(...) OPTION_ROW(struct copy_options, __VA_ARGS__)
    COPY_OPTIONS(X)
#undef X
};

static const struct option_range ranges[] = {
    {offsetof(struct copy_options, bandwidth), 1024, 100ull << 30, "1k..100g"},
    {offsetof(struct copy_options, load), 0, 1000, "0..1000"},
    {offsetof(struct copy_options, patience), 0, 86400, "0..86400"},
    {offsetof(struct copy_options, passes), 1, 1000, "1..1000"},
    {offsetof(struct copy_options, settle), 0, 3600, "0..3600"},
    FOREIGN_RANGES(struct copy_options),
};

static bool take_script(void *to, const char *path)
{
    struct copy_options *o = to;
    option_add_word(&o->scripts, &o->scripts_n, path);
    return true;
}

static const struct option_table table = {
    .program = "moongate copy",
    .rows = rows,
    .rows_n = sizeof rows / sizeof *rows,
    .ranges = ranges,
    .ranges_n = sizeof ranges / sizeof *ranges,
    .take = take_script,
};

/* --- what is printed ---------------------------------------------------------------------------- */

static const struct {
    const char *word, *text;
} skips[] = {
#define X(name, word, text) {word, text},
    COPY_SKIPS(X)
#undef X
};

static void print_line(const char *before, uint64_t n, const char *behind)
{
    if (n == 0) return;
    fputs(before, stdout);
    html_number(stdout, n);
    puts(behind);
}

static void print_text(const struct copy_options *o, const struct copy_counts *n)
{
    uint64_t skipped = 0;
    for (int i = 0; i < COPY_SKIPS_COUNT; i++) skipped += n->skipped[i];
    html_number(stdout, o->dry_run ? n->moves : n->copied);
    if (o->dry_run)
        puts(" would be copied");
    else
        printf(" copied: %.1f MB in %.1f s, %.0f/s\n", (double)n->bytes / 1e6, n->seconds,
               n->seconds > 0 ? (double)n->copied / n->seconds : 0);
    html_number(stdout, skipped);
    puts(" skipped");
    for (int i = 0; i < COPY_SKIPS_COUNT; i++) {
        char text[80];
        snprintf(text, sizeof text, " %s", skips[i].text);
        print_line("  ", n->skipped[i], text);
    }
    html_number(stdout, n->lost);
    puts(" lost");
    print_line("", n->drawn, " are drawn among several places by the new script: copied to each");
    if (n->passes > 1) printf("%u passes\n", n->passes);
}

static const char *end_name(enum copy_end end)
{
    static const char *const names[] = {"whole", "lost", "stopped", "refused"};
    return names[end];
}

static void put_copy(struct json *j, const struct copy_counts *n, enum copy_end end)
{
    json_text(j, "end", end_name(end));
    json_number(j, "listed", n->listed);
    json_number(j, "moves", n->moves);
    json_number(j, "copied", n->copied);
    json_number(j, "bytes", n->bytes);
    json_object(j, "skipped");
    for (int i = 0; i < COPY_SKIPS_COUNT; i++) json_number(j, skips[i].word, n->skipped[i]);
    json_object_end(j);
    json_number(j, "lost", n->lost);
    json_number(j, "unread_servers", n->unread);
    json_number(j, "drawn", n->drawn);
    json_number(j, "passes", n->passes);
    json_fraction(j, "seconds", n->seconds);
}

/* What was done: a copy, a verification, or both. */
struct done {
    bool has_copied, has_verified;
    enum copy_end copy_end;
    enum verify_end verify_end;
    struct copy_counts copied;
    struct verify_counts verified;
};

static void print_json(const struct done *d)
{
    struct json j;
    json_begin(&j, stdout);
    if (d->has_copied) put_copy(&j, &d->copied, d->copy_end);
    if (d->has_verified) {
        json_object(&j, "verify");
        verify_put_json(&j, &d->verified, d->verify_end);
        json_object_end(&j);
    }
    json_end(&j);
}

static void print(const struct copy_options *o, const struct done *d)
{
    if (o->json) {
        print_json(d);
        return;
    }
    if (d->has_copied) print_text(o, &d->copied);
    if (d->has_verified) verify_print_text(&d->verified, o->dry_run);
}

/* --- the tool ----------------------------------------------------------------------------------- */

/* Of what a state is for: both files, and the prefix. */
static uint64_t identity_of(const struct copy_options *o)
{
    uint64_t hash = 1;
    for (size_t i = 0; i < o->scripts_n; i++) {
        char bytes[4096];
        size_t n;
        FILE *in = fopen(o->scripts[i], "re");
        while (in && (n = fread(bytes, 1, sizeof bytes, in)) > 0)
            hash = hash_bytes64(HASH_XXH3, bytes, n, hash);
        if (in) fclose(in);
        hash = hash_bytes64(HASH_XXH3, "", 1, hash);
    }
    const char *prefix = o->prefix ? o->prefix : "";
    return hash_bytes64(HASH_XXH3, prefix, strlen(prefix), hash);
}

static void verify(const struct copy_options *o, struct tier *tier, const struct copy_how *how,
                   struct done *d)
{
    struct verify_how verify_how = {.prefix = how->prefix,
                                    .rate = how->rate,
                                    .most_load = how->most_load,
                                    .patience = how->patience,
                                    .settle = o->settle,
                                    .service = how->service,
                                    .dry_run = how->dry_run,
                                    .quiet = how->quiet};
    d->has_verified = true;
    d->verify_end = verify_run(tier, &verify_how, &d->verified);
}

/* A verification that went well has put right what the copy has lost. */
static int code_of(const struct done *d)
{
    if (d->has_verified) return d->verify_end == VERIFY_WHOLE ? EXIT_OK : EXIT_SCRIPT;
    return d->copy_end == COPY_WHOLE ? EXIT_OK : EXIT_SCRIPT;
}

/* A service_connect_fn. about: the struct addr_spec of the socket. */
static int connect_to(void *about, char *error)
{
    return admin_link_connect(about, "--service", process_clock() + 1, error);
}

/* False after a complaint: there is no service that could be asked. */
static bool find_service(const struct copy_options *o, struct addr_spec *spec)
{
    char error[ADMIN_LINK_ERROR];
    int fd = admin_link_find(o->service, spec, error) ? connect_to(spec, error) : -1;
    if (fd >= 0) {
        close(fd);
        return true;
    }
    fprintf(stderr,
            "moongate: copy: is all that clients write meanwhile written to both places? %s; or "
            "give --repeat\n",
            error);
    return false;
}

/* What is copied may be old at once unless writes go to both places, or another pass follows. */
static bool needs_service(const struct copy_options *o)
{
    if (o->dry_run) return false;
    return o->service || (!o->repeat && !o->verify_only);
}

static int run(struct copy_options *o)
{
    struct done done = {.has_copied = !o->verify_only};
    struct tier tier;
    struct service service;
    struct addr_spec spec;
    struct copy_how how = {.prefix = o->prefix,
                           .bandwidth = o->bandwidth ? (double)o->bandwidth : INFINITY,
                           .most_load = o->load,
                           .patience = o->patience,
                           .state = o->state,
                           .passes = o->repeat ? o->passes : 1,
                           .dry_run = o->dry_run,
                           .quiet = o->json,
                           .identity = identity_of(o)};
    if (!rate_read(o->rate, &how.rate)) return EXIT_USAGE;
    for (size_t i = 0; i < TIER_SIDES; i++) o->how.paths[i] = o->scripts[i];
    o->how.flags = FOREIGN_FLAGS(o);
    if (needs_service(o) && !find_service(o, &spec)) return EXIT_BIND;
    if (!tier_open(&tier, &o->how)) return EXIT_SCRIPT;
    if (needs_service(o)) {
        service_open(&service, &tier, connect_to, &spec);
        how.service = &service;
    }
    if (done.has_copied) done.copy_end = copy_run(&tier, &how, &done.copied);
    enum copy_end end = done.copy_end;
    bool may_verify = !done.has_copied || end == COPY_WHOLE || end == COPY_LOSES;
    if (may_verify && (o->verify || o->verify_only)) verify(o, &tier, &how, &done);
    if (how.service) service_close(&service);
    tier_close(&tier);
    if (end == COPY_REFUSED) return EXIT_SYSTEM;
    print(o, &done);
    if (end == COPY_STOPPED && !o->state)
        fputs("moongate: copy: stopped: run it again; what is there is not copied again\n", stderr);
    if (end == COPY_STOPPED && o->state)
        fputs("moongate: copy: stopped: the same command goes on from here\n", stderr);
    return code_of(&done);
}

int copy_tool(int argc, char **argv)
{
    struct copy_options o = {.prefix = NULL};
    int code = EXIT_OK;
    if (!option_table_read(&table, &o, argc, argv)) {
        code = EXIT_USAGE;
    } else if (o.help) {
        printf("  %s OLD.lua NEW.lua [options]\n\n", table.program);
        option_table_print(&table, stdout);
    } else if (o.scripts_n != 2) {
        fputs("moongate: copy: takes two scripts: give OLD.lua NEW.lua\n", stderr);
        code = EXIT_USAGE;
    } else {
        code = run(&o);
    }
    free(o.scripts);
    return code;
}
