/* `moongate replay`: how the requests of a recording are sent again. */
#include "unit/replay/tape.h"

#include <stdio.h>

#define USE "local mg = require 'moongate'\n"

static const char ONE[] = USE "return mg.pool { '10.0.0.1:11211', name = 'all' }\n";

/* Two workers: what one of them has sent on later came earlier. */
static void requests_go_in_the_order_in_which_they_came(void **state)
{
    struct tape t = tape_begins(RECORDING_SIZES);
    for (int i = 0; i < 20; i++) {
        t.at = i + 0.1;
        tape_gets(&t, textf("k%d", i), 10);
        t.at = i + 0.05;
        t.client = 2;
        tape_sets(&t, textf("k%d", i), 10, 0);
        t.client = 1;
    }
    tape_ends(&t);
    struct run run =
        moongate_runs("replay", t.path, "--script", file_of("new", ONE), "--json", NULL);
    exits(run, 0);
    number_is(run.out, "new", "hits", 20);
    number_is(run.out, "recorded", "clients", 2);
}

/* Each is one request to its server, and its keys come back in their places. */
static void a_get_of_several_keys_stays_one(void **state)
{
    const char *new = file_of("new", ONE);
    struct tape t = tape_begins(RECORDING_SIZES);
    tape_sets(&t, "a", 10, 0);
    tape_sets(&t, "c", 20, 0);
    for (uint32_t part = 0; part < 4; part++) {
        static const char *const keys[] = {"a", "b", "c", "a"};
        struct take take = take_of(COMMAND_GETS, keys[part], part == 1 ? LIVE_MISS : LIVE_HIT);
        take.part = part;
        take.parts = 4;
        t.at = 1;
        tape_takes(&t, take);
    }
    tape_ends(&t);
    struct run run = moongate_runs("replay", t.path, "--script", new, "--json", NULL);
    exits(run, 0);
    number_is(run.out, "", "replayed", 6);
    number_is(run.out, "new", "hits", 3);
    number_is(run.out, "new", "misses", 1);
    has(run.out, "\"name\":\"10.0.0.1:11211\",\"pool\":\"all\",\"requests\":3,");
}

/* Commands of all kinds, quiet ones among them; a cas has the number that the client was given here. */
static void commands_of_all_kinds_are_sent_again(void **state)
{
    const char *new = file_of("new", ONE);
    struct tape t = tape_begins(RECORDING_VALUES);
    struct take set = take_of(COMMAND_SET, "n", LIVE_STORED);
    set.value = (const uint8_t *)"41";
    set.value_len = 2;
    set.noreply = true;
    tape_takes(&t, set);
    struct take incr = take_of(COMMAND_INCR, "n", LIVE_CHANGED);
    incr.number = 1;
    tape_takes(&t, incr);
    struct take gets = take_of(COMMAND_GETS, "n", LIVE_HIT);
    gets.bytes = 30;
    tape_takes(&t, gets);
    struct take cas = set;
    cas.command = COMMAND_CAS;
    cas.noreply = false;
    cas.number = 987654321; /* of a server of then */
    tape_takes(&t, cas);
    struct take meta = take_of(COMMAND_META_GET, "n", LIVE_HIT);
    meta.args = (const uint8_t *)"v t q";
    meta.args_len = 5;
    tape_takes(&t, meta);
    meta.key = (const uint8_t *)"m";
    tape_takes(&t, meta);
    struct take base64 = take_of(COMMAND_META_SET, "with blank", LIVE_STORED);
    base64.base64 = true;
    base64.args = (const uint8_t *)"b T30";
    base64.args_len = 5;
    base64.value = (const uint8_t *)"hello";
    base64.value_len = 5;
    tape_takes(&t, base64);
    tape_takes(&t, (struct take){.command = COMMAND_VERSION, .result = LIVE_ANSWERED});
    tape_takes(&t, (struct take){.command = COMMAND_FLUSH_ALL, .result = LIVE_ANSWERED});
    tape_gets(&t, "n", 2);
    tape_ends(&t);
    struct run run = moongate_runs("replay", t.path, "--script", new, "--json", NULL);
    exits(run, 0);
    number_is(run.out, "", "left_out", 1);
    number_is(run.out, "new", "errors", 0);
    number_is(run.out, "new", "hits", 2);   /* gets, mg */
    number_is(run.out, "new", "misses", 2); /* mg of another key; behind flush_all */
    number_is(run.out, "new", "writes", 5);
    number_is(run.out, "new", "unknown", 1);
}

