/* passed: what the environment says of passed sockets, which are taken, and how they meet --bind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/capture.h"
#include "net/listener.h"
#include "net/passed.h"
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *own_pid(void)
{
    static char text[16];
    snprintf(text, sizeof text, "%d", (int)getpid());
    return text;
}

static const char *parse(struct passed *p, const char *fds, const char *names)
{
    return passed_parse(p, &(struct passed_wanted){own_pid(), fds, names});
}

/* --- the environment ---------------------------------------------------------------------------- */

static void names_go_with_descriptors_in_their_order(void **state)
{
    struct passed p;
    assert_null(parse(&p, "5", "web:unknown::a b:last"));
    assert_int_equal(p.n, 5);
    static const char *const names[] = {"web", "", "", "", "last"};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(p.items[i].fd, 3 + i);
        assert_string_equal(p.items[i].name, names[i]);
    }
    assert_null(parse(&p, "2", NULL));
    assert_true(p.n == 2 && !p.items[0].name[0] && !p.items[1].name[0]);
    assert_null(parse(&p, "1", "a:b:c"));
    assert_true(p.n == 1 && strcmp(p.items[0].name, "a") == 0);
    assert_null(parse(&p, "0", NULL));
    assert_int_equal(p.n, 0);
}

static void a_long_name_is_no_label(void **state)
{
    struct passed p;
    char name[PASSED_NAME_MAX + 1] = "";
    memset(name, 'a', PASSED_NAME_MAX - 1);
    assert_null(parse(&p, "1", name));
    assert_string_equal(p.items[0].name, name);
    memset(name, 'a', PASSED_NAME_MAX);
    assert_null(parse(&p, "1", name));
    assert_string_equal(p.items[0].name, "");
}

static void what_is_for_another_process_is_not_taken(void **state)
{
    struct passed p;
    static const char *const pids[] = {"1", "", "x", "99999999999999"};
    for (size_t i = 0; i < sizeof pids / sizeof *pids; i++) {
        assert_null(passed_parse(&p, &(struct passed_wanted){pids[i], "2", NULL}));
        assert_int_equal(p.n, 0);
    }
    assert_null(passed_parse(&p, &(struct passed_wanted){NULL, "2", NULL}));
    assert_int_equal(p.n, 0);
    assert_null(passed_parse(&p, &(struct passed_wanted){own_pid(), NULL, NULL}));
    assert_int_equal(p.n, 0);
}

static void what_is_not_a_number_is_an_error(void **state)
{
    struct passed p;
    static const char *const wrong[] = {"", "-1", "1x", " 1", "65", "9999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_non_null(parse(&p, wrong[i], NULL));
    assert_null(parse(&p, "64", NULL));
    assert_int_equal(p.n, PASSED_MAX);
}

/* --- the sockets --------------------------------------------------------------------------------- */

static int socket_at(const char *item, struct addr *addr, bool listens)
{
    struct addr_spec spec;
    assert_null(addr_spec_parse(&spec, item, strlen(item)));
    assert_true(addr_spec_is_literal(&spec, 0, addr));
    int fd = socket(addr->sa.any.sa_family, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, &addr->sa.any, addr->len), 0);
    if (listens) assert_int_equal(listen(fd, 8), 0);
    *addr = (struct addr){.len = sizeof addr->sa};
    assert_int_equal(getsockname(fd, &addr->sa.any, &addr->len), 0);
    return fd;
}

/* Takes fd as descriptor 3 in a child: 0 when it was good, 1 when not; 2 and more: what is not as it should be. */
static int take_in_child(int fd)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct passed p;
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        if (dup2(fd, 3) != 3) _exit(9);
        setenv("LISTEN_PID", own_pid(), 1);
        setenv("LISTEN_FDS", "1", 1);
        setenv("LISTEN_FDNAMES", "web", 1);
        bool good = passed_take(&p);
        if (getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES")) _exit(2);
        if (!good) _exit(1);
        if (p.n != 1 || !(fcntl(3, F_GETFL) & O_NONBLOCK)) _exit(3);
        if (!(fcntl(3, F_GETFD) & FD_CLOEXEC)) _exit(4);
        _exit(strcmp(p.items[0].name, "web") == 0 ? 0 : 5);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void only_listening_stream_sockets_are_taken(void **state)
{
    struct addr addr;
    int good = socket_at("127.0.0.1:0", &addr, true), deaf = socket_at("127.0.0.1:0", &addr, false);
    int datagram = socket(AF_INET, SOCK_DGRAM, 0), file = open("/dev/null", O_RDONLY);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int nameless = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(nameless, (struct sockaddr *)&name, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(nameless, 1), 0);
    assert_int_equal(take_in_child(good), 0);
    assert_int_equal(take_in_child(deaf), 1);
    assert_int_equal(take_in_child(datagram), 1);
    assert_int_equal(take_in_child(file), 1);
    assert_int_equal(take_in_child(nameless), 1);
    int all[] = {good, deaf, datagram, file, nameless};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) close(all[i]);
}

