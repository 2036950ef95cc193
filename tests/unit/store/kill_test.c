/* store: processes that use it at once, while some of them are killed or stopped at any time. KILLS: how many are killed; SEED. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "witness.h"

enum { SIZE = 64 << 10, KILLS = 600, PROCESSES = 4, CROWD_MS = 700, DEADLINE = 60 };

/* What a key may have now: as it was, or as the operation under way makes it. */
struct promise {
    struct witness_state was, next;
};

struct talk {
    struct promise keys[WITNESS_KEYS];
};

static struct talk *talk;
static struct store *store;
static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static void fence(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* --- operations ------------------------------------------------------------------------------------ */

static void set(uint32_t i, uint64_t number, size_t most)
{
    static uint8_t value[WITNESS_MOST];
    size_t len = witness_length(number, most);
    witness_fill(i, number, value, len);
    talk->keys[i].next = (struct witness_state){.number = number};
    fence();
    witness_set(store, i, number, value, len);
}

static void count(uint32_t i)
{
    struct promise *p = &talk->keys[i];
    p->next = p->was;
    if (p->was.number) p->next.count++;
    fence();
    witness_count(store, i);
}

static void take(uint32_t i, bool removes)
{
    struct promise *p = &talk->keys[i];
    p->next = p->was;
    if (removes) memset(&p->next, 0, sizeof p->next);
    fence();
    witness_take(store, i, removes);
}

/* One of them, and it is kept what it promises. */
static void operate(uint64_t number, size_t most)
{
    uint32_t what = random_below(20), i = random_below(WITNESS_KEYS);
    if (what < 11)
        set(i, number, most);
    else if (what < 14)
        count(i);
    else if (what < 18)
        take(i, what < 16);
    else if (what == 18)
        witness_make(store, i, random_below((uint32_t)most)),
            talk->keys[i].next = talk->keys[i].was;
    else
        store_crawl(store, WITNESS_NOW, 20), talk->keys[i].next = talk->keys[i].was;
    fence();
    talk->keys[i].was = talk->keys[i].next;
}

/* Ends with its parent. */
static pid_t start(void (*run)(uint64_t), uint64_t number)
{
    pid_t parent = getpid(), pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    seed += number;
    run(number);
    _exit(0);
}

static void end(pid_t pid)
{
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* --- what must hold -------------------------------------------------------------------------------- */

static bool same(const struct witness_state *a, const struct witness_state *b)
{
    return a->number == b->number && a->count == b->count;
}

/* Everything is whole, and as promised; if others may have pushed it out, it may be gone. */
static void judge(size_t most, bool may_be_gone)
{
    assert_true(store_is_sane(store));
    for (uint32_t i = 0; i < WITNESS_KEYS; i++) {
        struct promise *p = &talk->keys[i];
        struct witness_state now = witness_state(store, i, most);
        assert_false(now.is_torn);
        if (!same(&now, &p->was) && !same(&now, &p->next) && (now.number || !may_be_gone))
            fail_msg("key %u has %llx (%u); it was %llx (%u), to be %llx (%u)", i,
                     (unsigned long long)now.number, now.count, (unsigned long long)p->was.number,
                     p->was.count, (unsigned long long)p->next.number, p->next.count);
        p->was = p->next = now;
    }
}

/* When all items are taken out, nothing is in use. */
static void empty(void)
{
    for (uint32_t i = 0; i < WITNESS_KEYS; i++) witness_take(store, i, true);
    assert_int_equal(store_usage(store).items, 0);
    assert_int_equal(store_usage(store).bytes, 0);
    assert_true(store_is_sane(store));
}

static uint32_t kills(void)
{
    return getenv("KILLS") ? (uint32_t)atoi(getenv("KILLS")) : KILLS;
}

/* --- killed ---------------------------------------------------------------------------------------- */

static size_t most_now;

/* Half of LONG_SECONDS, if that is set: there are two such tests. */
static time_t end_of_test(void)
{
    const char *most = getenv("LONG_SECONDS");
    return most ? time(NULL) + atoi(most) / 2 : INT64_MAX;
}

/* SIGKILL for this process, so many microseconds from now. */
static void be_killed_in(uint32_t us)
{
    struct sigevent how = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    struct itimerspec when = {.it_value.tv_nsec = us * 1000L};
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &how, &timer) != 0) _exit(1);
    if (timer_settime(timer, 0, &when, NULL) != 0) _exit(1);
}

static void run_until_killed(uint64_t number)
{
    be_killed_in(1 + random_below(150));
    for (uint64_t n = 1;; n++) operate(number << 20 | n, most_now);
}

