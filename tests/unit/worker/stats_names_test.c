/* stats_names: src/main/README.md has a row for each statistic and setting of servers, with its rule, and the 93 names of memcached
 * 1.6.45 are all there: moongate's own, or the servers'. */
#include "lib/base.h"
#include "lib/stage.h"

#include <stdio.h>
#include <string.h>

#include "client/stat_rule.h"
#include "worker/stats_names.h"

#define README "src/main/README.md"

enum { LINE = 4096, ROWS = 256 };

struct row {
    const char *name, *said;
};

/* Rules as the README calls them. */
#define WORD_EACH              "each"
#define WORD_SUM               "sum"
#define WORD_MOST              "highest"
#define WORD_LEAST             "lowest"
#define WORD_ALL               "all"
#define ROW(name, rule)        {#name, WORD_##rule},
#define LEFT_OUT(name, reason) {#name, reason},

static const struct row statistics[] = {STAT_GENERAL(ROW) STAT_EXTRA(ROW)};
static const struct row settings[] = {STAT_SETTINGS(ROW)};
static const struct row left_out[] = {STAT_LEFT_OUT(LEFT_OUT)};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void take_row(const char *line, struct row *to, size_t *n)
{
    const char *bar = strstr(line + 2, " | "), *end = strstr(bar + 3, " |");
    const char *said = textf("%.*s", (int)(end - bar - 3), bar + 3);
    for (const char *open = strchr(line, '`'); open && open < bar;) {
        const char *close = strchr(open + 1, '`');
        assert_true(*n < ROWS);
        to[(*n)++] = (struct row){textf("%.*s", (int)(close - open - 1), open + 1), said};
        open = strchr(close + 1, '`');
    }
}

/* The rows of all tables below a heading, up to the next one. Those before the `skip`th table are left out. */
static size_t documented(const char *heading, int skip, struct row *to)
{
    const char *wanted = textf("### %s\n", heading);
    char line[LINE];
    bool inside = false;
    size_t n = 0;
    FILE *from = fopen(README, "re");
    assert_non_null(from);
    while (fgets(line, sizeof line, from)) {
        if (line[0] == '#') inside = strcmp(line, wanted) == 0;
        if (inside && strncmp(line, "| name |", 8) == 0) skip--;
        if (inside && skip < 0 && strncmp(line, "| `", 3) == 0) take_row(line, to, &n);
    }
    fclose(from);
    return n;
}

static void are_the_same(const struct row *wanted, size_t n, const struct row *found, bool said_too)
{
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(found[i].name, wanted[i].name);
        if (said_too) assert_string_equal(found[i].said, wanted[i].said);
    }
}

static void the_document_has_each_statistic_with_its_rule(void **state)
{
    struct row rows[ROWS];
    size_t n = documented("stats: what the servers say", 0, rows);
    assert_int_equal(n, COUNT(statistics));
    are_the_same(statistics, n, rows, true);
}

static void the_document_has_each_setting_with_its_rule(void **state)
{
    struct row rows[ROWS];
    size_t n = documented("stats settings: what the servers say", 0, rows);
    assert_int_equal(n, COUNT(settings) + COUNT(left_out));
    are_the_same(settings, COUNT(settings), rows, true);
    are_the_same(left_out, COUNT(left_out), rows + COUNT(settings), false);
}

/* One rule for each name, however many tables have it. */
static void no_name_has_two_rules(void **state)
{
    static const struct row all[] = {STAT_GENERAL(ROW) STAT_EXTRA(ROW)
#define X(name, rule, where) ROW(name, rule)
                                         STAT_RULES(X)
#undef X
    };
    for (size_t i = 0; i < COUNT(all); i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(all[i].name, all[j].name) == 0)
                assert_string_equal(all[i].said, all[j].said);
}

/* As `stats` of 1.6.45 has them. */
static const char memcached_1_6_45[] =
    "pid uptime time version libevent pointer_size rusage_user rusage_system max_connections "
    "curr_connections total_connections rejected_connections connection_structures "
    "response_obj_oom response_obj_count response_obj_bytes read_buf_count read_buf_bytes "
    "read_buf_bytes_free read_buf_oom reserved_fds cmd_get cmd_set cmd_flush cmd_touch cmd_meta "
    "get_hits get_misses get_expired get_flushed delete_misses delete_hits incr_misses incr_hits "
    "decr_misses decr_hits cas_misses cas_hits cas_badval touch_hits touch_misses store_too_large "
    "store_no_memory auth_cmds auth_errors bytes_read bytes_written limit_maxbytes "
    "accepting_conns listen_disabled_num time_in_listen_disabled_us threads conn_yields "
    "hash_power_level hash_bytes hash_is_expanding slab_reassign_rescues "
    "slab_reassign_chunk_rescues slab_reassign_inline_reclaim slab_reassign_busy_items "
    "slab_reassign_busy_deletes slab_reassign_busy_nomem slab_reassign_last_busy_status "
    "slab_reassign_running slabs_moved lru_crawler_running lru_crawler_starts "
    "lru_maintainer_juggles malloc_fails log_worker_dropped log_worker_written "
    "log_watcher_skipped log_watcher_sent log_watchers unexpected_napi_ids round_robin_fallback "
    "bytes curr_items total_items slab_global_page_pool expired_unfetched evicted_unfetched "
    "evicted_active evictions reclaimed crawler_reclaimed crawler_items_checked "
    "lrutail_reflocked moves_to_cold moves_to_warm moves_within_lru direct_reclaims "
    "lru_bumps_dropped";

static bool is_the_servers(const char *name)
{
    for (size_t i = 0; i < COUNT(statistics); i++)
        if (strcmp(statistics[i].name, name) == 0) return true;
    return false;
}

static void all_names_of_memcached_are_there(void **state)
{
    char *names = textf("%s", memcached_1_6_45), *rest = names;
    size_t n = 0;
    for (const char *name; (name = strsep(&rest, " ")); n++)
        if (!stats_own_statistic(name, strlen(name)) && !is_the_servers(name))
            fail_msg("%s is not there", name);
    assert_int_equal(n, 93);
}

static void moongates_own_are_known(void **state)
{
    assert_true(stats_own_statistic("cmd_get", 7));
    assert_true(stats_own_statistic("accepting_conns", 15));
    assert_false(stats_own_statistic("cmd_ge", 6));
    assert_false(stats_own_statistic("bytes", 5));
    assert_true(stats_no_setting("maxconns", 8));
    assert_true(stats_no_setting("ssl_key", 7));
    assert_true(stats_no_setting("verbose", 7));
    assert_false(stats_no_setting("maxbytes", 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(the_document_has_each_statistic_with_its_rule),
        play(the_document_has_each_setting_with_its_rule),
        play(no_name_has_two_rules),
        play(all_names_of_memcached_are_there),
        play(moongates_own_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
