/* store: a long value that is written from where it lies. Whatever part of it is taken, the answer is the one that a copy gives; nobody can
 * change the value meanwhile; and a process that dies in the middle leaves the store as it was. SEED. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/blob.h"
#include "store/answer.h"
#include "store/shard.h"

enum { SIZE = 8 << 20, LONGEST = 3 << 20, NOW = 1000, ROOM = LONGEST + 1000, KEY_ROOM = 40 };

static struct store *store;
static struct arena arena;
static uint8_t value[LONGEST], taken[ROOM], whole[ROOM];
static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static int start(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    struct store_settings settings = {.size = SIZE, .max_value = LONGEST};
    seed = given ? strtoull(given, NULL, 10) : 1;
    store = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (store == MAP_FAILED) return -1;
    store_lay_out(store, &settings);
    arena_init(&arena, 64 << 10);
    for (size_t i = 0; i < sizeof value; i++) value[i] = (uint8_t)(i * 7 + i / 251);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    arena_release(&arena);
    return munmap(store, SIZE);
}

/* --- requests ---------------------------------------------------------------------------------- */

static struct request request_of(unsigned command, const char *key, size_t len)
{
    struct request r = {.command_id = (uint8_t)command};
    r.key_at = (uintptr_t)key;
    r.key_len = (uint16_t)strlen(key);
    r.value_at = (uintptr_t)value;
    r.value_len = (uint32_t)len;
    r.client_flags = 7;
    return r;
}

static void sets(const char *key, size_t len)
{
    struct request r = request_of(COMMAND_SET, key, len);
    struct store_answer a;
    store_answer(store, &r, NOW, &arena, &a);
    assert_int_equal(a.response.kind, RESPONSE_STORED);
    arena_reset(&arena);
}

/* What a copy gives, in `whole`. */
static size_t gets(const struct request *r)
{
    struct store_answer a;
    store_answer(store, r, NOW, &arena, &a);
    size_t n = a.response.len;
    assert_int_equal(a.gone, 0);
    assert_true(n <= sizeof whole);
    memcpy(whole, a.response.bytes, n);
    if (a.blob) blob_give(a.blob);
    arena_reset(&arena);
    return n;
}

/* --- who takes it ------------------------------------------------------------------------------ */

struct taker {
    size_t most;  /* bytes that it takes */
    size_t given; /* that it was given */
    int asked;
};

static bool is_locked(struct store *s)
{
    for (uint32_t i = 0; i < s->shards_n; i++) {
        pthread_mutex_t *lock = &store_shard_at(s, i)->lock;
        if (pthread_mutex_trylock(lock) != 0) return true;
        pthread_mutex_unlock(lock);
    }
    return false;
}

static size_t take(void *owner, const struct iovec *pieces, int n)
{
    struct taker *taker = owner;
    size_t has = 0;
    taker->asked++;
    assert_true(is_locked(store)); /* no other process can change the value */
    for (int i = 0; i < n; i++) {
        size_t left = taker->most - has;
        size_t len = pieces[i].iov_len < left ? pieces[i].iov_len : left;
        memcpy(taken + has, pieces[i].iov_base, len);
        has += len;
        taker->given += pieces[i].iov_len;
    }
    return has;
}

/* The answer when so many bytes are taken. Returns how many were given. */
static size_t is_whole_when_taken(const struct request *r, size_t most)
{
    struct taker taker = {.most = most};
    struct store_answer a;
    size_t all = gets(r);
    store_answer_to(store, r, NOW, &arena, take, &taker, &a);
    assert_int_equal(taker.asked, 1);
    assert_int_equal(a.gone, most < taker.given ? most : taker.given);
    assert_int_equal(a.gone + a.response.len, all);
    assert_int_equal(a.response.kind, RESPONSE_VALUE);
    assert_non_null(a.response.key);
    assert_memory_equal(taken, whole, a.gone);
    if (a.response.len > 0) assert_memory_equal(a.response.bytes, whole + a.gone, a.response.len);
    if (a.blob) blob_give(a.blob);
    arena_reset(&arena);
    assert_false(is_locked(store));
    return taker.given;
}

