/* resolver: look-ups that fail, that come late, or that say that there is nothing. */
#include "unit/discovery/resolver_host.h"

#include "base/log.h"
#include "lib/capture.h"
#include "lib/dnsmasq.h"
#include "lib/nameserver.h"

static void the_last_answer_stays_while_the_server_is_gone(void **state)
{
    struct dnsmasq *d = dnsmasq_start("host-record=a.test,127.0.0.1\n");
    (void)state;
    capture_begin(STDERR_FILENO);
    opens(dnsmasq_address(d));
    struct seen *s = watches("a.test");
    sees(s, "127.0.0.1:11211");
    dnsmasq_kill(d);
    sees_failure(s, "127.0.0.1:11211", "name server"); /* refuses, or is silent */
    evloop_turns(0.5);                                 /* further look-ups fail, and say nothing */
    dnsmasq_says(d, "host-record=a.test,127.0.0.7\n");
    sees(s, "127.0.0.7:11211");
    const char *said = capture_end();
    const char *first = strstr(said, "name a.test: not resolved: ");
    assert_non_null(first);
    const char *rest = strstr(first, "; keeps the last answer (1 address)\n");
    assert_non_null(rest);
    assert_null(strstr(rest, "not resolved"));
    assert_non_null(strstr(rest, "name a.test: resolved again: 127.0.0.7\n"));
    unwatches(s);
    closes();
}

static void an_empty_answer_and_a_name_that_is_gone_leave_the_last_answer(void **state)
{
    struct dnsmasq *d =
        dnsmasq_start("host-record=a.test,127.0.0.1\nhost-record=b.test,127.0.0.1\n");
    (void)state;
    opens(dnsmasq_address(d));
    struct seen *a = watches("a.test"), *b = watches("b.test");
    sees(a, "127.0.0.1:11211");
    sees(b, "127.0.0.1:11211");
    dnsmasq_says(d, "txt-record=a.test,\"no address\"\n");
    sees_failure(a, "127.0.0.1:11211", "the name has no such record");
    sees_failure(b, "127.0.0.1:11211", "no such name");
    unwatches(a);
    unwatches(b);
    closes();
}

static void an_unknown_name_is_told_as_a_failure_without_addresses(void **state)
{
    struct dnsmasq *d = dnsmasq_start("");
    (void)state;
    opens(dnsmasq_address(d));
    struct seen *s = watches("nobody.test");
    sees_failure(s, "", "no such name");
    dnsmasq_says(d, "host-record=nobody.test,127.0.0.1\n");
    sees(s, "127.0.0.1:11211");
    unwatches(s);
    closes();
}

static void a_server_that_never_answers_costs_nobody_time(void **state)
{
    struct nameserver *n = nameserver_listens();
    (void)state;
    opens(nameserver_address(n));
    struct seen *s[20];
    for (int i = 0; i < 20; i++) s[i] = watches(textf("name%d.test", i));
    for (int i = 0; i < 20; i++) sees_failure(s[i], "", "the name servers do not answer");
    for (int i = 0; i < 20; i++) unwatches(s[i]);
    closes();
}

static void an_answer_that_comes_late_is_taken(void **state)
{
    struct dnsmasq *d = dnsmasq_start("host-record=a.test,127.0.0.1\n");
    (void)state;
    opens(dnsmasq_address(d));
    dnsmasq_freezes(d);
    struct seen *s = watches("a.test");
    sees_failure(s, "", "the name servers do not answer");
    dnsmasq_thaws(d);
    sees(s, "127.0.0.1:11211");
    unwatches(s);
    closes();
}

static void the_other_kind_of_address_is_not_waited_for_long(void **state)
{
    struct nameserver *n = nameserver_listens();
    (void)state;
    resolver_init(&resolver, evloop(),
                  &(struct resolver_settings){
                      .dns = {.servers = nameserver_address(n), .timeout = 20, .tries = 2},
                      .least = 0.05,
                      .most = 300});
    struct seen *s = watches("a.test");
    evloop_turns(0.03);
    nameserver_answers(n, QUESTION_A, "127.0.0.1", 60);
    sees(s, "127.0.0.1:11211"); /* long before the 20 seconds that the other question has */
    assert_int_equal(nameserver_waiting(n, QUESTION_AAAA), 1);
    unwatches(s);
    closes();
}

static void one_kind_that_fails_leaves_its_last_addresses(void **state)
{
    struct nameserver *n = nameserver_listens();
    (void)state;
    opens(nameserver_address(n));
    struct seen *s = watches("a.test");
    evloop_turns(0.03);
    nameserver_answers(n, QUESTION_A, "127.0.0.1", 0);
    nameserver_answers_bits(n, QUESTION_AAAA, 0);
    sees(s, "127.0.0.1:11211");
    evloop_turns(0.1);
    assert_int_equal(nameserver_waiting(n, QUESTION_A), 1); /* the time to live is over */
    nameserver_answers_bits(n, QUESTION_AAAA, 0);
    for (int tries = 0; tries < 2; tries++) {
        nameserver_answers_bits(n, QUESTION_A, 2);
        evloop_turns(0.03);
    }
    sees_failure(s, "127.0.0.1:11211", "name server");
    unwatches(s);
    closes();
}

static void garbage_and_truncation_without_tcp_are_failures(void **state)
{
    struct nameserver *n = nameserver_listens();
    (void)state;
    opens(nameserver_address(n));
    struct seen *garbage = watches("a.test");
    evloop_turns(0.03);
    nameserver_answers_garbage(n, QUESTION_A);
    nameserver_answers_garbage(n, QUESTION_AAAA);
    sees_failure(garbage, "", "");
    unwatches(garbage);
    struct seen *cut = watches("b.test");
    evloop_turns(0.03);
    nameserver_answers_bits(n, QUESTION_A, 0x0200);
    nameserver_answers_bits(n, QUESTION_AAAA, 0x0200);
    sees_failure(cut, "", "");
    unwatches(cut);
    closes();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play_on_loop(the_last_answer_stays_while_the_server_is_gone),
        play_on_loop(an_empty_answer_and_a_name_that_is_gone_leave_the_last_answer),
        play_on_loop(an_unknown_name_is_told_as_a_failure_without_addresses),
        play_on_loop(a_server_that_never_answers_costs_nobody_time),
        play_on_loop(an_answer_that_comes_late_is_taken),
        play_on_loop(the_other_kind_of_address_is_not_waited_for_long),
        play_on_loop(one_kind_that_fails_leaves_its_last_addresses),
        play_on_loop(garbage_and_truncation_without_tcp_are_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
