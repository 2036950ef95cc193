/* outages: what the log says of servers, from what workers note on the board, by a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outages.h"
#include "lib/capture.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define A "10.0.0.1:11211"
#define B "10.0.0.2:11211"

static struct board *board;
static struct outages outages;
static double now;

static int begin(void **state)
{
    board = board_create(4, 65536);
    assert_non_null(board);
    now = 1000;
    outages_init(&outages, board, now);
    return 0;
}

static int end(void **state)
{
    outages_release(&outages);
    board_destroy(board);
    return 0;
}

static struct board_server *server(uint32_t part, const char *name)
{
    return board_server(&board->parts[part].tables, name);
}

static struct board_trouble *trouble(uint32_t part, const char *name)
{
    return &board->parts[part].troubles[server(part, name) - board->parts[part].tables.servers];
}

/* The first n workers have a connection to it, that serves. */
static void is_up(const char *name, uint32_t n)
{
    for (uint32_t part = 0; part < n; part++)
        server(part, name)->connections = server(part, name)->ready = 1;
}

static void falls(uint32_t part, const char *name, const char *reason)
{
    server(part, name)->down = 1;
    server(part, name)->ready = 0;
    server(part, name)->falls++;
    trouble_note(trouble(part, name), reason, now);
}

static void rises(uint32_t part, const char *name)
{
    server(part, name)->down = 0;
    server(part, name)->ready = 1;
}

/* What the next look logs, without time, level and process; "" for nothing. */
static const char *said_after(double seconds)
{
    static char text[4096];
    text[0] = '\0';
    now += seconds;
    capture_begin(STDERR_FILENO);
    outages_look(&outages, board, now);
    const char *line = capture_end();
    while (*line) {
        const char *what = strstr(line, "]: "), *newline = strchr(line, '\n');
        assert_true(what && newline && what < newline);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%.*s\n", (int)(newline - what - 3), what + 3);
        line = newline + 1;
    }
    return text;
}

static void says(double seconds, const char *wanted)
{
    assert_string_equal(said_after(seconds), wanted);
}

static void one_line_when_it_goes_down_and_one_when_it_is_back(void **state)
{
    is_up(A, 1);
    is_up(B, 1);
    says(1, "");
    falls(0, A, "Connection refused");
    server(0, A)->failed += 7;
    says(1, "backend " A ": down: Connection refused: its calls fail at once\n");
    for (int i = 0; i < 100; i++) trouble_note(trouble(0, A), "Connection refused", now);
    server(0, A)->refused += 30;
    server(0, A)->timeouts += 5;
    says(1, "");
    rises(0, A);
    says(10.5, "backend " A ": back after 11.5 s: 42 calls failed\n");
    says(1, "");
}

static void workers_share_the_lines(void **state)
{
    is_up(A, 4);
    says(1, "");
    falls(2, A, "stalled");
    falls(3, A, "timeout (5 calls in a row)");
    says(1, "backend " A ": down in 2 of 4 workers: timeout (5 calls in a row): its calls fail at "
            "once\n");
    falls(0, A, "stalled");
    rises(2, A);
    says(1, "");
    rises(0, A);
    says(1, "");
    rises(3, A);
    server(1, A)->failed += 2;
    says(1, "backend " A ": back after 3.0 s: 2 calls failed\n");
}

static void a_reminder_comes_each_minute(void **state)
{
    is_up(A, 2);
    says(1, "");
    falls(0, A, "stalled");
    falls(1, A, "connect timeout");
    says(1, "backend " A ": down in 2 of 2 workers: connect timeout: its calls fail at once\n");
    for (int i = 0; i < 59; i++) says(1, "");
    server(0, A)->refused += 9;
    says(1, "backend " A ": still down in 2 of 2 workers, for 60 s: connect timeout: 9 calls "
            "failed\n");
    for (int i = 0; i < 59; i++) says(1, "");
    rises(1, A);
    says(1, "backend " A ": still down in 1 of 2 workers, for 120 s: connect timeout: 9 calls "
            "failed\n");
}

static void ends_of_connections_are_one_line_a_look(void **state)
{
    is_up(A, 4);
    says(1, "");
    for (uint32_t part = 0; part < 4; part++) {
        trouble_note(trouble(part, A), "closed by the server", now);
        server(part, A)->failed += 10;
    }
    says(1, "backend " A ": 4 connections ended: closed by the server: 40 calls failed\n");
    trouble_note(trouble(1, A), "desync: unsolicited bytes", now);
    says(1, "backend " A ": 1 connection ended: desync: unsolicited bytes: 0 calls failed\n");
    trouble_note_idle(trouble(0, A));
    trouble_note_idle(trouble(3, A));
    says(1, "backend " A ": 2 idle connections closed by the server\n");
    says(1, "");
}

