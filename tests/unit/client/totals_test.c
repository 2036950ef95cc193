/* totals: how the values of several servers become one. */
#include "lib/base.h"
#include "lib/stage.h"

#include <string.h>

#include "client/totals.h"

static struct totals totals;

static int begin(void **state)
{
    totals_init(&totals, 8);
    return 0;
}

static int end(void **state)
{
    totals_release(&totals);
    return 0;
}

static void add(const char *name, const char *value)
{
    totals_add(&totals, name, strlen(name), value, strlen(value));
}

static bool is_b(const char *name, size_t len)
{
    return len == 1 && *name == 'b';
}

static void shows(totals_skip_fn *skip, const char *text)
{
    struct outq q = {0};
    char all[4096];
    size_t n = 0;
    totals_print(&totals, skip, &q);
    for (const struct outq_segment *s = q.head; s; s = s->next) {
        memcpy(all + n, s->at, (size_t)(s->end - s->at));
        n += (size_t)(s->end - s->at);
    }
    all[n] = '\0';
    outq_release(&q);
    assert_string_equal(all, text);
}

/* What up to three servers say, and what is shown. */
static const struct {
    const char *name, *values[4], *shown;
} combined[] = {
    {"bytes", {"1", "2", "30"}, "33"},
    {"bytes", {"18446744073709551614", "1"}, "18446744073709551615"},
    {"bytes", {"1", "none", "2"}, "1,2,none"},
    {"hash_power_level", {"16", "9", "20"}, "20"},
    {"hash_power_level", {"9", "18446744073709551617", "16"}, "18446744073709551617"},
    {"hash_is_expanding", {"0", "1", "0"}, "1"},
    {"accepting_conns", {"1", "0", "1"}, "0"},
    {"chunks_per_page", {"10922", "8738", "10082"}, "8738"},
    {"chunk_size", {"096", "120"}, "120"},
    {"growth_factor", {"1.25", "1.250", "1.07"}, "1.250"},
    {"hot_max_factor", {"0.20", "2.00", "0.9"}, "2.00"},
    {"hot_max_factor", {"0.20", "0.21"}, "0.21"},
    {"hot_max_factor", {"0.20", "x"}, "x,0.20"},
    {"hot_max_factor", {".5"}, ".5"},
    {"hot_max_factor", {"5."}, "5."},
    {"lru_crawler", {"yes", "yes", "yes"}, "yes"},
    {"lru_crawler", {"yes", "no", "yes"}, "no"},
    {"lru_crawler", {"no", "yes"}, "no"},
    {"lru_crawler", {"yes", "maybe"}, "yes,maybe"},
    {"libevent", {"2.1.12-stable", "2.1.8-stable", "2.1.12-stable"}, "2.1.8-stable,2.1.12-stable"},
    {"unknown", {"7", "7"}, "7"},
};

static void each_name_has_its_rule(void **state)
{
    for (size_t i = 0; i < sizeof combined / sizeof *combined; i++) {
        for (int s = 0; s < 4 && combined[i].values[s]; s++)
            add(combined[i].name, combined[i].values[s]);
        shows(NULL, textf("STAT %s %s\r\n", combined[i].name, combined[i].shown));
        totals_release(&totals);
    }
}

static void names_are_shown_in_the_order_in_which_they_came(void **state)
{
    add("c", "1");
    add("b", "2");
    add("a", "3");
    add("b", "2");
    add("c", "1");
    shows(NULL, "STAT c 1\r\nSTAT b 2\r\nSTAT a 3\r\n");
    shows(is_b, "STAT c 1\r\nSTAT a 3\r\n");
}

/* As one server alone would show them, whichever comes first. */
static void classes_are_shown_in_their_order(void **state)
{
    static const char *const came[] = {"2:a", "2:b", "10:a", "10:b", "total", "1:a", "3:a", "2:c"};
    for (size_t i = 0; i < sizeof came / sizeof *came; i++) add(came[i], "1");
    shows(NULL, "STAT 1:a 1\r\nSTAT 2:a 1\r\nSTAT 2:b 1\r\nSTAT 2:c 1\r\nSTAT 3:a 1\r\n"
                "STAT 10:a 1\r\nSTAT 10:b 1\r\nSTAT total 1\r\n");
    totals_release(&totals);
    static const char *const items[] = {"items:5:age", "items:5:number", "items:4:age",
                                        "items:39:age"};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) add(items[i], "1");
    shows(NULL, "STAT items:4:age 1\r\nSTAT items:5:age 1\r\nSTAT items:5:number 1\r\n"
                "STAT items:39:age 1\r\n");
    totals_release(&totals);
    add("192", "1");
    add("96", "1");
    add("sizes_status", "x");
    add("4294967295", "1");
    shows(NULL, "STAT 96 1\r\nSTAT 192 1\r\nSTAT sizes_status x\r\nSTAT 4294967295 1\r\n");
}

static void there_are_no_more_names_than_allowed(void **state)
{
    for (int i = 0; i < 20; i++) add(textf("name%d", i), "1");
    assert_int_equal(totals.n, 8);
    add("name3", "2");
    add("name12", "2");
    assert_int_equal(totals.n, 8);
    assert_int_equal(totals_number(&totals, "name12", 5), 5);
}

/* Every `stats` of a client shows what is kept here. */
static void a_name_or_value_that_is_too_long_is_left_out(void **state)
{
    char text[1026];
    memset(text, 'x', sizeof text);
    totals_add(&totals, text, 256, "1", 1);
    totals_add(&totals, "libevent", 8, text, 1025);
    shows(NULL, "");
    totals_add(&totals, text, 255, "1", 1);
    totals_add(&totals, "libevent", 8, text, 1024);
    assert_int_equal(totals.n, 2);
}

static void one_is_added_to_another(void **state)
{
    struct totals more;
    totals_init(&more, 8);
    add("bytes", "1");
    totals_add(&more, "bytes", 5, "2", 1);
    totals_add(&more, "libevent", 8, "2", 1);
    totals_add_all(&totals, &more);
    shows(NULL, "STAT bytes 3\r\nSTAT libevent 2\r\n");
    totals_replace(&totals, &more);
    shows(NULL, "STAT bytes 2\r\nSTAT libevent 2\r\n");
    assert_int_equal(more.n, 0);
    totals_replace(&totals, &more);
    shows(NULL, "");
    add("bytes", "4");
    shows(NULL, "STAT bytes 4\r\n");
    totals_release(&more);
}

static void a_number_can_be_asked_for(void **state)
{
    add("bytes", "12");
    add("accepting_conns", "1");
    add("libevent", "x");
    assert_int_equal(totals_number(&totals, "bytes", 5), 12);
    assert_int_equal(totals_number(&totals, "accepting_conns", 5), 1);
    assert_int_equal(totals_number(&totals, "libevent", 5), 5);
    assert_int_equal(totals_number(&totals, "evictions", 5), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_name_has_its_rule, begin, end),
        cmocka_unit_test_setup_teardown(names_are_shown_in_the_order_in_which_they_came, begin,
                                        end),
        cmocka_unit_test_setup_teardown(classes_are_shown_in_their_order, begin, end),
        cmocka_unit_test_setup_teardown(there_are_no_more_names_than_allowed, begin, end),
        cmocka_unit_test_setup_teardown(a_name_or_value_that_is_too_long_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(one_is_added_to_another, begin, end),
        cmocka_unit_test_setup_teardown(a_number_can_be_asked_for, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
