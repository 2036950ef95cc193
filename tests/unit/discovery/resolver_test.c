/* resolver: names looked up at real and played name servers, on a loop that never waits. */
#include "unit/discovery/resolver_host.h"

#include "lib/address.h"
#include "lib/dnsmasq.h"
#include "lib/nameserver.h"

/* --- /etc/hosts and literals -------------------------------------------------------------------- */

static void localhost_is_known_at_once_and_no_name_server_is_asked(void **state)
{
    struct nameserver *n = nameserver_listens();
    (void)state;
    opens(nameserver_address(n));
    struct seen *s = watches("localhost");
    assert_non_null(strstr(s->text, "127.0.0.1:11211"));
    evloop_turns(0.05);
    assert_int_equal(nameserver_waiting(n, QUESTION_A) + nameserver_waiting(n, QUESTION_AAAA), 0);
    unwatches(s);
    closes();
}

static void a_literal_address_is_itself(void **state)
{
    (void)state;
    opens(address_of_nobody());
    struct seen *v4 = watches("10.1.2.3"), *v6 = watches("2001:db8::1");
    assert_string_equal(v4->text, "10.1.2.3:11211");
    assert_string_equal(v6->text, "[2001:db8::1]:11211");
    unwatches(v4);
    unwatches(v6);
    closes();
}

static void without_a_loop_nothing_is_asked(void **state)
{
    struct resolver_settings settings = {.dns = {.timeout = 1, .tries = 1}, .least = 1, .most = 1};
    (void)state;
    resolver_init(&resolver, NULL, &settings);
    struct seen *s = watches("localhost");
    assert_int_equal(s->times, 0);
    unwatches(s);
    resolver_release(&resolver);
}

/* --- answers ------------------------------------------------------------------------------------ */

static void addresses_of_both_kinds_are_sorted(void **state)
{
    struct dnsmasq *d = dnsmasq_start("host-record=a.test,127.0.0.9\nhost-record=a.test,127.0.0.3\n"
                                      "host-record=a.test,::1\n");
    (void)state;
    opens(dnsmasq_address(d));
    struct seen *s = watches("a.test");
    sees(s, "127.0.0.3:11211 127.0.0.9:11211 [::1]:11211");
    unwatches(s);
    closes();
}

static void equal_names_share_a_look_up_and_have_their_own_ports(void **state)
{
    struct nameserver *n = nameserver_listens();
    (void)state;
    opens(nameserver_address(n));
    struct seen *s = watches("a.test"), *upper = watches("A.test"), other = {0};
    other.watch = resolver_watch(&resolver, "a.test", 7, on_news, &other);
    evloop_turns(0.03);
    assert_int_equal(nameserver_waiting(n, QUESTION_A), 1);
    nameserver_answers(n, QUESTION_A, "127.0.0.1", 60);
    nameserver_answers_bits(n, QUESTION_AAAA, 0);
    sees(s, "127.0.0.1:11211");
    sees(upper, "127.0.0.1:11211");
    sees(&other, "127.0.0.1:7");
    struct seen *later = watches("a.test");
    assert_string_equal(later->text, "127.0.0.1:11211"); /* at once */
    unwatches(s);
    unwatches(upper);
    unwatches(&other);
    unwatches(later);
    closes();
}

static void an_added_removed_or_changed_record_is_seen_when_its_time_is_over(void **state)
{
    struct dnsmasq *d = dnsmasq_start("host-record=a.test,127.0.0.1\n");
    (void)state;
    opens(dnsmasq_address(d));
    struct seen *s = watches("a.test");
    sees(s, "127.0.0.1:11211");
    dnsmasq_says(d, "host-record=a.test,127.0.0.1\nhost-record=a.test,127.0.0.2\n");
    sees(s, "127.0.0.1:11211 127.0.0.2:11211");
    dnsmasq_says(d, "host-record=a.test,127.0.0.2\n");
    sees(s, "127.0.0.2:11211");
    unwatches(s);
    closes();
}

static void an_answer_that_is_the_same_or_in_another_order_is_no_news(void **state)
{
    struct dnsmasq *d = dnsmasq_start("host-record=a.test,127.0.0.1\nhost-record=a.test,127.0.0.2\n"
                                      "host-record=a.test,127.0.0.3\n");
    (void)state;
    opens(dnsmasq_address(d)); /* it turns its answers round */
    struct seen *s = watches("a.test");
    sees(s, "127.0.0.1:11211 127.0.0.2:11211 127.0.0.3:11211");
    evloop_turns(2.5); /* two times to live */
    assert_int_equal(s->times, 1);
    unwatches(s);
    closes();
}