static void any_part_may_be_taken(const struct request *r)
{
    size_t all = gets(r), given = is_whole_when_taken(r, SIZE_MAX);
    assert_true(given == all || given >= ANSWER_WRITE_MOST || given >= 62 * 512);
    for (size_t i = 0; i < 50; i++) is_whole_when_taken(r, i);
    for (size_t i = 0; i < 12; i++) is_whole_when_taken(r, all - i);
    for (size_t i = 0; i < 30; i++) is_whole_when_taken(r, random_below((uint32_t)all));
}

static void an_answer_is_the_same_whatever_part_is_taken(void **state)
{
    static const size_t lengths[] = {
        ANSWER_WRITE_LEAST, ANSWER_WRITE_LEAST + 1, 200000, ANSWER_WRITE_MOST - 1,
        ANSWER_WRITE_MOST,  ANSWER_WRITE_MOST + 1,  LONGEST};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        sets("key", lengths[i]);
        struct request get = request_of(COMMAND_GET, "key", 0), with_cas = get, gat = get;
        with_cas.command_id = COMMAND_GETS;
        gat.command_id = COMMAND_GAT;
        any_part_may_be_taken(&get);
        any_part_may_be_taken(&with_cas);
        is_whole_when_taken(&gat, lengths[i] / 2);
    }
}

static bool is_in_extents(const char *key)
{
    struct store_op op;
    store_begin(&op, store, key, strlen(key), NOW);
    const struct store_item *item = store_find(&op);
    assert_non_null(item);
    bool is = store_item_marks(item) & STORE_EXTENTS;
    store_end(&op);
    return is;
}

/* Long values lie in many extents where short ones have left gaps. */
static void a_value_in_extents_is_the_same(void **state)
{
    char key[KEY_ROOM];
    int in_extents = 0;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "short%d", i);
        sets(key, 300 + random_below(9000));
    }
    for (int i = 0; i < 60; i++) {
        snprintf(key, sizeof key, "long%d", i);
        sets(key, ANSWER_WRITE_LEAST + random_below(600000));
        struct request r = request_of(COMMAND_GET, key, 0);
        any_part_may_be_taken(&r);
        in_extents += is_in_extents(key);
        snprintf(key, sizeof key, "short%d", i * 300);
        sets(key, 5000);
    }
    assert_true(in_extents > 10);
    assert_true(store_is_sane(store));
}

static void short_values_and_misses_are_not_offered(void **state)
{
    struct taker taker = {.most = SIZE_MAX};
    struct store_answer a;
    (void)state;
    sets("short", ANSWER_WRITE_LEAST - 1);
    struct request r = request_of(COMMAND_GET, "short", 0);
    store_answer_to(store, &r, NOW, &arena, take, &taker, &a);
    assert_int_equal(a.gone, 0);
    assert_true(a.response.len > ANSWER_WRITE_LEAST);
    if (a.blob) blob_give(a.blob);
    r = request_of(COMMAND_GET, "absent", 0);
    store_answer_to(store, &r, NOW, &arena, take, &taker, &a);
    assert_int_equal(a.response.kind, RESPONSE_END);
    assert_int_equal(taker.asked, 0);
    arena_reset(&arena);
}

/* --- a death ----------------------------------------------------------------------------------- */

static size_t dies(void *owner, const struct iovec *pieces, int n)
{
    (void)owner;
    (void)pieces;
    (void)n;
    raise(SIGKILL);
    return 0;
}

static void a_process_that_dies_while_it_writes_leaves_the_store_as_it_was(void **state)
{
    struct request r = request_of(COMMAND_GET, "key", 0);
    int status;
    (void)state;
    sets("key", 200000);
    size_t all = gets(&r);
    uint64_t bytes = store_usage(store).bytes, before = store_usage(store).recoveries;
    pid_t pid = fork();
    if (pid == 0) {
        struct store_answer a;
        store_answer_to(store, &r, NOW, &arena, dies, NULL, &a);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(gets(&r), all);
    assert_int_equal(store_usage(store).recoveries, before + 1);
    assert_int_equal(store_usage(store).bytes, bytes);
    assert_true(store_is_sane(store));
    sets("key", 100);
    assert_true(gets(&r) < 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_is_the_same_whatever_part_is_taken, start, stop),
        cmocka_unit_test_setup_teardown(a_value_in_extents_is_the_same, start, stop),
        cmocka_unit_test_setup_teardown(short_values_and_misses_are_not_offered, start, stop),
        cmocka_unit_test_setup_teardown(
            a_process_that_dies_while_it_writes_leaves_the_store_as_it_was, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
