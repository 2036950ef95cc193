/* shared: dictionaries that several processes use at once, also while some of them are killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/shared.h"
#include "lib/capture.h"
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REGION = 1 << 20, PROCESSES = 8, ROUNDS = 20000, KILLS = 100 };

static struct shared *region;
static struct shared_dict *dict;
static char text[SHARED_TEXT_MAX];

static struct shared_dict *opened(const char *name, size_t size)
{
    const char *wrong;
    struct shared_dict *d = shared_open(region, name, strlen(name), size, &wrong);
    if (!d) fail_msg("%s: %s", name, wrong);
    assert_null(wrong);
    return d;
}

static int make(void **state)
{
    region = shared_create(REGION, NULL);
    assert_non_null(region);
    dict = opened("d", 64 * 1024);
    return 0;
}

static int forget(void **state)
{
    for (uint32_t i = 0; i < region->dicts_n; i++)
        assert_true(shared_is_sane(region, &region->dicts[i]));
    shared_destroy(region);
    return 0;
}

static struct shared_key key_of(const char *key)
{
    return (struct shared_key){key, strlen(key)};
}

static enum shared_status set(const char *key, const char *bytes, size_t len, double expires)
{
    struct shared_value value = {.kind = SHARED_TEXT, .text = bytes, .text_len = (uint32_t)len};
    return shared_set(region, dict, key_of(key), &value, expires);
}

static void sets(const char *key, const char *value)
{
    assert_int_equal(set(key, value, strlen(value), 0), SHARED_OK);
}

static bool has(const char *key, double now)
{
    struct shared_value value;
    return shared_get(region, dict, key_of(key), now, &value, text) == SHARED_OK;
}

static void gets(const char *key, const char *wanted)
{
    struct shared_value value = {0};
    assert_int_equal(shared_get(region, dict, key_of(key), 1, &value, text), SHARED_OK);
    assert_int_equal(value.kind, SHARED_TEXT);
    assert_int_equal(value.text_len, strlen(wanted));
    assert_memory_equal(value.text, wanted, strlen(wanted));
}

/* --- one process ------------------------------------------------------------------------------- */

static void what_is_set_is_got_whatever_its_length(void **state)
{
    static char long_text[20000];
    char key[SHARED_KEY_MAX + 1];
    memset(long_text, 'v', sizeof long_text - 1);
    memset(key, 'k', sizeof key - 1);
    for (size_t key_len = 1; key_len <= SHARED_KEY_MAX; key_len += key_len < 130 ? 1 : 40) {
        for (size_t len = 0; len < sizeof long_text; len = len < 200 ? len + 1 : len * 3) {
            key[key_len] = long_text[len] = '\0';
            if (len > 0) long_text[len / 2] = (char)('a' + len % 20);
            sets(key, long_text);
            gets(key, long_text);
            key[key_len] = 'k';
            long_text[len] = 'v';
        }
    }
}

static void numbers_and_booleans_are_kept_as_such(void **state)
{
    struct shared_value number = {.kind = SHARED_NUMBER, .number = -0.5}, got;
    struct shared_value truth = {.kind = SHARED_BOOLEAN, .number = 1};
    assert_int_equal(shared_set(region, dict, key_of("n"), &number, 0), SHARED_OK);
    assert_int_equal(shared_set(region, dict, key_of("b"), &truth, 0), SHARED_OK);
    assert_int_equal(shared_get(region, dict, key_of("n"), 1, &got, text), SHARED_OK);
    assert_true(got.kind == SHARED_NUMBER && got.number == -0.5);
    assert_int_equal(shared_get(region, dict, key_of("b"), 1, &got, text), SHARED_OK);
    assert_true(got.kind == SHARED_BOOLEAN && got.number == 1);
}

