/* log: a file, by several processes, renamed, not to be opened, full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "lib/capture.h"
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char log_path[64], old_path[80];

static int file_begins(void **state)
{
    snprintf(log_path, sizeof log_path, "/tmp/moongate-log-%d", (int)getpid());
    snprintf(old_path, sizeof old_path, "%s.1", log_path);
    int fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    log_setup(LOG_AS_TEXT, 0);
    return log_to_file(log_path, fd) ? 0 : -1;
}

static int file_ends(void **state)
{
    log_to_stderr(true);
    unlink(log_path);
    return unlink(old_path);
}

static const char *text_of(const char *path)
{
    static char texts[2][8192];
    static int turn;
    char *text = texts[turn = !turn];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof texts[0] - 1);
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* Another process that shares the log, as a worker does. It writes a line each time it is told to. */
static pid_t worker_begins(int *order, int *answer)
{
    int orders[2], answers[2];
    assert_int_equal(pipe2(orders, O_CLOEXEC) + pipe2(answers, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(orders[1]);
        while (read(orders[0], &byte, 1) == 1) {
            if (byte == 't') log_catch_up();
            if (byte == 'w') log_info("from the worker");
            if (write(answers[1], "", 1) != 1) break;
        }
        _exit(0);
    }
    close(orders[0]);
    close(answers[1]);
    *order = orders[1];
    *answer = answers[0];
    return pid;
}

static void tell(int order, int answer, const char *what)
{
    char byte;
    assert_int_equal(write(order, what, 1), 1);
    assert_int_equal(read(answer, &byte, 1), 1);
}

/* True when that process has the file open. */
static bool holds(pid_t pid, const char *path)
{
    for (int fd = 3; fd < 64; fd++) {
        char link[64], to[128] = "";
        snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
        if (readlink(link, to, sizeof to - 1) > 0 && strcmp(to, path) == 0) return true;
    }
    return false;
}

static void a_file_that_was_renamed_is_left_by_every_process(void **state)
{
    int order, answer, status;
    pid_t pid = worker_begins(&order, &answer);
    log_info("before");
    assert_int_equal(rename(log_path, old_path), 0);
    tell(order, answer, "w"); /* not told yet: the old file */
    log_reopen();
    tell(order, answer, "w");
    log_info("after");
    assert_non_null(strstr(text_of(old_path), "before\n"));
    assert_non_null(strstr(text_of(old_path), "from the worker\n"));
    assert_null(strstr(text_of(old_path), "after\n"));
    assert_non_null(strstr(text_of(log_path), "opened again\n"));
    assert_non_null(strstr(text_of(log_path), "from the worker\n"));
    assert_non_null(strstr(text_of(log_path), "after\n"));
    assert_false(holds(pid, old_path) || holds(getpid(), old_path));
    close(order);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(answer);
}

static void a_process_that_logs_nothing_leaves_it_too(void **state)
{
    int order, answer, status;
    pid_t pid = worker_begins(&order, &answer);
    assert_int_equal(rename(log_path, old_path), 0);
    log_reopen();
    assert_true(holds(pid, old_path));
    tell(order, answer, "t");
    assert_false(holds(pid, old_path));
    close(order);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(answer);
}

static void a_file_that_cannot_be_opened_again_is_written_on(void **state)
{
    assert_int_equal(rename(log_path, old_path), 0);
    assert_int_equal(mkdir(log_path, 0700), 0); /* nobody can write to that, not even root */
    log_reopen();
    log_info("goes on");
    assert_int_equal(rmdir(log_path), 0);
    assert_non_null(strstr(text_of(old_path), "not opened again: Is a directory: the old file"));
    assert_non_null(strstr(text_of(old_path), "goes on\n"));
    log_reopen();
    log_info("works again");
    assert_non_null(strstr(text_of(log_path), "works again\n"));
}

static void without_a_file_there_is_nothing_to_open_again(void **state)
{
    assert_int_equal(rename(log_path, old_path), 0);
    log_to_stderr(true);
    capture_begin(STDERR_FILENO);
    log_reopen();
    assert_string_equal(capture_end(), "");
    assert_int_equal(access(log_path, F_OK), -1);
}

/* A limit of the file's size stands for a full disk: the write fails, at first in the middle of a line. */
static void a_full_disk_loses_lines_and_says_how_many(void **state)
{
    struct rlimit had, small = {.rlim_cur = 300};
    assert_int_equal(rename(log_path, old_path), 0);
    log_reopen();
    getrlimit(RLIMIT_FSIZE, &had);
    small.rlim_max = had.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 10; i++) log_info("a line of some length, which is number %d of ten", i);
    assert_int_equal(strlen(text_of(log_path)), 300);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &had), 0);
    log_info("there is room");
    signal(SIGXFSZ, SIG_DFL);

    size_t lost = 0, whole = 0;
    const char *text = text_of(log_path), *said = strstr(text, "log: ");
    for (const char *at = text; (at = strstr(at, " of ten\n")); at++) whole++;
    assert_non_null(said);
    assert_int_equal(sscanf(said, "log: %zu lines lost", &lost), 1);
    assert_int_equal(whole + lost, 10);
    assert_non_null(strstr(text, ": there is room\n"));
    for (const char *at = text; *at; at = strchr(at, '\n') + 1) /* the torn one was ended */
        assert_true(strncmp(at, "20", 2) == 0);
}

#define filed(f) cmocka_unit_test_setup_teardown(f, file_begins, file_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        filed(a_file_that_was_renamed_is_left_by_every_process),
        filed(a_process_that_logs_nothing_leaves_it_too),
        filed(a_file_that_cannot_be_opened_again_is_written_on),
        filed(without_a_file_there_is_nothing_to_open_again),
        filed(a_full_disk_loses_lines_and_says_how_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
