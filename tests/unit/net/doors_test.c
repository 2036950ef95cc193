/* doors: clients are accepted from a list of listeners that changes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/capture.h"
#include "net/doors.h"
#include "net/relisten.h"

static struct {
    char folder[64], paths[3][96];
    struct ev_loop *loop;
    struct listeners *l;
    struct doors doors;
    uint32_t taken, last; /* how many clients came, and the listener of the last one */
} t;

static void take(void *owner, int fd, const struct listener *l)
{
    t.taken++;
    t.last = l->number;
    close(fd);
}

static void nothing(void *owner)
{
}

static int set_up(void **state)
{
    memset(&t, 0, sizeof t);
    snprintf(t.folder, sizeof t.folder, "/tmp/doors-test-XXXXXX");
    if (!mkdtemp(t.folder)) return -1;
    for (int i = 0; i < 3; i++) snprintf(t.paths[i], sizeof t.paths[i], "unix:%s/%d", t.folder, i);
    const char *items[] = {t.paths[0], t.paths[1]};
    struct listeners_wanted wanted = {.script = items, .script_n = 2};
    capture_begin(STDERR_FILENO);
    t.l = listeners_create(&wanted);
    (void)capture_end();
    t.loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    return t.l && t.loop &&
                   doors_init(&t.doors, t.loop, t.l,
                              (struct doors_keeper){take, nothing, nothing, NULL})
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    doors_stop(&t.doors);
    doors_release(&t.doors);
    listeners_destroy(t.l, true);
    ev_loop_destroy(t.loop);
    return rmdir(t.folder);
}

static void connect_to(int path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", t.paths[path] + 5);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd); /* it is in the backlog, even so */
}

/* The listeners from now on: these two. */
static void change_to(int one, int other)
{
    const char *items[] = {t.paths[one], t.paths[other]};
    char why[LISTENERS_WHY];
    struct listeners_wanted wanted = {.script = items, .script_n = 2};
    capture_begin(STDERR_FILENO);
    bool good = listeners_prepare(t.l, &wanted, false, why) && listeners_open(t.l, false, why);
    if (good) listeners_switch(t.l, &wanted);
    (void)capture_end();
    assert_true(good);
    doors_follow(&t.doors);
}

static void let_go(void)
{
    capture_begin(STDERR_FILENO);
    doors_let_go(&t.doors, t.l);
    (void)capture_end();
}

static void a_listener_that_comes_is_accepted_from(void **state)
{
    doors_watch(&t.doors, true);
    change_to(1, 2);
    connect_to(2);
    ev_run(t.loop, EVRUN_NOWAIT);
    assert_int_equal(t.taken, 1);
    assert_int_equal(t.last, LISTENERS_BOUND + 2);
    connect_to(0); /* it goes, but has not gone yet */
    ev_run(t.loop, EVRUN_NOWAIT);
    assert_int_equal(t.taken, 2);
    assert_int_equal(t.last, LISTENERS_BOUND);
    let_go();
    assert_int_equal(t.l->n, 2);
    connect_to(1);
    ev_run(t.loop, EVRUN_NOWAIT);
    assert_int_equal(t.taken, 3);
    assert_int_equal(t.last, LISTENERS_BOUND + 1);
}

/* I15: also while the doors are closed. */
static void clients_that_wait_where_it_goes_are_accepted_first(void **state)
{
    connect_to(0);
    connect_to(0);
    connect_to(1);
    change_to(1, 2);
    ev_run(t.loop, EVRUN_NOWAIT);
    assert_int_equal(t.taken, 0);
    let_go();
    assert_int_equal(t.taken, 2);
    assert_int_equal(t.last, LISTENERS_BOUND);
    assert_false(t.doors.are_open);
    doors_watch(&t.doors, true);
    ev_run(t.loop, EVRUN_NOWAIT);
    assert_int_equal(t.taken, 3);
    assert_int_equal(t.last, LISTENERS_BOUND + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_listener_that_comes_is_accepted_from, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clients_that_wait_where_it_goes_are_accepted_first, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
