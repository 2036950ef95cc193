/* listener: what is bound, what is refused and why, clients accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "lib/capture.h"
#include "net/listener.h"
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64]; /* of the running test */

static int folder_make(void **state)
{
    strcpy(folder, "/tmp/moongate-listener-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

/* Each test removes its files; one that forgets fails here. */
static int folder_remove(void **state)
{
    return rmdir(folder);
}

static const char *in_folder(const char *prefix, const char *name)
{
    static char path[2][100];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s%s/%s", prefix, folder, name);
    return path[turn];
}

/* What was printed, by the log or as an error, is in *said. */
static struct listeners *bind_all(const char **said, uint16_t port, size_t n,
                                  const char *const *addresses)
{
    struct listeners_wanted wanted = {.bind = addresses, .bind_n = n, .port = port};
    capture_begin(STDERR_FILENO);
    struct listeners *l = listeners_create(&wanted);
    *said = capture_end();
    return l;
}

static struct listeners *bind_one(const char **said, const char *address)
{
    const char *const addresses[] = {address};
    return bind_all(said, 0, 1, addresses);
}

static void refuses(const char *address, const char *reason)
{
    const char *said;
    assert_null(bind_one(&said, address));
    assert_int_equal(strncmp(said, "moongate: ", 10), 0);
    assert_non_null(strstr(said, reason));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static int connect_to(const struct listener *l)
{
    int fd = socket(l->addr.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &l->addr.sa.any, l->addr.len), 0);
    return fd;
}

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void port_0_becomes_a_real_one_and_is_logged(void **state)
{
    const char *said;
    char text[ADDR_TEXT_MAX], wanted[ADDR_TEXT_MAX + 32];
    struct listeners *l = bind_one(&said, "127.0.0.1");
    assert_non_null(l);
    assert_int_equal(l->n, 1);
    assert_true(ntohs(l->items[0].addr.sa.v4.sin_port) > 0);
    snprintf(wanted, sizeof wanted, "listening on %s\n", addr_print(&l->items[0].addr, text));
    assert_non_null(strstr(said, wanted));
    listeners_destroy(l, true);
}

static void a_client_is_accepted_ready_for_use(void **state)
{
    const char *said;
    int fd;
    struct addr from;
    struct listeners *l = bind_one(&said, "127.0.0.1");
    assert_non_null(l);
    assert_int_equal(listener_accept(&l->items[0], &fd, &from), ACCEPT_AGAIN);
    int client = connect_to(&l->items[0]);
    assert_int_equal(listener_accept(&l->items[0], &fd, &from), ACCEPT_OK);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    close(fd);
    close(client);
    listeners_destroy(l, true);
}

static void without_descriptors_accepting_pauses(void **state)
{
    const char *said;
    int fd;
    struct addr from;
    struct rlimit had;
    struct listeners *l = bind_one(&said, "127.0.0.1");
    assert_non_null(l);
    int client = connect_to(&l->items[0]);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
    struct rlimit full = {.rlim_cur = 0, .rlim_max = had.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &full), 0);
    enum accept_status status = listener_accept(&l->items[0], &fd, &from);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
    assert_int_equal(status, ACCEPT_PAUSE);
    assert_int_equal(listener_accept(&l->items[0], &fd, &from), ACCEPT_OK);
    close(fd);
    close(client);
    listeners_destroy(l, true);
}

static void a_refused_client_reads_why_even_if_it_spoke_first(void **state)
{
    const char *said;
    int fd;
    struct addr from;
    char answer[64] = "";
    struct listeners *l = bind_one(&said, "127.0.0.1");
    assert_non_null(l);
    int client = connect_to(&l->items[0]);
    assert_int_equal(send(client, "get a\r\n", 7, 0), 7);
    assert_int_equal(listener_accept(&l->items[0], &fd, &from), ACCEPT_OK);
    listener_refuse(fd, NULL);
    assert_int_equal(recv(client, answer, sizeof answer - 1, MSG_WAITALL), 33);
    assert_string_equal(answer, "ERROR Too many open connections\r\n");
    close(client);
    listeners_destroy(l, true);
}

static void a_port_in_use_is_named_with_advice(void **state)
{
    const char *said;
    char text[ADDR_TEXT_MAX];
    struct listeners *l = bind_one(&said, "127.0.0.1");
    assert_non_null(l);
    addr_print(&l->items[0].addr, text);
    refuses(text, "address in use: choose another port with -b or stop what listens");
    const char *const host[] = {"127.0.0.1"};
    assert_null(bind_all(&said, ntohs(l->items[0].addr.sa.v4.sin_port), 1, host));
    assert_non_null(strstr(said, "address in use: choose another port with -p or stop what"));
    listeners_destroy(l, true);
}

static void without_descriptors_the_limit_is_named_and_no_address(void **state)
{
    const char *const address[] = {"127.0.0.1"};
    struct listeners_wanted wanted = {.bind = address, .bind_n = 1};
    struct rlimit had;
    capture_begin(STDERR_FILENO);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
    struct rlimit full = {.rlim_cur = 0, .rlim_max = had.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &full), 0);
    struct listeners *l = listeners_create(&wanted);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
    assert_non_null(strstr(capture_end(), ": allow the process more open files\n"));
    assert_null(l);
}

