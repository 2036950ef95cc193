/* etcd_keys: keys of etcd, and the servers that they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "discovery/etcd_keys.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *server(const char *name, const char *value)
{
    static char text[600];
    struct server_spec spec;
    char address[SERVER_TEXT_MAX];
    const char *wrong = etcd_server(&spec, name, strlen(name), value, strlen(value));
    if (wrong) return wrong;
    snprintf(text, sizeof text, "%s/%g/%s", server_show(&spec, address), spec.weight, spec.name);
    return text;
}

static void a_value_is_a_server(void **state)
{
    (void)state;
    assert_string_equal(server("a", "10.0.0.1"), "10.0.0.1:11211/-1/a");
    assert_string_equal(server("a", " 10.0.0.1:7\r\n"), "10.0.0.1:7/-1/a");
    assert_string_equal(server("a", "10.0.0.1:7:2"), "10.0.0.1:7/2/a");
    assert_string_equal(server("a", "10.0.0.1:7:2 b"), "10.0.0.1:7/2/b");
    assert_string_equal(server("a", "[::1]:7"), "[::1]:7/-1/a");
    assert_string_equal(server("a", "unix:/run/mc"), "unix:/run/mc/-1/a");
    assert_string_equal(server("10.0.0.1:7", "10.0.0.1:7:2"), "10.0.0.1:7/2/");
    assert_string_equal(server("10.0.0.1", "10.0.0.1:7"), "10.0.0.1:7/-1/10.0.0.1");
    assert_string_equal(server("a", "{\"server\":\"10.0.0.1:7\"}"), "10.0.0.1:7/-1/a");
    assert_string_equal(server("a", "{\"weight\":0.5,\"name\":\"b\",\"server\":\"h\"}\n"),
                        "h:11211/0.5/b");
    assert_string_equal(server("a", "{\"server\":\"h:1:3\",\"weight\":4}"), "h:1/4/a");
}

static void a_value_that_is_no_server_is_told_why(void **state)
{
    static const char *const wrong[][2] = {
        {"", "it has no value"},
        {" \n", "it has no value"},
        {"h:x", "the port is not a number"},
        {"h:0", "port 0"},
        {"{", "it is not JSON"},
        {"{}", "it has no \"server\""},
        {"{\"server\":7}", "it has no \"server\""},
        {"{\"server\":\"h\"} x", "it is not JSON"},
        {"{\"server\":\"h:x\"}", "the port is not a number"},
        {"{\"server\":\"h\",\"weight\":\"2\"}", "\"weight\" is not a number"},
        {"{\"server\":\"h\",\"weight\":-1}", "\"weight\" is not a number"},
        {"{\"server\":\"h\",\"weight\":1e9}", "\"weight\" is not a number"},
        {"{\"server\":\"h\",\"weight\":NaN}", "\"weight\" is not a number"},
        {"{\"server\":\"h\",\"name\":7}", "\"name\" is not a text"},
        {"{\"server\":\"h\",\"name\":\"a b\"}", "a space"},
        {"{\"server\":\"h\",\"weigth\":2}", "there is no 'weigth'"},
        {"{\"server\":{\"a\":{}}}", "it is not JSON"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (!strstr(server("a", wrong[i][0]), wrong[i][1]))
            fail_msg("%s: '%s' is not in '%s'", wrong[i][0], wrong[i][1], server("a", wrong[i][0]));
    assert_non_null(strstr(server("a b", "h"), "a space"));
    assert_non_null(strstr(server("", "h"), "the name is missing"));
}

static const char *change(struct etcd_keys *k, const char *key, const char *value)
{
    struct etcd_pair pair = {.key = key,
                             .key_len = strlen(key),
                             .value = value,
                             .value_len = value ? strlen(value) : 0,
                             .is_deleted = !value};
    return etcd_keys_change(k, &pair);
}

static void keys_are_set_removed_and_read(void **state)
{
    struct etcd_keys k;
    struct discovered_list list = {0};
    (void)state;
    etcd_keys_init(&k, "/mc/");
    assert_string_equal(etcd_keys_servers(&k, &list), "there is no key below /mc/");
    assert_null(change(&k, "/mc/b", "10.0.0.2"));
    assert_null(change(&k, "/mc/a", "10.0.0.1"));
    assert_null(change(&k, "/mc/ab", "x:y"));
    assert_null(change(&k, "/mc/b", "10.0.0.22"));
    assert_null(change(&k, "/mc/none", NULL));
    assert_non_null(change(&k, "/m/b", "10.0.0.2"));
    assert_int_equal(k.n, 3);
    assert_string_equal(etcd_keys_servers(&k, &list), "key /mc/ab: the port is not a number");
    assert_int_equal(list.n, 2);
    assert_string_equal(list.items[1].addr.host, "10.0.0.22");
    discovered_release(&list);
    assert_null(change(&k, "/mc/ab", NULL));
    assert_null(etcd_keys_servers(&k, &list));
    assert_int_equal(list.n, 2);
    assert_int_equal(k.bytes, strlen("a10.0.0.1b10.0.0.22"));
    discovered_release(&list);
    etcd_keys_release(&k);
}

static void keys_are_bounded(void **state)
{
    struct etcd_keys k;
    char key[32], *value = malloc(ETCD_BYTES_MAX + 1);
    (void)state;
    assert_non_null(value);
    memset(value, 'x', ETCD_BYTES_MAX);
    value[ETCD_BYTES_MAX] = '\0';
    etcd_keys_init(&k, "/mc/");
    assert_non_null(strstr(change(&k, "/mc/a", value), "more than 4 MiB"));
    value[ETCD_BYTES_MAX - 1] = '\0';
    assert_null(change(&k, "/mc/a", value));
    assert_null(change(&k, "/mc/a", value)); /* in the place of itself */
    assert_non_null(change(&k, "/mc/b", ""));
    assert_null(change(&k, "/mc/a", ""));
    for (int i = 1; i < DISCOVERED_MAX; i++) {
        snprintf(key, sizeof key, "/mc/%d", i);
        assert_null(change(&k, key, "h"));
    }
    assert_non_null(strstr(change(&k, "/mc/b", "h"), "more than 4096 keys"));
    assert_null(change(&k, "/mc/a", "h"));
    etcd_keys_release(&k);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_a_server),
        cmocka_unit_test(a_value_that_is_no_server_is_told_why),
        cmocka_unit_test(keys_are_set_removed_and_read),
        cmocka_unit_test(keys_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
