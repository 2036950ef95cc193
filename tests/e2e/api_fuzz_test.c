/* Scripts may call what they like with whatever they like, when they like: they get Lua errors, and no worker dies of it.
 *
 * The script is api_fuzz.lua; API_FUZZ_SEED and API_FUZZ_SECONDS choose where it begins and how long it goes on. */
#include "lib/backend.h"
#include "lib/client.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 4, A_RELOAD = 400 };

static unsigned long asked(const char *name, unsigned long fallback)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : fallback;
}

/* The script with that seed over a real server. */
static const char *script_with(unsigned seed, const struct memcached *s)
{
    static const char path[] = "tests/e2e/api_fuzz.lua";
    char *text = stage_memory(64 * 1024);
    FILE *file = fopen(path, "re");
    if (!file) stage_fails("%s cannot be read: run the tests from the top of the tree", path);
    size_t n = fread(text, 1, 64 * 1024 - 1, file);
    fclose(file);
    text[n] = '\0';
    char *seed_at = strstr(text, "= SEED"), *rest = seed_at + strlen("= SEED");
    const char *whole = textf("%.*s= %u%s", (int)(seed_at - text), text, seed, rest);
    while ((rest = strstr(whole, "{ SERVERS")))
        whole = textf("%.*s{ '%s'%s", (int)(rest - whole), whole, memcached_address(s),
                      rest + strlen("{ SERVERS"));
    return whole;
}

static const char *some_command(unsigned *random)
{
    static const char *const commands[] = {"get k\r\n",
                                           "gets k user:1\r\n",
                                           "get a b c d e f\r\n",
                                           "set k 1 2 3\r\nabc\r\n",
                                           "set long 0 0 5\r\nhello\r\n",
                                           "add n 0 0 1\r\n1\r\n",
                                           "cas k 0 0 1 7\r\nx\r\n",
                                           "append k 0 0 1 noreply\r\nz\r\n",
                                           "incr n 1\r\n",
                                           "decr n 2 noreply\r\n",
                                           "delete k\r\n",
                                           "touch k 9\r\n",
                                           "gat 9 k user:1\r\n",
                                           "mg k v t f c k O1\r\n",
                                           "mg user:1 v q\r\n",
                                           "ms k 2 T9 F3\r\nhi\r\n",
                                           "ms Zm9vIGJhcg== 2 b k q\r\nhi\r\n",
                                           "mg Zm9vIGJhcg== b v k\r\n",
                                           "md k q\r\n",
                                           "ma n N9 J1 v\r\n",
                                           "me k\r\n",
                                           "mn\r\n"};
    return commands[random_below(random, sizeof commands / sizeof *commands)];
}

/* Clients that nobody answers go, some with a word and some without. */
static struct client *replaced(struct client *c, struct moongate *m, unsigned *random)
{
    if (random_below(random, 2))
        client_resets(c);
    else
        client_closes(c);
    return client_connects(m);
}

static void nothing_that_a_script_calls_kills_a_worker(void **state)
{
    unsigned seed = (unsigned)asked("API_FUZZ_SEED", 1), random = seed, sent = 0, reloads = 0;
    double until = stage_now() + (double)asked("API_FUZZ_SECONDS", 4);
    struct memcached *s = memcached_start(NULL);
    struct moongate *m = moongate_start(script_with(seed, s), "--drain-timeout", "0.5",
                                        "--max-value", "2k", "--client-buffer", "64k", NULL);
    struct client *clients[CLIENTS];
    pid_t before, after;
    moongate_workers(m, &before, 1);
    for (int i = 0; i < CLIENTS; i++) clients[i] = client_connects(m);
    while (stage_now() < until) {
        struct client **c = &clients[random_below(&random, CLIENTS)];
        client_sends(*c, some_command(&random));
        if (random_below(&random, 40) == 0) *c = replaced(*c, m, &random);
        if (++sent % A_RELOAD == 0) {
            moongate_gets_script(m, script_with(seed + ++reloads, s));
            moongate_signal(m, SIGHUP);
        }
        stage_turns(sent % 8 == 0 ? 1 : 0);
    }
    for (int i = 0; i < CLIENTS; i++) client_resets(clients[i]);
    struct client *last = client_connects(m);
    client_asks_until(last, "delete alive\r\n", "NOT_FOUND\r\n");
    moongate_workers(m, &after, 1);
    if (before != after || moongate_log_count(m, "gone:") > 0)
        stage_fails("the worker was replaced: API_FUZZ_SEED=%u", seed);
    assert_true(moongate_log_count(m, "no way on") == 0);
    assert_true(sent > 100);
    moongate_signal(m, SIGTERM);
    moongate_exits(m, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(nothing_that_a_script_calls_kills_a_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
