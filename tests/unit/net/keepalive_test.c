/* keepalive: the options that a TCP socket gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "net/keepalive.h"
#include <cmocka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

/* seconds, then what is set: idle, between, user timeout in milliseconds */
static const struct {
    double seconds;
    int idle, between, user_timeout;
} rows[] = {{60, 60, 10, 90000}, {1, 1, 1, 4000}, {0.2, 1, 1, 4000}, {61, 61, 11, 94000}};

static void a_silent_peer_is_given_up_within_half_as_much_again(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(keepalive_set(fd, rows[i].seconds));
        assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), rows[i].idle);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), rows[i].between);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), rows[i].user_timeout);
        close(fd);
    }
}

static void zero_leaves_the_kernels_own_times(void **state)
{
    int fresh = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(keepalive_set(fd, 0));
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE),
                     option_of(fresh, IPPROTO_TCP, TCP_KEEPIDLE));
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
    close(fd);
    close(fresh);
}

static void a_unix_socket_has_none_of_it(void **state)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_false(keepalive_set(fd, 60));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_peer_is_given_up_within_half_as_much_again),
        cmocka_unit_test(zero_leaves_the_kernels_own_times),
        cmocka_unit_test(a_unix_socket_has_none_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
