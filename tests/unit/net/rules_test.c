/* rules: what words of a listener say, in items of --bind and by themselves; and who a client is, as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/bind.h"
#include "net/newcomer.h"
#include "net/who.h"

/* --- words ------------------------------------------------------------------------------------- */

static const struct {
    const char *item, *rules, *address; /* rules NULL: the item is refused, because of `address` */
} items[] = {
    {"127.0.0.1:1", "", "127.0.0.1:1"},
    {"tls:127.0.0.1:1", "tls=on", "127.0.0.1:1"},
    {"notls:127.0.0.1:1", "tls=off", "127.0.0.1:1"},
    {"mtls:[::1]:1", "tls=mutual", "[::1]:1"},
    {"web=tls:127.0.0.1:1,protocol=text", "tls=on,protocol=text", "127.0.0.1:1"},
    {"tls=127.0.0.1:1", "", "127.0.0.1:1"}, /* a label */
    {"tls:unix:/s,mode=0600,auth=off", "tls=on,auth=off", "unix:/s"},
    {"127.0.0.1:1,protocol=auto", "protocol=auto", "127.0.0.1:1"},
    {"127.0.0.1:1,auth=off,backlog=7,protocol=binary", "auth=off,protocol=binary", "127.0.0.1:1"},
    {"127.0.0.1:1,allow-from=10.0.0.0/8+::1", "allow-from=10.0.0.0/8+::1", "127.0.0.1:1"},
    {"unix:/a,b,proxy-from=unix,allow-from=10.0.0.0/8", "proxy-from=unix,allow-from=10.0.0.0/8",
     "unix:/a,b"},
    {"127.0.0.1:1,protocol=memcache", NULL, "protocol= takes auto, text or binary"},
    {"127.0.0.1:1,protocol=", NULL, "protocol= takes auto, text or binary"},
    {"127.0.0.1:1,protocol=text,protocol=text", NULL, "protocol= is given twice"},
    {"127.0.0.1:1,auth=on", NULL, "auth= takes off alone"},
    {"127.0.0.1:1,tls=on", NULL, "'tls=on' is none of"},
    {"127.0.0.1:1,allow=10.0.0.0/8", NULL, "'allow=10.0.0.0/8' is none of"},
    {"127.0.0.1:1,mode=0600", NULL, "mode=, owner= and group= are for unix sockets"},
    {"unix:/s,allow=10.0.0.0/8", NULL, "'allow=10.0.0.0/8' is none of"},
    {"127.0.0.1:1,allow-from=", NULL, "allow-from= : it is not a network"},
    {"127.0.0.1:1,allow-from=10.0.0.1/8", NULL, "allow-from= 10.0.0.1/8: its address has bits set"},
    {"127.0.0.1:1,proxy-from=10.0.0.0/8+", NULL, "proxy-from= : it is not a network"},
    {"unix:/s,allow-from=10.0.0.0/8", NULL, "allow-from= says nothing of a unix socket"},
    {"tls:tls:127.0.0.1:1", NULL, ""},
    {"tls:web=127.0.0.1:1", NULL, ""},
};

static void an_item_says_what_it_asks_of_clients(void **state)
{
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        struct bind_spec b;
        const char *wrong = bind_parse(&b, items[i].item);
        if (!items[i].rules) {
            if (!wrong || strncmp(wrong, items[i].address, strlen(items[i].address)) != 0)
                fail_msg("%s: %s", items[i].item, wrong ? wrong : "is taken");
            continue;
        }
        if (wrong) fail_msg("%s: %s", items[i].item, wrong);
        assert_string_equal(b.rules, items[i].rules);
        assert_int_equal(b.address_len, strlen(items[i].address));
        assert_memory_equal(b.address, items[i].address, b.address_len);
        assert_int_equal(bind_parse_plain(&b, items[i].item) != NULL, items[i].rules[0] != '\0');
    }
}