static void a_key_that_is_there_is_not_added(void **state)
{
    struct shared_value value = {.kind = SHARED_NUMBER, .number = 1};
    struct shared_key key = key_of("k");
    assert_int_equal(shared_add(region, dict, key, &value, 10, 1), SHARED_OK);
    assert_int_equal(shared_add(region, dict, key, &value, 10, 9), SHARED_EXISTS);
    assert_int_equal(shared_add(region, dict, key, &value, 20, 10), SHARED_OK);
    assert_int_equal(shared_delete(region, dict, key, 11), SHARED_OK);
    assert_int_equal(shared_delete(region, dict, key, 11), SHARED_ABSENT);
    assert_int_equal(shared_add(region, dict, key, &value, 0, 12), SHARED_OK);
    assert_int_equal(shared_usage(region, dict).items, 1);
}

static void a_value_is_gone_when_its_time_is_over(void **state)
{
    double expires;
    assert_int_equal(set("k", "v", 1, 10), SHARED_OK);
    assert_int_equal(shared_expires(region, dict, key_of("k"), 9, &expires), SHARED_OK);
    assert_true(expires == 10);
    assert_true(has("k", 9.999));
    assert_false(has("k", 10));
    assert_int_equal(shared_usage(region, dict).items, 0);
    assert_int_equal(shared_expires(region, dict, key_of("k"), 9, &expires), SHARED_ABSENT);
}

static void incr_begins_adds_and_keeps_the_time(void **state)
{
    struct shared_key key = key_of("n");
    double initial = 100, number = 1, expires;
    assert_int_equal(shared_incr(region, dict, key, &number, NULL, 0, 1), SHARED_ABSENT);
    assert_int_equal(shared_incr(region, dict, key, &number, &initial, 10, 1), SHARED_OK);
    assert_true(number == 101);
    number = -0.5;
    assert_int_equal(shared_incr(region, dict, key, &number, &initial, 99, 2), SHARED_OK);
    assert_true(number == 100.5);
    assert_int_equal(shared_expires(region, dict, key, 3, &expires), SHARED_OK);
    assert_true(expires == 10);
    number = 1;
    assert_int_equal(shared_incr(region, dict, key, &number, NULL, 0, 10), SHARED_ABSENT);
    sets("t", "12");
    assert_int_equal(shared_incr(region, dict, key_of("t"), &number, &initial, 0, 1),
                     SHARED_NO_NUMBER);
}

static void what_was_used_longest_ago_makes_room(void **state)
{
    char key[16], value[200] = "";
    memset(value, 'x', sizeof value - 1);
    sets("first", value);
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "%d", i);
        sets(key, value);
        assert_true(has("first", 1));
        if (i > 300) continue;
        assert_true(shared_is_sane(region, dict));
    }
    struct shared_usage usage = shared_usage(region, dict);
    assert_true(usage.evictions > 9000 && usage.items < 1000);
    assert_true(usage.used <= usage.capacity && usage.used > usage.capacity - 1024);
    assert_false(has("0", 1));
    assert_true(has("9999", 1) && has("9900", 1));
}

static void what_is_too_large_is_refused_and_changes_nothing(void **state)
{
    static char large[SHARED_TEXT_MAX + 1];
    sets("k", "old");
    assert_int_equal(set("k", large, 40 * 1024, 0), SHARED_TOO_LARGE);
    gets("k", "old");
    dict = opened("large", 512 * 1024);
    assert_int_equal(set("k", large, SHARED_TEXT_MAX + 1, 0), SHARED_TOO_LARGE);
    assert_int_equal(set("k", large, SHARED_TEXT_MAX, 0), SHARED_OK);
    dict = opened("small", SHARED_LEAST);
    for (size_t len = 0; len < 4096; len += 100) {
        bool fits = set("k", large, len, 0) == SHARED_OK;
        assert_int_equal(fits, len < 1900);
    }
}