static void addresses_that_cannot_be_bound_are_refused(void **state)
{
    refuses("192.0.2.1", "not an address of this machine");
    refuses("[fe80::1%nosuchlink]:1", "[fe80::1%nosuchlink]:1: ");
    refuses(in_folder("unix:", "no/such"), "make the folder first");
}

static void the_same_address_twice_is_refused(void **state)
{
    const char *said;
    char text[ADDR_TEXT_MAX];
    struct listeners *l = bind_one(&said, "127.0.0.1");
    assert_non_null(l);
    addr_print(&l->items[0].addr, text);
    listeners_destroy(l, true);
    const char *const twice[] = {text, text};
    assert_null(bind_all(&said, 0, 2, twice));
    assert_non_null(strstr(said, "given twice: name each address once"));
}

static void an_ipv6_listener_leaves_ipv4_alone(void **state)
{
    const char *said;
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    bool has_v6 = probe >= 0 && bind(probe, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (probe >= 0) close(probe);
    if (!has_v6) skip();
    struct listeners *l = bind_one(&said, "[::]:0");
    assert_non_null(l);
    assert_int_equal(option_of(l->items[0].fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    listeners_destroy(l, true);
}

static void a_unix_socket_serves_and_its_file_goes(void **state)
{
    const char *said, *path = in_folder("", "s");
    int fd;
    struct addr from;
    struct stat file;
    struct listeners *l = bind_one(&said, in_folder("unix:", "s"));
    assert_non_null(l);
    int client = connect_to(&l->items[0]);
    assert_int_equal(listener_accept(&l->items[0], &fd, &from), ACCEPT_OK);
    close(fd);
    close(client);
    listeners_close(l, false);
    assert_int_equal(stat(path, &file), 0); /* not the owner: the file stays */
    listeners_destroy(l, true);
    assert_int_equal(stat(path, &file), 0); /* closed already: no longer ours */

    l = bind_one(&said, in_folder("unix:", "s"));
    assert_non_null(l);
    assert_non_null(strstr(said, "file of a dead process removed"));
    refuses(in_folder("unix:", "s"),
            "address in use: choose another path with -b or stop what listens");
    listeners_destroy(l, true);
    assert_int_equal(stat(in_folder("", "s"), &file), -1);
}

static void a_unix_socket_has_the_mode_that_it_was_given(void **state)
{
    static const char *const modes[] = {"0600", "0660", "0777", "020", "0"};
    const char *said;
    struct stat file;
    mode_t had = umask(027);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        char address[128];
        snprintf(address, sizeof address, "a=%s,mode=%s", in_folder("unix:", "s"), modes[i]);
        struct listeners *l = bind_one(&said, address);
        assert_non_null(l);
        assert_int_equal(stat(in_folder("", "s"), &file), 0);
        assert_int_equal(file.st_mode & 0777, strtol(modes[i], NULL, 8));
        assert_non_null(strstr(said, "/s as a\n"));
        listeners_destroy(l, true);
    }
    struct listeners *l = bind_one(&said, in_folder("unix:", "s"));
    assert_non_null(l);
    assert_int_equal(stat(in_folder("", "s"), &file), 0);
    assert_int_equal(file.st_mode & 0777, 0750);
    listeners_destroy(l, true);
    assert_int_equal(umask(had), 027); /* as it was before */
}

/* Root gives the file away; for other users that is an error, and no file stays. */
static void a_unix_socket_belongs_to_whom_it_was_given(void **state)
{
    const char *said;
    struct stat file;
    char address[128];
    snprintf(address, sizeof address, "%s,group=54321,owner=12345", in_folder("unix:", "s"));
    if (geteuid() != 0) {
        refuses(address, "start as root or leave out owner= and group=");
        assert_int_equal(stat(in_folder("", "s"), &file), -1);
        return;
    }
    struct listeners *l = bind_one(&said, address);
    assert_non_null(l);
    assert_int_equal(stat(in_folder("", "s"), &file), 0);
    assert_int_equal(file.st_uid, 12345);
    assert_int_equal(file.st_gid, 54321);
    listeners_destroy(l, true);
}

/* Where --bind names no owner it is --user that is wrong, whatever the listener. */
static void a_user_who_is_not_known_is_not_blamed_on_bind(void **state)
{
    const char *const addresses[] = {"127.0.0.1", in_folder("unix:", "s")};
    if (geteuid() != 0) skip(); /* others may not give files away: nobody is looked up */
    for (size_t i = 0; i < 2; i++) {
        struct listeners_wanted wanted = {
            .bind = &addresses[i], .bind_n = 1, .user = "no-such-user"};
        capture_begin(STDERR_FILENO);
        struct listeners *l = listeners_create(&wanted);
        const char *said = capture_end();
        assert_null(l);
        assert_non_null(strstr(said, "user no-such-user is not known on this system: "));
        assert_non_null(strstr(said, " with -u\n"));
        assert_null(strstr(said, "-b"));
    }
}

static void who_is_not_known_gets_no_socket(void **state)
{
    char address[128];
    snprintf(address, sizeof address, "%s,owner=no-such-user", in_folder("unix:", "s"));
    refuses(address, "user no-such-user is not known on this system");
    snprintf(address, sizeof address, "%s,group=no-such-group", in_folder("unix:", "s"));
    refuses(address, "group no-such-group is not known on this system");
}

static void the_file_of_another_socket_stays(void **state)
{
    const char *said;
    struct stat file;
    struct listeners *first = bind_one(&said, in_folder("unix:", "s"));
    assert_non_null(first);
    assert_int_equal(unlink(in_folder("", "s")), 0);
    int between = open(in_folder("", "other"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(between >=
                0); /* takes the number that the first file had, where such are used again */
    struct listeners *second = bind_one(&said, in_folder("unix:", "s"));
    assert_non_null(second);
    listeners_destroy(first, true);
    assert_int_equal(stat(in_folder("", "s"), &file), 0);
    listeners_destroy(second, true);
    assert_int_equal(stat(in_folder("", "s"), &file), -1);
    close(between);
    assert_int_equal(unlink(in_folder("", "other")), 0);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    struct stat file;
    int fd = open(in_folder("", "f"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    refuses(in_folder("unix:", "f"), "there is a file that is no socket");
    assert_int_equal(stat(in_folder("", "f"), &file), 0);
    assert_int_equal(unlink(in_folder("", "f")), 0);
}

static void a_failure_undoes_what_was_bound_before(void **state)
{
    const char *said;
    struct stat file;
    const char *const both[] = {in_folder("unix:", "s"), "192.0.2.1"};
    assert_null(bind_all(&said, 0, 2, both));
    assert_int_equal(stat(in_folder("", "s"), &file), -1);
    assert_null(strstr(said, "listening on"));
}

#define in_a_folder(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_0_becomes_a_real_one_and_is_logged),
        cmocka_unit_test(a_client_is_accepted_ready_for_use),
        cmocka_unit_test(without_descriptors_accepting_pauses),
        cmocka_unit_test(a_refused_client_reads_why_even_if_it_spoke_first),
        cmocka_unit_test(a_port_in_use_is_named_with_advice),
        cmocka_unit_test(without_descriptors_the_limit_is_named_and_no_address),
        in_a_folder(addresses_that_cannot_be_bound_are_refused),
        cmocka_unit_test(the_same_address_twice_is_refused),
        cmocka_unit_test(an_ipv6_listener_leaves_ipv4_alone),
        in_a_folder(a_unix_socket_serves_and_its_file_goes),
        in_a_folder(a_unix_socket_has_the_mode_that_it_was_given),
        in_a_folder(a_unix_socket_belongs_to_whom_it_was_given),
        in_a_folder(a_user_who_is_not_known_is_not_blamed_on_bind),
        in_a_folder(who_is_not_known_gets_no_socket),
        in_a_folder(the_file_of_another_socket_stays),
        in_a_folder(a_file_that_is_no_socket_is_left_alone),
        in_a_folder(a_failure_undoes_what_was_bound_before),
    };
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