static void words_become_rules(void **state)
{
    struct rules *r;
    assert_null(rules_parse(&r, ""));
    assert_true(r->tls == RULES_TLS_DEFAULT && r->protocol == RULES_PROTOCOL_AUTO && !r->no_auth);
    assert_true(r->allow_from.n == 0 && r->proxy_from.n == 0);
    rules_give(r);
    assert_null(rules_parse(
        &r, "proxy-from=unix,tls=mutual,auth=off,allow-from=10.0.0.0/8+::1,protocol=binary"));
    assert_true(r->tls == RULES_TLS_MUTUAL && r->protocol == RULES_PROTOCOL_BINARY && r->no_auth);
    assert_true(r->allow_from.n == 2 && r->proxy_from.n == 1);
    assert_int_equal(r->allow_from.items[0].bits, 8);
    rules_give(r);
    static const char *const bad[] = {
        ",", "tls", "tls=", "tls=ON", "tls=on,", "tls=on,,auth=off", "what=ever", "=on"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!rules_parse(&r, bad[i])) fail_msg("%s is taken", bad[i]);
        assert_null(r);
    }
}

static void a_listeners_own_word_counts_instead_of_that_for_all(void **state)
{
    static const struct {
        const char *own, *all, *both;
        bool is_unix;
    } cases[] = {
        {"", "", "", false},
        {"", "protocol=text", "protocol=text", false},
        {"tls=on", "protocol=text,allow-from=::1", "tls=on,protocol=text,allow-from=::1", false},
        {"protocol=binary", "protocol=text,allow-from=::1", "protocol=binary,allow-from=::1",
         false},
        {"allow-from=10.0.0.0/8", "allow-from=::1", "allow-from=10.0.0.0/8", false},
        {"", "protocol=text,allow-from=::1", "protocol=text", true},
        {"proxy-from=unix", "allow-from=::1", "proxy-from=unix,allow-from=::1", true},
    };
    char text[RULES_TEXT_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(rules_merge(text, cases[i].own, cases[i].all, cases[i].is_unix));
        assert_string_equal(text, cases[i].both);
    }
}

static void what_is_too_long_is_refused(void **state)
{
    char text[RULES_TEXT_MAX], most[RULES_TEXT_MAX], long_one[RULES_TEXT_MAX + 64] = "allow-from=";
    struct rules *r;
    struct bind_spec b;
    memset(most, 'x', sizeof most);
    memcpy(most, "proxy-from=", 11);
    most[RULES_TEXT_MAX - 20] = '\0';
    assert_null(rules_merge(text, most, "auth=off", false));
    assert_non_null(rules_merge(text, most, "protocol=binary,auth=off", false));
    while (strlen(long_one) < RULES_TEXT_MAX) strcat(long_one, "10.0.0.0/8+");
    long_one[strlen(long_one) - 1] = '\0';
    assert_non_null(rules_parse(&r, long_one));
    char item[sizeof long_one + 32];
    snprintf(item, sizeof item, "127.0.0.1:1,%s", long_one);
    assert_non_null(bind_parse(&b, item));
}

static void rules_of_one_text_are_one_struct_while_it_is_used(void **state)
{
    struct rules_set set = {NULL, 0};
    struct rules *one = rules_of(&set, "tls=on"), *again = rules_of(&set, "tls=on");
    struct rules *other = rules_of(&set, "auth=off");
    assert_true(one && one == again && one != other);
    assert_null(rules_of(&set, "of=tomorrow"));
    assert_int_equal(set.n, 2);
    rules_give(one);
    assert_int_equal(one->references, 2);
    rules_give(again);
    rules_give(rules_of(&set, "protocol=text")); /* "tls=on" is dropped, which nobody has */
    assert_int_equal(set.n, 2);
    rules_give(rules_of(&set, "auth=off"));
    assert_int_equal(other->references, 2);
    rules_set_release(&set);
    assert_int_equal(other->references, 1);
    rules_give(other);
}

/* --- who it is --------------------------------------------------------------------------------- */

