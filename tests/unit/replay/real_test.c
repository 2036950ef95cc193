/* `moongate replay --against servers`: what real servers get, and what they do not. */
#include "unit/replay/tape.h"

#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/scene.h"

#include <stdio.h>

static struct take stored(enum command command, const char *key, const char *value)
{
    struct take take = take_of(command, key, LIVE_STORED);
    take.value = (const uint8_t *)value;
    take.value_len = (uint32_t)strlen(value);
    return take;
}

/* One of each kind that changes something, and a few that only read. */
static struct tape mixed_tape(const struct recording_about *about)
{
    struct tape t = tape_of(about);
    struct take gat = take_of(COMMAND_GAT, "a", LIVE_HIT),
                mg = take_of(COMMAND_META_GET, "a", LIVE_HIT);
    struct take vivify = mg, number = take_of(COMMAND_INCR, "n", LIVE_CHANGED);
    gat.exptime = 5;
    mg.args = (const uint8_t *)"v t";
    mg.args_len = 3;
    vivify.args = (const uint8_t *)"v N30";
    vivify.args_len = 5;
    number.number = 1;
    tape_takes(&t, stored(COMMAND_SET, "a", "replayed"));
    tape_gets(&t, "a", 5);
    tape_takes(&t, stored(COMMAND_ADD, "b", "replayed"));
    tape_takes(&t, stored(COMMAND_APPEND, "a", "more"));
    tape_takes(&t, take_of(COMMAND_TOUCH, "a", LIVE_TOUCHED));
    tape_takes(&t, gat);
    tape_takes(&t, mg);
    tape_takes(&t, vivify);
    tape_takes(&t, number);
    tape_deletes(&t, "a", true);
    tape_takes(&t, (struct take){.command = COMMAND_FLUSH_ALL, .result = LIVE_ANSWERED});
    tape_gets(&t, "b", 0);
    tape_ends(&t);
    return t;
}

static unsigned long stat_of(struct memcached *m, const char *name)
{
    struct client *c = client_connects_to(memcached_address(m));
    unsigned long number = stat_number(c, "", name);
    client_closes(c);
    return number;
}

static void holds(struct memcached *m, const char *key, const char *value)
{
    struct client *c = client_connects_to(memcached_address(m));
    client_sends(c, textf("get %s\r\n", key));
    client_sees(c, value ? textf("VALUE %s 0 %zu\r\n%s\r\nEND\r\n", key, strlen(value), value)
                         : "END\r\n");
    client_closes(c);
}

static void puts_into(struct memcached *m, const char *key, const char *value)
{
    struct client *c = client_connects_to(memcached_address(m));
    client_sends(c, textf("set %s 0 0 %zu\r\n%s\r\n", key, strlen(value), value));
    client_sees(c, "STORED\r\n");
    client_closes(c);
}

static const char *script_for(struct memcached *m)
{
    return moongate_script_file(script_of_one(memcached_address(m), ""));
}

static void real_servers_get_only_what_reads(void **state)
{
    struct memcached *m = memcached_start(NULL, NULL);
    struct tape t = mixed_tape(&(struct recording_about){.mode = RECORDING_VALUES});
    puts_into(m, "a", "before");
    unsigned long sets = stat_of(m, "cmd_set"), gets = stat_of(m, "cmd_get");
    struct run run = moongate_runs("replay", t.path, "--script", script_for(m), "--against",
                                   "servers", "--speed", "max", "--json", NULL);
    exits(run, 0);
    number_is(run.out, "new", "hits", memcached_at_hand_has_meta() ? 2 : 1);
    number_is(run.out, "", "left_out", 9);
    has(run.out, "\"against\":\"servers\"");
    assert_int_equal(stat_of(m, "cmd_set"), sets);
    assert_int_equal(stat_of(m, "cmd_flush"), 0);
    assert_int_equal(stat_of(m, "cmd_touch"), 0);
    assert_int_equal(stat_of(m, "delete_hits"), 0);
    assert_int_equal(stat_of(m, "incr_misses"), 0);
    assert_int_equal(stat_of(m, "cmd_get") - gets, memcached_at_hand_has_meta() ? 3 : 2);
    holds(m, "a", "before");
    holds(m, "b", NULL);
}

/* But never flush_all. */
static void with_writes_they_get_writes(void **state)
{
    struct memcached *m = memcached_start(NULL, NULL);
    struct tape t = tape_begins(RECORDING_VALUES);
    puts_into(m, "kept", "x");
    tape_takes(&t, stored(COMMAND_SET, "a", "0"));
    for (int i = 1; i < 10; i++) tape_takes(&t, stored(COMMAND_APPEND, "a", textf("%d", i)));
    tape_takes(&t, (struct take){.command = COMMAND_FLUSH_ALL, .result = LIVE_ANSWERED});
    tape_sets(&t, "cut", 5000000, 0); /* its value is not in the recording */
    tape_ends(&t);
    struct run run = moongate_runs("replay", t.path, "--script", script_for(m), "--against",
                                   "servers", "--speed", "max", "--writes", "--json", NULL);
    exits(run, 0);
    has(run.err, "--writes: real servers were written to");
    number_is(run.out, "", "left_out", 2);
    number_is(run.out, "new", "writes", 10);
    holds(m, "a", "0123456789"); /* each client's requests in their order */
    holds(m, "kept", "x");
    holds(m, "cut", NULL);
}

