/* The examples that keep items in moongate itself, and the one with leases. */
#include "lib/client.h"
#include "lib/example.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <string.h>

static void example_31_keeps_sessions_itself(void **state)
{
    struct client *c = example_starts("31-store");
    client_sets(c, "session:1");
    client_finds(c, "session:1");
    assert_int_equal(holders("session:1", 0, 3), 0);
    client_sets(c, "page:1");
    client_finds(c, "page:1");
    assert_int_equal(holders("page:1", 0, 1), 1);
    assert_int_equal(stat_number(c, "stores", "sessions:items"), 1);
}

static void example_32_answers_hot_keys_itself(void **state)
{
    enum { MANY = 2000, AT_ONCE = 50 };
    struct client *c = example_starts("32-near");
    unsigned long asked = 0;
    client_sets(c, "hot");
    for (int n = 0; n < MANY; n += AT_ONCE) {
        for (int i = 0; i < AT_ONCE; i++) client_sends(c, "get hot\r\n");
        for (int i = 0; i < AT_ONCE; i++) client_sees(c, hit_and_end("hot", "hello"));
    }
    for (int i = 0; i < EXAMPLE_SERVERS; i++) asked += example_stat(i, "cmd_get");
    assert_in_range(asked, 1, MANY / 2);
    client_sends(c, "delete hot\r\n");
    client_sees(c, "DELETED\r\n");
    client_misses(c, "hot");
}

static void example_33_lets_one_client_render_what_many_want(void **state)
{
    const char *text = example_text("33-lease");
    struct moongate *m = moongate_start(text, NULL);
    struct client *c = client_connects(m), *other = client_connects(m);
    if (!memcached_at_hand_has_meta()) return;
    client_misses(c, "page:1");
    client_sends(other, "get page:1\r\n");
    client_sets(c, "page:1");
    client_sees(other, "VALUE page:1 0 5\r\nhello\r\nEND\r\n");
    client_asks(c, "delete page:1\r\n", "DELETED\r\n");
    client_misses(c, "page:1");
    client_finds(other, "page:1"); /* as it was before */
    client_sets(c, "page:1");
    client_misses(c, "k");
    client_misses(other, "k");
    client_sets(c, "k");
    client_asks(c, "delete k\r\n", "DELETED\r\n");
    client_misses(c, "k");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(example_31_keeps_sessions_itself),
        play(example_32_answers_hot_keys_itself),
        play(example_33_lets_one_client_render_what_many_want),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
