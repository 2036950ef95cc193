/* notify: messages to a service manager that reads them, that is slow, or that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/capture.h"
#include "net/notify.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];
static int manager = -1;

/* A socket of the test stands for the manager's. */
static int manager_begins(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(path, sizeof path, "/tmp/moongate-notify-%d", (int)getpid());
    strcpy(at.sun_path, path);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return bind(manager, (struct sockaddr *)&at, sizeof at);
}

static int manager_ends(void **state)
{
    close(manager);
    return unlink(path);
}

/* The next message; "" when there is none. */
static const char *told(void)
{
    static char text[1024];
    ssize_t n = recv(manager, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static struct notify begin(const char *watchdog, const char *pid)
{
    struct notify n;
    struct notify_wanted wanted = {path, watchdog, pid};
    notify_init(&n, &wanted);
    assert_true(n.fd >= 0);
    return n;
}

static void a_message_is_one_datagram(void **state)
{
    struct notify n = begin(NULL, NULL);
    notify_say(&n, "READY=1\nSTATUS=%d", 7);
    notify_ping(&n);
    assert_string_equal(told(), "READY=1\nSTATUS=7");
    assert_string_equal(told(), "WATCHDOG=1");
    assert_string_equal(told(), "");
    notify_release(&n);
    notify_release(&n);
    notify_say(&n, "READY=1");
    assert_string_equal(told(), "");
}

static void a_name_with_an_at_sign_is_in_no_file_system(void **state)
{
    struct notify n;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char name[64], got[16] = "";
    int len = snprintf(name, sizeof name, "@moongate-notify-%d", (int)getpid());
    memcpy(at.sun_path + 1, name + 1, (size_t)len - 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    notify_init(&n, &(struct notify_wanted){name, NULL, NULL});
    notify_say(&n, "READY=1");
    assert_int_equal(recv(fd, got, sizeof got - 1, 0), 7);
    notify_release(&n);
    close(fd);
}

/* The kernel keeps few messages that nobody reads. What it does not take comes later and in order, but for the oldest of too many. */
static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
    enum { SAID = 600 };
    struct notify n = begin(NULL, NULL);
    alarm(20); /* ends a test that waits after all */
    for (int i = 0; i < SAID; i++) notify_say(&n, "STATUS=%d", i);
    alarm(0);
    assert_int_equal(n.owed_n, NOTIFY_OWED_MAX);
    notify_ping(&n);
    int read = 0, last = -1;
    char text[32];
    for (const char *got; *(got = told()); read++) {
        snprintf(text, sizeof text, "STATUS=%d", ++last);
        assert_string_equal(got, text);
    }
    assert_true(read > 0 && read < SAID - NOTIFY_OWED_MAX);
    notify_catch_up(&n);
    for (int i = SAID - NOTIFY_OWED_MAX; i < SAID; i++) {
        snprintf(text, sizeof text, "STATUS=%d", i);
        assert_string_equal(told(), text);
    }
    assert_int_equal(n.owed_n, 0);
    assert_string_equal(told(), "");
    notify_release(&n);
}

static double watchdog_of(const char *usec, const char *pid)
{
    struct notify n = begin(usec, pid);
    double watchdog = n.watchdog;
    notify_release(&n);
    return watchdog;
}

static void signs_of_life_are_for_this_process_and_in_microseconds(void **state)
{
    char own[16], other[16];
    snprintf(own, sizeof own, "%d", (int)getpid());
    snprintf(other, sizeof other, "%d", (int)getppid());
    assert_true(watchdog_of("30000000", NULL) == 30);
    assert_true(watchdog_of("500000", own) == 0.5);
    assert_true(watchdog_of("500000", other) == 0);
    assert_true(watchdog_of("500000", "x") == 0);
    static const char *const wrong[] = {"", "-1", "5s", "0x10", " 7", "0", "9999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_true(watchdog_of(wrong[i], NULL) == 0);
}

static void what_is_no_path_is_logged_and_nothing_is_sent(void **state)
{
    static char longer[200];
    memset(longer, 'a', sizeof longer - 1);
    longer[0] = '/';
    const char *const wrong[] = {"", "@", "/", "relative", "vsock:2:1", longer};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct notify n;
        capture_begin(STDERR_FILENO);
        notify_init(&n, &(struct notify_wanted){wrong[i], "1000000", NULL});
        assert_non_null(strstr(capture_end(), "NOTIFY_SOCKET"));
        assert_true(n.fd < 0 && n.watchdog == 0);
        notify_say(&n, "READY=1");
        assert_int_equal(n.owed_n, 0);
    }
}

static void the_environment_is_read_and_removed(void **state)
{
    struct notify n;
    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "2000000", 1);
    unsetenv("WATCHDOG_PID");
    notify_take(&n);
    assert_true(n.fd >= 0 && n.watchdog == 2);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    notify_release(&n);
    notify_take(&n);
    assert_true(n.fd < 0 && n.watchdog == 0);
}

#define managed(f) cmocka_unit_test_setup_teardown(f, manager_begins, manager_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        managed(a_message_is_one_datagram),
        managed(a_name_with_an_at_sign_is_in_no_file_system),
        managed(a_manager_that_does_not_read_is_not_waited_for),
        managed(signs_of_life_are_for_this_process_and_in_microseconds),
        managed(what_is_no_path_is_logged_and_nothing_is_sent),
        managed(the_environment_is_read_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
