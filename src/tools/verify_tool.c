/* `moongate verify`: what the servers of a script really hold: on which of them keys lie, and whether the script looks for them there.
 *
 * This file has the options and what is printed; move/holdings.h does the work. Beside clients on the same machine it has the lower
 * priority, but with --rate max. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/json.h"
#include "base/process.h"
#include "base/utf8.h"
#include "move/holdings.h"
#include "tools/rate.h"
#include "tools/tool.h"
#include "worker/option_table.h"

/* field, type, letter, name, argument, default, meaning */
#define VERIFY_OPTIONS(X)                                                                          \
    X(keys, STRING, 'k', "keys", "FILE", "",                                                       \
      "look for the keys in FILE, one a line; - is the standard input")                            \
    X(dump, FLAG, 0, "dump", NULL, "", "look for all keys that the servers list")                  \
    X(clean, FLAG, 0, "clean", NULL, "",                                                           \
      "delete what lies where the script never looks for it; without it: only count")              \
    X(list, FLAG, 0, "list", NULL, "",                                                             \
      "a line for each key: its state, and the servers that have it")                              \
    X(rate, STRING, 0, "rate", "QUESTIONS/s", "20k/s",                                             \
      "questions to servers a second; max: as fast as they and this machine can")                  \
    X(load, COUNT, 0, "load", "TIMES", "3",                                                        \
      "go slower when a server takes so many times as long as at its best (0: never)")             \
    X(json, FLAG, 0, "json", NULL, "", "for programs: one JSON object, after those of --list")     \
    TIER_OPTIONS(X)                                                                                \
    X(help, FLAG, 'h', "help", NULL, "", "print this help and exit")

struct verify_options {
    const char *keys, *rate;
    uint32_t load;
    bool dump, clean, list, json, help;
    struct tier_how how;
    FOREIGN_FIELDS;
    const char **scripts; /* they point into argv, the list is from malloc */
    size_t scripts_n;
};

static const struct option_row rows[] = {
#define X(...) OPTION_ROW(struct verify_options, __VA_ARGS__)
    VERIFY_OPTIONS(X)
#undef X
};

static const struct option_range ranges[] = {
    {offsetof(struct verify_options, load), 0, 1000, "0..1000"},
    FOREIGN_RANGES(struct verify_options),
};

static bool take_script(void *to, const char *path)
{
    struct verify_options *o = to;
    option_add_word(&o->scripts, &o->scripts_n, path);
    return true;
}

static const struct option_table table = {
    .program = "moongate verify",
    .rows = rows,
    .rows_n = sizeof rows / sizeof *rows,
    .ranges = ranges,
    .ranges_n = sizeof ranges / sizeof *ranges,
    .take = take_script,
};

/* --- a key --------------------------------------------------------------------------------------- */

static const struct {
    const char *word, *text;
} states[] = {
#define X(name, word, text) {word, text},
    HOLDINGS_STATES(X)
#undef X
};

struct printing {
    const struct verify_options *o;
    const struct tier *tier;
};

static void put_servers(struct json *j, const struct printing *p, const char *name,
                        const uint32_t *servers, uint32_t n)
{
    json_list(j, name);
    for (uint32_t i = 0; i < n; i++) json_text(j, NULL, p->tier->servers[servers[i]].name);
    json_list_end(j);
}

static void print_servers(const struct printing *p, const char *before, const uint32_t *servers,
                          uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        printf("%s%s", i ? " " : before, p->tier->servers[servers[i]].name);
}

/* A holdings_key_fn. */
static void print_key(void *owner, const struct holdings_key *key)
{
    const struct printing *p = owner;
    char text[4 * KEY_MAX + 1];
    struct json j;
    if (!p->o->json) {
        utf8_show(text, sizeof text, (const char *)key->client->bytes, key->client->len);
        printf("%s\t%s%s", text, states[key->state].word, key->differs ? ", copies differ" : "");
        print_servers(p, "\t", key->found, key->found_n);
        print_servers(p, "\tduplicates: ", key->duplicates, key->duplicates_n);
        putchar('\n');
        return;
    }
    json_begin(&j, stdout);
    json_bytes(&j, "key", key->client->bytes, key->client->len);
    json_text(&j, "state", states[key->state].word);
    json_flag(&j, "differs", key->differs);
    put_servers(&j, p, "servers", key->found, key->found_n);
    put_servers(&j, p, "duplicates", key->duplicates, key->duplicates_n);
    json_end(&j);
}

/* --- all keys ------------------------------------------------------------------------------------ */

static void print_line(uint64_t n, const char *text)
{
    if (n > 0) printf("  %" PRIu64 " %s\n", n, text);
}

