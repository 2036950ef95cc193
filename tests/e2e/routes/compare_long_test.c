/* mg.compare: long values, which go to the client while they come; and what operators see of what differed. The servers are played. */
#include "e2e/routes/compared.h"
#include "lib/desk.h"

#include <string.h>

/* --- long values ------------------------------------------------------------------------------------ */

enum { LONG = 300000, FIRST = 100000 };

static const char *long_answer(const char *data)
{
    return textf("VALUE k 0 %d\r\n%.*s\r\nEND\r\n", LONG, LONG, data);
}

static char *letters(char last)
{
    char *data = stage_memory(LONG + 1);
    memset(data, 'a', LONG);
    data[LONG - 1] = last;
    return data;
}

/* The client has its first bytes before the last ones have come, as from a pool. */
static void begins_to_come(struct client *c, const char *answer)
{
    client_sends(c, "get k\r\n");
    backend_sees(old, "get k\r\n");
    backend_sees(new, "get k\r\n");
    backend_answers_bytes(old, answer, FIRST);
    client_sees_bytes(c, answer, FIRST);
}

static void a_long_value_goes_on_while_it_comes_and_is_compared_behind(void **state)
{
    const char *one = long_answer(letters('1')), *other = long_answer(letters('2'));
    struct client *c = client_connects(moongate_compares(", again = 0.02"));
    begins_to_come(c, one);
    backend_answers(new, one);
    backend_answers(old, one + FIRST);
    client_sees(c, one + FIRST);
    both_have(one, one);
    counts(c, "equal_hits", "1");
    begins_to_come(c, one);
    backend_answers(old, one + FIRST);
    client_sees(c, one + FIRST);
    backend_answers(new, other);
    both_have(one, other);
    both_have(one, other);
    counts(c, "values_differ", "1");
    all_are_counted(c);
    assert_int_equal(stat_number(c, "proxy", "streamed_values"), 2);
    client_sees_nothing_more(c);
}

/* There the value is held, as a policy decides on whole answers; the client is not the one that the comparison answers. */
static void below_another_policy_a_long_value_comes_whole(void **state)
{
    static const char *const routes[] = {
        "mg.failover { x, mg.null() }",
        "mg.async(function(req) return mg.call(x, req) end)",
        "mg.async(function(req) return mg.call(x, mg.request.get(req.key)) end)",
        "mg.all_sync { x }",
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        const char *one = long_answer(letters('1'));
        old = backend_listens();
        new = backend_listens();
        struct client *c = client_connects(
            moongate_start(textf(MG "local x = mg.compare { mg.pool { '%s' }, mg.pool { '%s' }, "
                                    "share = 1, name = 'x' }\n"
                                    "return %s\n",
                                 backend_address(old), backend_address(new), routes[i]),
                           NULL));
        client_sends(c, "get k\r\n");
        backend_sees(old, "get k\r\n");
        backend_sees(new, "get k\r\n");
        backend_answers_bytes(old, one, FIRST);
        backend_answers(new, one);
        backend_answers(old, one + FIRST);
        client_sees(c, one);
        counts(c, "equal_hits", "1");
        all_are_counted(c);
        client_sees_nothing_more(c);
        stage_clears();
    }
}

/* Nothing else can be told to a client that has a part of it, whatever on_failure says. */
static void a_long_value_that_breaks_off_closes_its_client(void **state)
{
    const char *one = long_answer(letters('1'));
    old = backend_listens();
    new = backend_listens();
    struct moongate *m = moongate_start(
        textf(MG "local old = mg.pool { '%s', on_failure = 'miss' }\n"
                 "return mg.compare { old, mg.pool { '%s' }, share = 1, name = 'x' }\n",
              backend_address(old), backend_address(new)),
        NULL);
    struct client *c = client_connects(m), *stays = client_connects(m);
    begins_to_come(c, one);
    backend_stops_listening(old);
    backend_closes(old);
    client_sees_closed(c);
    backend_answers(new, one);
    counts(stays, "old_errors", "1");
    all_are_counted(stays);
    client_sends(stays,
                 "get k\r\n"); /* the pool's failure is a miss for the client, and an error here */
    client_sees(stays, "END\r\n");
    counts(stays, "old_errors", "2");
    all_are_counted(stays);
}

