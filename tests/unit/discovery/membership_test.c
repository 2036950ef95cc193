/* membership and discovered: who belongs to a pool, read from texts; lists sorted, compared, refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "discovery/discovered.h"
#include "unit/protocol/guard.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "server/weight/name ..." of a list; weight 1 where none is given. */
static const char *show(const struct discovered_list *list)
{
    static char text[4096];
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < list->n; i++) {
        char server[SERVER_TEXT_MAX];
        const struct server_spec *s = &list->items[i];
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s/%g%s%s", i ? " " : "",
                                server_show(s, server), s->weight < 0 ? 1 : s->weight,
                                s->name[0] ? "/" : "", s->name);
    }
    return text;
}

static void reads_file(const char *bytes, const char *wanted)
{
    struct discovered_list list = {0};
    const char *wrong = discovered_from_file(&list, bytes, strlen(bytes));
    assert_string_equal(wrong ? wrong : "", "");
    assert_string_equal(show(&list), wanted);
    discovered_release(&list);
}

static void refuses_file(const char *bytes, const char *reason)
{
    struct discovered_list list = {0};
    const char *wrong = discovered_from_file(&list, bytes, strlen(bytes));
    assert_non_null(wrong);
    if (!strstr(wrong, reason)) fail_msg("'%s' is not in '%s'", reason, wrong);
    discovered_release(&list);
}

/* --- files -------------------------------------------------------------------------------------- */

static void a_file_names_a_server_a_line_in_all_forms(void **state)
{
    (void)state;
    reads_file("", "");
    reads_file("cache1\n", "cache1:11211/1");
    reads_file("cache1:11212\n10.0.0.1:11211:5 one\n", "cache1:11212/1 10.0.0.1:11211/5/one");
    reads_file("[::1]\n[::1]:7\n[::1]:7:3\n2001:db8::1\n",
               "[::1]:11211/1 [::1]:7/1 [::1]:7/3 [2001:db8::1]:11211/1");
    reads_file("unix:/run/mc.sock\n", "unix:/run/mc.sock/1");
    reads_file("# a comment\n\n  \t\n  cache1  \r\n#\n", "cache1:11211/1");
}

static void a_file_with_one_wrong_line_is_wrong_and_the_line_is_named(void **state)
{
    (void)state;
    refuses_file("a\nb:x\nc\n", "line 2: the port is not a number");
    refuses_file("a:0\n", "line 1: port 0 is no port");
    refuses_file("a:1:1000001\n", "line 1: the weight is not in");
    refuses_file("a\n\n#\n11211\n", "line 4: a number alone is no host");
    refuses_file("a:1 two names\n", "line 1: the name holds a space");
    refuses_file("a:b:c:d\n", "line 1: it is neither host:port nor an IPv6 address");
    refuses_file("/run/mc.sock\n", "line 1: a path is written unix:/path");
    refuses_file("a\nb\001\n", "line 2: the host holds a space or control byte");
}

static void a_file_that_ends_within_a_line_is_still_being_written(void **state)
{
    static const char whole[] = "10.0.0.1:11211\n10.0.0.2:11211\n";
    (void)state;
    for (size_t cut = 0; cut < sizeof whole - 1; cut++) {
        struct discovered_list list = {0};
        const char *wrong = discovered_from_file(&list, whole, cut);
        bool between_lines = cut == 0 || whole[cut - 1] == '\n';
        if (between_lines)
            assert_null(wrong);
        else
            assert_non_null(strstr(wrong, "the last line has no end"));
        discovered_release(&list);
    }
}

/* --- configuration endpoints -------------------------------------------------------------------- */

static const char NEW[] = "CONFIG cluster 0 55\r\n12\n"
                          "a.cfg|10.0.0.1|11211 b.cfg||11212 |10.0.0.3|7 x|x|9\n\r\nEND\r\n";
