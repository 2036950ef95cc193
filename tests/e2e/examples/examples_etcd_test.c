/* The example whose servers are keys of a real etcd. */
#include "lib/client.h"
#include "lib/etcd.h"
#include "lib/example.h"
#include "lib/moongate.h"
#include "lib/stage.h"

#include <string.h>

static void example_34_follows_etcd(void **state)
{
    struct etcd_server *e = etcd_start();
    const char *script = example_text("34-etcd");
    (void)state;
    struct moongate *m =
        moongate_start(example_with(script, "127.0.0.1:2379", etcd_address(e)), NULL);
    struct client *c = client_connects(m);
    client_sets(c, "early"); /* nobody has put a server yet */
    assert_int_equal(holders("early", 3, 3), 1);
    etcd_puts(e, "/memcached/users/cache1", example_address(0));
    moongate_sees_log(m, ": 1 server (1 new, 0 gone)");
    etcd_puts(e, "/memcached/users/cache2", example_address(1));
    moongate_sees_log(m, ": 2 servers (1 new, 0 gone)");
    int first = 0, second = 0;
    for (int i = 0; i < 40; i++) {
        const char *key = textf("key:%d", i);
        client_sets(c, key);
        first += holders(key, 0, 0);
        second += holders(key, 1, 1);
    }
    assert_int_equal(first + second, 40);
    assert_in_range(first, 5, 35);
    etcd_puts(e, "/memcached/users/cache1", NULL);
    moongate_sees_log(m, ": 1 server (0 new, 1 gone)");
    for (int i = 0; i < 40; i++) {
        client_sets(c, textf("key:%d", i));
        assert_int_equal(holders(textf("key:%d", i), 1, 1), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(example_34_follows_etcd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