static struct who_moved of(enum client_entry entry, enum client_front front, const char *from,
                           const char *identity)
{
    struct who_moved m = {.entry = entry, .front = front};
    struct addr_spec spec;
    if (from) {
        assert_null(addr_spec_parse(&spec, from, strlen(from)));
        assert_true(addr_spec_is_literal(&spec, 0, &m.who.from));
        m.who.is_relayed = true;
    }
    snprintf(m.who.identity, sizeof m.who.identity, "%s", identity);
    return m;
}

static void comes_back(const struct who_moved *m)
{
    char text[WHO_TEXT_MAX], one[ADDR_TEXT_MAX], other[ADDR_TEXT_MAX];
    struct who_moved back;
    assert_true(who_read(&back, who_print(m, text)));
    assert_int_equal(back.entry, m->entry);
    assert_int_equal(back.front, m->front);
    assert_int_equal(back.who.is_relayed, m->who.is_relayed);
    assert_string_equal(back.who.identity, m->who.identity);
    assert_int_equal(back.who.from.len, m->who.from.len);
    if (m->who.from.len)
        assert_string_equal(addr_print(&back.who.from, one), addr_print(&m->who.from, other));
}

static void who_a_client_is_comes_back_from_its_text(void **state)
{
    char longest[IDENTITY_MAX], odd[IDENTITY_MAX];
    memset(longest, ' ', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (int i = 0; i < IDENTITY_MAX - 1; i++) odd[i] = (char)(i + 1);
    odd[IDENTITY_MAX - 1] = '\0';
    const char *const froms[] = {NULL, "1.2.3.4:5",
                                 "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"};
    const char *const names[] = {"", "user:joe", "cert:CN=a b, O=100%", longest, odd};
    for (int entry = ENTRY_PROXY; entry <= ENTRY_IN; entry++)
        for (int front = FRONT_UNKNOWN; front <= FRONT_BINARY; front++)
            for (size_t i = 0; i < 3; i++)
                for (size_t k = 0; k < 5; k++) {
                    struct who_moved m =
                        of((enum client_entry)entry, (enum client_front)front, froms[i], names[k]);
                    comes_back(&m);
                }
}

static void what_another_version_adds_is_left_out(void **state)
{
    struct who_moved m;
    assert_true(who_read(&m, "1 entry=auth front=binary colour=red loud identity=user:a"));
    assert_int_equal(m.entry, ENTRY_AUTH);
    assert_int_equal(m.front, FRONT_BINARY);
    assert_string_equal(m.who.identity, "user:a");
    assert_false(m.who.is_relayed);
}

static void what_is_damaged_is_nobody(void **state)
{
    static const char *const bad[] = {
        "",
        "1",
        "1 ",
        "in",
        "2 entry=in front=text",
        "1  entry=in",
        "1 front=text entry=in",
        "1 entry=",
        "1 entry=inside front=text",
        "1 entry=in front=tex",
        "1 entry=in front=",
        "1 entry=in front=text identity=%",
        "1 entry=in front=text identity=%4",
        "1 entry=in front=text identity=%zz",
        "1 entry=in front=text identity=a%00b",
        "1 entry=in front=text from=1.2.3.4",
        "1 entry=in front=text from=host:1",
        "1 entry=in front=text from=unix:/s",
        "1 entry=in front=text from=1.2.3.4:70000",
    };
    char text[WHO_TEXT_MAX] = "1 entry=in front=text identity=";
    struct who_moved m;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (who_read(&m, bad[i])) fail_msg("'%s' is taken", bad[i]);
        assert_true(m.entry == ENTRY_PROXY && m.front == FRONT_UNKNOWN && who_is_nobody(&m.who));
    }
    memset(text + strlen(text), 'x', IDENTITY_MAX);
    assert_false(who_read(&m, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_says_what_it_asks_of_clients),
        cmocka_unit_test(words_become_rules),
        cmocka_unit_test(a_listeners_own_word_counts_instead_of_that_for_all),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(rules_of_one_text_are_one_struct_while_it_is_used),
        cmocka_unit_test(who_a_client_is_comes_back_from_its_text),
        cmocka_unit_test(what_another_version_adds_is_left_out),
        cmocka_unit_test(what_is_damaged_is_nobody),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