static void a_client_that_goes_in_the_middle_of_a_long_value_harms_nobody(void **state)
{
    const char *one = long_answer(letters('1'));
    struct moongate *m = moongate_compares(", again = 0");
    struct client *c = client_connects(m), *stays = client_connects(m);
    begins_to_come(c, one);
    client_resets(c);
    client_sees_nothing_more(stays);
    backend_answers(old, one + FIRST);
    backend_answers(new, one);
    both_have(one, one);
    counts(stays, "equal_hits", "1");
    get_finds(stays, "j", old, "j", "x");
}

/* --- what operators see --------------------------------------------------------------------------------- */

static void samples_tell_what_differed(void **state)
{
    const char *path = desk_path("a.sock");
    old = backend_listens();
    new = backend_listens();
    struct moongate *m =
        moongate_start(script_comparing(", again = 0"), "--admin", textf("unix:%s", path), NULL);
    struct client *c = client_connects(m), *desk = desk_opens(path);
    desk_gets(desk, "compare", "note: nothing was compared yet");
    desk_gets(desk, "compare x", "ERROR compare: no comparison 'x' has seen a read");
    client_sends(c, "get k\r\n");
    both_have("VALUE k 3 2\r\nab\r\nEND\r\n", "VALUE k 3 2\r\nac\r\nEND\r\n");
    client_sees(c, "VALUE k 3 2\r\nab\r\nEND\r\n");
    counts(c, "values_differ", "1");
    client_sends(c, "mg azE= b t\r\n");
    backend_sees(old, "mg azE= b t\r\n");
    backend_sees(new, "mg azE= b t\r\n");
    backend_answers(old, "HD t5 b\r\n");
    client_sees(c, "HD t5 b\r\n");
    backend_answers(new, "SERVER_ERROR out of memory\r\n");
    counts(c, "new_errors", "1");
    const char *first =
        textf("\"kind\":\"new_errors\",\"key\":\"k1\",\"old_server\":\"%s\"", backend_address(old));
    const char *all = desk_gets(desk, "json compare x", first);
    const char *error = strstr(all, first);
    assert_non_null(strstr(error, "\"old_ttl\":5"));
    assert_non_null(strstr(error, "\"error\":\"SERVER_ERROR out of memory\"}"));
    const char *differs = strstr(error, "\"kind\":\"values_differ\",\"key\":\"k\"");
    assert_non_null(differs); /* the last one comes first */
    assert_non_null(strstr(differs, "\"old_bytes\":2,\"old_flags\":3,\"old_digest\":\""));
    assert_non_null(strstr(differs, textf("\"new_server\":\"%s\"", backend_address(new))));
    assert_non_null(strstr(all, "{\"type\":\"comparison\",\"comparison\":\"x\",\"requests\":2,"));
    desk_gets(desk, "compare", "values_differ     1\n");
    desk_gets(desk, "compare other", "ERROR compare: no comparison 'other'");
}

/* A route that fails all the time hides no difference. */
static void of_many_the_last_are_kept(void **state)
{
    const char *path = desk_path("a.sock");
    old = backend_listens();
    new = backend_listens();
    struct moongate *m =
        moongate_start(script_comparing(", again = 0"), "--admin", textf("unix:%s", path), NULL);
    struct client *c = client_connects(m), *desk = desk_opens(path);
    client_sends(c, "get first\r\n");
    backend_sees(old, "get first\r\n");
    backend_sees(new, "get first\r\n");
    backend_answers(old, "END\r\n");
    backend_answers(new, hit_and_end("first", "x"));
    client_sees(c, "END\r\n");
    counts(c, "only_new", "1");
    for (int i = 0; i < 100; i++) {
        client_sends(c, textf("get e%d\r\n", i));
        backend_sees(old, textf("get e%d\r\n", i));
        backend_sees(new, textf("get e%d\r\n", i));
        backend_answers(old, "END\r\n");
        backend_answers(new, "SERVER_ERROR no\r\n");
        client_sees(c, "END\r\n");
    }
    counts(c, "new_errors", "100");
    desk_gets(desk, "json compare", "\"key\":\"first\"");
    desk_gets(desk, "json compare", "\"key\":\"e99\"");
    desk_gets(desk, "json compare", "\"key\":\"e84\"");
    desk_lacks(desk, "json compare", "\"key\":\"e83\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_long_value_goes_on_while_it_comes_and_is_compared_behind),
        play(below_another_policy_a_long_value_comes_whole),
        play(a_long_value_that_breaks_off_closes_its_client),
        play(a_client_that_goes_in_the_middle_of_a_long_value_harms_nobody),
        play(samples_tell_what_differed),
        play(of_many_the_last_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
