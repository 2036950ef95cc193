/* The daemon's table of options (see option_table.h for what a table is), and the part of it that scripts may set.
 *
 * A worker has its own copy of the options. When a script takes over, succession.c applies what the script set by mg.options,
 * each value by options_set, so the command line wins: the operator's word stands over the script's, in any generation.
 */
#include "worker/options.h"

#include <assert.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpus.h"
#include "base/log.h"
#include "base/samples.h"
#include "net/rules.h"
#include "store/store.h"
#include "worker/source.h"

enum { WORKERS_MAX = 256 };

static const struct option_row rows[] = {
#define X(...) OPTION_ROW(struct options, __VA_ARGS__)
    OPTIONS(X)
#undef X
};

/* I6: no memory that a client or a script can fill is without a bound here: values, replies that wait, unfinished requests,
 * shared items, connections. */
static const struct option_range ranges[] = {
    {offsetof(struct options, port), 0, 65535, "0..65535"},
    {offsetof(struct options, connections), 1, 1024, "1..1024"},
    {offsetof(struct options, workers), 1, WORKERS_MAX, "1..256"},
    {offsetof(struct options, max_conns), 1, 1000000, "1..1000000"},
    {offsetof(struct options, max_conns_per_address), 0, 1000000, "0..1000000"},
    {offsetof(struct options, max_conns_per_identity), 0, 1000000, "0..1000000"},
    {offsetof(struct options, idle_timeout), 0, 604800, "0..604800"},
    {offsetof(struct options, max_value), 1024, 128ull << 20, "1k..128m"},
    {offsetof(struct options, client_buffer), 64ull << 10, 4ull << 30, "64k..4g"},
    {offsetof(struct options, stream_from), 0, 128ull << 20, "0..128m"},
    {offsetof(struct options, stream_window), 0, 64ull << 20, "0..64m"},
    {offsetof(struct options, input_buffer), 1ull << 20, 64ull << 30, "1m..64g"},
    {offsetof(struct options, drain_timeout), 0, 86400, "0..86400"},
    {offsetof(struct options, upgrade_timeout), 1, 3600, "1..3600"},
    {offsetof(struct options, script_timeout), 0, 3600, "0..3600"},
    {offsetof(struct options, slow_log), 0, 3600, "0..3600"},
    {offsetof(struct options, script_memory), 0, 64ull << 30, "0..64g"},
    {offsetof(struct options, rehearse), 0, SAMPLES_MOST, "0..1000"},
    {offsetof(struct options, probation), 0, 3600, "0..3600"},
    {offsetof(struct options, keepalive), 0, 32767, "0..32767"},
    {offsetof(struct options, resolve_min), 0, 86400, "0..86400"},
    {offsetof(struct options, resolve_max), 0, 86400, "0..86400"},
    {offsetof(struct options, resolve_timeout), 0, 60, "0..60"},
    {offsetof(struct options, discover_wait), 0, 8, "0..8"},
    {offsetof(struct options, store), STORE_LEAST, STORE_MOST, "64k..512g"},
    {offsetof(struct options, store_memory), 1ull << 20, 4ull << 40, "1m..4096g"},
    {offsetof(struct options, shared_memory), 64ull << 10, 16ull << 30, "64k..16g"},
    {offsetof(struct options, verbose), 0, 2, "0..2"},
    FOREIGN_RANGES(struct options),
};

/* The processors that this process may run on: in a container, often fewer than the machine has. */
static uint32_t processors_available(void)
{
    cpu_set_t set;
    long n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                         : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (uint32_t)n;
}

const char *options_choice(const char *words, int number, char *text, size_t size)
{
    assert(number >= 0);
    for (; number > 0; number--) words = strchr(words, '|') + 1;
    snprintf(text, size, "%.*s", (int)strcspn(words, "|"), words);
    return text;
}

