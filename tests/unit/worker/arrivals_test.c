/* arrivals: what a worker takes of what it is offered, and when it closes what the master still holds. */
#include "worker/arrivals.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static int descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void clients_are_taken_declined_or_withdrawn_in_their_order(void **state)
{
    struct handover h = {{0}};
    struct arrivals a;
    (void)state;
    arrivals_init(&a, &h);
    for (uint64_t number = 1; number <= 3; number++) handover_offer(&h, number);
    assert_true(handover_decide(&h, 2, HANDOVER_WITHDRAWN));
    assert_true(arrivals_take(&a, true));
    assert_false(arrivals_take(&a, true));
    assert_false(arrivals_take(&a, false));
    assert_int_equal(a.offered, 3);
    assert_int_equal(handover_state_of(&h, 1), HANDOVER_TAKEN);
    assert_int_equal(handover_state_of(&h, 2), HANDOVER_WITHDRAWN);
    assert_int_equal(handover_state_of(&h, 3), HANDOVER_DECLINED);
}

static void a_descriptor_is_closed_once_the_master_has_let_go(void **state)
{
    struct handover h = {{0}};
    struct arrivals a;
    int fds[HANDOVERS];
    (void)state;
    arrivals_init(&a, &h);
    for (uint64_t number = 1; number <= HANDOVERS; number++) {
        handover_offer(&h, number);
        assert_true(arrivals_take(&a, true));
        arrivals_close(&a, fds[number - 1] = descriptor(), number);
    }
    arrivals_look(&a);
    for (int i = 0; i < HANDOVERS; i++) assert_true(is_open(fds[i]));
    for (uint64_t number = 1; number <= HANDOVERS; number += 2) handover_release(&h, number);
    arrivals_look(&a);
    for (int i = 0; i < HANDOVERS; i++) assert_int_equal(is_open(fds[i]), i % 2 == 1);
    for (uint64_t number = 2; number <= HANDOVERS; number += 2) handover_release(&h, number);
    arrivals_look(&a);
    for (int i = 0; i < HANDOVERS; i++) assert_false(is_open(fds[i]));
    assert_int_equal(a.closing_n, 0);
}

static void others_are_closed_at_once(void **state)
{
    struct handover h = {{0}};
    struct arrivals a;
    (void)state;
    arrivals_init(&a, &h);
    int fd = descriptor(); /* accepted here */
    arrivals_close(&a, fd, 0);
    assert_false(is_open(fd));
    handover_offer(&h, 1);
    assert_true(arrivals_take(&a, true));
    handover_release(&h, 1);
    arrivals_close(&a, fd = descriptor(), 1);
    assert_false(is_open(fd));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_are_taken_declined_or_withdrawn_in_their_order),
        cmocka_unit_test(a_descriptor_is_closed_once_the_master_has_let_go),
        cmocka_unit_test(others_are_closed_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