static void a_fall_between_two_looks_is_seen(void **state)
{
    is_up(A, 1);
    says(1, "");
    falls(0, A, "Connection refused");
    server(0, A)->failed += 3;
    rises(0, A);
    says(0.25, "backend " A ": back after a moment: Connection refused: 3 calls failed\n");
    says(1, "");
}

/* The only worker dies, and its successor connects. */
static void a_worker_that_dies_does_not_bring_its_servers_back(void **state)
{
    is_up(A, 1);
    falls(0, A, "stalled");
    says(1, "backend " A ": down: stalled: its calls fail at once\n");
    board_clear_gauges(&board->parts[0]);
    says(5, "");
    server(0, A)->connections = 1; /* connects */
    says(6, "");
    falls(0, A, "connect timeout");
    says(1, "");
    rises(0, A);
    says(1, "backend " A ": back after 13.0 s: 0 calls failed\n");
}

static void a_server_that_no_pool_names_is_forgotten(void **state)
{
    is_up(A, 1);
    falls(0, A, "stalled");
    says(1, "backend " A ": down: stalled: its calls fail at once\n");
    server(0, A)->connections = server(0, A)->down = 0;
    says(2, "");
    says(10, "backend " A ": not used any more: it was down for 2.0 s: 0 calls failed\n");
    says(100, "");
}

/* A new master finds what its predecessors' workers have counted in that house. */
static void what_was_counted_before_is_no_news(void **state)
{
    is_up(A, 1);
    falls(0, A, "stalled");
    board_clear_gauges(&board->parts[0]);
    outages_release(&outages);
    outages_init(&outages, board, now);
    says(1, "");
    is_up(A, 1);
    says(1, "");
}

/* The workers of the process before still take it for down; it may be back before those of this one look. */
static void a_server_that_was_down_before_an_upgrade_is_back_in_one_line(void **state)
{
    board_destroy(board);
    board = board_create_files(4, 65536);
    assert_non_null(board);
    struct board_worker *other = &board->memory->parts[board->memory->parts_n / 2];
    board_server(&other->tables, A)->down = 1;
    board_server(&other->tables, B)->ready = 1;
    outages_release(&outages);
    outages_init(&outages, board, now);
    says(1, "");
    is_up(B, 1);
    server(0, A)->connections = server(0, A)->down = 1;
    server(0, A)->refused = 2;
    trouble_note(trouble(0, A), "stalled", now);
    says(59, "backend " A ": still down, for at least 60 s: stalled: 2 calls failed\n");
    rises(0, A);
    says(1, "backend " A ": back after at least 61.0 s: 2 calls failed\n");
    falls(0, A, "stalled");
    says(1, "backend " A ": down: stalled: its calls fail at once\n");
    rises(0, A);
    says(1, "backend " A ": back after 1.0 s: 0 calls failed\n");
}

static void a_reason_that_was_left_half_written_is_not_shown(void **state)
{
    is_up(A, 1);
    falls(0, A, "good");
    trouble(0, A)->sequence |= 1;
    strcpy(trouble(0, A)->reason, "half");
    says(1, "backend " A ": down: the reason is not known: its calls fail at once\n");
}

static void one_that_goes_up_and_down_has_twenty_lines_a_minute(void **state)
{
    size_t lines = 0;
    is_up(A, 1);
    says(1, "");
    for (int i = 0; i < 100; i++) {
        falls(0, A, "stalled");
        lines += *said_after(0.25) != '\0';
        rises(0, A);
        lines += *said_after(0.25) != '\0';
    }
    assert_int_equal(lines, 20);
    falls(0, A, "stalled");
    assert_non_null(strstr(said_after(60), "180 more like the next line were left out\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define look(test) cmocka_unit_test_setup_teardown(test, begin, end)
        look(one_line_when_it_goes_down_and_one_when_it_is_back),
        look(workers_share_the_lines),
        look(a_reminder_comes_each_minute),
        look(ends_of_connections_are_one_line_a_look),
        look(a_fall_between_two_looks_is_seen),
        look(a_worker_that_dies_does_not_bring_its_servers_back),
        look(a_server_that_no_pool_names_is_forgotten),
        look(what_was_counted_before_is_no_news),
        look(a_server_that_was_down_before_an_upgrade_is_back_in_one_line),
        look(a_reason_that_was_left_half_written_is_not_shown),
        look(one_that_goes_up_and_down_has_twenty_lines_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