static void kill_many(size_t most, bool may_be_gone)
{
    time_t end_at = end_of_test();
    uint32_t i;
    most_now = most;
    for (i = 0; i < kills() / 2 && time(NULL) < end_at; i++) {
        int status;
        pid_t pid = start(run_until_killed, i);
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        judge(most, may_be_gone);
    }
    struct store_usage usage = store_usage(store);
    printf("SEED=%s: %u killed, %llu of them with the lock; %llu evictions\n",
           getenv("SEED") ? getenv("SEED") : "1", i, (unsigned long long)usage.recoveries,
           (unsigned long long)usage.evictions);
    assert_true(usage.recoveries > i / 100);
    assert_true(may_be_gone == (usage.evictions > 0));
    empty();
}

static void what_a_killed_process_had_stored_is_there(void **state)
{
    kill_many(200, false);
}

static void a_killed_process_leaves_a_full_store_whole(void **state)
{
    kill_many(16000, true);
}

/* --- at once --------------------------------------------------------------------------------------- */

static void look(uint32_t i)
{
    if (witness_state(store, i, most_now).is_torn) _exit(3);
}

/* On a few keys. */
static void run_among_others(uint64_t number)
{
    for (uint64_t n = 1;; n++) {
        uint32_t i = random_below(8);
        static uint8_t value[WITNESS_MOST];
        uint64_t id = number << 40 | n;
        size_t len = witness_length(id, most_now);
        switch (random_below(5)) {
        case 0:
        case 1:
            witness_fill(i, id, value, len);
            witness_set(store, i, id, value, len);
            break;
        case 2: witness_count(store, i); break;
        case 3: witness_take(store, i, random_below(4) == 0); break;
        default: look(i); break;
        }
    }
}

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* None may have ended: it would have seen a torn value, or failed an assertion. */
static void all_run(const pid_t *pids)
{
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        pid_t gone = waitpid(pids[i], &status, WNOHANG);
        if (gone != 0) fail_msg("a process ended with %x", (unsigned)status);
    }
}

static void several_processes_go_on_while_others_are_killed(void **state)
{
    pid_t pids[PROCESSES];
    uint64_t number = 1;
    double until = milliseconds() + CROWD_MS;
    most_now = 16000;
    for (int i = 0; i < PROCESSES; i++) pids[i] = start(run_among_others, number++);
    while (milliseconds() < until || number <= PROCESSES + 10) {
        for (uint32_t i = 0; i < WITNESS_KEYS; i++)
            assert_false(witness_state(store, i, most_now).is_torn);
        all_run(pids);
        int one = (int)random_below(PROCESSES);
        end(pids[one]);
        pids[one] = start(run_among_others, number++);
    }
    all_run(pids);
    for (int i = 0; i < PROCESSES; i++) end(pids[i]);
    assert_true(store_usage(store).puts > 1000);
    empty();
}

/* --- one that holds the lock, or not --------------------------------------------------------------- */

static void stop_outside(uint64_t number)
{
    set(1, number, 200);
    raise(SIGSTOP);
}

static void a_stopped_process_without_the_lock_stops_no_other(void **state)
{
    int status;
    pid_t pid = start(stop_outside, 7);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    for (uint32_t i = 0; i < WITNESS_KEYS; i++) set(i, 9, 200);
    assert_int_equal(witness_state(store, 1, 200).number, 9);
    end(pid);
    assert_int_equal(store_usage(store).recoveries, 0);
}

static void stop_inside(uint64_t number)
{
    uint8_t key[STORE_KEY_MAX];
    struct store_op op;
    witness_begin(&op, store, 1, key);
    struct store_item *item = store_find(&op);
    store_keep(&op, item);
    (void)store_make(&op, 10000);
    store_set_flags(&op, item, 77); /* a step that is not done */
    store_set_expires(&op, item, 1);
    raise(SIGSTOP);
}

/* Numbers do not wait for it either. */
static void one_that_is_killed_with_the_lock_stops_no_other(void **state)
{
    int status;
    set(1, 5, 200);
    pid_t pid = start(stop_inside, 7);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(store_usage(store).items, 1);
    assert_true(store_usage(store).bytes > 10000);
    end(pid);
    struct witness_state now = witness_state(store, 1, 200);
    assert_true(now.number == 5 && !now.is_torn);
    assert_int_equal(store_usage(store).recoveries, 1);
    assert_true(store_usage(store).bytes < 1000);
    empty();
}

/* --------------------------------------------------------------------------------------------------- */

static int make(void **state)
{
    struct store_settings settings = {.size = SIZE, .max_value = 16000};
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : 1;
    talk = shared_memory(sizeof *talk);
    store = shared_memory(SIZE);
    if (!talk || !store) return -1;
    store_lay_out(store, &settings);
    if (!getenv("KILLS")) alarm(DEADLINE);
    return 0;
}

static int forget(void **state)
{
    alarm(0);
    munmap(talk, sizeof *talk);
    munmap(store, SIZE);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_killed_process_had_stored_is_there),
        TEST(a_killed_process_leaves_a_full_store_whole),
        TEST(several_processes_go_on_while_others_are_killed),
        TEST(a_stopped_process_without_the_lock_stops_no_other),
        TEST(one_that_is_killed_with_the_lock_stops_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
