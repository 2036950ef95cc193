/* journal: what became of scripts, the newest first, in bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "master/journal.h"

static void an_empty_journal_has_nothing(void **state)
{
    struct journal j = {0};
    assert_null(journal_look(&j, 0));
}

static void the_newest_comes_first(void **state)
{
    struct journal j = {0};
    journal_note(&j, JOURNAL_STARTED, 1, "");
    journal_note(&j, JOURNAL_ACCEPTED, 2, "SIGHUP");
    journal_note(&j, JOURNAL_ROLLED_BACK, 3, "generation 2 fails");
    assert_string_equal(journal_word(journal_look(&j, 0)->outcome), "rolled back");
    assert_string_equal(journal_look(&j, 0)->reason, "generation 2 fails");
    assert_int_equal(journal_look(&j, 1)->generation, 2);
    assert_string_equal(journal_word(journal_look(&j, 2)->outcome), "started");
    assert_true(journal_look(&j, 0)->time >= journal_look(&j, 2)->time);
    assert_null(journal_look(&j, 3));
}

static void the_oldest_goes_when_it_is_full(void **state)
{
    struct journal j = {0};
    for (uint32_t i = 0; i < 3 * JOURNAL_ENTRIES + 5; i++)
        journal_note(&j, JOURNAL_ACCEPTED, i, "");
    for (uint32_t i = 0; i < JOURNAL_ENTRIES; i++)
        assert_int_equal(journal_look(&j, i)->generation, 3 * JOURNAL_ENTRIES + 4 - i);
    assert_null(journal_look(&j, JOURNAL_ENTRIES));
}

static void equal_refusals_are_one_entry(void **state)
{
    struct journal j = {0};
    journal_note(&j, JOURNAL_STARTED, 1, "");
    for (int i = 0; i < 100; i++) journal_note(&j, JOURNAL_REFUSED, 1, "no descriptor");
    assert_int_equal(journal_look(&j, 0)->times, 100);
    assert_int_equal(journal_look(&j, 1)->outcome, JOURNAL_STARTED);
    journal_note(&j, JOURNAL_REFUSED, 1, "a syntax error");
    assert_int_equal(journal_look(&j, 0)->times, 1);
    assert_int_equal(journal_look(&j, 1)->times, 100);
}

static void equal_reloads_stay_apart(void **state)
{
    struct journal j = {0};
    journal_note(&j, JOURNAL_ACCEPTED, 2, "SIGHUP");
    journal_note(&j, JOURNAL_ACCEPTED, 2, "SIGHUP");
    assert_int_equal(journal_look(&j, 0)->times, 1);
    assert_non_null(journal_look(&j, 1));
}

static void a_long_reason_is_cut(void **state)
{
    struct journal j = {0};
    char reason[2 * JOURNAL_REASON];
    memset(reason, 'x', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    journal_note(&j, JOURNAL_REFUSED, 1, reason);
    assert_int_equal(strlen(journal_look(&j, 0)->reason), JOURNAL_REASON - 1);
    journal_note(&j, JOURNAL_REFUSED, 1, reason); /* equal as far as it is kept */
    assert_int_equal(journal_look(&j, 0)->times, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_journal_has_nothing),
        cmocka_unit_test(the_newest_comes_first),
        cmocka_unit_test(the_oldest_goes_when_it_is_full),
        cmocka_unit_test(equal_refusals_are_one_entry),
        cmocka_unit_test(equal_reloads_stay_apart),
        cmocka_unit_test(a_long_reason_is_cut),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
