/* store: a process that dies at any instruction leaves every item whole, and loses none but the one that it was about to store.
 *
 * A child runs operations, one instruction at a time (PTRACE_SINGLESTEP). After each instruction that changed the store, the parent takes a
 * copy, in which the child is dead: the lock's owner has died. It recovers from that, and looks at all items. So each instruction of each
 * operation is a point of death, in the code as the compiler has made it. DEATHS: how many operations; SEED. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "witness.h"

enum { SIZE = 64 << 10, MOST = 6000, SNAPSHOTS = 20000 };

#if defined __SANITIZE_ADDRESS__
enum { OPERATIONS = 10 };
#else
enum { OPERATIONS = 40 };
#endif

/* What child and parent say to each other. */
struct talk {
    uint32_t began, ended; /* operations */
    uint32_t key;          /* of the operation */
    bool sets;             /* it may evict the key's own item, too */
    bool crawls;
};

struct snapshot {
    uint64_t evictions;
    struct witness_state items[WITNESS_KEYS];
};

static struct talk *talk;
static struct store *store;   /* the child's */
static struct store *scratch; /* a copy */
static uint8_t *last;         /* how the store was after the last instruction */
static struct snapshot *taken;
static uint32_t taken_n, undone;
static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

/* --- the child ------------------------------------------------------------------------------------- */

static void operate(uint32_t number)
{
    static uint8_t value[MOST];
    uint32_t what = random_below(20), i = random_below(WITNESS_KEYS);
    size_t len = witness_length(number, MOST);
    witness_fill(i, number, value, len);
    talk->key = i;
    talk->sets = what < 13;
    talk->crawls = what == 19;
    int64_t crawled = WITNESS_NOW + random_below(100);
    talk->began = number;
    raise(SIGSTOP); /* from here on by the instruction */
    if (what < 12)
        witness_set(store, i, number, value, len);
    else if (what == 12)
        witness_make(store, i, len);
    else if (what < 16)
        witness_count(store, i);
    else if (what < 18)
        witness_take(store, i, true);
    else if (what == 18)
        witness_take(store, i, false);
    else
        store_crawl(store, crawled, 200);
    talk->ended = number;
}

/* Fills the store, so that operations must evict. */
static void fill(void)
{
    static uint8_t value[MOST];
    for (uint32_t n = 1 << 20; n < (1 << 20) + 300; n++) {
        uint32_t i = random_below(WITNESS_KEYS);
        size_t len = witness_length(n, MOST);
        witness_fill(i, n, value, len);
        witness_set(store, i, n, value, len);
    }
}

static void child(uint32_t operations)
{
    const char *most = getenv("LONG_SECONDS");
    time_t end = most ? time(NULL) + atoi(most) : INT64_MAX;
    fill();
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    for (uint32_t i = 1; i <= operations && time(NULL) < end; i++) operate(i);
    _exit(0);
}

/* --- a death --------------------------------------------------------------------------------------- */

/* As the kernel marks the locks of a process that has died. */
static void bury(struct store *s)
{
    for (uint32_t i = 0; i < s->shards_n; i++) {
        int *lock = &store_shard_at(s, i)->lock.__data.__lock;
        if (*lock) *lock = FUTEX_OWNER_DIED;
    }
}

/* Another process had begun to take the step back, and died as well. */
static void undo_in_part(struct store_shard *shard)
{
    uint32_t *words = (uint32_t *)(void *)shard, n = shard->undo_n;
    if (n == 0) return;
    uint32_t stop = random_below(n);
    for (uint32_t i = n; i-- > stop;) words[shard->undo[i].at] = shard->undo[i].was;
    undone++;
}

static void look(struct snapshot *to)
{
    bury(scratch);
    if (talk->crawls) /* the pass goes on where it was */
        while (store_crawl(scratch, WITNESS_NOW, UINT32_MAX)) continue;
    assert_true(store_is_sane(scratch));
    for (uint32_t i = 0; i < WITNESS_KEYS; i++) to->items[i] = witness_state(scratch, i, MOST);
    to->evictions = store_usage(scratch).evictions;
}

static void take(void)
{
    memcpy(last, store, SIZE);
    memcpy(scratch, store, SIZE);
    assert_in_range(taken_n, 0, SNAPSHOTS - 1);
    if (taken_n % 16 == 15) undo_in_part(store_shard_at(scratch, 0));
    look(&taken[taken_n++]);
}

static bool same(const struct witness_state *a, const struct witness_state *b)
{
    return a->number == b->number && a->count == b->count;
}

/* Each item is as before the operation, or as after it. The first snapshot is from before, the last one from after. */
static void judge(void)
{
    const struct snapshot *before = &taken[0], *after = &taken[taken_n - 1];
    for (uint32_t n = 0; n < taken_n; n++) {
        for (uint32_t i = 0; i < WITNESS_KEYS; i++) {
            const struct witness_state *now = &taken[n].items[i];
            bool evicted = i == talk->key && talk->sets && taken[n].evictions > before->evictions;
            assert_false(now->is_torn);
            if (same(now, &before->items[i]) || same(now, &after->items[i])) continue;
            if (evicted && now->number == 0) continue;
            fail_msg("operation %u, death %u: key %u has %llu, which is neither from before (%llu) "
                     "nor from after (%llu)",
                     talk->began, n, i, (unsigned long long)now->number,
                     (unsigned long long)before->items[i].number,
                     (unsigned long long)after->items[i].number);
        }
    }
}

/* Parent and child run in turns: on one processor that is faster. */
static void stay_on_one_processor(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
}

/* --- the parent ------------------------------------------------------------------------------------ */

/* Runs one operation by the instruction. */
static void step_through(pid_t pid)
{
    int status;
    taken_n = 0;
    take();
    while (talk->ended != talk->began) {
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
        if (memcmp(last, store, SIZE) != 0) take();
    }
    take();
    judge();
}

static void a_process_may_die_at_any_instruction(void **state)
{
    const char *given = getenv("DEATHS");
    uint32_t operations = given ? (uint32_t)atoi(given) : OPERATIONS;
    uint64_t deaths = 0;
    int status;
    stay_on_one_processor();
    pid_t pid = fork();
    if (pid == 0) child(operations);
    assert_true(pid > 0);
    for (;;) {
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status)) break;
        assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
        step_through(pid);
        deaths += taken_n;
        assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    struct store_usage usage = store_usage(store);
    printf(
        "SEED=%s: %llu deaths in %u operations, %u of them again in the recovery; %llu evictions\n",
        getenv("SEED") ? getenv("SEED") : "1", (unsigned long long)deaths, talk->ended, undone,
        (unsigned long long)usage.evictions);
    assert_true(deaths > talk->ended * 20 && undone > talk->ended / 4 && usage.evictions > 0);
}

static int make(void **state)
{
    struct store_settings settings = {.size = SIZE, .max_value = MOST};
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : 1;
    talk = shared_memory(sizeof *talk);
    store = shared_memory(SIZE);
    scratch = shared_memory(SIZE);
    last = malloc(SIZE);
    taken = calloc(SNAPSHOTS, sizeof *taken);
    if (!talk || !store || !scratch || !last || !taken) return -1;
    store_lay_out(store, &settings);
    return 0;
}

static int forget(void **state)
{
    free(last);
    free(taken);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_process_may_die_at_any_instruction)};
    return cmocka_run_group_tests(tests, make, forget);
}
