/* lines: what a peer sends becomes lines, and what it does not read is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "net/lines.h"
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct scene {
    struct ev_loop *loop;
    struct lines lines;
    int peer;
    char got[8192]; /* the lines, with '|' behind each */
    unsigned n;
    char over[64];
    size_t says; /* bytes of the answer to each line */
    bool pauses;
};

static void on_line(void *arg, char *line, size_t len)
{
    struct scene *s = arg;
    assert_int_equal(line[len], '\0');
    s->n++;
    strncat(s->got, line, sizeof s->got - strlen(s->got) - 2);
    strcat(s->got, "|");
    char *text = calloc(1, s->says + 1);
    if (s->says > 0) lines_say(&s->lines, text, s->says);
    free(text);
    if (s->pauses) lines_pause(&s->lines, true);
}

static void on_over(void *arg, const char *why)
{
    struct scene *s = arg;
    snprintf(s->over, sizeof s->over, "%s", why);
    lines_close(&s->lines);
}

static struct scene *begins(void)
{
    int ends[2];
    struct scene *s = calloc(1, sizeof *s);
    s->loop = ev_loop_new(EVFLAG_AUTO);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    s->peer = ends[1];
    lines_open(&s->lines, s->loop, ends[0], on_line, on_over, s);
    return s;
}

static void ends(struct scene *s)
{
    lines_close(&s->lines);
    lines_close(&s->lines);
    ev_loop_destroy(s->loop);
    close(s->peer);
    free(s);
}

static void sends(struct scene *s, const char *text, size_t len)
{
    assert_int_equal(send(s->peer, text, len, MSG_NOSIGNAL), len);
}

static void turns(struct scene *s)
{
    for (int i = 0; i < 200; i++) ev_run(s->loop, EVRUN_NOWAIT);
}

static void lines_come_whole_whatever_their_pieces(void **state)
{
    struct scene *s = begins();
    static const char text[] = "one\ntwo\r\n\nthree\n";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        sends(s, text + i, 1);
        turns(s);
    }
    assert_string_equal(s->got, "one|two||three|");
    sends(s, "four", 4);
    turns(s);
    assert_int_equal(s->n, 4);
    assert_int_equal(s->lines.pid, getpid());
    assert_int_equal(s->lines.uid, getuid());
    ends(s);
}

static void a_paused_peer_gets_no_line_and_the_rest_comes_later(void **state)
{
    struct scene *s = begins();
    s->pauses = true;
    sends(s, "a\nb\nc\n", 6);
    turns(s);
    assert_string_equal(s->got, "a|");
    lines_pause(&s->lines, false);
    turns(s);
    assert_string_equal(s->got, "a|b|");
    s->pauses = false;
    lines_pause(&s->lines, false);
    turns(s);
    assert_string_equal(s->got, "a|b|c|");
    shutdown(s->peer, SHUT_WR);
    turns(s);
    assert_string_equal(s->over, "closed");
    ends(s);
}

static void the_end_waits_for_what_was_sent_before_it(void **state)
{
    struct scene *s = begins();
    s->pauses = true;
    sends(s, "a\nb\nhalf", 8);
    shutdown(s->peer, SHUT_WR);
    turns(s);
    assert_string_equal(s->over, "");
    s->pauses = false;
    lines_pause(&s->lines, false);
    turns(s);
    assert_string_equal(s->got, "a|b|");
    assert_string_equal(s->over, "closed");
    ends(s);
}

static void a_line_of_2048_bytes_comes_and_a_longer_one_ends_it(void **state)
{
    struct scene *s = begins();
    char text[LINES_LINE + 10], answer[128] = "";
    memset(text, 'x', sizeof text);
    text[LINES_LINE] = '\n';
    sends(s, text, LINES_LINE + 1);
    turns(s);
    assert_int_equal(strlen(s->got), LINES_LINE + 1);
    text[LINES_LINE] = 'x';
    sends(s, text, LINES_LINE + 1);
    turns(s);
    assert_int_equal(s->n, 1);
    assert_true(recv(s->peer, answer, sizeof answer - 1, 0) > 0);
    assert_string_equal(answer, "ERROR a line has 2048 bytes at most\n");
    assert_string_equal(s->over, "closed");
    ends(s);
}

/* Beyond LINES_BUSY bytes that wait, no line is handed out; one answer beyond LINES_HELD ends it. */
static void a_peer_that_does_not_read_is_bounded(void **state)
{
    struct scene *s = begins();
    s->says = 100000;
    char more[2500];
    for (size_t i = 0; i < sizeof more; i += 5) memcpy(more + i, "more\n", 5);
    sends(s, more, sizeof more);
    turns(s);
    assert_in_range(s->n, 1, 20);
    assert_true(s->lines.out.bytes < 3 * 100000);
    assert_string_equal(s->over, "");
    assert_true(lines_stuck(&s->lines) >= 0);
    size_t held = s->lines.out.bytes;
    ev_sleep(0.02);
    ev_now_update(s->loop);
    turns(s);
    assert_true(lines_stuck(&s->lines) > 0);
    assert_int_equal(s->lines.out.bytes, held);
    char *large = calloc(1, LINES_HELD);
    lines_say(&s->lines, large, LINES_HELD);
    free(large);
    turns(s);
    assert_string_equal(s->over, "it does not read its answers");
    ends(s);
}

static void a_peer_that_goes_away_is_over(void **state)
{
    struct scene *s = begins();
    s->says = 100000;
    for (int i = 0; i < 10; i++) sends(s, "more\n", 5);
    turns(s);
    close(s->peer);
    s->peer = open("/dev/null", O_RDONLY);
    turns(s);
    assert_string_equal(s->over, "the connection has broken");
    ends(s);
}

static void an_end_lets_what_is_queued_go_first(void **state)
{
    struct scene *s = begins();
    char answer[16] = "";
    lines_say(&s->lines, "bye\n", 4);
    lines_end(&s->lines);
    sends(s, "late\n", 5);
    turns(s);
    assert_string_equal(s->over, "closed");
    assert_int_equal(s->n, 0);
    assert_int_equal(recv(s->peer, answer, sizeof answer - 1, 0), 4);
    ends(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_whole_whatever_their_pieces),
        cmocka_unit_test(a_paused_peer_gets_no_line_and_the_rest_comes_later),
        cmocka_unit_test(the_end_waits_for_what_was_sent_before_it),
        cmocka_unit_test(a_line_of_2048_bytes_comes_and_a_longer_one_ends_it),
        cmocka_unit_test(a_peer_that_does_not_read_is_bounded),
        cmocka_unit_test(a_peer_that_goes_away_is_over),
        cmocka_unit_test(an_end_lets_what_is_queued_go_first),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