static bool options_take_script(void *to, const char *path)
{
    struct options *o = to;
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

const struct option_table options_table = {.program = "moongate",
                                           .rows = rows,
                                           .rows_n = sizeof rows / sizeof *rows,
                                           .ranges = ranges,
                                           .ranges_n = sizeof ranges / sizeof *ranges,
                                           .take = options_take_script,
                                           .given = offsetof(struct options, given)};

bool options_default(struct options *o)
{
    memset(o, 0, sizeof *o);
    o->script_fd = -1;
    struct cpus cpus = cpus_count("", processors_available());
    o->workers = cpus.n;
    o->cpu_quota = cpus.quota;
    return option_table_default(&options_table, o);
}

struct tls_files options_tls(const struct options *o)
{
    return (struct tls_files){.cert = o->tls_cert,
                              .key = o->tls_key,
                              .ca = o->tls_ca,
                              .ciphers = o->tls_ciphers,
                              .verify = (enum tls_verify)o->tls_verify,
                              .min = (enum tls_version)o->tls_min};
}

struct script_file options_script(const struct options *o)
{
    return (struct script_file){
        .path = o->script, .guess = o->guess, .kind = o->kind, .flags = FOREIGN_FLAGS(o)};
}

void options_set_kind(struct options *o, int from)
{
    struct script_file file;
    script_file_set_kind(&file, from);
    o->guess = file.guess;
    o->kind = file.kind;
}

int options_open_source(const struct options *o, bool again)
{
    bool has_secrets = o->auth_file || (o->makes_contexts && o->tls_cert);
    if (!o->script) return has_secrets ? source_open_empty() : -1;
    if (o->script_text) return source_open_text(o->script, o->script_text);
    return again ? source_open_again(o->script) : source_open(o->script);
}

static const struct option_row *row_of(size_t offset)
{
    const struct option_row *row = rows;
    while (row->offset != offset) row++;
    assert(row < rows + sizeof rows / sizeof *rows);
    return row;
}

static size_t place_of(const struct option_row *row)
{
    return (size_t)(row - rows);
}

static bool is_given(const struct options *o, size_t offset)
{
    return option_is_given(&o->given, place_of(row_of(offset)));
}

void options_log_workers(const struct options *o)
{
    if (o->cpu_quota <= CPUS_NO_QUOTA || is_given(o, offsetof(struct options, workers))) return;
    log_info("workers: %u: the cgroup's CPU quota is %.3g processor%s", o->workers, o->cpu_quota,
             o->cpu_quota == 1 ? "" : "s");
}

/* --- for scripts ------------------------------------------------------------------------------- */

/* The row of the option that scripts know by the number `at`: its place in SETTABLE_OPTIONS. */
static const struct option_row *settable_row(uint32_t at)
{
    static const size_t offsets[] = {
#define X(field) offsetof(struct options, field),
        SETTABLE_OPTIONS(X)
#undef X
    };
    assert(at < sizeof offsets / sizeof *offsets);
    return row_of(offsets[at]);
}

void options_settable(struct script_option to[SCRIPT_OPTIONS])
{
    static const char *const names[SCRIPT_OPTIONS] = {
#define X(field) #field,
        SETTABLE_OPTIONS(X)
#undef X
    };
    memset(to, 0, SCRIPT_OPTIONS * sizeof *to);
    for (uint32_t at = 0; names[at]; at++) {
        const struct option_row *row = settable_row(at);
        to[at].name = names[at];
        to[at].is_whole = row->type != OPTION_SECONDS;
        if (row->type == OPTION_CHOICE) {
            to[at].words = row->argument;
            continue;
        }
        to[at].least = (double)option_table_range(&options_table, row)->min;
        to[at].most = (double)option_table_range(&options_table, row)->max;
    }
}

bool options_give_memory(const struct options *o)
{
    return is_given(o, offsetof(struct options, script_memory));
}

void options_set(struct options *o, uint32_t at, double value)
{
    const struct option_row *row = settable_row(at);
    void *field = (char *)o + row->offset;
    if (option_is_given(&o->given, place_of(row))) return;
    assert(value >=
           0); /* lua/moongate/daemon.lua has checked it against the bounds of options_settable */
    switch (row->type) {
    case OPTION_COUNT: *(uint32_t *)field = (uint32_t)value; break;
    case OPTION_SIZE: *(uint64_t *)field = (uint64_t)value; break;
    case OPTION_SECONDS: *(double *)field = value; break;
    case OPTION_CHOICE:
    case OPTION_REPEAT: *(int *)field = (int)value; break;
    default: abort(); /* no type that a script may set */
    }
}

void options_fix_max_value(struct options *o, uint64_t value)
{
    o->max_value = value;
    option_give(&o->given, place_of(row_of(offsetof(struct options, max_value))));
}

bool options_have_bind(const struct options *o)
{
    return is_given(o, offsetof(struct options, bind));
}

void options_note_bind(struct options *o)
{
    o->bind_default = options_have_bind(o) ? 0 : (uint32_t)o->bind.n;
    o->bind_given = (uint32_t)o->bind.n - o->bind_default;
}

void options_add_bind(struct options *o, const char *item)
{
    option_list_add(&o->bind, item);
}

static void put(char *text, const char *separator, const char *what)
{
    size_t len = strlen(text);
    snprintf(text + len, 2 * RULES_TEXT_MAX - len, "%s%s", separator, what);
}

bool options_make_rules(struct options *o)
{
    char text[2 * RULES_TEXT_MAX] = "", word[16];
    if (o->tls_cert) put(text, "tls=", "on");
    if (o->protocol)
        put(text, *text ? ",protocol=" : "protocol=",
            options_choice("auto|text|binary", o->protocol, word, sizeof word));
    for (size_t i = 0; i < o->allow_from.n; i++)
        put(text, i ? "+" : *text ? ",allow-from=" : "allow-from=", o->allow_from.items[i]);
    if (strlen(text) >= RULES_TEXT_MAX) {
        fputs("moongate: --allow-from: it has too many networks: 2047 bytes at most\n", stderr);
        return false;
    }
    if (!(o->rules = strdup(text))) abort();
    return true;
}

void options_release(struct options *o)
{
    option_list_release(&o->servers);
    option_list_release(&o->bind);
    option_list_release(&o->admin);
    option_list_release(&o->resolver);
    option_list_release(&o->allow_from);
    free(o->rules);
    o->rules = NULL;
    option_list_release(&o->advertise);
    advertised_release(&o->advertised);
}
