/* policies that refuse and limit: by key, command, rate and by who asks. */
#include "unit/route/policy_host.h"

#include "protocol/request.h"

static const struct journey denied[] = {
    {"mg.deny { a, commands = { 'delete', 'incr' }, keys = { 'k', 'x' }, prefixes = 'old:' }", GET,
     "k", "!denied"},
    {NULL, GET, "kk", "a"},
    {NULL, GET, "old:1", "!denied"},
    {NULL, GET, "old", "a"},
    {NULL, COMMAND_META_DELETE, "free", "!denied"},
    {NULL, COMMAND_INCR, "free", "!denied"},
    {NULL, COMMAND_DECR, "free", "a"},
    {"mg.deny { a, commands = 'meta', error = 'no' }", COMMAND_META_GET, "k", "!no"},
    {NULL, GET, "k", "a"},
    {"mg.null()", GET, "k", "miss"},
    {"mg.error 'closed'", SET, "k", "!closed"},
    {"mg.by_prefix { { x = mg.null() }, default = mg.error 'y' }", SET, "x", "miss"},
};

static void what_is_denied_gets_an_error(void **state)
{
    journeys(denied, COUNT(denied));
}

static unsigned served(unsigned requests, enum command command, const char *otherwise)
{
    unsigned n = 0;
    for (unsigned i = 0; i < requests; i++) {
        route_one(command, "k", NULL);
        bool is_served = strcmp(place_of(0), "a") == 0;
        if (!is_served) assert_string_equal(place_of(0), otherwise);
        n += is_served;
    }
    end_turn();
    return n;
}

static void rates_are_kept_and_pauses_save_up_a_burst(void **state)
{
    w.turn.now = 100;
    load_route("mg.rate_limit { a, rate = 10, burst = 20, delete = 2, touch = { rate = 1, burst = "
               "5 } }");
    assert_int_equal(served(100, GET, "!rate limit"), 20);
    assert_int_equal(served(100, SET, "!rate limit"), 0); /* one bucket */
    assert_int_equal(served(100, COMMAND_DELETE, "!rate limit"), 2);
    assert_int_equal(served(100, COMMAND_GAT, "!rate limit"), 5);
    w.turn.now = 100.55;
    assert_int_equal(served(100, SET, "!rate limit"), 5);
    assert_int_equal(served(100, COMMAND_META_DELETE, "!rate limit"), 1);
    w.turn.now = 1000;
    assert_int_equal(served(100, GET, "!rate limit"), 20);
}

static void over_a_rate_there_is_an_error_a_miss_or_another_route(void **state)
{
    load_route("mg.rate_limit { a, rate = 1, over = 'miss' }");
    assert_int_equal(served(10, GET, "miss"), 1);
    load_route("mg.rate_limit { a, rate = 1, over = b }");
    assert_int_equal(served(10, GET, "b"), 1);
    load_route("mg.rate_limit { a, rate = 1, over = 'error' }");
    assert_int_equal(served(10, GET, "!rate limit"), 1);
    load_route("mg.rate_limit { a, get = 1 }");
    assert_int_equal(served(10, SET, ""), 10); /* no limit for those */
}

/* --- who asks ---------------------------------------------------------------------------------- */

static void goes_from(const char *identity, const char *place)
{
    w.turn.as_identity = identity;
    route_one(GET, "k", NULL);
    assert_string_equal(place_of(0), place);
    end_turn();
    w.turn.as_identity = NULL;
}

static void who_asks_decides(void **state)
{
    static const struct {
        const char *route, *identity, *place;
    } table[] = {
        {"mg.allow { app = a, ['user:bob'] = b, ['cert:bob'] = c, bob = a, ['cert:x:y'] = c }",
         NULL, "!not allowed"},
        {NULL, "user:app", "a"},
        {NULL, "cert:app", "a"},
        {NULL, "user:bob", "b"},
        {NULL, "cert:bob", "c"},
        {NULL, "cert:x:y", "c"},
        {NULL, "user:x:y", "!not allowed"},
        {NULL, "user:ap", "!not allowed"},
        {NULL, "user:appp", "!not allowed"},
        {NULL, "user:App", "!not allowed"},
        {NULL, "app", "!not allowed"},
        {"mg.allow { otherwise = b, ['user:otherwise'] = a }", "user:otherwise", "a"},
        {NULL, "cert:otherwise", "b"},
        {NULL, "", "b"},
        {"mg.allow { ['user:x'] = a, x = b }", "user:x", "a"},
        {NULL, "cert:x", "b"},
        {"mg.allow { x = function(req) return req:is_from 'user:x' and a or b end }", "user:x",
         "a"},
        {NULL, "cert:x", "b"},
        {"mg.deny { a, identities = { 'mallory', 'cert:eve' } }", "user:mallory", "!denied"},
        {NULL, "cert:mallory", "!denied"},
        {NULL, "cert:eve", "!denied"},
        {NULL, "user:eve", "a"},
        {NULL, NULL, "a"},
        {"mg.deny { a, identities = 'x', keys = 'k', error = 'no' }", "user:x", "!no"},
        {NULL, "user:y", "!no"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        if (table[i].route) load_route(table[i].route);
        goes_from(table[i].identity, table[i].place);
    }
}

static unsigned served_from(const char *identity, unsigned requests)
{
    w.turn.as_identity = identity;
    unsigned n = served(requests, GET, "!rate limit");
    w.turn.as_identity = NULL;
    return n;
}

static void each_identity_has_a_rate_of_its_own(void **state)
{
    w.turn.now = 100;
    load_route("mg.rate_limit { a, rate = 10, burst = 20, delete = 2, by = 'identity' }");
    assert_int_equal(served_from("user:app", 100), 20);
    assert_int_equal(served_from("user:bob", 100), 20);
    assert_int_equal(served_from("cert:app", 100), 20);
    assert_int_equal(served_from(NULL, 100), 20);
    assert_int_equal(served_from("", 100), 0); /* those who are nobody in particular share one */
    assert_int_equal(served_from("user:app", 100), 0);
    w.turn.as_identity = "user:app";
    assert_int_equal(served(100, COMMAND_DELETE, "!rate limit"), 2);
    w.turn.now = 100.5;
    assert_int_equal(served_from("user:app", 100), 5);
    assert_int_equal(served_from("user:bob", 100), 5);
}

/* I6: many identities take the memory of some. One that asks all the time keeps its bucket; the others begin again. */
static void identities_that_have_long_been_silent_are_forgotten(void **state)
{
    char identity[32];
    unsigned again = 0;
    w.turn.now = 100;
    load_route("mg.rate_limit { a, rate = 0.001, burst = 3, by = 'identity' }");
    assert_int_equal(served_from("user:busy", 5), 3);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 5000; i++) {
            w.turn.now += 0.001;
            snprintf(identity, sizeof identity, "user:%u", i);
            again += served_from(identity, 1) && round;
            assert_int_equal(served_from("user:busy", 1), 0);
        }
    }
    assert_int_equal(again, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(what_is_denied_gets_an_error),
        alone(rates_are_kept_and_pauses_save_up_a_burst),
        alone(over_a_rate_there_is_an_error_a_miss_or_another_route),
        alone(who_asks_decides),
        alone(each_identity_has_a_rate_of_its_own),
        alone(identities_that_have_long_been_silent_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
