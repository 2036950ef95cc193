/* A client on its way is taken, declined or withdrawn, by one process alone. */
#include "base/handover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void an_offer_is_decided_once(void **state)
{
    struct handover h = {{0}};
    (void)state;
    handover_offer(&h, 1);
    assert_int_equal(handover_state_of(&h, 1), HANDOVER_OFFERED);
    assert_true(handover_decide(&h, 1, HANDOVER_TAKEN));
    assert_false(handover_decide(&h, 1, HANDOVER_WITHDRAWN));
    assert_int_equal(handover_state_of(&h, 1), HANDOVER_TAKEN);
    handover_offer(&h, 2);
    assert_true(handover_decide(&h, 2, HANDOVER_WITHDRAWN));
    assert_false(handover_decide(&h, 2, HANDOVER_TAKEN));
    assert_false(handover_decide(&h, 2, HANDOVER_DECLINED));
    assert_int_equal(handover_state_of(&h, 2), HANDOVER_WITHDRAWN);
}

static void an_offer_whose_place_has_gone_to_a_later_one_cannot_be_taken(void **state)
{
    struct handover h = {{0}};
    (void)state;
    handover_offer(&h, 3);
    assert_true(handover_decide(&h, 3, HANDOVER_WITHDRAWN));
    handover_offer(&h, 3 + HANDOVERS);
    assert_false(handover_decide(&h, 3, HANDOVER_TAKEN));
    assert_true(handover_decide(&h, 3 + HANDOVERS, HANDOVER_TAKEN));
}

static void what_was_never_offered_cannot_be_taken(void **state)
{
    struct handover h = {{0}};
    (void)state;
    for (uint64_t number = 1; number <= 2 * HANDOVERS; number++)
        assert_false(handover_decide(&h, number, HANDOVER_TAKEN));
}

static void what_was_taken_is_held_until_it_is_released(void **state)
{
    struct handover h = {{0}};
    (void)state;
    assert_false(handover_is_held(&h, 0));
    handover_offer(&h, 5);
    assert_false(handover_is_held(&h, 5));
    assert_true(handover_decide(&h, 5, HANDOVER_TAKEN));
    assert_true(handover_is_held(&h, 5));
    assert_false(handover_is_held(&h, 5 + HANDOVERS));
    handover_release(&h, 5);
    assert_false(handover_is_held(&h, 5));
    assert_false(handover_decide(&h, 5, HANDOVER_TAKEN));
    handover_offer(&h, 5 + HANDOVERS);
    assert_false(handover_is_held(&h, 5));
}

/* Two processes decide the same offers at the same time. */
static void of_two_processes_one_gets_it(void **state)
{
    enum { ROUNDS = 2000 };
    struct race {
        struct handover h;
        uint64_t offered, taken;
    } *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)state;
    assert_ptr_not_equal(r, MAP_FAILED);
    uint64_t withdrawn = 0;
    pid_t child = fork();
    if (child == 0) {
        for (uint64_t number = 1; number <= (uint64_t)ROUNDS * HANDOVERS; number++) {
            while (__atomic_load_n(&r->offered, __ATOMIC_ACQUIRE) < number) continue;
            r->taken += handover_decide(&r->h, number, HANDOVER_TAKEN);
        }
        _exit(0);
    }
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t first = round * HANDOVERS + 1, end = first + HANDOVERS;
        for (uint64_t number = first; number < end; number++) handover_offer(&r->h, number);
        __atomic_store_n(&r->offered, end - 1, __ATOMIC_RELEASE);
        for (uint64_t number = first; number < end; number++)
            withdrawn += handover_decide(&r->h, number, HANDOVER_WITHDRAWN);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(withdrawn + r->taken, ROUNDS * HANDOVERS);
    munmap(r, sizeof *r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offer_is_decided_once),
        cmocka_unit_test(an_offer_whose_place_has_gone_to_a_later_one_cannot_be_taken),
        cmocka_unit_test(what_was_never_offered_cannot_be_taken),
        cmocka_unit_test(what_was_taken_is_held_until_it_is_released),
        cmocka_unit_test(of_two_processes_one_gets_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
