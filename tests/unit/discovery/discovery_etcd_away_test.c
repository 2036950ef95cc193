/* discovery from a real etcd: what happens when it is away, stands still, or begins again. */
#include "unit/discovery/discovery_host.h"

#include "lib/address.h"
#include "lib/dnsmasq.h"
#include "lib/etcd.h"

static const char *url_of(const struct etcd_server *s, const char *prefix)
{
    return textf("etcd://%s%s", etcd_address(s), prefix);
}

static const struct discovery_settings calm = {
    .interval = 60, .timeout = 2, .debounce = 0.02, .shrink = true};
static const struct discovery_settings soon = {
    .interval = 0.3, .timeout = 0.6, .debounce = 0.02, .shrink = true};

static void etcd_may_go_and_come_back(void **state)
{
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

/* The endpoints are tried in turn, and the names of endpoints are looked up like others. */
static void another_endpoint_is_asked_when_one_is_gone(void **state)
{
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

/* Its own watch and its own answers go on: but what the others do does not reach it. */
static void an_etcd_that_has_lost_the_others_is_noticed(void **state)
{
    struct etcd_server *pair[2];
    (void)state;
    etcd_start_pair(pair);
    etcd_puts(pair[1], "/mc/a", "10.0.0.1");
    opens(address_of_nobody());
    struct seen *s = listens_with(url_of(pair[0], "/mc"), &soon);
    sees(s, "10.0.0.1:11211/1/a");
    evloop_turns(0.5);
    etcd_freezes(pair[1]);
    sees_failure(s, "it says: etcdserver: no leader");
    etcd_thaws(pair[1]);
    sees_failure(s, NULL);
    etcd_puts(pair[1], "/mc/b", "10.0.0.2");
    sees(s, "10.0.0.1:11211/1/a 10.0.0.2:11211/1/b");
    leaves(s);
    closes();
}

/* Nobody is at the new address, but that is what its name says now. */
static void an_endpoint_whose_name_has_another_address_is_asked_there(void **state)
{
    struct etcd_server *e = etcd_start();
    const char *port = strchr(etcd_address(e), ':');
    struct dnsmasq *d = dnsmasq_start("host-record=a.test,127.0.0.1\n");
    (void)state;
    etcd_puts(e, "/mc/a", "10.0.0.1");
    opens(dnsmasq_address(d));
    struct seen *s = listens_with(textf("etcd://a.test%s/mc", port), &calm);
    sees(s, "10.0.0.1:11211/1/a");
    dnsmasq_says(d, "host-record=a.test,127.0.0.2\nhost-record=a.test,127.0.0.1\n");
    evloop_turns(1.5); /* longer than its records live: the address in use is still one of them */
    sees_failure(s, NULL);
    dnsmasq_says(d, "host-record=a.test,127.0.0.2\n");
    sees_failure(s, textf("127.0.0.2%s: Connection refused", port));
    leaves(s);
    closes();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play_on_loop(etcd_may_go_and_come_back),
        play_on_loop(an_etcd_that_stands_still_is_noticed),
        play_on_loop(an_etcd_that_has_lost_the_others_is_noticed),
        play_on_loop(a_history_that_was_compacted_is_not_needed),
        play_on_loop(another_endpoint_is_asked_when_one_is_gone),
        play_on_loop(an_endpoint_whose_name_has_another_address_is_asked_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
