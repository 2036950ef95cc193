/* discovery from a real etcd: what its keys say, and what happens to it. */
#include "unit/discovery/discovery_host.h"

#include "lib/address.h"
#include "lib/capture.h"
#include "lib/dnsmasq.h"
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

static void etcd_may_go_and_come_back(void **state)
{
    static const struct discovery_settings soon = {
        .interval = 0.3, .timeout = 1, .debounce = 0.02, .shrink = true};
    struct etcd_server *e = etcd_start();
    (void)state;
    etcd_puts(e, "/mc/a", "10.0.0.1");
    opens(address_of_nobody());
    struct seen *s = listens_with(url_of(e, "/mc"), &soon);
    sees(s, "10.0.0.1:11211/1/a");
    etcd_kill(e);
    sees_failure(s, textf("%s: Connection refused", etcd_address(e)));
    assert_string_equal(s->text, "10.0.0.1:11211/1/a");
    etcd_starts_again(e);
    sees_failure(s, NULL);
    etcd_puts(e, "/mc/b", "10.0.0.2");
    sees(s, "10.0.0.1:11211/1/a 10.0.0.2:11211/1/b");
    etcd_kill(e);
    sees_failure(s, "Connection refused");
    etcd_starts_empty(e); /* all is lost: that empties no pool */
    sees_failure(s, "there is no key below /mc/");
    assert_string_equal(s->text, "10.0.0.1:11211/1/a 10.0.0.2:11211/1/b");
    etcd_puts(e, "/mc/c", "10.0.0.3");
    sees(s, "10.0.0.3:11211/1/c");
    leaves(s);
    closes();
}

/* No byte comes, and no end: the question at each interval notices it. */
static void an_etcd_that_stands_still_is_noticed(void **state)
{
    static const struct discovery_settings soon = {
        .interval = 0.3, .timeout = 0.5, .debounce = 0.02, .shrink = true};
    struct etcd_server *e = etcd_start();
    (void)state;
    etcd_puts(e, "/mc/a", "10.0.0.1");
    opens(address_of_nobody());
    struct seen *s = listens_with(url_of(e, "/mc"), &soon);
    sees(s, "10.0.0.1:11211/1/a");
    evloop_turns(0.5);
    etcd_freezes(e);
    sees_failure(s, "it did not answer in time");
    etcd_thaws(e);
    sees_failure(s, NULL);
    etcd_puts(e, "/mc/b", "10.0.0.2");
    sees(s, "10.0.0.1:11211/1/a 10.0.0.2:11211/1/b");
    leaves(s);
    closes();
}

/* While etcd was stopped nobody watched, and what a watch from the last revision would begin with is gone after it. */
static void a_history_that_was_compacted_is_not_needed(void **state)
{
    static const struct discovery_settings soon = {
        .interval = 0.3, .timeout = 0.5, .debounce = 0.02, .shrink = true};
    struct etcd_server *e = etcd_start();
    (void)state;
    etcd_puts(e, "/mc/a", "10.0.0.1");
    opens(address_of_nobody());
    struct seen *s = listens_with(url_of(e, "/mc"), &soon);
    sees(s, "10.0.0.1:11211/1/a");
    etcd_kill(e);
    sees_failure(s, "Connection refused");
    etcd_starts_again(e);
    etcd_puts(e, "/mc/b", "10.0.0.2");
    etcd_puts(e, "/mc/a", NULL);
    etcd_compacts(e, etcd_puts(e, "/other", "x"));
    sees(s, "10.0.0.2:11211/1/b");
    sees_failure(s, NULL);
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

/* The endpoints are tried in turn, and the names of endpoints are looked up like others. */
static void another_endpoint_is_asked_when_one_is_gone(void **state)
{
    static const struct discovery_settings soon = {
        .interval = 0.3, .timeout = 1, .debounce = 0.02, .shrink = true};
    struct etcd_server *a = etcd_start(), *b = etcd_start();
    struct dnsmasq *d =
        dnsmasq_start("host-record=a.test,127.0.0.1\nhost-record=b.test,127.0.0.1\n");
    (void)state;
    etcd_puts(a, "/mc/x", "10.0.0.1"); /* two clusters, so that one sees which is asked */
    etcd_puts(b, "/mc/x", "10.0.0.2");
    etcd_puts(b, "/mc/y", "10.0.0.2:1");
    opens(dnsmasq_address(d));
    struct seen *s = listens_with(textf("etcd://a.test%s,b.test%s,gone.test/mc",
                                        strchr(etcd_address(a), ':'), strchr(etcd_address(b), ':')),
                                  &soon);
    for (int i = 0; i < 2; i++) {
        etcd_kill(b);
        sees(s, "10.0.0.1:11211/1/x");
        etcd_starts_again(b);
        etcd_kill(a);
        sees(s, "10.0.0.2:11211/1/x 10.0.0.2:1/1/y");
        etcd_starts_again(a);
    }
    leaves(s);
    closes();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play_on_loop(keys_are_servers_and_changes_are_followed),
        play_on_loop(a_key_that_is_no_server_is_named_and_left_out),
        play_on_loop(a_prefix_without_keys_empties_no_pool),
        play_on_loop(etcd_may_go_and_come_back),
        play_on_loop(an_etcd_that_stands_still_is_noticed),
        play_on_loop(a_history_that_was_compacted_is_not_needed),
        play_on_loop(a_thousand_servers_are_followed),
        play_on_loop(another_endpoint_is_asked_when_one_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