static void a_name_is_one_dictionary_of_one_size(void **state)
{
    const char *wrong;
    sets("k", "v");
    assert_ptr_equal(opened("d", 64 * 1024), dict);
    assert_null(shared_open(region, "d", 1, 64 * 1024 + 1, &wrong));
    assert_non_null(strstr(wrong, "size"));
    dict = opened("e", 64 * 1024);
    assert_false(has("k", 1));
}

static void the_region_is_bounded(void **state)
{
    const char *wrong;
    char name[16];
    assert_null(shared_open(region, "all", 3, REGION, &wrong));
    assert_non_null(strstr(wrong, "--shared-memory"));
    opened("rest", REGION - 64 * 1024);
    assert_null(shared_open(region, "more", 4, SHARED_LEAST, &wrong));
    assert_non_null(strstr(wrong, "--shared-memory"));
    shared_destroy(region);
    region = shared_create(REGION, NULL);
    for (int i = 0; i < SHARED_DICTS; i++) {
        snprintf(name, sizeof name, "%d", i);
        opened(name, SHARED_LEAST);
    }
    assert_null(shared_open(region, "more", 4, SHARED_LEAST, &wrong));
    assert_non_null(strstr(wrong, "64"));
}

/* --- many processes ---------------------------------------------------------------------------- */

/* Forks; the child does `work` and exits 0. */
static pid_t child(void (*work)(int number), int number)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    alarm(60);
    work(number);
    _exit(0);
}

