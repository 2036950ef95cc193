/* rotation: keys are made or taken over, and are rotated by the process that is the service, when they are due. */
#include <ev.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/process.h"
#include "base/region.h"
#include "master/rotation.h"

static struct ev_loop *loop;

static struct tls_ticket_key current(const struct rotation *r)
{
    struct tls_ticket_key key;
    assert_non_null(r->tickets);
    assert_int_equal(tickets_key(r->tickets, NULL, &key), TLS_TICKET_GOOD);
    return key;
}

static void the_next_process_has_the_same_keys(void **state)
{
    struct rotation before, after;
    rotation_init(&before, loop, -1);
    assert_true(before.fd >= 0);
    struct tls_ticket_key key = current(&before);
    rotation_init(&after, loop, dup(before.fd));
    struct tls_ticket_key same = current(&after);
    assert_memory_equal(&key, &same, sizeof key);
    rotation_release(&before);
    same = current(&after);
    assert_memory_equal(&key, &same, sizeof key);
    rotation_release(&after);
    rotation_release(&after); /* once more costs nothing */
}

static void what_cannot_be_taken_over_is_made_from_the_start(void **state)
{
    int fd = -1;
    struct rotation r;
    void *other = region_create(4096, "something else", &fd);
    rotation_init(&r, loop, fd);
    assert_true(r.fd >= 0);
    (void)current(&r);
    rotation_leave(&r); /* a worker has the memory alone */
    assert_int_equal(r.fd, -1);
    (void)current(&r);
    rotation_release(&r);
    region_destroy(other);
    struct rotation none = {.fd = 0};
    rotation_release(&none); /* a master that could not be made */
    assert_true(fcntl(0, F_GETFD) >= 0);
}

/* The keys are as old as they can be: the one in charge makes the next one the current one, once. */
static void keys_that_are_due_are_replaced_by_the_service_alone(void **state)
{
    struct rotation r;
    rotation_init(&r, loop, -1);
    struct tls_ticket_key key = current(&r), now;
    assert_true(tickets_rotate(r.tickets, process_clock() - TICKETS_LIFE));
    now = current(&r);
    assert_memory_not_equal(&key, &now, sizeof key);
    assert_true(tickets_due(r.tickets, process_clock()) == 0);
    ev_run(loop, EVRUN_NOWAIT);
    key = current(&r);
    assert_memory_equal(&key, &now, sizeof key); /* it is not in charge */
    rotation_begin(&r);
    assert_true(ev_is_active(&r.timer));
    ev_run(loop, EVRUN_ONCE);
    now = current(&r);
    assert_memory_not_equal(&key, &now, sizeof key);
    assert_true(tickets_due(r.tickets, process_clock()) > TICKETS_LIFE - 60);
    assert_true(ev_timer_remaining(loop, &r.timer) > TICKETS_LIFE - 60);
    rotation_stop(&r);
    assert_false(ev_is_active(&r.timer));
    rotation_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_process_has_the_same_keys),
        cmocka_unit_test(what_cannot_be_taken_over_is_made_from_the_start),
        cmocka_unit_test(keys_that_are_due_are_replaced_by_the_service_alone),
    };
    loop = ev_loop_new(EVFLAG_AUTO);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    ev_loop_destroy(loop);
    return failed;
}
