/* Recordings of a daemon: which keys, how much of values, and what happens when readers are slow, go, or are too many, and when workers die,
 * scripts change or the binary does. */
#include "e2e/service/recorded.h"
#include "lib/application.h"
#include "lib/memcached.h"
#include "lib/upgrade.h"

#include <signal.h>
#include <stdlib.h>

static struct moongate *in_front_of_one(const char *more, const char *value)
{
    struct memcached *s = memcached_start(NULL);
    return recorded_moongate(script_of_one(memcached_address(s), ""), more, value);
}

/* --- what is recorded -------------------------------------------------------------------------- */

static void values_are_recorded_only_when_they_are_asked_for(void **state)
{
    struct moongate *m = in_front_of_one(NULL, NULL);
    static const char *const modes[] = {"", "sizes", "keys-only", "values"};
    static const char *const wanted[] = {"set secret stored 5", "set secret stored 5",
                                         "set secret stored", "set secret stored 5 value=hello"};
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct recorded *r = recorded_begins(m, modes[i]);
        struct client *c = client_connects(m);
        client_asks(c, "set secret 0 0 5\r\nhello\r\n", "STORED\r\n");
        ARE(r, wanted[i]);
        client_closes(r->desk);
    }
}

static void sets_and_gets(struct client *c, const char *key, size_t n)
{
    char *value = noise(n, 7);
    client_sends(c, textf("set %s 0 0 %zu\r\n", key, n));
    client_sends_bytes(c, value, n);
    client_asks(c, "\r\n", "STORED\r\n");
    client_sends(c, textf("get %s\r\n", key));
    client_sees_line_starting(c, textf("VALUE %s", key));
    client_sees_bytes(c, value, n);
    client_sees(c, "\r\nEND\r\n");
}

/* A long value takes many datagrams; it is compared by its first bytes and its length, which the take has only when all of it came. */
static void long_values_are_recorded_whole(void **state)
{
    static const size_t sizes[] = {511, 512, 61440, 70000, 1000000};
    struct moongate *m = in_front_of_one(NULL, NULL);
    struct recorded *r = recorded_begins(m, "values");
    struct client *c = client_connects(m);
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sets_and_gets(c, textf("k%zu", i), sizes[i]);
        recorded_becomes(r, 2 * i + 2);
    }
    recorded_ends(r);
    assert_int_equal(recorded_lost(r), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *start =
            textf("set k%zu stored %zu value=%.40s", i, sizes[i], noise(sizes[i], 7));
        if (strncmp(r->lines[2 * i], start, strlen(start)) != 0 || strstr(r->lines[2 * i], " cut"))
            stage_fails("'%s', not '%s'", r->lines[2 * i], start);
        assert_string_equal(r->lines[2 * i + 1], textf("get k%zu hit", i));
    }
    assert_true(r->last.bytes > 1000000);
}

enum { KEYS = 2000 };

/* Which of the keys are recorded, each asked for twice. */
static bool *recorded_keys(struct moongate *m, const char *words)
{
    struct recorded *r = recorded_begins_at(desk_opens(recorded_admin), words);
    struct client *c = client_connects(m);
    bool *is_there = stage_memory(KEYS);
    client_sees_nothing_more(c);
    for (unsigned i = 0; i < 2 * KEYS; i++)
        client_asks(c, textf("get key:%u\r\n", i % KEYS), "END\r\n");
    recorded_ends(r);
    assert_int_equal(r->n % 2, 0);
    for (size_t i = 0; i < r->n; i++) {
        unsigned long at = strtoul(r->lines[i] + strlen("get key:"), NULL, 10);
        assert_in_range(at, 0, KEYS - 1);
        is_there[at] = true;
    }
    size_t n = 0;
    for (unsigned i = 0; i < KEYS; i++) n += is_there[i];
    assert_int_equal(n * 2, r->n);
    client_closes(r->desk);
    return is_there;
}

static size_t count_of(const bool *is_there)
{
    size_t n = 0;
    for (unsigned i = 0; i < KEYS; i++) n += is_there[i];
    return n;
}

static void a_sample_has_all_requests_of_its_keys_and_is_a_part_of_a_larger_one(void **state)
{
    struct moongate *m = in_front_of_one(NULL, NULL);
    (void)state;
    bool *tenth = recorded_keys(m, "sample 10%"), *again = recorded_keys(m, "sample 0.1");
    bool *hundredth = recorded_keys(m, "sample 1%");
    assert_in_range(count_of(tenth), KEYS / 10 / 2, KEYS / 10 * 2);
    assert_in_range(count_of(hundredth), 2, KEYS / 100 * 3);
    assert_memory_equal(tenth, again, KEYS);
    for (unsigned i = 0; i < KEYS; i++) assert_true(tenth[i] || !hundredth[i]);
}