static const char OLD[] = "VALUE AmazonElastiCache:cluster 0 28\r\n1\r\nb|10.0.0.2|11211 a|::1|1\n"
                          "\r\nEND\r\n";

static void an_endpoint_s_nodes_are_read_with_their_addresses_and_names(void **state)
{
    struct discovered_list list = {0};
    struct config_answer a;
    (void)state;
    assert_int_equal(config_parse(NEW, sizeof NEW - 1, &a), CONFIG_OK);
    assert_null(discovered_from_config(&list, a.nodes, a.nodes_len));
    assert_string_equal(show(&list), "10.0.0.1:11211/1/a.cfg b.cfg:11212/1 10.0.0.3:7/1 x:9/1");
    discovered_release(&list);
    assert_int_equal(config_parse(OLD, sizeof OLD - 1, &a), CONFIG_OK);
    assert_null(discovered_from_config(&list, a.nodes, a.nodes_len));
    assert_string_equal(show(&list), "10.0.0.2:11211/1/b [::1]:1/1/a:1");
    discovered_release(&list);
}

static void an_endpoint_s_answer_cut_anywhere_wants_more(void **state)
{
    static const char *const answers[] = {NEW, OLD, "END\r\n", "ERROR\r\n", "SERVER_ERROR x\r\n"};
    struct config_answer a;
    struct guard guard;
    (void)state;
    guard_init(&guard, 256);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        for (size_t cut = 0; cut < strlen(answers[i]); cut++) {
            const void *exact = guard_place(&guard, answers[i], cut);
            assert_int_equal(config_parse(exact, cut, &a), CONFIG_AGAIN);
        }
    }
    guard_release(&guard);
}

static void refuses_config(const char *bytes, enum config_status status, const char *reason)
{
    struct config_answer a;
    assert_int_equal(config_parse(bytes, strlen(bytes), &a), status);
    if (status == CONFIG_WRONG && !strstr(a.wrong, reason))
        fail_msg("'%s' is not in '%s'", reason, a.wrong);
}

static void what_is_no_configuration_is_told_from_a_command_that_is_unknown(void **state)
{
    (void)state;
    refuses_config("ERROR\r\n", CONFIG_UNKNOWN, "");
    refuses_config("CLIENT_ERROR bad command line format\r\n", CONFIG_UNKNOWN, "");
    refuses_config("END\r\n", CONFIG_WRONG, "not a configuration endpoint");
    refuses_config("SERVER_ERROR out\001of it\r\n", CONFIG_WRONG,
                   "it answers: SERVER_ERROR out?of");
    refuses_config("HTTP/1.1 400 Bad Request\r\n", CONFIG_WRONG, "not memcache protocol");
    refuses_config("H", CONFIG_WRONG, "not memcache protocol");
    refuses_config("CONFIG cluster 0 x\r\n", CONFIG_WRONG, "how long");
    refuses_config("CONFIG cluster 0 999999999\r\n", CONFIG_WRONG, "too long");
    refuses_config("CONFIG cluster 0 9999999999\r\n", CONFIG_WRONG, "how long");
    refuses_config("CONFIG cluster 0 4\r\n1\nab\r\nEND\r\n", CONFIG_OK, "");
    refuses_config("CONFIG cluster 0 4\r\n1\nabX\r\nEND\r\n", CONFIG_WRONG, "longer or shorter");
    refuses_config("CONFIG cluster 0 4\r\nx\nab\r\nEND\r\n", CONFIG_WRONG, "no version");
    refuses_config("CONFIG cluster 0 6\r\n1\na\nb\n\r\nEND\r\n", CONFIG_WRONG,
                   "more than two lines");
}