/* --- with --bind --------------------------------------------------------------------------------- */

static struct listeners *bind_all(const char **said, struct passed *p, size_t n,
                                  const char *const *items)
{
    capture_begin(STDERR_FILENO);
    struct listeners *l =
        listeners_create(&(struct listeners_wanted){.bind = items, .bind_n = n, .passed = p});
    *said = capture_end();
    return l;
}

static void one_takes_the_place_of_its_item_and_others_are_added(void **state)
{
    struct passed p = {.n = 3};
    char item[64], address[ADDR_TEXT_MAX], text[PASSED_TEXT_MAX];
    const char *said;
    for (int i = 0; i < 3; i++) p.items[i].fd = socket_at("127.0.0.1:0", &p.items[i].addr, true);
    strcpy(p.items[1].name, "one");
    strcpy(p.items[2].name, "two");
    int fds[] = {p.items[0].fd, p.items[1].fd, p.items[2].fd};
    snprintf(item, sizeof item, "web=%s", addr_print(&p.items[1].addr, address));
    const char *const items[] = {"127.0.0.1:0", item};
    struct listeners *l = bind_all(&said, &p, 2, items);
    assert_non_null(l);
    assert_int_equal(l->n, 4);
    assert_false(l->items[0].is_passed);
    static const uint32_t numbers[] = {0, 1, 2, 3};
    const int order[] = {-1, fds[1], fds[0], fds[2]};
    for (size_t i = 1; i < 4; i++) {
        assert_true(l->items[i].is_passed && l->items[i].number == numbers[i]);
        assert_int_equal(l->items[i].fd, order[i]);
    }
    assert_true(p.items[0].is_extra && !p.items[1].is_extra && p.items[2].is_extra);
    assert_string_equal(passed_print(&p.items[0], text), addr_print(&p.items[0].addr, address));
    snprintf(item, sizeof item, "two=%s", addr_print(&p.items[2].addr, address));
    assert_string_equal(passed_print(&p.items[2], text), item);
    assert_non_null(strstr(said, " as web (passed by the service manager)\n"));
    assert_non_null(strstr(said, " as two (passed by the service manager)\n"));
    assert_null(passed_find(&p, &l->items[1].addr));
    listeners_destroy(l, true);
    for (int i = 0; i < 3; i++) assert_int_equal(fcntl(fds[i], F_GETFD), -1);
}

/* The file belongs to the manager, who listens on. */
static void a_unix_socket_keeps_its_file(void **state)
{
    struct passed p = {.n = 1};
    char path[64], item[80];
    const char *said;
    struct stat file;
    snprintf(path, sizeof path, "/tmp/moongate-passed-%d", (int)getpid());
    snprintf(item, sizeof item, "unix:%s", path);
    p.items[0].fd = socket_at(item, &p.items[0].addr, true);
    const char *const items[] = {item};
    struct listeners *l = bind_all(&said, &p, 1, items);
    assert_true(l && l->n == 1 && l->items[0].is_passed);
    capture_begin(STDERR_FILENO);
    listeners_check_files(l);
    assert_string_equal(capture_end(), "");
    listeners_destroy(l, true);
    assert_int_equal(lstat(path, &file), 0);
    assert_int_equal(unlink(path), 0);
}

static void what_no_listener_has_is_closed(void **state)
{
    struct passed p = {.n = 1};
    int fd = p.items[0].fd = socket_at("127.0.0.1:0", &p.items[0].addr, true);
    passed_release(&p);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    passed_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_go_with_descriptors_in_their_order),
        cmocka_unit_test(a_long_name_is_no_label),
        cmocka_unit_test(what_is_for_another_process_is_not_taken),
        cmocka_unit_test(what_is_not_a_number_is_an_error),
        cmocka_unit_test(only_listening_stream_sockets_are_taken),
        cmocka_unit_test(one_takes_the_place_of_its_item_and_others_are_added),
        cmocka_unit_test(a_unix_socket_keeps_its_file),
        cmocka_unit_test(what_no_listener_has_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
