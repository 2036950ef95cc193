/* log: lines as text and as JSON, escaping, cutting, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "lib/capture.h"
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *logged(enum log_level level, const char *message)
{
    capture_begin(STDERR_FILENO);
    log_line(level, "%s", message);
    return capture_end();
}

static const char *message_of(const char *line)
{
    const char *at = strstr(line, "]: ");
    assert_non_null(at);
    return at + 3;
}

static void a_text_line_says_time_level_role_and_process(void **state)
{
    int year, month, day, hour, minute, second, ms, pid, end = 0;
    log_setup(LOG_AS_TEXT, 0);
    log_role("worker 2");
    const char *line = logged(LOG_INFO, "hello");
    int n = sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ info  worker 2[%d]: hello\n%n", &year,
                   &month, &day, &hour, &minute, &second, &ms, &pid, &end);
    assert_int_equal(n, 8);
    assert_int_equal(pid, getpid());
    assert_int_equal(end, strlen(line));
    log_role("master");
}

static void levels_are_padded_and_shown_by_verbosity(void **state)
{
    log_setup(LOG_AS_TEXT, 0);
    assert_non_null(strstr(logged(LOG_ERROR, "x"), "Z error master["));
    assert_non_null(strstr(logged(LOG_WARN, "x"), "Z warn  master["));
    assert_string_equal(logged(LOG_DEBUG, "x"), "");
    log_setup(LOG_AS_TEXT, 1);
    assert_non_null(strstr(logged(LOG_DEBUG, "x"), "Z debug master["));
    assert_string_equal(logged(LOG_TRACE, "x"), "");
    log_setup(LOG_AS_TEXT, 2);
    assert_non_null(strstr(logged(LOG_TRACE, "x"), "Z trace master["));
}

/* message, as text, as the JSON string's inside */
static const char *const escapes[][3] = {
    {"plain", "plain", "plain"},
    {"two\nlines\r\n", "two\\nlines\\r\\n", "two\\nlines\\r\\n"},
    {"tab\there", "tab\\there", "tab\\there"},
    {"\x1b[31mred", "\\x1b[31mred", "\\u001b[31mred"},
    {"\x01\x7f", "\\x01\\x7f", "\\u0001\\u007f"},
    {"say \"hi\" c:\\", "say \"hi\" c:\\", "say \\\"hi\\\" c:\\\\"},
    {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
    {"\xff\xfe", "\\xff\\xfe", "\\\\xff\\\\xfe"},
    {"\xc3", "\\xc3", "\\\\xc3"},                 /* ends too early */
    {"\xc3(", "\\xc3(", "\\\\xc3("},              /* no continuation */
    {"\xc0\xaf", "\\xc0\\xaf", "\\\\xc0\\\\xaf"}, /* longer than needed */
    {"\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\\\\xe0\\\\x80\\\\xaf"},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\\\xed\\\\xa0\\\\x80"}, /* a surrogate */
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\\\xf4\\\\x90\\\\x80\\\\x80"},
    {"\xc2\x9b"
     "31m",
     "\\xc2\\x9b31m", "\\\\xc2\\\\x9b31m"}, /* C1: some terminals obey it */
};

static void bytes_that_could_forge_a_line_are_escaped(void **state)
{
    char wanted[128];
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        log_setup(LOG_AS_TEXT, 0);
        snprintf(wanted, sizeof wanted, "%s\n", escapes[i][1]);
        assert_string_equal(message_of(logged(LOG_INFO, escapes[i][0])), wanted);
        log_setup(LOG_AS_JSON, 0);
        snprintf(wanted, sizeof wanted, "\"message\":\"%s\"}\n", escapes[i][2]);
        assert_non_null(strstr(logged(LOG_INFO, escapes[i][0]), wanted));
    }
}

static void a_json_line_has_the_five_keys(void **state)
{
    char wanted[128];
    log_setup(LOG_AS_JSON, 0);
    const char *line = logged(LOG_WARN, "m");
    snprintf(wanted, sizeof wanted,
             "\",\"level\":\"warn\",\"role\":\"master\",\"pid\":%d,\"message\":\"m\"}\n",
             (int)getpid());
    assert_int_equal(strncmp(line, "{\"time\":\"2", 10), 0);
    assert_non_null(strstr(line, wanted));
}

/* A pipe takes 4096 bytes whole: escapes must not make a line longer, nor may one be cut in two. */
static void a_line_never_exceeds_4096_bytes(void **state)
{
    static const char *const units[] = {"a", "\n", "\xff", "\"", "\xe2\x82\xac", "\x01"};
    char message[6001];
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        size_t n = 0, len = strlen(units[u]);
        for (; n + len < sizeof message; n += len) memcpy(message + n, units[u], len);
        message[n] = '\0';
        for (int format = LOG_AS_TEXT; format <= LOG_AS_JSON; format++) {
            log_setup((enum log_format)format, 0);
            const char *line = logged(LOG_INFO, message);
            const char *end = format == LOG_AS_TEXT ? "...\n" : "...\"}\n";
            assert_true(strlen(line) <= 4096 && strlen(line) > 4000);
            assert_string_equal(line + strlen(line) - strlen(end), end);
            assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        }
    }
}

static void a_limit_says_how_many_it_left_out(void **state)
{
    struct log_limit limit = {.burst = 2};
    log_setup(LOG_AS_TEXT, 0);
    static const double at[] = {100, 100.5, 100.6, 100.9, 101.1, 101.2, 101.3};
    char allowed[sizeof at / sizeof *at + 1] = "";
    capture_begin(STDERR_FILENO);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        allowed[i] = log_allows(&limit, at[i]) ? 'y' : 'n';
    const char *said = capture_end();
    assert_string_equal(allowed, "yynnyyn");
    assert_string_equal(message_of(said), "2 more like the next line were left out\n");
}

