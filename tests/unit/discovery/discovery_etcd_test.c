/* discovery from a real etcd: what its keys say. */
#include "unit/discovery/discovery_host.h"

#include "lib/address.h"
#include "lib/etcd.h"

static const char *url_of(const struct etcd_server *s, const char *prefix)
{
    return textf("etcd://%s%s", etcd_address(s), prefix);
}

/* The next check is far away: what comes is brought by the watch. */
static const struct discovery_settings calm = {
    .interval = 60, .timeout = 2, .debounce = 0.02, .shrink = true};

static void keys_are_servers_and_changes_are_followed(void **state)
{
    struct etcd_server *e = etcd_start();
    (void)state;
    etcd_puts(e, "/mc/users/a", "10.0.0.1:11211");
    etcd_puts(e, "/mc/users/b", "{\"server\": \"10.0.0.2:7\", \"weight\": 3}\n");
    etcd_puts(e, "/mc/users/10.0.0.3:11211", "10.0.0.3"); /* its address is no name */
    etcd_puts(e, "/mc/users/zone/c", "c.test:11211:2");
    etcd_puts(e, "/mc/users/d", "10.0.0.4:11211:1 own");
    etcd_puts(e, "/mc/users/zone/", "");
    etcd_puts(e, "/mc/users2/x", "10.0.0.9");
    opens(address_of_nobody());
    struct seen *s = listens_with(url_of(e, "/mc/users"), &calm);
    sees(s, "10.0.0.3:11211/1 10.0.0.1:11211/1/a 10.0.0.2:7/3/b 10.0.0.4:11211/1/own "
            "c.test:11211/2/zone/c");
    etcd_puts(e, "/mc/users/zone/c", NULL);
    etcd_puts(e, "/mc/users/10.0.0.3:11211", NULL);
    sees(s, "10.0.0.1:11211/1/a 10.0.0.2:7/3/b 10.0.0.4:11211/1/own");
    etcd_puts(e, "/mc/users/b", "10.0.0.22:7:3"); /* the same name at another address */
    etcd_puts(e, "/mc/users/d", "10.0.0.4:11211:5 own");
    sees(s, "10.0.0.1:11211/1/a 10.0.0.22:7/3/b 10.0.0.4:11211/5/own");
    etcd_puts(e, "/mc/users/e", "10.0.0.5");
    sees(s, "10.0.0.1:11211/1/a 10.0.0.22:7/3/b 10.0.0.5:11211/1/e 10.0.0.4:11211/5/own");
    sees_failure(s, NULL);
    leaves(s);
    closes();
}

static void a_key_that_is_no_server_is_named_and_left_out(void **state)
{
    struct etcd_server *e = etcd_start();
    (void)state;
    etcd_puts(e, "/mc/a", "10.0.0.1");
    etcd_puts(e, "/mc/b", "nonsense:x");
    opens(address_of_nobody());
    struct seen *s = listens_with(url_of(e, "/mc/"), &calm);
    sees(s, "10.0.0.1:11211/1/a");
    sees_failure(s, "key /mc/b: the port is not a number");
    etcd_puts(e, "/mc/c", "");
    sees_failure(s, "key /mc/b: the port is not a number (2 keys are left out)");
    etcd_puts(e, "/mc/b", NULL);
    sees_failure(s, "key /mc/c: it has no value");
    etcd_puts(e, "/mc/c", "10.0.0.3");
    sees(s, "10.0.0.1:11211/1/a 10.0.0.3:11211/1/c");
    sees_failure(s, NULL);
    leaves(s);
    closes();
}

static void a_prefix_without_keys_empties_no_pool(void **state)
{
    struct etcd_server *e = etcd_start();
    (void)state;
    opens(address_of_nobody());
    struct seen *s = listens_with(url_of(e, "/mc"), &calm);
    sees_failure(s, "there is no key below /mc/");
    etcd_puts(e, "/mc/a", "10.0.0.1"); /* it was watched all the time */
    sees(s, "10.0.0.1:11211/1/a");
    sees_failure(s, NULL);
    etcd_puts(e, "/mc/a", NULL);
    sees_failure(s, "there is no key below /mc/");
    assert_string_equal(s->text, "10.0.0.1:11211/1/a");
    etcd_puts(e, "/mc/b", "10.0.0.2");
    sees(s, "10.0.0.2:11211/1/b");
    leaves(s);
    closes();
}

static void a_thousand_servers_are_followed(void **state)
{
    struct etcd_server *e = etcd_start();
    (void)state;
    etcd_puts_many(e, "/mc/s", "10.0.0.1", 1, 1000);
    opens(address_of_nobody());
    struct seen *s = listens_with(url_of(e, "/mc"), &calm);
    sees_servers(s, 1000);
    etcd_puts_many(e, "/mc/s", "10.0.0.1", 1001, 1000); /* one event with a thousand keys */
    sees_servers(s, 2000);
    etcd_puts_many(e, "/mc/s", "10.0.0.1", 2001, 2000);
    sees_servers(s, 4000);
    etcd_puts_many(e, "/mc/s", "10.0.0.1", 4001, 97); /* one too many */
    sees_failure(s, "there are more than 4096 keys");
    assert_int_equal(s->servers, 4000);
    etcd_puts(e, "/mc/s4097", NULL);
    sees_servers(s, 4096);
    leaves(s);
    closes();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play_on_loop(keys_are_servers_and_changes_are_followed),
        play_on_loop(a_key_that_is_no_server_is_named_and_left_out),
        play_on_loop(a_prefix_without_keys_empties_no_pool),
        play_on_loop(a_thousand_servers_are_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