static void only_keys_with_that_prefix_are_recorded(void **state)
{
    struct moongate *m = in_front_of_one(NULL, NULL);
    struct recorded *r = recorded_begins_at(desk_opens(recorded_admin), "keys-only key user:");
    struct client *c = client_connects(m);
    (void)state;
    client_sees_nothing_more(c);
    client_asks(c, "get user:1\r\n", "END\r\n");
    client_asks(c, "get user\r\n", "END\r\n");
    client_asks(c, "get item:1 user:2\r\n", "END\r\n");
    ARE(r, "get user:1 miss", "get user:2 miss part=1/2");
}

/* --- readers ----------------------------------------------------------------------------------- */

static void a_reader_that_does_not_read_costs_no_client_anything(void **state)
{
    enum { MANY = 1000, LENGTH = 60000 };
    struct moongate *m = in_front_of_one(NULL, NULL);
    struct recorded *r = recorded_begins(m, "values");
    struct client *c = client_connects(m);
    char *value = noise(LENGTH, 3);
    (void)state;
    r->is_stopped = true;
    for (int i = 0; i < MANY && stat_number(c, "proxy", "recorded_lost") == 0; i++) {
        client_sends(c, textf("set k%d 0 0 %d\r\n", i, LENGTH));
        client_sends_bytes(c, value, LENGTH);
        client_asks(c, "\r\n", "STORED\r\n");
    }
    assert_int_equal(stat_number(c, "proxy", "recording"), 1);
    const char *answer = recorded_ends(r);
    assert_true(r->n < MANY && r->share < UINT32_MAX);
    assert_int_equal(recorded_lost(r), stat_number(c, "proxy", "recorded_lost"));
    if (!strstr(answer, textf("lost          %llu", (unsigned long long)recorded_lost(r))))
        stage_fails("%llu lost: %s", (unsigned long long)recorded_lost(r), answer);
    stat_becomes(c, "proxy", "recording", "0");
}

static void nothing_is_recorded_once_the_reader_has_gone(void **state)
{
    struct moongate *m = in_front_of_one(NULL, NULL);
    struct recorded *r = recorded_begins(m, "");
    struct client *c = client_connects(m);
    (void)state;
    /* It closes the descriptor: */
    stage_dismiss(&r->actor);
    assert_non_null(strstr(desk_sees_answer(r->desk), "its reader has closed the descriptor"));
    stat_becomes(c, "proxy", "recording", "0");
    client_asks(c, "get k\r\n", "END\r\n");
    /* or all that it has, as one that is killed: */
    r = recorded_begins(m, "");
    stage_dismiss(&r->actor);
    client_closes(r->desk);
    stat_becomes(c, "proxy", "recording", "0");
    /* or the session alone. */
    r = recorded_begins(m, "");
    client_closes(r->desk);
    if (!stage_waits(recorded_is_over, r)) stage_fails("the recording goes on");
    moongate_sees_log(m, "has ended: its session is over: ");
    r = recorded_begins(m, "");
    client_asks(c, "get k\r\n", "END\r\n");
    ARE(r, "get k miss");
}

static void one_recording_at_a_time(void **state)
{
    struct moongate *m = in_front_of_one(NULL, NULL);
    struct recorded *r = recorded_begins(m, "");
    struct client *c = client_connects(m), *other = desk_opens(recorded_admin);
    (void)state;
    desk_gets(other, "record", "ERROR record: one recording at a time: that of uid ");
    client_asks(c, "get k\r\n", "END\r\n");
    ARE(r, "get k miss");
    r = recorded_begins_at(other, "values for 0.2s");
    if (!stage_waits(recorded_is_over, r)) stage_fails("the recording has no end");
    assert_non_null(strstr(desk_sees_answer(other), "its time is over"));
}

static void wrong_words_are_refused(void **state)
{
    struct moongate *m = in_front_of_one(NULL, NULL);
    struct client *desk = desk_opens(recorded_admin);
    (void)m;
    (void)state;
    desk_gets(desk, "record sample 0", "ERROR record: sample 0: give a share of the keys above 0");
    desk_gets(desk, "record sample 101%", "ERROR record: sample 101%: give a share");
    desk_gets(desk, "record sample 0.0000000001", "give a larger share of the keys");
    desk_gets(desk, "record for 2d", "ERROR record: for 2d: give a time such as 60s, up to 24h");
    desk_gets(desk, "record for 0", "give a time");
    desk_gets(desk, textf("record key %0251d", 1), "a prefix has 1 to 250 bytes");
    desk_gets(desk, "record everything", "ERROR record: everything : not a word of record");
}

static void values_need_the_right_to_change(void **state)
{
    struct memcached *s = memcached_start(NULL);
    const char *path = desk_path("r.sock");
    struct moongate *m = recorded_moongate(script_of_one(memcached_address(s), ""), "--admin",
                                           textf("unix:%s,read-only", path));
    struct client *desk = desk_opens(path), *c = client_connects(m);
    (void)state;
    desk_gets(desk, "record values", "ERROR record: values need the right to change");
    struct recorded *r = recorded_begins_at(desk, "sizes");
    client_sees_nothing_more(c);
    client_asks(c, "get k\r\n", "END\r\n");
    ARE(r, "get k miss");
}

