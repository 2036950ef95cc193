/* The rules, as the programs have them (memcached_exporter pkg/exporter/exporter.go, gomemcache memcache/memcache.go; read 2026-11):
 *
 * - The library splits each line of the first three answers at each space. Only lines of three words that begin with STAT count. The
 *   name is split at colons: one part is a general statistic; two parts, of which the first is a number, one of a slab class; three,
 *   of which the second is a number, one of a class's items. If that part is no number, the whole reading fails.
 * - A line of `stats settings` that has less than three words, or no STAT, fails the whole reading. The third word is the rest of it.
 * - No line may be longer than the library's buffer, 4096 bytes.
 * - Of the general statistics it reads the names in `general`, and `extstore` and `proxy` where a server has the first of each. One that
 *   is missing is left out. One that is no number makes memcached_up 0, and the rest is still read. cmd_set, cas_misses, cas_hits and
 *   cas_badval must be there, as it takes the latter from the former.
 * - A time is two numbers with a point between them.
 * - Of each slab class the names in `slabs`; cmd_set, cas_hits and cas_badval must be there. Of items those in `items`.
 * - Of settings maxconns; and if lru_crawler is `yes`, the numbers and words in `crawler`. A word that is neither yes nor no makes
 *   memcached_up 0. */
#include "lib/exporter.h"

#include <stdlib.h>
#include <string.h>

#include "lib/client.h"
#include "lib/stage.h"

enum { LONGEST = 4096, LINES = 4096 };

static const char *const general[] = {"get_hits",
                                      "get_misses",
                                      "delete_hits",
                                      "delete_misses",
                                      "incr_hits",
                                      "incr_misses",
                                      "decr_hits",
                                      "decr_misses",
                                      "cas_hits",
                                      "cas_misses",
                                      "touch_hits",
                                      "touch_misses",
                                      "uptime",
                                      "time",
                                      "cas_badval",
                                      "cmd_flush",
                                      "cmd_set",
                                      "bytes",
                                      "limit_maxbytes",
                                      "curr_items",
                                      "total_items",
                                      "bytes_read",
                                      "bytes_written",
                                      "curr_connections",
                                      "total_connections",
                                      "rejected_connections",
                                      "conn_yields",
                                      "listen_disabled_num",
                                      "evictions",
                                      "reclaimed",
                                      "store_too_large",
                                      "store_no_memory",
                                      "lru_crawler_starts",
                                      "direct_reclaims",
                                      "crawler_items_checked",
                                      "crawler_reclaimed",
                                      "moves_to_cold",
                                      "moves_to_warm",
                                      "moves_within_lru",
                                      "total_malloced",
                                      "accepting_conns",
                                      NULL};

static const char *const extstore[] = {"extstore_limit_maxbytes",  "extstore_compact_lost",
                                       "extstore_compact_rescues", "extstore_compact_skipped",
                                       "extstore_page_allocs",     "extstore_page_evictions",
                                       "extstore_page_reclaims",   "extstore_pages_free",
                                       "extstore_pages_used",      "extstore_objects_evicted",
                                       "extstore_objects_read",    "extstore_objects_written",
                                       "extstore_objects_used",    "extstore_bytes_evicted",
                                       "extstore_bytes_written",   "extstore_bytes_read",
                                       "extstore_bytes_used",      "extstore_bytes_fragmented",
                                       "extstore_io_queue",        NULL};

static const char *const proxy[] = {"proxy_backend_total",
                                    "proxy_conn_requests",
                                    "proxy_conn_errors",
                                    "proxy_conn_oom",
                                    "proxy_req_active",
                                    "proxy_config_reloads",
                                    "proxy_config_reload_fails",
                                    "proxy_config_cron_runs",
                                    "proxy_config_cron_fails",
                                    "proxy_backend_marked_bad",
                                    "proxy_backend_failed",
                                    "proxy_request_failed_depth",
                                    "round_robin_fallback",
                                    "unexpected_napi_ids",
                                    NULL};

static const char *const slabs[] = {"get_hits",        "delete_hits", "incr_hits",
                                    "decr_hits",       "cas_hits",    "touch_hits",
                                    "cas_badval",      "cmd_set",     "chunk_size",
                                    "chunks_per_page", "total_pages", "total_chunks",
                                    "used_chunks",     "free_chunks", "free_chunks_end",
                                    "mem_requested",   NULL};

static const char *const items[] = {
    "number",           "age",           "hits_to_hot",       "hits_to_warm",
    "hits_to_cold",     "hits_to_temp",  "crawler_reclaimed", "evicted",
    "evicted_nonzero",  "evicted_time",  "evicted_unfetched", "expired_unfetched",
    "outofmemory",      "reclaimed",     "store_too_large",   "store_no_memory",
    "tailrepairs",      "mem_requested", "moves_to_cold",     "moves_to_warm",
    "moves_within_lru", "number_hot",    "number_warm",       "number_cold",
    "number_temp",      "age_hot",       "age_warm",          NULL};

static const char *const crawler[] = {
    "lru_crawler_sleep", "lru_crawler_tocrawl", "hot_lru_pct", "warm_lru_pct",
    "hot_max_factor",    "warm_max_factor",     NULL};

struct pair {
    const char *name, *value;
};

struct pairs {
    size_t n;
    struct pair all[LINES];
};

static void is_down(struct readings *to, const char *why)
{
    if (to->up) to->why = why;
    to->up = false;
}

static const char *value_of(const struct pairs *from, const char *name)
{
    for (size_t i = from->n; i-- > 0;) /* the last one counts */
        if (strcmp(from->all[i].name, name) == 0) return from->all[i].value;
    return NULL;
}

/* --- the library ------------------------------------------------------------------------------- */

