/* moongate copy --verify, and servers that the service holds as down, or to which its calls fail, while keys are compared. */
#include "lib/moving.h"
#include "lib/said.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Clients use it: they read and write `a`, and what they write goes to `b`, too. */
struct served {
    struct moving on;
    struct moongate *m;
    struct client *client;
    const char *script, *admin;
};

/* options: of the pool of `b`. */
static struct served serves(const char *options)
{
    struct served s = {.on = moving_starts()};
    s.admin = textf("%s/admin.sock", program_folder());
    s.script = textf(MG "return mg.staging { %s, mg.pool { '%s', %s } }\n", pool_of(s.on.a),
                     memcached_address(s.on.b), options);
    s.m = moongate_start(s.script, "-j", "1", "--admin", textf("unix:%s", s.admin), NULL);
    s.client = client_connects(s.m);
    return s;
}

static struct running *verification(const struct served *s, const char *options)
{
    return begins_to_copy(&s->on,
                          textf("--verify-only --settle 0.1 --service %s %s", s->admin, options));
}

static void is_down(const struct served *s)
{
    stat_becomes(s->client, "servers", textf("%s:down", memcached_address(s->on.b)), "1");
}

/* `b` has died and is back, and the service does not know that yet. */
static void falls_and_is_back(struct served *s)
{
    memcached_kill(s->on.b);
    client_asks(s->client, "set a0 0 0 1\r\nx\r\n", "STORED\r\n");
    is_down(s);
    memcached_starts_again(s->on.b);
    moving_looks(&s->on);
}

/* What the new place has, once it is that: a write is on its way to it for a moment. */
static void has_at_last(struct client *c, const char *key, const char *value)
{
    double end = stage_now() + stage_deadline();
    for (;;) {
        client_sends(c, textf("get %s\r\n", key));
        const char *line = client_sees_line(c), *found = "";
        if (strcmp(line, "END") != 0) {
            found = client_sees_line(c);
            client_sees(c, "END\r\n");
        }
        if (strcmp(found, value) == 0) return;
        if (stage_now() > end) stage_fails("%s is '%s', not '%s'", key, found, value);
        stage_turns(20);
    }
}

/* Else the copy would compare before the service writes to both places again, and what clients write in between would be in the old one
 * alone. Clients write one key after the other until the copy has ended. */
static void nothing_counts_before_the_service_has_the_server_back(void **state)
{
    enum { KEYS = 200 };
    unsigned n = 0;
    struct served s = serves("probe_min = 3, probe_max = 3, timeout = 60");
    stores_many(s.on.at_a, "b", KEYS);
    falls_and_is_back(&s);
    struct running *r = verification(&s, "");
    for (; !r->program.is_gone; n++) {
        client_asks(s.client, textf("set b%u 0 0 6\r\n%06u\r\n", n % KEYS, n), "STORED\r\n");
        stage_turns(10);
    }
    exits(copy_ends(r), WHOLE);
    for (unsigned i = n > KEYS ? n - KEYS : 0; i < n; i++)
        has_at_last(s.on.at_b, textf("b%u", i % KEYS), textf("%06u", i));
}

static void a_server_that_stays_down_in_the_service_is_named(void **state)
{
    struct served s = serves("probe_min = 60, probe_max = 60");
    stores_many(s.on.at_a, "b", 20);
    falls_and_is_back(&s);
    struct run run = copy_ends(verification(&s, "--patience 0.5"));
    exits(run, LOSES);
    has(run.out, "\"end\":\"differs\"");
    has(run.err, textf("moongate: copy: %s: is down in the service, while keys were compared: see "
                       "that it is up there, and run copy --verify-only again\n",
                       memcached_address(s.on.b)));
    assert_int_equal(count_of(s.on.at_b, "b", 20), 20); /* what it could, it has put right */
}

/* A comparison begins, at a rate that lets it go on for a while. */
static struct running *begins_slowly(const struct served *s)
{
    stores_many(s->on.at_a, "b", 30);
    struct running *r = verification(s, "--rate 60 --load 0");
    so_many_are_copied(s->on.at_b, 5);
    return r;
}

/* It is up all the time, and still a write to it was lost. */
static void calls_that_fail_meanwhile_make_another_round(void **state)
{
    struct served s = serves("timeout = 0.05, failure_limit = 1000");
    struct running *r = begins_slowly(&s);
    memcached_freezes(s.on.b);
    client_asks(s.client, "set b0 0 0 1\r\nx\r\n", "STORED\r\n");
    stat_becomes(s.client, "servers", textf("%s:timeouts", memcached_address(s.on.b)), "1");
    memcached_thaws(s.on.b);
    struct run run = copy_ends(r);
    exits(run, WHOLE);
    assert_true(json_member_number(run.out, "rounds") >= 2);
}

static void a_script_that_is_loaded_meanwhile_makes_another_round(void **state)
{
    struct served s = serves("timeout = 60");
    struct running *r = begins_slowly(&s);
    moongate_reloads(s.m, s.script);
    struct run run = copy_ends(r);
    exits(run, WHOLE);
    copy_counts(run, "rounds", 2);
}

/* Nothing has failed: there is one round. */
static void a_service_whose_calls_go_well_changes_nothing(void **state)
{
    struct served s = serves("timeout = 60");
    stores_many(s.on.at_a, "b", 20);
    struct run run = copy_ends(verification(&s, ""));
    exits(run, WHOLE);
    copy_counts(run, "rounds", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(nothing_counts_before_the_service_has_the_server_back),
        play(a_server_that_stays_down_in_the_service_is_named),
        play(calls_that_fail_meanwhile_make_another_round),
        play(a_script_that_is_loaded_meanwhile_makes_another_round),
        play(a_service_whose_calls_go_well_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
