/* progress: what the line says, how often it is drawn, that it fits, and that there is none where no terminal is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/progress.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ERASE "\r\033[K"

static char *written;
static size_t written_len, columns;
static double seconds;
static struct progress p;
static struct progress_screen screen;

static size_t fake_width(FILE *out)
{
    return columns;
}

static double fake_now(void)
{
    return seconds;
}

static int make(void **state)
{
    columns = 120;
    seconds = 1000;
    p = (struct progress){.is_shown = false};
    screen = (struct progress_screen){open_memstream(&written, &written_len), fake_width, fake_now};
    return screen.out ? 0 : -1;
}

static int clear(void **state)
{
    fclose(screen.out);
    free(written);
    return 0;
}

#define test(f) cmocka_unit_test_setup_teardown(f, make, clear)

/* What was written since the last look. */
static const char *shows(void)
{
    static char text[1024];
    fflush(screen.out);
    assert_true(written_len < sizeof text);
    memcpy(text, written, written_len);
    text[written_len] = '\0';
    rewind(screen.out);
    return text;
}

static void step_at(double at, uint64_t done, uint64_t total, uint64_t bytes)
{
    seconds = at;
    progress_step(&p, done, total, bytes);
}

static void a_line_says_how_far_how_fast_and_how_long(void **state)
{
    progress_begin(&p, screen, "copy", "items");
    assert_string_equal(shows(), "");
    step_at(1025, 500000, 1000000, 52400000);
    assert_string_equal(shows(), ERASE
                        "copy [##########..........]  50 %  500,000 of 1,000,000 items  20,000/s  "
                        "52.4 MB  0:25 left");
    step_at(1026, 1000000, 1000000, 0);
    assert_non_null(
        strstr(shows(), "copy [####################] 100 %  1,000,000 of 1,000,000 items"));
}

static void without_a_total_it_says_how_long_it_has_taken(void **state)
{
    progress_begin(&p, screen, "keys of 10.0.0.1:11211", "keys");
    step_at(1010, 999, 0, 0);
    assert_string_equal(shows(), ERASE "keys of 10.0.0.1:11211  999 keys  100/s  0:10 so far");
    step_at(1000 + 3723, 999, 0, 0);
    assert_non_null(strstr(shows(), "  0/s  1:02:03 so far"));
}

static void it_is_drawn_ten_times_a_second(void **state)
{
    size_t drawn = 0;
    progress_begin(&p, screen, "copy", "items");
    for (int i = 1; i <= 2000; i++) {
        step_at(1000 + i / 1000.0, (uint64_t)i, 2000, 0);
        if (*shows()) drawn++;
    }
    assert_in_range(drawn, 18, 20);
}

static void the_rate_follows_slowly(void **state)
{
    progress_begin(&p, screen, "copy", "items");
    step_at(1001, 1000, 100000, 0);
    step_at(1002, 2000, 100000, 0);
    shows();
    step_at(1002.1, 2000, 100000, 0); /* a pause of a tenth of a second */
    assert_true(p.rate > 900 && p.rate < 1000);
    step_at(1032, 2000, 100000, 0);
    assert_true(p.rate < 1);
    assert_non_null(strstr(shows(), "  100:00:00 left"));
}

static void nothing_is_left_when_nothing_moves(void **state)
{
    progress_begin(&p, screen, "copy", "items");
    step_at(1001, 0, 10, 0);
    assert_string_equal(shows(), ERASE "copy [....................]   0 %  0 of 10 items  0/s");
}

static void more_than_was_counted_is_all_of_it(void **state)
{
    progress_begin(&p, screen, "copy", "items");
    step_at(1001, 12, 10, 0);
    assert_non_null(strstr(shows(), "100 %  12 of 12 items  12/s  0:00 left"));
}

static void it_fits_the_window_whatever_its_size(void **state)
{
    for (columns = 1; columns < 200; columns++) {
        progress_begin(&p, screen, "copy", "items");
        shows();
        step_at(seconds + 1, UINT64_MAX / 2, UINT64_MAX, UINT64_MAX);
        assert_true(strlen(shows()) <= strlen(ERASE) + columns - 1);
    }
}

static void it_is_cleared_before_other_output(void **state)
{
    progress_begin(&p, screen, "copy", "items");
    progress_clear(&p);
    assert_string_equal(shows(), ""); /* nothing was shown */
    step_at(1001, 1, 2, 0);
    shows();
    progress_clear(&p);
    assert_string_equal(shows(), ERASE);
    progress_clear(&p);
    assert_string_equal(shows(), "");
    step_at(1001.2, 2, 2, 0);
    assert_non_null(strstr(shows(), "2 of 2 items"));
}

static void another_phase_begins_from_zero(void **state)
{
    progress_begin(&p, screen, "copy", "items");
    step_at(1001, 50, 100, 7);
    shows();
    progress_begin(&p, screen, "verify", "keys");
    assert_string_equal(shows(), ERASE);
    step_at(1003, 4, 8, 0);
    assert_string_equal(shows(),
                        ERASE "verify [##########..........]  50 %  4 of 8 keys  2/s  0:02 left");
}

static void what_a_server_is_called_is_printable(void **state)
{
    progress_begin(&p, screen, "a\033[2Jb\xc3\xa4", "items");
    step_at(1001, 1, 0, 0);
    assert_non_null(strstr(shows(), ERASE "a?[2Jb??  1 items"));
}

static void where_no_terminal_is_there_is_no_line(void **state)
{
    struct progress_screen none = {.out = NULL};
    progress_begin(&p, none, "copy", "items");
    step_at(1001, 1, 2, 3);
    progress_clear(&p);
    assert_false(p.is_shown);
    p = (struct progress){.is_shown = false}; /* one that never began */
    progress_step(&p, 1, 2, 3);
    progress_clear(&p);
}

/* stderr of tests is no terminal; and one that cannot move its cursor counts as none. */
static void a_pipe_and_a_dumb_terminal_are_none(void **state)
{
    int kept = dup(STDERR_FILENO), pipes[2];
    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    FILE *out = progress_terminal().out;
    int terminal = posix_openpt(2), other;
    assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    assert_non_null(freopen(ptsname(terminal), "w", stderr));
    setenv("TERM", "dumb", 1);
    FILE *dumb = progress_terminal().out;
    setenv("TERM", "xterm", 1);
    struct progress_screen real = progress_terminal();
    size_t width = real.width(stderr);
    other = real.out == stderr;
    dup2(kept, STDERR_FILENO);
    assert_null(out);
    assert_null(dumb);
    assert_true(other);
    assert_int_equal(width, 80); /* a new terminal has no size */
    close(terminal), close(kept), close(pipes[0]), close(pipes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_line_says_how_far_how_fast_and_how_long),
        test(without_a_total_it_says_how_long_it_has_taken),
        test(it_is_drawn_ten_times_a_second),
        test(the_rate_follows_slowly),
        test(nothing_is_left_when_nothing_moves),
        test(more_than_was_counted_is_all_of_it),
        test(it_fits_the_window_whatever_its_size),
        test(it_is_cleared_before_other_output),
        test(another_phase_begins_from_zero),
        test(what_a_server_is_called_is_printable),
        test(where_no_terminal_is_there_is_no_line),
        test(a_pipe_and_a_dumb_terminal_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
