/* resolver: names looked up at real and played name servers, on a loop that never waits. */
#include "lib/evloop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "discovery/resolver.h"
#include "lib/address.h"
#include "lib/capture.h"
#include "lib/dnsmasq.h"
#include "lib/nameserver.h"

/* The longest turn of the loop that a test may see: far below any time limit of a look-up, far above a busy machine's. */
static const double NEVER_WAITS = 0.4;

/* What a watch was told last, as text: "127.0.0.1:11211 127.0.0.2:11211", "a.test:1/2/3", "!" before a failure. */
struct seen {
    struct resolver *resolver;
    struct name_watch *watch;
    char text[8192];
    char failure[200];
    unsigned times;
};

static void on_news(void *owner, const struct name_news *news)
{
    struct seen *s = owner;
    size_t len = 0;
    s->times++;
    s->text[0] = '\0';
    for (uint32_t i = 0; i < news->n && len < sizeof s->text - 100; i++) {
        char one[ADDR_TEXT_MAX + DNS_NAME_MAX];
        if (news->addrs)
            addr_print(&news->addrs[i], one);
        else
            snprintf(one, sizeof one, "%s:%u/%u/%u", news->srvs[i].host, news->srvs[i].port,
                     news->srvs[i].priority, news->srvs[i].weight);
        len += (size_t)snprintf(s->text + len, sizeof s->text - len, "%s%s", i ? " " : "", one);
    }
    snprintf(s->failure, sizeof s->failure, "%s", news->failure ? news->failure : "");
}

/* --- the resolver of a test --------------------------------------------------------------------- */

static struct resolver resolver;

/* Quick: answers live as short as they may, tries are short. */
static void opens(const char *servers)
{
    struct resolver_settings settings = {
        .dns = {.servers = servers, .timeout = 0.1, .tries = 2}, .least = 0.05, .most = 300};
    resolver_init(&resolver, evloop(), &settings);
}

static void closes(void)
{
    resolver_release(&resolver);
    assert_true(evloop_longest() < NEVER_WAITS);
}

static struct seen *watches(const char *host)
{
    struct seen *s = stage_memory(sizeof *s);
    s->watch = resolver_watch(&resolver, host, 11211, on_news, s);
    return s;
}

static struct seen *watches_service(const char *service)
{
    struct seen *s = stage_memory(sizeof *s);
    s->watch = resolver_watch_srv(&resolver, service, on_news, s);
    return s;
}

static void unwatches(struct seen *s)
{
    resolver_unwatch(s->watch);
    s->watch = NULL;
}

struct wish {
    const struct seen *seen;
    const char *text;
    bool fails;
};

static bool is_granted(void *what)
{
    const struct wish *w = what;
    return strcmp(w->seen->text, w->text) == 0 && (w->seen->failure[0] != '\0') == w->fails;
}

static void sees(const struct seen *s, const char *text)
{
    struct wish w = {s, text, false};
    if (!evloop_waits(is_granted, &w))
        stage_fails("wanted: %s\nseen: %s (failure: %s)", text, s->text, s->failure);
}

/* The last answer stays, and the look-up fails. */
static void sees_failure(const struct seen *s, const char *text, const char *reason)
{
    struct wish w = {s, text, true};
    if (!evloop_waits(is_granted, &w) || !strstr(s->failure, reason))
        stage_fails("wanted: %s, %s\nseen: %s (failure: %s)", text, reason, s->text, s->failure);
}

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

/* --- failures ----------------------------------------------------------------------------------- */

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
        play_on_loop(the_last_answer_stays_while_the_server_is_gone),
        play_on_loop(an_empty_answer_and_a_name_that_is_gone_leave_the_last_answer),
        play_on_loop(an_unknown_name_is_told_as_a_failure_without_addresses),
        play_on_loop(a_server_that_never_answers_costs_nobody_time),
        play_on_loop(an_answer_that_comes_late_is_taken),
        play_on_loop(the_other_kind_of_address_is_not_waited_for_long),
        play_on_loop(one_kind_that_fails_leaves_its_last_addresses),
        play_on_loop(garbage_and_truncation_without_tcp_are_failures),
        play_on_loop(a_watch_may_be_given_back_while_it_is_asked_for),
        play_on_loop(watches_may_be_given_back_while_they_are_told),
        play_on_loop(the_second_server_is_asked_when_the_first_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