static void a_node_that_makes_no_sense_is_named(void **state)
{
    static const char *const wrong[][2] = {
        {"a|b", "node 1 of its configuration: it is not host|ip|port"},
        {"a|1.2.3.4|11211 b|1.2.3.4|x", "node 2 of its configuration: the port is not a number"},
        {"a||0", "port 0 is no port"},
        {"||1", "the host is missing"},
        {"a|b|123456", "port 123456 is not in"},
        {"a|10.0.0.1:1|1", "it is neither a host nor"},
        {"unix:/s|10.0.0.1|1", "it is neither a host nor"},
        {"unix||1", "unix is no host"},
        {"a|[::1]|1", "it is neither a host nor"},
        {"a|1.2.3|1", "four numbers"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct discovered_list list = {0};
        const char *says = discovered_from_config(&list, wrong[i][0], strlen(wrong[i][0]));
        assert_non_null(says);
        if (!strstr(says, wrong[i][1])) fail_msg("'%s' is not in '%s'", wrong[i][1], says);
        discovered_release(&list);
    }
}

/* --- DNS ---------------------------------------------------------------------------------------- */

static void only_the_lowest_priority_of_srv_records_counts(void **state)
{
    static const struct dns_srv srvs[] = {
        {"c", 2, 9, 1}, {"b", 1, 0, 11211}, {"a", 1, 50, 7}, {"d", 1, 100, 8}, {"e", 1, 50, 0}};
    static const struct dns_srv odd[] = {{"unix", 0, 1, 7},    {"unix:/tmp/s", 0, 1, 7},
                                         {"a b", 0, 1, 7},     {"a", 0, 1, 1},
                                         {"h:1", 0, 1, 11211}, {"7", 0, 1, 11211}};
    static const struct dns_srv even[] = {{"a", 0, 33, 1}, {"b", 0, 33, 1}, {"c", 0, 33, 1}};
    struct discovered_list list = {0};
    (void)state;
    discovered_from_srv(&list, srvs, 5);
    assert_string_equal(show(&list), "b:11211/1 a:7/50 d:8/100"); /* and none with port 0 */
    discovered_release(&list);
    discovered_from_srv(&list, odd, 6);
    assert_string_equal(show(&list), "a:1/1"); /* and none that is no host */
    discovered_release(&list);
    discovered_from_srv(&list, even, 3);
    assert_string_equal(show(&list), "a:1/1 b:1/1 c:1/1"); /* what is equal stays when one comes */
    assert_true(list.items[0].weight == SERVER_WEIGHT_NONE);
    discovered_release(&list);
}

/* A reply with two records, the second one's target behind a pointer; the least time to live counts. */
static const uint8_t SRV_REPLY[] = "\0\7\205\200\0\1\0\2\0\0\0\0"
                                   "\1p\4test\0\0\41\0\1"
                                   "\300\14\0\41\0\1\0\0\0\11\0\16\0\1\0\2\53\313\1b\4test\0"
                                   "\300\14\0\41\0\1\0\0\0\5\0\12\0\0\0\0\0\7\1c\300\16";

static void srv_replies_are_read_and_cut_ones_refused(void **state)
{
    union dns_record records[4];
    uint32_t n;
    double ttl;
    struct guard guard;
    int len = sizeof SRV_REPLY - 1;
    (void)state;
    guard_init(&guard, sizeof SRV_REPLY);
    assert_true(dns_read_srv(SRV_REPLY, len, records, 4, &n, &ttl));
    assert_int_equal(n, 2);
    assert_true(ttl == 5);
    assert_string_equal(records[0].srv.host, "b.test");
    assert_int_equal(records[0].srv.priority, 1);
    assert_int_equal(records[0].srv.weight, 2);
    assert_int_equal(records[0].srv.port, 11211);
    assert_string_equal(records[1].srv.host, "c.test");
    assert_true(dns_read_srv(SRV_REPLY, len, records, 1, &n, &ttl));
    assert_int_equal(n, 1);
    for (int cut = 0; cut < len; cut++) {
        const uint8_t *exact = guard_place(&guard, SRV_REPLY, (size_t)cut);
        assert_false(dns_read_srv(exact, cut, records, 4, &n, &ttl));
    }
    guard_release(&guard);
}

/* --- lists -------------------------------------------------------------------------------------- */

static struct discovered_list list_of(const char *lines)
{
    struct discovered_list list = {0};
    assert_null(discovered_from_file(&list, lines, strlen(lines)));
    return list;
}

static void a_list_is_sorted_by_what_keys_go_by_and_holds_each_server_once(void **state)
{
    struct discovered_list list = list_of("z:1:1 a\nb:2\nb:1\nb:2:7\nb:2\nc:1:2 b:9\n");
    (void)state;
    assert_null(discovered_settle(&list));
    assert_string_equal(show(&list), "z:1/1/a b:1/1 b:2/1 c:1/2/b:9");
    discovered_release(&list);
}

static void a_list_that_cannot_be_a_pool_is_refused(void **state)
{
    struct discovered_list list = list_of("a:1:1 x\nb:1:1 x\n"), empty = {0}, many = {0};
    (void)state;
    assert_string_equal(discovered_settle(&list), "two servers are called x");
    assert_string_equal(discovered_settle(&empty), "there is no server in the list");
    for (int port = 1; port <= DISCOVERED_MAX + 1; port++) {
        struct server_spec spec = {.addr = {.host = "a", .port = (uint16_t)port, .has_port = true}};
        discovered_add(&many, &spec);
    }
    assert_string_equal(discovered_settle(&many), "there are more than 4096 servers");
    discovered_release(&list);
    discovered_release(&many);
}

static void lists_are_equal_whatever_order_they_came_in(void **state)
{
    struct discovered_list a = list_of("a\nb:1:2\nc:1:1 n\n"), b = list_of("c:1:1 n\na\nb:1:2\n");
    struct discovered_list heavier = list_of("a\nb:1:3\nc:1:1 n\n"),
                           moved = list_of("a\nb:1:2\nd:1:1 n\n");
    struct discovered_list *all[] = {&a, &b, &heavier, &moved};
    (void)state;
    for (int i = 0; i < 4; i++) assert_null(discovered_settle(all[i]));
    assert_true(discovered_equal(&a, &b));
    assert_false(discovered_equal(&a, &heavier));
    assert_false(discovered_equal(&a, &moved));
    assert_int_equal(discovered_beyond(&a, &b), 0);
    assert_int_equal(discovered_beyond(&a, &moved), 1);
    for (int i = 0; i < 4; i++) discovered_release(all[i]);
}

static void a_shrink_is_the_loss_of_more_than_half(void **state)
{
    static const struct {
        uint32_t from, to;
        bool shrinks;
    } cases[] = {{1, 1, false}, {2, 1, false},  {3, 1, true},  {3, 2, false}, {4, 2, false},
                 {4, 1, true},  {10, 5, false}, {10, 4, true}, {1, 9, false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct discovered_list from = {.n = cases[i].from}, to = {.n = cases[i].to};
        assert_int_equal(discovered_shrinks(&from, &to), cases[i].shrinks);
    }
}

/* --- URLs --------------------------------------------------------------------------------------- */

static void urls_say_where_to_ask(void **state)
{
    struct discovery_url u;
    (void)state;
#define PARSES(text) assert_null(discovery_url_parse(&u, text, strlen(text)))
    PARSES("dns+srv://_memcache._tcp.pool.example");
    assert_int_equal(u.kind, DISCOVERY_SRV);
    assert_string_equal(u.host, "_memcache._tcp.pool.example");
    PARSES("dns://pool.example:11212");
    assert_int_equal(u.kind, DISCOVERY_DNS);
    assert_int_equal(u.port, 11212);
    PARSES("dns://pool.example");
    assert_int_equal(u.port, 11211);
    PARSES("elasticache://[::1]:7");
    assert_int_equal(u.kind, DISCOVERY_ELASTICACHE);
    assert_string_equal(u.host, "::1");
    PARSES("file:///etc/moongate/pool");
    assert_int_equal(u.kind, DISCOVERY_FILE);
    assert_string_equal(u.path, "/etc/moongate/pool");
    PARSES("etcd://etcd1:7,10.0.0.1,[::1]:8/mc/users//");
    assert_int_equal(u.kind, DISCOVERY_ETCD);
    assert_int_equal(u.hosts_n, 3);
    assert_string_equal(u.hosts[0].host, "etcd1");
    assert_int_equal(u.hosts[0].port, 7);
    assert_string_equal(u.hosts[1].host, "10.0.0.1");
    assert_int_equal(u.hosts[1].port, 2379);
    assert_string_equal(u.hosts[2].host, "::1");
    assert_string_equal(u.path, "/mc/users/");
    PARSES("etcd://a,b,c,d,e,f,g,h/p");
    assert_int_equal(u.hosts_n, 8);
#undef PARSES
}

static void urls_that_make_no_sense_are_refused_in_a_sentence(void **state)
{
    static const char *const wrong[][2] = {
        {"", "a URL begins with"},
        {"http://x", "a URL begins with"},
        {"dns:/x", "a URL begins with"},
        {"dns+srv://a:1", "takes a name alone"},
        {"dns+srv://::1", "takes a name alone"},
        {"dns+srv://", "the host is missing"},
        {"dns://a/b", "without a path"},
        {"dns://a:0", "port 0 is no port"},
        {"dns://a b", "space or control"},
        {"dns://::%a:1", "neither host:port nor"},
        {"dns+srv://a%b", "letters, digits"},
        {"dns://unix:/a", "a host is expected"},
        {"elasticache://a:x", "the port is not a number"},
        {"file://etc/pool", "takes an absolute path"},
        {"file://", "takes an absolute path"},
        {"etcd://", "the host is missing"},
        {"etcd://a", "takes a prefix of keys"},
        {"etcd://a//", "takes a prefix of keys"},
        {"etcd:///a", "the host is missing"},
        {"etcd://a,/p", "the host is missing"},
        {"etcd://a:0/p", "port 0 is no port"},
        {"etcd://a:x/p", "the port is not a number"},
        {"etcd://unix:/p", "the path after unix: is missing"},
        {"etcd://user:password@a/p", "do not stand in the URL"},
        {"etcd://a/p q", "the prefix holds a space"},
        {"etcd://a,b,c,d,e,f,g,h,i/p", "at most 8"},
        {"etcds://a/p", "write etcd://, and discover_tls"},
    };
    struct discovery_url u;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *says = discovery_url_parse(&u, wrong[i][0], strlen(wrong[i][0]));
        assert_non_null(says);
        if (!strstr(says, wrong[i][1])) fail_msg("'%s' is not in '%s'", wrong[i][1], says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_names_a_server_a_line_in_all_forms),
        cmocka_unit_test(a_file_with_one_wrong_line_is_wrong_and_the_line_is_named),
        cmocka_unit_test(a_file_that_ends_within_a_line_is_still_being_written),
        cmocka_unit_test(an_endpoint_s_nodes_are_read_with_their_addresses_and_names),
        cmocka_unit_test(an_endpoint_s_answer_cut_anywhere_wants_more),
        cmocka_unit_test(what_is_no_configuration_is_told_from_a_command_that_is_unknown),
        cmocka_unit_test(a_node_that_makes_no_sense_is_named),
        cmocka_unit_test(only_the_lowest_priority_of_srv_records_counts),
        cmocka_unit_test(srv_replies_are_read_and_cut_ones_refused),
        cmocka_unit_test(a_list_is_sorted_by_what_keys_go_by_and_holds_each_server_once),
        cmocka_unit_test(a_list_that_cannot_be_a_pool_is_refused),
        cmocka_unit_test(lists_are_equal_whatever_order_they_came_in),
        cmocka_unit_test(a_shrink_is_the_loss_of_more_than_half),
        cmocka_unit_test(urls_say_where_to_ask),
        cmocka_unit_test(urls_that_make_no_sense_are_refused_in_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
