/* Scripts learn which keys are hot in their worker: req:heat(), with the real daemon and two workers. */
#include "lib/client.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key that begins with `tell` is answered with its heat and the worker's number. */
static const char script[] =
    MG "local pool = mg.pool { '127.0.0.1:1' }\n"
       "return function(req)\n"
       "    if req:has_prefix 'tell' then\n"
       "        return mg.reply.value(('%d %.4f'):format(mg.worker.id, req:heat()))\n"
       "    end\n"
       "    return mg.reply.miss()\n"
       "end\n";

/* The heat of a key, as the client's worker answers it. */
static double heat_of(struct client *c, const char *key)
{
    client_sends(c, textf("get %s\r\n", key));
    client_sees_line_starting(c, textf("VALUE %s 0 ", key));
    const char *line = client_sees_line(c);
    double heat = strtod(strchr(line, ' '), NULL);
    client_sees(c, "END\r\n");
    return heat;
}

/* So many gets of other keys, no two alike. */
static void client_asks_for_others(struct client *c, int n)
{
    static int number;
    for (int i = 0; i < n; i++) client_sends(c, textf("get other:%d\r\n", number++));
    for (int i = 0; i < n; i++) client_sees(c, "END\r\n");
}

static void a_script_sees_a_hot_key_in_the_worker_that_it_is_hot_in(void **state)
{
    struct moongate *m = moongate_start(script, "-j", "2", NULL);
    struct client *busy = client_connects(m), *quiet = client_connects(m);
    double heat = 0;
    for (int i = 0; i < 100; i++) {
        client_asks_for_others(busy, 9);
        heat = heat_of(busy, "tell:hot");
    }
    assert_true(heat > 0.05 && heat < 0.2);
    client_asks_for_others(quiet, 50);
    assert_true(heat_of(quiet, "tell:hot") == 0);
    assert_true(heat_of(busy, "tell:cold") == 0);
    moongate_reloads(m, script);
    assert_true(heat_of(busy, "tell:hot") > 0);
}

static void a_key_of_any_bytes_can_be_hot(void **state)
{
    struct moongate *m = moongate_start(script, "-j", "2", NULL);
    struct client *c = client_connects(m);
    char key[251] = "tell:\x01\x7f\xff\xfe";
    memset(key + strlen(key), 0x80, 250 - strlen(key));
    double heat = 0;
    for (int i = 0; i < 10; i++) heat = heat_of(c, key);
    assert_true(heat > 0.9);
    key[249] = 'x';
    assert_true(heat_of(c, key) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_script_sees_a_hot_key_in_the_worker_that_it_is_hot_in),
        play(a_key_of_any_bytes_can_be_hot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