/* --- where nobody reads ------------------------------------------------------------------------ */

enum { MANY = 2000 }; /* lines: far more than what lies between the two ends holds */

/* What the other side reads now, at most; whole lines or messages, counted. *lost: what they say was lost. */
static size_t lines_from(int fd, size_t *lost)
{
    static char text[4 << 20];
    size_t n = 0, lines = 0;
    ssize_t came;
    while ((came = read(fd, text + n, sizeof text - 1 - n)) > 0) n += (size_t)came;
    text[n] = '\0';
    for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1, lines++) {
        *end = '\0';
        const char *said = strstr(at, "log: ");
        assert_non_null(message_of(at));
        if (said && sscanf(said, "log: %zu lines lost", lost) == 1) lines--;
    }
    assert_true(n == 0 || text[n - 1] == '\0'); /* the last one is whole, too */
    return lines;
}

/* ends: 0 is read, 1 becomes standard error. */
static void no_line_waits_for(int ends[2])
{
    int kept = dup(STDERR_FILENO);
    size_t lost = 0, lines;
    alarm(20); /* ends a test that waits after all */
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    log_setup(LOG_AS_TEXT, 0);
    log_to_stderr(false);
    for (int i = 0; i < MANY; i++) log_info("a line of some length, number %d of %d", i, MANY);
    int flags = fcntl(ends[1], F_GETFL);
    lines = lines_from(ends[0], &lost);
    log_catch_up();
    lines += lines_from(ends[0], &lost);
    log_info("the last one");
    lines += lines_from(ends[0], &lost);
    alarm(0);
    log_to_stderr(true);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[0]);
    close(ends[1]);
    assert_false(flags & O_NONBLOCK); /* others write there, too, and must not get EAGAIN */
    assert_true(lost > 0 && lost < MANY);
    assert_int_equal(lines + lost, MANY + 1);
}

static void a_full_pipe_loses_lines_and_says_how_many(void **state)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    no_line_waits_for(ends);
}

static void a_full_socket_does_too(void **state)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    no_line_waits_for(ends);
}

static int syslog_listens(const char *path, int type)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    if (type == SOCK_STREAM) assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void syslog_sees(int fd, const char *text)
{
    char message[512] = "", month[4];
    int priority, pid, end = 0;
    assert_true(recv(fd, message, sizeof message - 1, 0) > 0);
    assert_int_equal(
        sscanf(message, "<%d>%3s %*d %*d:%*d:%*d moongate[%d]: %n", &priority, month, &pid, &end),
        3);
    assert_int_equal(priority, 3 * 8 + 6);
    assert_int_equal(pid, getpid());
    assert_string_equal(message + end, text);
}

static void a_syslog_that_stops_and_one_that_starts_again_hold_up_nothing(void **state)
{
    char path[] = "/tmp/moongate-log-XXXXXX", message[512];
    size_t lost = 0, seen = 0;
    close(mkstemp(path));
    int fd = syslog_listens(path, SOCK_DGRAM);
    log_setup(LOG_AS_TEXT, 0);
    log_role("master");
    log_to_syslog(path);
    log_info("hello");
    syslog_sees(fd, "master: hello");
    for (int i = 0; i < MANY; i++) log_info("line %d", i);
    for (; recv(fd, message, sizeof message - 1, 0) > 0; seen++) memset(message, 0, sizeof message);
    log_catch_up();
    memset(message, 0, sizeof message);
    assert_true(recv(fd, message, sizeof message - 1, 0) > 0);
    assert_int_equal(sscanf(strstr(message, "log: "), "log: %zu lines lost", &lost), 1);
    assert_int_equal(seen + lost, MANY);
    close(fd);
    log_info("nobody is there"); /* lost */
    fd = syslog_listens(path, SOCK_DGRAM);
    log_info("again");
    assert_true(recv(fd, message, sizeof message - 1, 0) > 0); /* 1 lines lost */
    syslog_sees(fd, "master: again");
    close(fd);
    unlink(path);
    log_to_stderr(true);
}

static void a_syslog_of_streams_gets_each_line_with_an_end(void **state)
{
    char path[] = "/tmp/moongate-log-XXXXXX", text[512] = "";
    close(mkstemp(path));
    int fd = syslog_listens(path, SOCK_STREAM);
    log_to_syslog(path);
    log_info("one");
    log_info("two");
    int end = accept(fd, NULL, NULL);
    ssize_t n = read(end, text, sizeof text);
    assert_true(n > 0 && text[n - 1] == '\0');
    assert_non_null(strstr(text, "]: master: one"));
    assert_non_null(strstr(text + strlen(text) + 1, "]: master: two"));
    close(end);
    close(fd);
    unlink(path);
    log_to_stderr(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_line_says_time_level_role_and_process),
        cmocka_unit_test(levels_are_padded_and_shown_by_verbosity),
        cmocka_unit_test(bytes_that_could_forge_a_line_are_escaped),
        cmocka_unit_test(a_json_line_has_the_five_keys),
        cmocka_unit_test(a_line_never_exceeds_4096_bytes),
        cmocka_unit_test(a_limit_says_how_many_it_left_out),
        cmocka_unit_test(a_full_pipe_loses_lines_and_says_how_many),
        cmocka_unit_test(a_full_socket_does_too),
        cmocka_unit_test(a_syslog_that_stops_and_one_that_starts_again_hold_up_nothing),
        cmocka_unit_test(a_syslog_of_streams_gets_each_line_with_an_end),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
