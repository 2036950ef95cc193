/* stat_rule: which statistics of servers are counts. */
#include "lib/client.h"
#include "lib/memcached.h"

#include "client/stat_rule.h"
#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct {
    const char *name;
    enum stat_rule rule;
    bool known;
} names[] = {
    {"active_slabs", STAT_MOST, true},
    {"total_malloced", STAT_SUM, true},
    {"1:chunk_size", STAT_MOST, true},
    {"63:chunks_per_page", STAT_LEAST, true},
    {"5:total_pages", STAT_SUM, true},
    {"5:get_hits", STAT_SUM, true},
    {"items:1:number", STAT_SUM, true},
    {"items:39:age", STAT_MOST, true},
    {"items:39:age_hot", STAT_MOST, true},
    {"items:39:evicted_time", STAT_MOST, true},
    {"items:39:evicted", STAT_SUM, true},
    {"96", STAT_SUM, true},
    {"sizes_status", STAT_EACH, true},
    {"27:addr", STAT_EACH, true},
    {"27:secs_since_last_cmd", STAT_MOST, true},
    {"", STAT_EACH, false},
    {":", STAT_EACH, false},
    {"5:", STAT_EACH, false},
    {"5:6", STAT_EACH, false},
    {"items:", STAT_EACH, false},
    {"items:5:", STAT_EACH, false},
    {"items:x:age", STAT_EACH, false},
    {"x:chunk_size", STAT_EACH, false},
    {"5:chunk_siz", STAT_EACH, false},
    {"5:chunk_sizes", STAT_EACH, false},
    {"version", STAT_EACH, false},
    {"limit_maxbytes", STAT_SUM, true},
    {"accepting_conns", STAT_LEAST, true},
    {"hash_power_level", STAT_MOST, true},
    {"libevent", STAT_EACH, true},
    {"maxbytes", STAT_SUM, true},
    {"lru_crawler", STAT_ALL, true},
    {"hot_max_factor", STAT_MOST, true},
};

static void names_have_their_rules(void **state)
{
    for (size_t i = 0; i < COUNT(names); i++) {
        bool known = !names[i].known;
        enum stat_rule rule = stat_rule_of(names[i].name, strlen(names[i].name), &known);
        if (rule != names[i].rule || known != names[i].known)
            fail_msg("'%s': rule %d, known %d", names[i].name, (int)rule, known);
    }
}

/* Asks a real server, whichever is first in PATH, for all that is gathered. */
static size_t all_are_known(struct client *c, const char *about)
{
    size_t n = 0;
    client_sends(c, textf("stats %s\r\n", about));
    for (const char *line; strcmp(line = client_sees_line(c), "END") != 0; n++) {
        bool known = false;
        assert_int_equal(strncmp(line, "STAT ", 5), 0);
        (void)stat_rule_of(line + 5, strcspn(line + 5, " "), &known);
        if (!known) stage_fails("stats %s: no rule for: %s", about, line);
    }
    return n;
}

static void every_name_that_memcached_has_is_in_the_table(void **state)
{
    struct memcached *s =
        memcached_start("-m", "64", "-o", "temporary_ttl=61,track_sizes,slab_reassign", NULL);
    struct client *c = client_connects_to(memcached_address(s));
    client_sends(c, "set k 0 0 1\r\nx\r\n");
    client_sees(c, "STORED\r\n");
    assert_true(all_are_known(c, "slabs") > 15);
    assert_true(all_are_known(c, "items") > 25);
    assert_true(all_are_known(c, "sizes") > 0);
    assert_true(all_are_known(c, "conns") > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_their_rules),
        play(every_name_that_memcached_has_is_in_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
