/* labels: what listeners of scripts are called, by the numbers that clients come with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/labels.h"

static void a_label_keeps_its_number(void **state)
{
    struct labels l = {{NULL}};
    uint32_t one = labels_number(&l, "a=127.0.0.1:1"), two = labels_number(&l, "unix:/s");
    assert_int_equal(one, LISTENERS_BOUND);
    assert_int_equal(two, LISTENERS_BOUND + 1);
    assert_int_equal(labels_number(&l, "a=127.0.0.1:1"), one);
    assert_int_equal(labels_of_item(&l, "unix:/s,mode=0660,backlog=7"), two);
    assert_int_equal(labels_of_item(&l, "a=127.0.0.1:1,backlog=7"), one);
    assert_string_equal(labels_text(&l, one), "a=127.0.0.1:1");
    assert_string_equal(label_address(labels_text(&l, one)), "127.0.0.1:1");
    assert_string_equal(labels_text(&l, two + 1), "");
    assert_string_equal(labels_text(&l, 0), "");
    assert_string_equal(labels_text(&l, UINT32_MAX), "");
    assert_string_equal(labels_text(NULL, one), "");
    labels_release(&l);
    assert_string_equal(labels_text(&l, one), "");
}

static void what_is_no_label_has_no_number(void **state)
{
    struct labels l = {{NULL}};
    char text[LABEL_MAX + 8];
    snprintf(text, sizeof text, "%*s", LABEL_MAX, "");
    memset(text, 'a', LABEL_MAX);
    assert_int_equal(labels_number(&l, text), 0);
    assert_int_equal(labels_number(&l, "127.0.0.1:70000"), 0);
    assert_int_equal(labels_number(&l, ""), 0);
    assert_int_equal(labels_of_item(&l, "127.0.0.1:1,nonsense=1"), 0);
    assert_null(l.texts[0]);
}

static void there_are_256_at_most(void **state)
{
    struct labels l = {{NULL}};
    char text[32];
    for (uint32_t i = 0; i < LABELS_MOST; i++) {
        snprintf(text, sizeof text, "127.0.0.1:%u", i + 1);
        assert_int_equal(labels_number(&l, text), LISTENERS_BOUND + i);
    }
    assert_int_equal(labels_number(&l, "127.0.0.1:9999"), 0);
    assert_int_equal(labels_number(&l, "127.0.0.1:7"), LISTENERS_BOUND + 6);
    labels_release(&l);
}

/* Bytes of another process: a number has one label for good. */
static void a_number_is_given_once(void **state)
{
    struct labels l = {{NULL}};
    assert_true(labels_put(&l, LISTENERS_BOUND + 7, "a=127.0.0.1:1"));
    assert_true(labels_put(&l, LISTENERS_BOUND + 7, "a=127.0.0.1:1"));
    assert_false(labels_put(&l, LISTENERS_BOUND + 7, "b=127.0.0.1:1"));
    assert_false(labels_put(&l, LISTENERS_BOUND - 1, "b=127.0.0.1:1"));
    assert_false(labels_put(&l, LISTENERS_ROOM, "b=127.0.0.1:1"));
    assert_false(labels_put(&l, LISTENERS_BOUND, "no label"));
    assert_string_equal(labels_text(&l, LISTENERS_BOUND + 7), "a=127.0.0.1:1");
    labels_release(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_keeps_its_number),
        cmocka_unit_test(what_is_no_label_has_no_number),
        cmocka_unit_test(there_are_256_at_most),
        cmocka_unit_test(a_number_is_given_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
