/* doing: what a script is in is known from a signal handler, while it runs. */
#include "unit/script/script_host.h"

#include <signal.h>
#include <sys/time.h>

#include "script/doing.h"

enum { SEEN_MOST = 8 };

/* What the handler has seen, one for each mark. */
static struct heartbeat_doing seen[SEEN_MOST];
static volatile sig_atomic_t seen_n;

static void on_tick(int number)
{
    const void *router = w.turn.in;
    if (!router || seen_n == SEEN_MOST) return;
    script_doing(router, &seen[seen_n]);
    if (seen_n == 0 || seen[seen_n].mark != seen[seen_n - 1].mark) seen_n++;
}

static void tick_every(suseconds_t microseconds)
{
    struct itimerval every = {{0, microseconds}, {0, microseconds}};
    assert_int_equal(setitimer(ITIMER_PROF, &every, NULL), 0);
}

static int make_with_ticks(void **state)
{
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    seen_n = 0;
    sigaction(SIGPROF, &action, NULL);
    return make(state);
}

static int forget_with_ticks(void **state)
{
    tick_every(0);
    return forget(state);
}

/* Takes so much processor time that ticks come meanwhile. */
#define SLOW                                                                                       \
    "local function slow()\n"                                                                      \
    "    local began = os.clock()\n"                                                               \
    "    repeat local x = os.clock() until x - began > 0.1\n"                                      \
    "end\n"

/* Whether the handler has seen that, with the script's file before the place's end. */
static bool has_seen(const char *start, const char *end, const char *command, const char *key)
{
    char place[HEARTBEAT_PLACE + 64];
    snprintf(place, sizeof place, "%s%s%s", start, w.path, end);
    for (int i = 0; i < seen_n; i++)
        if (strcmp(seen[i].place, place) == 0 && strcmp(seen[i].command, command) == 0 &&
            seen[i].key_len == strlen(key) &&
            memcmp(seen[i].key, key,
                   seen[i].key_len < HEARTBEAT_KEY ? seen[i].key_len : HEARTBEAT_KEY) == 0)
            return true;
    return false;
}

static void each_request_of_a_batch_is_another_one(void **state)
{
    load(MG SLOW "return function() slow() return mg.reply.miss() end\n");
    request_at(0, COMMAND_GET, "one", NULL);
    request_at(1, COMMAND_SET, "two", "x");
    tick_every(2000);
    route(2);
    tick_every(0);
    assert_null(w.turn.in);
    assert_true(has_seen("the function at ", ":6", "get", "one"));
    assert_true(has_seen("the function at ", ":6", "set", "two"));
}

static void a_function_of_a_policy_is_named_by_its_own_place(void **state)
{
    load(MG SLOW "local pool = mg.pool { '127.0.0.1:1' }\n"
                 "return mg.by_prefix { {\n['a:'] = function() slow() return pool end }, default = "
                 "pool }\n");
    request_at(0, COMMAND_GET, "a:key", NULL);
    tick_every(2000);
    route(1);
    tick_every(0);
    assert_true(has_seen("the function at ", ":8", "get", "a:key"));
}

static void a_long_key_is_cut(void **state)
{
    char key[KEY_MAX + 1] = "";
    memset(key, 'k', KEY_MAX);
    load(MG SLOW "return function() slow() return mg.reply.miss() end\n");
    request_at(0, COMMAND_GET, key, NULL);
    tick_every(2000);
    route(1);
    tick_every(0);
    assert_true(has_seen("the function at ", ":6", "get", key));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_with_ticks, forget_with_ticks)
    const struct CMUnitTest tests[] = {
        TEST(each_request_of_a_batch_is_another_one),
        TEST(a_function_of_a_policy_is_named_by_its_own_place),
        TEST(a_long_key_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
