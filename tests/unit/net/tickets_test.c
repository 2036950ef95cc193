/* tickets: which key seals, which keys still open, and that another process and another binary see the same. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/region.h"
#include "net/tickets.h"

static enum tls_ticket find(const struct tickets *t, const struct tls_ticket_key *like)
{
    struct tls_ticket_key found;
    enum tls_ticket how = tickets_key((void *)t, like->name, &found);
    if (how != TLS_TICKET_UNKNOWN) assert_memory_equal(&found, like, sizeof found);
    return how;
}

static void current(struct tickets *t, struct tls_ticket_key *to)
{
    assert_int_equal(tickets_key(t, NULL, to), TLS_TICKET_GOOD);
}

static void a_key_seals_then_opens_then_goes(void **state)
{
    struct tickets *t = tickets_create(NULL, 100);
    struct tls_ticket_key first, second, third;
    assert_non_null(t);
    current(t, &first);
    assert_int_equal(find(t, &first), TLS_TICKET_GOOD);
    assert_true(tickets_rotate(t, 200));
    current(t, &second);
    assert_memory_not_equal(&first, &second, sizeof first);
    assert_memory_not_equal(first.name, second.name, sizeof first.name);
    assert_int_equal(find(t, &first), TLS_TICKET_OLD);
    assert_int_equal(find(t, &second), TLS_TICKET_GOOD);
    assert_true(tickets_rotate(t, 300));
    current(t, &third);
    assert_int_equal(find(t, &first), TLS_TICKET_UNKNOWN);
    assert_int_equal(find(t, &second), TLS_TICKET_OLD);
    assert_int_equal(find(t, &third), TLS_TICKET_GOOD);
    for (int i = 0; i < 10; i++) assert_true(tickets_rotate(t, 400));
    assert_int_equal(find(t, &third), TLS_TICKET_UNKNOWN);
    tickets_destroy(t);
}

static void it_is_due_once_in_the_life_of_a_ticket(void **state)
{
    struct tickets *t = tickets_create(NULL, 100);
    assert_true(tickets_due(t, 100) == TICKETS_LIFE);
    assert_true(tickets_due(t, 50) == TICKETS_LIFE); /* a clock of before */
    assert_true(tickets_due(t, 99 + TICKETS_LIFE) == 1);
    assert_true(tickets_due(t, 101 + TICKETS_LIFE) == 0);
    assert_true(tickets_rotate(t, 101 + TICKETS_LIFE));
    assert_true(tickets_due(t, 101 + TICKETS_LIFE) == TICKETS_LIFE);
    tickets_destroy(t);
}

/* As the master before and its successor, which has the file alone. */
static void what_is_adopted_is_the_same(void **state)
{
    int fd = -1;
    struct tls_ticket_key key, same;
    struct tickets *t = tickets_create(&fd, 100), *next;
    assert_true(t && fd >= 0);
    next = tickets_adopt(fd);
    assert_non_null(next);
    assert_true(tickets_rotate(next, 200));
    current(t, &key);
    current(next, &same);
    assert_memory_equal(&key, &same, sizeof key);
    tickets_destroy(t);
    assert_int_equal(find(next, &key), TLS_TICKET_GOOD);
    assert_true(tickets_due(next, 200) == TICKETS_LIFE);
    tickets_destroy(next);
    close(fd);
}

static void what_another_build_laid_out_is_not_adopted(void **state)
{
    int fd = -1;
    void *other = region_create(4096, "tickets 0", &fd);
    assert_true(other && fd >= 0);
    assert_null(tickets_adopt(fd));
    region_destroy(other);
    close(fd);
    other = region_create(4096, "tickets 1", &fd); /* the same name, another size */
    assert_null(tickets_adopt(fd));
    region_destroy(other);
    close(fd);
    assert_null(tickets_adopt(-1));
}

/* A child goes round as fast as it can; no key that is read is one half of two. Each key is random bytes, so a torn one is known by its name
 * alone: the same name must come with the same rest as long as it is there. */
static void a_reader_never_sees_two_halves(void **state)
{
    struct tickets *t = tickets_create(NULL, 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        for (;;) (void)tickets_rotate(t, 0);
    for (int i = 0; i < 20000; i++) {
        struct tls_ticket_key key, again;
        current(t, &key);
        if (tickets_key(t, key.name, &again) == TLS_TICKET_UNKNOWN) continue;
        assert_memory_equal(&key, &again, sizeof key);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    tickets_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_seals_then_opens_then_goes),
        cmocka_unit_test(it_is_due_once_in_the_life_of_a_ticket),
        cmocka_unit_test(what_is_adopted_is_the_same),
        cmocka_unit_test(what_another_build_laid_out_is_not_adopted),
        cmocka_unit_test(a_reader_never_sees_two_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