static void who_records_is_logged_and_counted(void **state)
{
    struct moongate *m = in_front_of_one(NULL, NULL);
    struct client *c = client_connects(m);
    struct recorded *r = recorded_begins_at(desk_opens(recorded_admin), "keys-only sample 100%");
    (void)state;
    moongate_sees_log(m, textf("admin: record keys-only sample 100%% by uid %d pid %d",
                               (int)getuid(), (int)getpid()));
    stat_becomes(c, "proxy", "recording", "1");
    for (int i = 0; i < 5; i++) client_asks(c, "get k\r\n", "END\r\n");
    assert_non_null(strstr(recorded_ends(r), "requests      5\n"));
    moongate_sees_log(m, textf("admin: record by uid %d pid %d has ended: its session has sent a "
                               "line: ",
                               (int)getuid(), (int)getpid()));
    moongate_sees_log(m, " s, 5 requests recorded, 0 lost");
    assert_int_equal(stat_number(c, "proxy", "recorded_requests"), 5);
    stat_becomes(c, "proxy", "recording", "0");
    client_asks(c, "get k\r\n", "END\r\n");
    assert_int_equal(stat_number(c, "proxy", "recorded_requests"), 5);
}

/* --- what the service does meanwhile ----------------------------------------------------------- */

static void a_worker_that_takes_the_place_of_a_dead_one_records(void **state)
{
    struct moongate *m = in_front_of_one("-j", "2");
    struct recorded *r = recorded_begins(m, "");
    pid_t before[2], after[2];
    (void)state;
    moongate_workers(m, before, 2);
    kill(before[0], SIGKILL);
    kill(before[1], SIGKILL);
    moongate_sees_log_times(m, "gone: signal 9", 2);
    struct client *c = NULL;
    for (double end = stage_now() + stage_deadline(); r->n == 0 && stage_now() < end;) {
        if (c) client_closes(c);
        c = client_connects(m);
        client_asks(c, "get k\r\n", "END\r\n");
        for (double next = stage_now() + 0.3; r->n == 0 && stage_now() < next;) stage_turns(10);
    }
    moongate_workers(m, after, 2);
    assert_true(r->n > 0);
    assert_string_equal(r->lines[0], "get k miss");
    recorded_ends(r);
    bool is_new = false;
    for (uint32_t i = 0; i < r->streams_n; i++)
        is_new |= r->streams[i].pid == after[0] || r->streams[i].pid == after[1];
    assert_true(is_new);
}

static void a_reload_does_not_end_it(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = recorded_moongate(script_of_one(memcached_address(s), ""), NULL, NULL);
    struct recorded *r = recorded_begins(m, "");
    struct client *c = client_connects(m);
    (void)state;
    client_asks(c, "get before\r\n", "END\r\n");
    moongate_reloads(m, MG "return mg.reply.error 'new'\n");
    client_asks(c, "get after\r\n", "SERVER_ERROR new\r\n");
    ARE(r, "get before miss", "get after error error=SERVER_ERROR new");
}

static void an_upgrade_ends_it_and_the_new_process_takes_another(void **state)
{
    upgrade_begins();
    struct moongate *m = in_front_of_one(NULL, NULL);
    struct recorded *r = recorded_begins(m, "");
    struct client *c = client_connects(m);
    (void)state;
    client_asks(c, "get before\r\n", "END\r\n");
    moongate_signal(m, SIGUSR2);
    assert_string_equal(desk_sees_answer(r->desk),
                        "ERROR another process has taken over: connect again\n");
    if (!stage_waits(recorded_is_over, r)) stage_fails("the recording has no end");
    static const char *const wanted[] = {"get before miss"};
    recorded_are(r, wanted, 1);
    moongate_becomes_new(m, 1);
    moongate_sees_log(m, " has ended");
    r = recorded_begins(m, "");
    client_asks(c, "get after\r\n", "END\r\n");
    ARE(r, "get after miss");
}

static void a_service_that_ends_sends_what_it_has(void **state)
{
    struct moongate *m = in_front_of_one(NULL, NULL);
    struct recorded *r = recorded_begins(m, "");
    struct client *c = client_connects(m);
    (void)state;
    client_asks(c, "get k\r\n", "END\r\n");
    client_closes(c);
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
    if (!stage_waits(recorded_is_over, r)) stage_fails("the recording has no end");
    static const char *const wanted[] = {"get k miss"};
    recorded_are(r, wanted, 1);
    assert_true(r->streams[0].is_over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(values_are_recorded_only_when_they_are_asked_for),
        play(long_values_are_recorded_whole),
        play(a_sample_has_all_requests_of_its_keys_and_is_a_part_of_a_larger_one),
        play(only_keys_with_that_prefix_are_recorded),
        play(a_reader_that_does_not_read_costs_no_client_anything),
        play(nothing_is_recorded_once_the_reader_has_gone),
        play(one_recording_at_a_time),
        play(wrong_words_are_refused),
        play(values_need_the_right_to_change),
        play(who_records_is_logged_and_counted),
        play(a_worker_that_takes_the_place_of_a_dead_one_records),
        play(a_reload_does_not_end_it),
        play(an_upgrade_ends_it_and_the_new_process_takes_another),
        play(a_service_that_ends_sends_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