static bool is_number(const char *text, size_t len)
{
    return len > 0 && strspn(text, "0123456789") >= len;
}

/* What a name's colons say. False: the library gives up. */
static bool name_is_good(const char *name)
{
    const char *first = strchr(name, ':'), *second = first ? strchr(first + 1, ':') : NULL;
    if (!first || (second && strchr(second + 1, ':'))) return true; /* general, or not read */
    if (!second) return is_number(name, (size_t)(first - name));
    return is_number(first + 1, (size_t)(second - first - 1));
}

/* False: it gives up. */
static bool take_line(struct pairs *to, char *line, bool is_setting)
{
    char *name = strchr(line, ' '), *value = name ? strchr(name + 1, ' ') : NULL;
    if (strlen(line) + 2 > LONGEST) return false;
    if (!value || (!is_setting && strchr(value + 1, ' '))) return !is_setting;
    if (strncmp(line, "STAT ", 5) != 0) return !is_setting;
    *name = *value = '\0';
    if (!is_setting && !name_is_good(name + 1)) return false;
    if (to->n == LINES) stage_fails("too many statistics");
    to->all[to->n++] = (struct pair){name + 1, value + 1};
    return true;
}

static void ask(struct client *c, const char *question, struct pairs *to, struct readings *for_whom)
{
    bool is_setting = strcmp(question, "stats settings") == 0;
    client_sends(c, textf("%s\r\n", question));
    for (;;) {
        char *line = client_sees_line(c);
        if (strcmp(line, "END") == 0) return;
        const char *shown = textf("%s: %s", question, line);
        if (!take_line(to, line, is_setting)) is_down(for_whom, shown);
    }
}

/* --- the exporter ------------------------------------------------------------------------------ */

static void note(struct readings *to, const char *name, double value)
{
    if (to->n == READINGS_MAX) stage_fails("too many readings");
    to->all[to->n++] = (struct reading){name, value};
}

static bool parses(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0';
}

static void read_number(struct readings *to, const struct pairs *from, const char *name,
                        const char *shown, bool must_be)
{
    const char *text = value_of(from, name);
    double value;
    if (!text && must_be) is_down(to, textf("%s is missing", name));
    if (!text) return;
    if (parses(text, &value))
        note(to, shown, value);
    else
        is_down(to, textf("%s is no number: %s", name, text));
}

static void read_time(struct readings *to, const struct pairs *from, const char *name)
{
    const char *text = value_of(from, name), *point = text ? strchr(text, '.') : NULL;
    double value;
    if (!text) return;
    if (point && !strchr(point + 1, '.') && parses(text, &value))
        note(to, name, value);
    else
        is_down(to, textf("%s is no time: %s", name, text));
}

static bool must_be(const char *name)
{
    return strcmp(name, "cmd_set") == 0 || strcmp(name, "cas_hits") == 0 ||
           strcmp(name, "cas_misses") == 0 || strcmp(name, "cas_badval") == 0;
}

static void read_all(struct readings *to, const struct pairs *from, const char *const *names,
                     const char *before, bool has_musts)
{
    for (; *names; names++) {
        const char *name = textf("%s%s", before, *names);
        read_number(to, from, name, name, has_musts && must_be(*names));
    }
}

/* A class is one of which anything was said. `prefix` is "" or "items:". */
static void read_classes(struct readings *to, const struct pairs *from, const char *prefix,
                         const char *const *names, bool has_musts)
{
    for (int class = 0; class < 256; class ++) {
        const char *before = textf("%s%d:", prefix, class);
        bool is_there = false;
        for (size_t i = 0; i < from->n && !is_there; i++)
            is_there = strncmp(from->all[i].name, before, strlen(before)) == 0;
        if (is_there) read_all(to, from, names, before, has_musts);
    }
}

static void read_word(struct readings *to, const struct pairs *from, const char *name)
{
    const char *text = value_of(from, name);
    if (!text) return;
    if (strcmp(text, "yes") == 0 || strcmp(text, "no") == 0)
        note(to, textf("settings:%s", name), *text == 'y');
    else
        is_down(to, textf("%s is neither yes nor no: %s", name, text));
}

static void read_settings(struct readings *to, const struct pairs *from)
{
    const char *has_crawler = value_of(from, "lru_crawler");
    read_number(to, from, "maxconns", "settings:maxconns", false);
    if (!has_crawler || strcmp(has_crawler, "yes") != 0) return;
    read_word(to, from, "lru_crawler");
    read_word(to, from, "lru_maintainer_thread");
    for (const char *const *name = crawler; *name; name++)
        read_number(to, from, *name, textf("settings:%s", *name), false);
}

struct readings *exporter_reads(struct client *c)
{
    struct pairs *stats = stage_memory(sizeof *stats), *settings = stage_memory(sizeof *settings);
    struct readings *to = stage_memory(sizeof *to);
    to->up = true;
    ask(c, "stats", stats, to);
    ask(c, "stats slabs", stats, to);
    ask(c, "stats items", stats, to);
    ask(c, "stats settings", settings, to);
    read_all(to, stats, general, "", true);
    read_time(to, stats, "rusage_user");
    read_time(to, stats, "rusage_system");
    if (value_of(stats, extstore[0])) read_all(to, stats, extstore, "", false);
    if (value_of(stats, proxy[0])) read_all(to, stats, proxy, "", false);
    read_classes(to, stats, "", slabs, true);
    read_classes(to, stats, "items:", items, false);
    read_settings(to, settings);
    return to;
}

const struct reading *reading_of(const struct readings *from, const char *name)
{
    for (size_t i = 0; i < from->n; i++)
        if (strcmp(from->all[i].name, name) == 0) return &from->all[i];
    return NULL;
}