static void a_truncated_answer_is_asked_for_over_tcp(void **state)
{
    char *lines = textf("%s", "");
    (void)state;
    for (int i = 1; i <= 100; i++) lines = textf("%shost-record=many.test,127.0.1.%d\n", lines, i);
    struct dnsmasq *d = dnsmasq_start(lines);
    opens(dnsmasq_address(d));
    struct seen *s = watches("many.test");
    sees(s, textf("%s", s->text)); /* turns at least once */
    char *all = textf("%s", "");
    for (int i = 1; i <= 100; i++) all = textf("%s%s127.0.1.%d:11211", all, i > 1 ? " " : "", i);
    sees(s, all);
    unwatches(s);
    closes();
}

static void service_records_are_read_with_their_time_to_live(void **state)
{
    struct dnsmasq *d = dnsmasq_start("host-record=b.test,127.0.0.1\nhost-record=c.test,127.0.0.2\n"
                                      "srv-host=_memcache._tcp.pool.test,b.test,11211,0,5\n"
                                      "srv-host=_memcache._tcp.pool.test,c.test,11212,1,0\n");
    (void)state;
    opens(dnsmasq_address(d));
    struct seen *s = watches_service("_memcache._tcp.pool.test");
    sees(s, "b.test:11211/0/5 c.test:11212/1/0");
    dnsmasq_says(d, "srv-host=_memcache._tcp.pool.test,c.test,11212,1,0\n");
    sees(s, "c.test:11212/1/0");
    unwatches(s);
    closes();
}

/* --- life --------------------------------------------------------------------------------------- */

static void a_watch_may_be_given_back_while_it_is_asked_for(void **state)
{
    struct nameserver *n = nameserver_listens();
    (void)state;
    opens(nameserver_address(n));
    struct seen *s = watches("a.test"), *t = watches("a.test");
    evloop_turns(0.03);
    unwatches(s);
    nameserver_answers(n, QUESTION_A, "127.0.0.1", 60);
    nameserver_answers_bits(n, QUESTION_AAAA, 0);
    sees(t, "127.0.0.1:11211");
    assert_int_equal(s->times, 0);
    struct seen *last = watches("b.test");
    unwatches(t);
    unwatches(last); /* its question is still open when the resolver goes */
    closes();
}

static void gives_back_both(void *owner, const struct name_news *news)
{
    struct seen **both = owner;
    (void)news;
    for (int i = 0; i < 2; i++)
        if (both[i]->watch) unwatches(both[i]);
    both[0]->times++;
}

static void watches_may_be_given_back_while_they_are_told(void **state)
{
    struct nameserver *n = nameserver_listens();
    struct seen *both[2] = {stage_memory(sizeof *both[0]), stage_memory(sizeof *both[0])};
    (void)state;
    opens(nameserver_address(n));
    for (int i = 0; i < 2; i++)
        both[i]->watch = resolver_watch(&resolver, "a.test", 1, gives_back_both, both);
    evloop_turns(0.03);
    nameserver_answers(n, QUESTION_A, "127.0.0.1", 60);
    nameserver_answers_bits(n, QUESTION_AAAA, 0);
    evloop_turns(0.1);
    assert_int_equal(both[0]->times, 1);
    closes();
}

static void the_second_server_is_asked_when_the_first_is_gone(void **state)
{
    struct dnsmasq *d = dnsmasq_start("host-record=a.test,127.0.0.1\n");
    (void)state;
    opens(textf("%s,%s", address_of_nobody(), dnsmasq_address(d)));
    struct seen *s = watches("a.test");
    sees(s, "127.0.0.1:11211");
    unwatches(s);
    closes();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play_on_loop(localhost_is_known_at_once_and_no_name_server_is_asked),
        play_on_loop(a_literal_address_is_itself),
        play_on_loop(without_a_loop_nothing_is_asked),
        play_on_loop(addresses_of_both_kinds_are_sorted),
        play_on_loop(equal_names_share_a_look_up_and_have_their_own_ports),
        play_on_loop(an_added_removed_or_changed_record_is_seen_when_its_time_is_over),
        play_on_loop(an_answer_that_is_the_same_or_in_another_order_is_no_news),
        play_on_loop(a_truncated_answer_is_asked_for_over_tcp),
        play_on_loop(service_records_are_read_with_their_time_to_live),
        play_on_loop(a_watch_may_be_given_back_while_it_is_asked_for),
        play_on_loop(watches_may_be_given_back_while_they_are_told),
        play_on_loop(the_second_server_is_asked_when_the_first_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
