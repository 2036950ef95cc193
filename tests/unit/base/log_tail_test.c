/* log_tail: the last lines of several processes, in bounded memory, whatever is written there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log_tail.h"

static struct log_tail_line lines[2 * LOG_TAIL_LINES];

static int begin(void **state)
{
    return log_tail_begin() ? 0 : -1;
}

static int end(void **state)
{
    log_tail_end();
    return 0;
}

static void nothing_is_kept_before_it_begins(void **state)
{
    log_tail_note(LOG_INFO, "master", "lost");
    assert_int_equal(log_tail_read(lines, LOG_TAIL_LINES), 0);
    assert_true(log_tail_begin());
    assert_int_equal(log_tail_read(lines, LOG_TAIL_LINES), 0);
    log_tail_end();
}

static void lines_of_all_processes_are_kept_the_newest_first(void **state)
{
    log_tail_note(LOG_INFO, "master", "first");
    pid_t child = fork();
    if (child == 0) {
        log_tail_note(LOG_WARN, "worker 0", "second");
        _exit(0);
    }
    waitpid(child, NULL, 0);
    assert_int_equal(log_tail_read(lines, LOG_TAIL_LINES), 2);
    assert_string_equal(lines[0].text, "second");
    assert_string_equal(lines[0].role, "worker 0");
    assert_int_equal(lines[0].pid, child);
    assert_int_equal(lines[0].level, LOG_WARN);
    assert_string_equal(lines[1].text, "first");
    assert_int_equal(lines[1].pid, getpid());
    assert_true(lines[0].time_ms >= lines[1].time_ms);
    assert_int_equal(log_tail_read(lines, 1), 1);
}

static void the_log_writes_there(void **state)
{
    log_setup(LOG_AS_TEXT, 0);
    log_role("worker 7");
    log_info("something %s\n", "happened");
    log_debug("%s", "not shown");
    assert_int_equal(log_tail_read(lines, LOG_TAIL_LINES), 1);
    assert_string_equal(lines[0].text, "something happened\n");
    assert_string_equal(lines[0].role, "worker 7");
    assert_string_equal(log_level_word(lines[0].level), "info");
}

static void old_lines_go(void **state)
{
    char text[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "line %d", i);
        log_tail_note(LOG_INFO, "master", text);
    }
    assert_int_equal(log_tail_read(lines, LOG_TAIL_LINES), LOG_TAIL_LINES);
    for (int i = 0; i < LOG_TAIL_LINES; i++) {
        snprintf(text, sizeof text, "line %d", 999 - i);
        assert_string_equal(lines[i].text, text);
    }
}

/* The memory is one that a script's process could write to. */
static void what_is_read_is_ended_and_checked(void **state)
{
    log_tail_note((enum log_level)77, "r", "t");
    assert_int_equal(log_tail_read(lines, LOG_TAIL_LINES), 1);
    assert_non_null(log_level_word(lines[0].level));
}

static void long_lines_are_cut(void **state)
{
    char text[4 * LOG_TAIL_TEXT];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    log_tail_note(LOG_INFO, text, text);
    assert_int_equal(log_tail_read(lines, LOG_TAIL_LINES), 1);
    assert_int_equal(strlen(lines[0].text), LOG_TAIL_TEXT - 1);
    assert_int_equal(strlen(lines[0].role), LOG_TAIL_ROLE - 1);
}

/* Each line is one that a writer has written, while four write as fast as they can. */
static void lines_are_whole_under_a_flood(void **state)
{
    pid_t children[4];
    for (int c = 0; c < 4; c++) {
        children[c] = fork();
        if (children[c] > 0) continue;
        char text[64];
        memset(text, 'a' + c, sizeof text);
        text[sizeof text - 1] = '\0';
        for (int i = 0; i < 20000; i++) log_tail_note(LOG_INFO, "worker", text);
        _exit(0);
    }
    for (int i = 0; i < 300; i++) {
        size_t n = log_tail_read(lines, LOG_TAIL_LINES);
        for (size_t l = 0; l < n; l++) {
            assert_int_equal(strlen(lines[l].text), 63);
            assert_int_equal(strspn(lines[l].text, (char[]){lines[l].text[0], '\0'}), 63);
        }
    }
    for (int c = 0; c < 4; c++) waitpid(children[c], NULL, 0);
    assert_int_equal(log_tail_read(lines, LOG_TAIL_LINES), LOG_TAIL_LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_kept_before_it_begins),
        cmocka_unit_test_setup_teardown(lines_of_all_processes_are_kept_the_newest_first, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_log_writes_there, begin, end),
        cmocka_unit_test_setup_teardown(old_lines_go, begin, end),
        cmocka_unit_test_setup_teardown(what_is_read_is_ended_and_checked, begin, end),
        cmocka_unit_test_setup_teardown(long_lines_are_cut, begin, end),
        cmocka_unit_test_setup_teardown(lines_are_whole_under_a_flood, begin, end),
    };
    return cmocka_run_group_tests_name("log_tail", tests, NULL, NULL);
}