static void ends_well(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void increment(const char *key, double by)
{
    double initial = 0, number = by;
    if (shared_incr(region, dict, key_of(key), &number, &initial, 0, 1) != SHARED_OK) _exit(1);
}

/* A value that says what it is: its key again and again. A torn one shows. */
static void store_and_look(unsigned *seed)
{
    char key[16], value[600] = "";
    struct shared_value got;
    size_t key_len = (size_t)snprintf(key, sizeof key, "key%d", rand_r(seed) % 150);
    size_t len = key_len * (size_t)(rand_r(seed) % 40);
    for (size_t at = 0; at < len; at += key_len) memcpy(value + at, key, key_len);
    if (set(key, value, len, 0) != SHARED_OK) _exit(2);
    snprintf(key, sizeof key, "key%d", rand_r(seed) % 150);
    key_len = strlen(key);
    if (shared_get(region, dict, key_of(key), 1, &got, text) != SHARED_OK) return;
    for (size_t at = 0; at < got.text_len; at += key_len)
        if (memcmp(got.text + at, key, key_len) != 0) _exit(3);
}

static void count_exactly(int number)
{
    unsigned seed = (unsigned)number;
    for (int i = 0; i < ROUNDS; i++) {
        increment("all", 1);
        increment(number % 2 ? "odd" : "even", number);
        if (i % 16 == 0) store_and_look(&seed);
    }
}

static void counts_of_many_processes_are_exact(void **state)
{
    pid_t pids[PROCESSES];
    double number = 0;
    for (int i = 0; i < PROCESSES; i++) pids[i] = child(count_exactly, i);
    for (int i = 0; i < PROCESSES; i++) ends_well(pids[i]);
    assert_int_equal(shared_incr(region, dict, key_of("all"), &number, NULL, 0, 1), SHARED_OK);
    assert_true(number == PROCESSES * ROUNDS);
    number = 0;
    assert_int_equal(shared_incr(region, dict, key_of("odd"), &number, NULL, 0, 1), SHARED_OK);
    assert_true(number == (1 + 3 + 5 + 7) * ROUNDS);
    assert_int_equal(shared_usage(region, dict).losses, 0);
}

static void use_for_ever(int number)
{
    unsigned seed = (unsigned)number * 7919 + 1;
    for (;;) store_and_look(&seed);
}

static volatile uint64_t *progress; /* rounds of the one that is never killed */

static void use_and_tell(int number)
{
    unsigned seed = (unsigned)number;
    for (;;) {
        store_and_look(&seed);
        ++*progress;
    }
}

static void no_death_stops_the_others(void **state)
{
    progress = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(progress != MAP_FAILED);
    pid_t survivor = child(use_and_tell, 1);
    for (int i = 0; i < KILLS; i++) {
        pid_t pids[2] = {child(use_for_ever, 2 * i), child(use_for_ever, 2 * i + 1)};
        uint64_t before = *progress;
        while (*progress < before + 20) assert_int_equal(waitpid(survivor, NULL, WNOHANG), 0);
        for (int k = 0; k < 2; k++) {
            kill(pids[k], SIGKILL);
            assert_int_equal(waitpid(pids[k], NULL, 0), pids[k]);
        }
    }
    uint64_t before = *progress;
    while (*progress < before + 1000) assert_int_equal(waitpid(survivor, NULL, WNOHANG), 0);
    kill(survivor, SIGKILL);
    assert_int_equal(waitpid(survivor, NULL, 0), survivor);
    munmap((void *)progress, 4096);
    assert_true(shared_is_sane(region, dict));
}

static void die_with_the_lock(int changing)
{
    pthread_mutex_lock(&dict->lock);
    if (changing) {
        dict->is_changing = true;
        dict->oldest = dict->unused = 99999999;
    }
    kill(getpid(), SIGKILL);
}

static void dies(int changing)
{
    pid_t pid = child(die_with_the_lock, changing);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void who_dies_while_only_looking_loses_nothing(void **state)
{
    sets("k", "v");
    dies(false);
    gets("k", "v");
    assert_int_equal(shared_usage(region, dict).losses, 0);
}

static void who_dies_in_a_change_leaves_an_empty_dictionary(void **state)
{
    for (int i = 1; i <= 3; i++) {
        sets("k", "v");
        dies(true);
        capture_begin(STDERR_FILENO);
        bool there = has("k", 1);
        assert_non_null(strstr(capture_end(), "shared d: emptied: a worker died"));
        assert_false(there);
        assert_int_equal(shared_usage(region, dict).losses, i);
        assert_int_equal(shared_usage(region, dict).items, 0);
    }
}

static void die_while_naming(int number)
{
    pthread_mutex_lock(&region->lock);
    memset(&region->dicts[region->dicts_n], number, sizeof *region->dicts);
    kill(getpid(), SIGKILL);
}

static void who_dies_while_it_makes_one_stops_nobody(void **state)
{
    pid_t pid = child(die_while_naming, 77);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    dict = opened("next", 4096);
    sets("k", "v");
    gets("k", "v");
    assert_int_equal(region->dicts_n, 2);
}

static void stop_with_the_lock(int number)
{
    if (pthread_mutex_lock(&dict->lock) == 0) raise(SIGSTOP);
}

static void usage_does_not_wait_for_a_process_that_is_stopped(void **state)
{
    int status;
    sets("k", "v");
    pid_t pid = child(stop_with_the_lock, 0);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    alarm(20);
    assert_int_equal(shared_usage(region, dict).items, 1);
    alarm(0);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    gets("k", "v");
}

#define alone(test) cmocka_unit_test_setup_teardown(test, make, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(what_is_set_is_got_whatever_its_length),
        alone(numbers_and_booleans_are_kept_as_such),
        alone(a_key_that_is_there_is_not_added),
        alone(a_value_is_gone_when_its_time_is_over),
        alone(incr_begins_adds_and_keeps_the_time),
        alone(what_was_used_longest_ago_makes_room),
        alone(what_is_too_large_is_refused_and_changes_nothing),
        alone(a_name_is_one_dictionary_of_one_size),
        alone(the_region_is_bounded),
        alone(counts_of_many_processes_are_exact),
        alone(no_death_stops_the_others),
        alone(who_dies_while_only_looking_loses_nothing),
        alone(who_dies_in_a_change_leaves_an_empty_dictionary),
        alone(who_dies_while_it_makes_one_stops_nobody),
        alone(usage_does_not_wait_for_a_process_that_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
