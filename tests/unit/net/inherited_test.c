/* inherited: a listening socket as one moongate describes it, and another one reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "net/inherited.h"
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listens(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

static void what_is_printed_is_read(void **state)
{
    char text[INHERITED_TEXT_MAX];
    struct passed p = {.n = 0};
    struct listener l = {.fd = listens(), .number = 7, .file = {5, 123456789012}};
    assert_true(inherited_read(&p, inherited_print(&l, text)));
    l.fd = listens();
    l.is_passed = l.is_extra = true;
    memset(l.name, 'n', sizeof l.name - 1);
    assert_true(inherited_read(&p, inherited_print(&l, text)));
    assert_int_equal(p.n, 2);
    const struct passed_socket *own = &p.items[0], *extra = &p.items[1];
    assert_true(own->is_inherited && !own->is_managers && !own->is_extra);
    assert_true(own->number == 7 && own->file.dev == 5 && own->file.ino == 123456789012);
    assert_string_equal(own->name, "");
    assert_int_equal(own->addr.sa.any.sa_family, AF_INET);
    assert_true(fcntl(own->fd, F_GETFD) & FD_CLOEXEC && fcntl(own->fd, F_GETFL) & O_NONBLOCK);
    assert_true(extra->is_inherited && extra->is_managers && extra->is_extra);
    assert_string_equal(extra->name, l.name);
    passed_release(&p);
    assert_int_equal(fcntl(l.fd, F_GETFD), -1);
}

static void nonsense_is_refused(void **state)
{
    struct passed p = {.n = 0};
    char text[INHERITED_TEXT_MAX];
    static const char *const wrong[] = {"",           "3",           "3,0,0,0",
                                        "x,0,0,0,0,", "-1,0,0,0,0,", "0,0,0,0,0,"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(inherited_read(&p, wrong[i]));
    struct listener l = {.fd = listens()};
    p.n = PASSED_ROOM;
    assert_false(inherited_read(&p, inherited_print(&l, text)));
    close(l.fd);
    p.n = 0;
    assert_false(inherited_read(&p, text)); /* closed */
    assert_int_equal(p.n, 0);
}

/* The listeners that it becomes: by number, whatever --bind says of ports now. Until it is owned, the file stays. */
static void an_item_of_bind_has_what_was_bound_for_it(void **state)
{
    const char *const bind[] = {"127.0.0.1:0", "unix:/nowhere/at/all"};
    struct passed p = {.n = 0};
    char text[INHERITED_TEXT_MAX];
    struct listener one = {.fd = listens()}, two = {.fd = listens(), .number = 1};
    assert_true(inherited_read(&p, inherited_print(&two, text)));
    assert_true(inherited_read(&p, inherited_print(&one, text)));
    assert_false(passed_have_extra(&p));
    struct listeners_wanted wanted = {.bind = bind, .bind_n = 2, .passed = &p};
    struct listeners *l = listeners_create(&wanted);
    assert_non_null(l);
    assert_int_equal(l->n, 2);
    assert_int_equal(l->items[0].fd, one.fd);
    assert_int_equal(l->items[1].fd, two.fd);
    assert_true(l->items[0].is_lent && l->items[1].is_lent && !l->items[0].is_passed);
    listeners_own(l);
    assert_false(l->items[0].is_lent || l->items[1].is_lent);
    listeners_destroy(l, true);
}

/* What the script of this process does not name goes once it is in charge. Its number was another process's: here it must not be that of a
 * listener of this one. */
static void what_no_item_names_goes(void **state)
{
    char text[INHERITED_TEXT_MAX], address[ADDR_TEXT_MAX];
    const char *const script[] = {"one=127.0.0.1:0"};
    struct passed p = {.n = 0};
    struct listener left = {.fd = listens(), .number = LISTENERS_BOUND};
    assert_true(inherited_read(&p, inherited_print(&left, text)));
    struct listeners_wanted wanted = {.script = script, .script_n = 1, .passed = &p};
    struct listeners *l = listeners_create(&wanted);
    assert_non_null(l);
    assert_int_equal(l->n, 2);
    assert_int_equal(l->items[0].phase, LISTENER_SERVES);
    assert_string_equal(labels_text(&l->labels, l->items[0].number), "one=127.0.0.1:0");
    assert_int_equal(l->items[1].phase, LISTENER_GOES);
    assert_int_equal(l->items[1].fd, left.fd);
    assert_string_equal(labels_text(&l->labels, l->items[1].number),
                        addr_print(&l->items[1].addr, address));
    listeners_destroy(l, true);
}

static void a_channel_is_known_by_who_has_made_it(void **state)
{
    int ends[2], lonely = listens();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    assert_true(inherited_is_channel(ends[0], getpid()));
    assert_true(fcntl(ends[0], F_GETFD) & FD_CLOEXEC);
    assert_false(inherited_is_channel(ends[0], getppid()));
    assert_false(inherited_is_channel(-1, getpid()));
    assert_false(inherited_is_channel(lonely, getpid()));
    assert_false(inherited_is_channel(lonely, 0));
    close(ends[0]);
    close(ends[1]);
    close(lonely);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_is_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(an_item_of_bind_has_what_was_bound_for_it),
        cmocka_unit_test(what_no_item_names_goes),
        cmocka_unit_test(a_channel_is_known_by_who_has_made_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