static void writes_need_a_recording_that_has_them(void **state)
{
    struct memcached *m = memcached_start(NULL, NULL);
    unsigned long sets = stat_of(m, "cmd_set");
    struct tape t = mixed_tape(&(struct recording_about){.mode = RECORDING_SIZES});
    struct run run = moongate_runs("replay", t.path, "--script", script_for(m), "--against",
                                   "servers", "--writes", NULL);
    exits(run, 2);
    has(run.err, "it has no values");
    t = mixed_tape(&(struct recording_about){.mode = RECORDING_VALUES, .hashed = true});
    run = moongate_runs("replay", t.path, "--script", script_for(m), "--against", "servers",
                        "--writes", NULL);
    exits(run, 2);
    has(run.err, "its keys are hashed");
    assert_int_equal(stat_of(m, "cmd_set"), sets);
}

static void a_server_sees_gets_and_nothing_else(void **state)
{
    struct backend *b = backend_listens();
    struct tape t = tape_begins(RECORDING_VALUES);
    for (int i = 0; i < 3; i++) {
        t.at = i * 0.05;
        tape_takes(&t, stored(COMMAND_SET, "a", "x"));
        tape_gets(&t, textf("k%d", i), 1);
        tape_deletes(&t, "a", true);
    }
    tape_ends(&t);
    const char *script = moongate_script_file(script_of_one(backend_address(b), ""));
    const char *argv[] = {getenv("MOONGATE"), "replay",  t.path, "--script", script,
                          "--against",        "servers", NULL};
    struct program *p = replay_begins(argv, -1, -1);
    for (int i = 0; i < 3; i++) {
        backend_sees(b, textf("get k%d\r\n", i));
        backend_answers(b, "END\r\n");
    }
    assert_true(program_waits(p));
    is_said(program_end(p), "exit 0");
    backend_has_nothing_anywhere(b);
}

static void a_server_that_is_down_is_an_error(void **state)
{
    struct memcached *m = memcached_start(NULL, NULL);
    const char *script = script_for(m);
    struct tape t = tape_begins(RECORDING_SIZES);
    for (int i = 0; i < 20; i++) tape_gets(&t, textf("k%d", i), 1);
    tape_ends(&t);
    memcached_kill(m);
    struct run run = moongate_runs("replay", t.path, "--script", script, "--against", "servers",
                                   "--speed", "max", "--json", "--max-errors", "50%", NULL);
    exits(run, 1);
    has(run.err, "--max-errors: 100 % is not within 50 %");
    number_is(run.out, "new", "errors", 20);
    has(run.out, textf("\"text\":\"SERVER_ERROR %s ", memcached_address(m)));
    has(run.out, "\"samples\":[\"get k0\"");
}

static void requests_a_second_are_bounded(void **state)
{
    struct memcached *m = memcached_start(NULL, NULL);
    struct tape t = tape_begins(RECORDING_SIZES);
    for (int i = 0; i < 50; i++) tape_gets(&t, textf("k%d", i), 1);
    tape_ends(&t);
    double began = stage_now();
    struct run run = moongate_runs("replay", t.path, "--script", script_for(m), "--against",
                                   "servers", "--speed", "max", "--rate", "100", "--json", NULL);
    exits(run, 0);
    number_is(run.out, "new", "misses", 50);
    assert_true(stage_now() - began > 0.4);
}

/* Two scripts before real servers. */
static void both_scripts_may_have_real_servers(void **state)
{
    struct memcached *m[] = {memcached_start(NULL, NULL), memcached_start(NULL, NULL)};
    struct tape t = tape_begins(RECORDING_SIZES);
    for (int i = 0; i < 40; i++) {
        if (i < 30) puts_into(m[0], textf("k%d", i), "x");
        if (i < 10) puts_into(m[1], textf("k%d", i), "x");
        tape_gets(&t, textf("k%d", i), 1);
    }
    tape_ends(&t);
    struct run run =
        moongate_runs("replay", t.path, "--script", script_for(m[1]), "--compare", script_for(m[0]),
                      "--against", "servers", "--speed", "max", "--json", NULL);
    exits(run, 0);
    number_is(run.out, "routes", "moved", 40);
    number_is(run.out, "old", "hits", 30);
    number_is(run.out, "new", "hits", 10);
    has(run.out,
        textf("{\"name\":\"%s\",\"pool\":\"pool1\",\"requests\":", memcached_address(m[0])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(real_servers_get_only_what_reads),      play(with_writes_they_get_writes),
        play(writes_need_a_recording_that_has_them), play(a_server_sees_gets_and_nothing_else),
        play(a_server_that_is_down_is_an_error),     play(requests_a_second_are_bounded),
        play(both_scripts_may_have_real_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
