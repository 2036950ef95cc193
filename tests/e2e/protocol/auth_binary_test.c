/* --auth-file and the binary protocol: SASL PLAIN, and what a client gets before it is a user: what memcached -S answers. */
#include "lib/client.h"
#include "lib/frames.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <string.h>

enum { NOOP = 0x0a, VERSION = 0x0b, LIST = 0x20, AUTH = 0x21, STEP = 0x22 };
enum { OK = 0, AUTH_FAILED = 0x20, UNKNOWN = 0x81 };

#define FAILURE "Auth failure."

static struct moongate *moongate_asks_for_users(const char *more, const char *value)
{
    struct memcached *s = memcached_start(NULL);
    return moongate_start(script_of_one(memcached_address(s), ""), "--auth-file",
                          moongate_script_file("app:secret\nbob:pass word\n"), more, value, NULL);
}

static struct frame plain(const char *as, const char *user, const char *password)
{
    char *value = stage_memory(strlen(as) + strlen(user) + strlen(password) + 3);
    struct frame f = frame_of(AUTH, "PLAIN");
    f.value_n =
        (size_t)sprintf(value, "%s%c%s%c%s", as, 0, user, 0, password); /* NOLINT: it has room */
    f.value = value;
    return f;
}

static void a_user_is_let_in_by_plain(void **state)
{
    struct moongate *m = moongate_asks_for_users(NULL, NULL);
    struct client *c = client_connects(m);
    client_asks_frame(c, frame_of(LIST, NULL), OK, "PLAIN");
    client_asks_frame(c, plain("", "app", "secret"), OK, "Authenticated");
    client_asks_frame(c, frame_of(NOOP, NULL), OK, "");
    c = client_connects(m);
    client_asks_frame(c, plain("any", "bob", "pass word"), OK, "Authenticated");
    client_asks_frame(c, frame_of(NOOP, NULL), OK, "");
}

static void a_wrong_try_may_be_followed_by_a_right_one(void **state)
{
    struct moongate *m = moongate_asks_for_users(NULL, NULL);
    struct client *c = client_connects(m), *text = client_connects(m);
    struct frame other = plain("", "app", "secret"), cut = other, more = other;
    other.key = "CRAM-MD5";
    other.key_n = 8;
    cut.value_n = 4;
    more.value = "\0app\0secret\0";
    more.value_n = 12;
    client_asks_frame(c, plain("", "app", "secreT"), AUTH_FAILED, FAILURE);
    client_asks_frame(c, plain("app", "", "secret"), AUTH_FAILED, FAILURE);
    client_asks_frame(c, plain("", "nobody", "secret"), AUTH_FAILED, FAILURE);
    client_asks_frame(c, other, AUTH_FAILED, FAILURE);
    client_asks_frame(c, cut, AUTH_FAILED, FAILURE);
    client_asks_frame(c, more, AUTH_FAILED, FAILURE);
    client_asks_frame(c, frame_of(STEP, "PLAIN"), AUTH_FAILED, FAILURE);
    client_asks_frame(c, plain("", "app", "secret"), OK, "Authenticated");
    client_asks(text, "set x 0 0 10\r\napp secret\r\n", "STORED\r\n");
    assert_int_equal(stat_number(text, "proxy", "auth_cmds"), 5);
    assert_int_equal(stat_number(text, "", "auth_errors"), 3);
    assert_int_equal(moongate_log_count(m, "secreT"), 0);
}

static void nothing_else_is_answered_before_but_the_version(void **state)
{
    struct moongate *m = moongate_asks_for_users("--version-answer", "1.2.3");
    static const uint8_t opcodes[] = {0x00, 0x04, 0x07, 0x08, 0x0a, 0x0c, 0x10,
                                      0x17, 0x18, 0x1b, 0x23, 0x99, 0xff};
    for (size_t i = 0; i < sizeof opcodes; i++) {
        struct client *c = client_connects(m);
        client_asks_frame(c, frame_of(VERSION, NULL), OK, "1.2.3");
        client_asks_frame(c, frame_of(opcodes[i], NULL), AUTH_FAILED, FAILURE);
        client_sees_closed(c);
    }
    struct client *c = client_connects(m);
    client_asks_frame(c, frame_store(0x01, "k", "value"), AUTH_FAILED, FAILURE);
    client_sees_closed(c);
}

/* Without --auth-file, and where a listener does without it. */
static void where_no_users_are_asked_for_sasl_is_unknown_or_may_be_used(void **state)
{
    struct memcached *s = memcached_start(NULL);
    struct client *c =
        client_connects(moongate_start(script_of_one(memcached_address(s), ""), NULL));
    client_asks_frame(c, frame_of(LIST, NULL), UNKNOWN, "Unknown command");
    struct moongate *m = moongate_asks_for_users("-b", "127.0.0.1:0,auth=off");
    c = client_connects(m);
    client_asks_frame(c, frame_of(NOOP, NULL), OK, "");
    client_asks_frame(c, plain("", "app", "secret"), OK, "Authenticated");
    client_asks_frame(c, frame_of(NOOP, NULL), OK, "");
    client_asks_frame(c, plain("", "app", "wrong"), AUTH_FAILED, FAILURE);
    client_sees_closed(c);
}

/* All come at once: a request that is not routed yet when its client becomes another user is still that of the first one. */
static void what_was_asked_for_as_one_user_is_not_that_of_the_next(void **state)
{
    static const char script[] =
        "return function(req) return mg.reply.value(req.identity or 'nobody') end\n";
    struct moongate *m =
        moongate_start(textf("local mg = require 'moongate'\n%s", script), "--auth-file",
                       moongate_script_file("app:secret\nbob:pass word\n"), NULL);
    struct frame app = plain("", "app", "secret"), bob = plain("", "bob", "pass word");
    struct frame get = frame_of(0x00, "k");
    struct octets all = {0};
    struct client *c = client_connects(m);
    frame_add(&app, &all);
    frame_add(&get, &all);
    frame_add(&bob, &all);
    frame_add(&get, &all);
    client_sends_bytes(c, octets_at(&all), octets_n(&all));
    octets_release(&all);
    const char *const users[] = {"user:app", "user:bob"};
    for (int i = 0; i < 2; i++) {
        client_sees_frame(
            c, (struct frame){.opcode = AUTH, .opaque = app.opaque, .value = "Authenticated"});
        client_sees_frame(
            c, (struct frame){
                   .opaque = get.opaque, .extras = "\0\0\0", .extras_n = 4, .value = users[i]});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_user_is_let_in_by_plain),
        play(a_wrong_try_may_be_followed_by_a_right_one),
        play(nothing_else_is_answered_before_but_the_version),
        play(where_no_users_are_asked_for_sasl_is_unknown_or_may_be_used),
        play(what_was_asked_for_as_one_user_is_not_that_of_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