/* It counts by its own prefix, and what was found is stored again under itself. */
static void a_key_in_base64_is_that_key(void **state)
{
    const char *new = file_of("new", ONE);
    struct tape t = tape_begins(RECORDING_SIZES);
    struct take get = take_of(COMMAND_META_GET, "user:a b", LIVE_HIT);
    get.base64 = true;
    get.args = (const uint8_t *)"b v";
    get.args_len = 3;
    get.bytes = 20;
    for (int i = 0; i < 3; i++) {
        tape_takes(&t, get);
        t.at += 1;
    }
    tape_ends(&t);
    struct run run = moongate_runs("replay", t.path, "--script", new, "--refill", "--json", NULL);
    exits(run, 0);
    number_is(run.out, "new", "hits", 2);
    number_is(run.out, "new", "refilled", 1);
    has(run.out, "\"prefix\":\"user:\"");
}

/* No client can have sent them, and a line end would begin another request. */
static void requests_that_are_no_line_are_left_out(void **state)
{
    const char *new = file_of("new", ONE);
    struct tape t = tape_begins(RECORDING_SIZES);
    tape_sets(&t, "k", 10, 0);
    t.at = 1;
    tape_takes(&t, take_of(COMMAND_GET, "k\r\nflush_all\r\nget k", LIVE_HIT));
    struct take get = take_of(COMMAND_META_GET, "k", LIVE_HIT);
    get.args = (const uint8_t *)"v\r\nflush_all";
    get.args_len = 12;
    tape_takes(&t, get);
    t.at = 2;
    tape_gets(&t, "k", 10);
    tape_ends(&t);
    struct run run = moongate_runs("replay", t.path, "--script", new, "--json", NULL);
    exits(run, 0);
    number_is(run.out, "", "left_out", 2);
    number_is(run.out, "new", "hits", 1);
}

/* `moongate recording` counts as found what reads have found: a delete of what is not there is no miss. */
static void reads_alone_hit_and_miss(void **state)
{
    struct tape t = tape_begins(RECORDING_SIZES);
    tape_gets(&t, "caf\xc3\xa9:1", 10);
    tape_gets(&t, "caf\xc3\xa9:2", 0);
    for (int i = 0; i < 6; i++) tape_deletes(&t, "caf\xc3\xa9:3", false);
    tape_takes(&t, take_of(COMMAND_META_DELETE, "caf\xc3\xa9:3", LIVE_MISS));
    tape_ends(&t);
    struct run run = moongate_runs("recording", t.path, NULL);
    exits(run, 0);
    has(run.out, "found     1 hits, 1 misses: 50.0 %");
    has(run.out, "           8  88.9 %  miss"); /* of results */
    has(run.out, "caf\xc3\xa9: ");
}

/* `mg` with N makes what is not there: such a hit does not say that servers had it. */
static void a_fresh_item_was_not_there_before(void **state)
{
    const char *new = file_of("new", ONE);
    struct tape t = tape_begins(RECORDING_SIZES);
    struct take get = take_of(COMMAND_META_GET, "fresh", LIVE_HIT);
    get.args = (const uint8_t *)"v t N5";
    get.args_len = 6;
    get.bytes = strlen("VA 0 t5 W\r\n\r\n");
    tape_takes(&t, get);
    t.at = 10;
    tape_gets(&t, "fresh", 0);
    tape_ends(&t);
    struct run run = moongate_runs("replay", t.path, "--script", new, "--warm", "--json", NULL);
    exits(run, 0);
    number_is(run.out, "new", "hits", 1);
    number_is(run.out, "new", "misses", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(requests_go_in_the_order_in_which_they_came), play(a_get_of_several_keys_stays_one),
        play(commands_of_all_kinds_are_sent_again),        play(a_key_in_base64_is_that_key),
        play(requests_that_are_no_line_are_left_out),      play(reads_alone_hit_and_miss),
        play(a_fresh_item_was_not_there_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