static void print_text(const struct printing *p, const struct holdings_counts *n)
{
    const char *cleaned = p->o->clean ? "cleaned" : "-";
    printf("%" PRIu64 " keys in %.1f s\n", n->keys, n->seconds);
    for (int i = 0; i < HOLDINGS_STATES_COUNT; i++) print_line(n->states[i], states[i].text);
    print_line(n->duplicated, "lie where the script never looks for them");
    print_line(n->differing, "have copies that differ and should be equal");
    print_line(n->strays, p->o->keys ? "lines that are no keys"
                                     : "items under names that the script gives no key");
    if (n->unread > 0) printf("  %u servers did not list their keys\n", n->unread);
    printf("\n%-32s %12s %12s %12s\n", "server", "items", "duplicates", cleaned);
    for (uint32_t i = 0; i < n->servers_n; i++) {
        const struct holdings_server *s = &n->servers[i];
        printf("%-32s %12" PRIu64 " %12" PRIu64, p->tier->servers[i].name, s->items, s->duplicates);
        if (p->o->clean)
            printf(" %12" PRIu64 "\n", s->cleaned);
        else
            printf(" %12s\n", "-");
    }
}

static void print_json(const struct printing *p, const struct holdings_counts *n)
{
    struct json j;
    json_begin(&j, stdout);
    json_number(&j, "keys", n->keys);
    for (int i = 0; i < HOLDINGS_STATES_COUNT; i++) json_number(&j, states[i].word, n->states[i]);
    json_number(&j, "duplicated", n->duplicated);
    json_number(&j, "differing", n->differing);
    json_number(&j, "strays", n->strays);
    json_number(&j, "unread_servers", n->unread);
    json_list(&j, "servers");
    for (uint32_t i = 0; i < n->servers_n; i++) {
        const struct holdings_server *s = &n->servers[i];
        json_object(&j, NULL);
        json_text(&j, "server", p->tier->servers[i].name);
        json_number(&j, "items", s->items);
        json_number(&j, "duplicates", s->duplicates);
        json_number(&j, "cleaned", s->cleaned);
        json_number(&j, "unknown", s->unknown);
        json_object_end(&j);
    }
    json_list_end(&j);
    json_fraction(&j, "seconds", n->seconds);
    json_end(&j);
}

/* --- the tool ------------------------------------------------------------------------------------ */

/* mg.migrate decides by the time: what was copied ahead to its second route looks as if nobody read it. */
static bool may_clean(const struct tier *tier, const struct verify_options *o)
{
    static const char NAME[] = "migrate(";
    const struct generation *g = tier->explainers[TIER_OLD].routes;
    for (uint32_t i = 0; o->clean && i < g->routes_n; i++) {
        const char *text = g->routes[i]->text;
        if (!text || strncmp(text, NAME, sizeof NAME - 1) != 0) continue;
        fprintf(stderr,
                "moongate: verify: --clean: %s has mg.migrate, whose keys move by the time: give "
                "the script that comes after it\n",
                o->scripts[0]);
        return false;
    }
    return true;
}

static int run(struct verify_options *o)
{
    struct tier tier;
    struct holdings_counts counts;
    struct printing p = {o, &tier};
    struct holdings_how how = {.keys = o->dump ? NULL : o->keys,
                               .most_load = o->load,
                               .clean = o->clean,
                               .quiet = o->json || o->list,
                               .key = o->list ? print_key : NULL,
                               .owner = &p};
    if (!rate_read(o->rate, &how.rate)) return EXIT_USAGE;
    o->how.paths[TIER_OLD] = o->scripts[0];
    o->how.flags = FOREIGN_FLAGS(o);
    if (isfinite(how.rate)) (void)setpriority(PRIO_PROCESS, 0, 10);
    if (!tier_open(&tier, &o->how)) return EXIT_SCRIPT;
    if (!may_clean(&tier, o)) {
        tier_close(&tier);
        return EXIT_USAGE;
    }
    enum holdings_end end = holdings_run(&tier, &how, &counts);
    if (end != HOLDINGS_REFUSED && o->json) print_json(&p, &counts);
    if (end != HOLDINGS_REFUSED && !o->json) print_text(&p, &counts);
    holdings_counts_release(&counts);
    tier_close(&tier);
    if (end == HOLDINGS_REFUSED) return EXIT_SYSTEM;
    if (end == HOLDINGS_STOPPED) fputs("moongate: verify: stopped\n", stderr);
    return end == HOLDINGS_RIGHT ? EXIT_OK : EXIT_SCRIPT;
}

/* EXIT_OK, or a code after a complaint. */
static int check(const struct verify_options *o)
{
    const char *wrong = NULL;
    if (o->scripts_n != 1)
        wrong = "takes one script: give SCRIPT.lua --keys FILE, or --dump";
    else if (!o->keys && !o->dump)
        wrong = "needs keys: give --keys FILE, or --dump for all that the servers list";
    else if (o->keys && o->dump)
        wrong = "takes its keys from one place: leave out --keys or --dump";
    if (wrong) fprintf(stderr, "moongate: verify: %s\n", wrong);
    return wrong ? EXIT_USAGE : EXIT_OK;
}

int verify_tool(int argc, char **argv)
{
    struct verify_options o = {.keys = NULL};
    int code = EXIT_OK;
    if (!option_table_read(&table, &o, argc, argv)) {
        code = EXIT_USAGE;
    } else if (o.help) {
        printf("  %s SCRIPT.lua --keys FILE|--dump [options]\n\n", table.program);
        option_table_print(&table, stdout);
    } else {
        code = check(&o);
        if (code == EXIT_OK) code = run(&o);
    }
    free(o.scripts);
    return code;
}
