/* etcd_message: what etcd answers, whole and in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "discovery/etcd_message.h"
#include "unit/protocol/guard.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- messages ------------------------------------------------------------------------------------ */

static const char HEAD[] =
    "\"header\":{\"cluster_id\":\"13807887513569586722\",\"member_id\":\"1\","
    "\"revision\":\"12\",\"raft_term\":\"2\"}";
#define KEY_A                                                                                      \
    "{\"key\":\"L21jL2E=\",\"mod_revision\":\"2\",\"version\":\"1\",\"value\":\"MTAuMC4wLjE=\"}"
#define KEY_EMPTY "{\"key\":\"L21jL2I=\",\"version\":\"1\"}"

/* The text with HEAD in the place of its %s. */
static const char *with_head(const char *text)
{
    static char whole[2048];
    const char *at = strstr(text, "%s");
    snprintf(whole, sizeof whole, "%.*s%s%s", (int)(at - text), text, HEAD, at + 2);
    return whole;
}

static void reads(struct etcd_reader *r, const char *bytes, struct etcd_message *m)
{
    assert_int_equal(etcd_whole(r, bytes, strlen(bytes), m), ETCD_OK);
}

static void a_range_has_keys_and_a_revision(void **state)
{
    struct etcd_reader r;
    struct etcd_message m;
    struct etcd_pair pair;
    (void)state;
    etcd_reader_init(&r);
    reads(&r, with_head("{%s,\"kvs\":[" KEY_A "," KEY_EMPTY "],\"more\":true,\"count\":\"7\"}\n"),
          &m);
    assert_null(m.wrong);
    assert_true(m.cluster == 13807887513569586722U);
    assert_int_equal(m.revision, 12);
    assert_int_equal(m.count, 7);
    assert_int_equal(m.pairs, 2);
    assert_null(etcd_pair_at(&r, 0, &pair));
    assert_int_equal(pair.key_len, 5);
    assert_memory_equal(pair.key, "/mc/a", 5);
    assert_int_equal(pair.value_len, 8);
    assert_memory_equal(pair.value, "10.0.0.1", 8);
    assert_false(pair.is_deleted);
    assert_null(etcd_pair_at(&r, 1, &pair));
    assert_memory_equal(pair.key, "/mc/b", 5);
    assert_int_equal(pair.value_len, 0);
    reads(&r, with_head("{%s}"), &m); /* what is 0 is left out */
    assert_int_equal(m.count, 0);
    assert_int_equal(m.pairs, 0);
    etcd_reader_release(&r);
}

static void a_watch_says_that_it_began_what_changed_and_why_it_ends(void **state)
{
    struct etcd_reader r;
    struct etcd_message m;
    struct etcd_pair pair;
    (void)state;
    etcd_reader_init(&r);
    reads(&r, with_head("{\"result\":{%s,\"created\":true}}"), &m);
    assert_true(m.created && !m.is_canceled && m.revision == 12);
    reads(&r,
          with_head("{\"result\":{%s,\"events\":[{\"kv\":" KEY_A "},{\"type\":\"DELETE\",\"kv\":"
                    "{\"key\":\"L21jL2E=\",\"mod_revision\":\"5\"}}]}}"),
          &m);
    assert_int_equal(m.pairs, 2);
    assert_null(etcd_pair_at(&r, 0, &pair));
    assert_false(pair.is_deleted);
    assert_null(etcd_pair_at(&r, 1, &pair));
    assert_true(pair.is_deleted);
    reads(&r, "{\"result\":{\"header\":{},\"canceled\":true,\"compact_revision\":\"4\"}}", &m);
    assert_true(m.is_canceled && m.is_compacted && !m.created);
    assert_string_equal(m.why, "");
    reads(&r, with_head("{\"result\":{%s,\"canceled\":true,\"cancel_reason\":\"a\\nb\"}}"), &m);
    assert_true(m.is_canceled && !m.is_compacted);
    assert_string_equal(m.why, "it says: a?b");
    etcd_reader_release(&r);
}

static void errors_are_told_in_etcd_s_words(void **state)
{
    static const char *const errors[][2] = {
        {"{\"error\":\"etcdserver: x\",\"message\":\"etcdserver: x\",\"code\":3}",
         "it says: etcdserver: x"},
        {"{\"error\":\"alone\"}", "it says: alone"},
        {"{\"code\":5,\"message\":\"Not Found\",\"details\":[]}", "it says: Not Found"},
        {"{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"m\",\"http_status\":\"s\"}}",
         "it says: m"},
        {"{\"error\":{}}", "it says: an error without words"},
        {"{\"error\":\"\"}", "it says: an error without words"},
    };
    struct etcd_reader r;
    struct etcd_message m;
    (void)state;
    etcd_reader_init(&r);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        reads(&r, errors[i][0], &m);
        assert_string_equal(m.wrong, errors[i][1]);
    }
    reads(&r, with_head("{%s,\"token\":\"abc.5\"}"), &m);
    assert_string_equal(m.token, "abc.5");
    etcd_reader_release(&r);
}

static void numbers_are_strings_or_numbers_and_nothing_else(void **state)
{
    static const struct {
        const char *revision;
        int64_t is;
    } cases[] = {{"\"7\"", 7},
                 {"7", 7},
                 {"\"\"", 0},
                 {"\"7x\"", 0},
                 {"\"-7\"", 0},
                 {"-7", 0},
                 {"null", 0},
                 {"[7]", 0},
                 {"\"9223372036854775807\"", INT64_MAX},
                 {"\"9223372036854775808\"", 0},
                 {"\"99999999999999999999999\"", 0},
                 {"7.5", 0}};
    struct etcd_reader r;
    struct etcd_message m;
    (void)state;
    etcd_reader_init(&r);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"header\":{\"revision\":%s}}", cases[i].revision);
        reads(&r, text, &m);
        assert_true(m.revision == cases[i].is);
    }
    etcd_reader_release(&r);
}

static void refuses(const char *bytes, const char *reason)
{
    struct etcd_reader r;
    struct etcd_message m;
    etcd_reader_init(&r);
    if (etcd_whole(&r, bytes, strlen(bytes), &m) != ETCD_WRONG) fail_msg("taken: %s", bytes);
    if (!strstr(m.wrong, reason)) fail_msg("'%s' is not in '%s'", reason, m.wrong);
    etcd_reader_release(&r);
}

static void what_is_not_etcd_s_is_refused(void **state)
{
    char deep[200];
    (void)state;
    refuses("", "ends too early");
    refuses("  \n", "ends too early");
    refuses("{\"header\":{}", "ends too early");
    refuses("{\"header\":{}} x", "more than one part");
    refuses("{\"header\":{}}{}", "more than one part");
    refuses("7 ", "not an object");
    refuses("[]", "not an object");
    refuses("\"text\"", "not an object");
    refuses("null ", "not an object");
    refuses("{}", "no header");
    refuses("{\"result\":{}}", "no header");
    refuses("{\"header\":7}", "no header");
    refuses("nonsense", "not JSON");
    refuses("{\"header\":{},}", "not JSON");
    memset(deep, '[', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    refuses(deep, "not JSON");
}

static void pairs_that_are_wrong_are_named(void **state)
{
    static const char *const wrong[][2] = {
        {"7", "a key that is not an object"},
        {"null", "a key that is not an object"},
        {"{}", "not base64"},
        {"{\"key\":\"\"}", "not base64"},
        {"{\"key\":\"L21jL2E\"}", "not base64"},
        {"{\"key\":\"L21j*2E=\"}", "not base64"},
        {"{\"key\":\"L21jL2E=\",\"value\":\"=\"}", "not base64"},
        {"{\"type\":\"MOVE\",\"kv\":" KEY_A "}", "a type that is not known"},
        {"{\"type\":7,\"kv\":" KEY_A "}", "a type that is not known"},
    };
    struct etcd_reader r;
    struct etcd_message m;
    struct etcd_pair pair;
    char text[400];
    (void)state;
    etcd_reader_init(&r);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "{\"result\":{\"header\":{},\"events\":[%s]}}", wrong[i][0]);
        reads(&r, text, &m);
        assert_int_equal(m.pairs, 1);
        const char *says = etcd_pair_at(&r, 0, &pair);
        assert_non_null(says);
        if (!strstr(says, wrong[i][1])) fail_msg("'%s' is not in '%s'", wrong[i][1], says);
    }
    etcd_reader_release(&r);
}

static const char STREAM[] =
    "{\"result\":{\"header\":{\"revision\":\"1\"},\"created\":true}}\n"
    "{\"result\":{\"header\":{\"revision\":\"2\"},\"events\":[{\"kv\":" KEY_A "}]}}"
    "{\"result\":{\"header\":{\"revision\":\"3\"}}}\n\n"
    "{\"error\":{\"message\":\"m\"}}\n";

/* In two pieces, each at the end of a page that nobody may read beyond. */
static void a_stream_cut_anywhere_is_the_same_stream(void **state)
{
    size_t len = sizeof STREAM - 1;
    struct guard guard;
    (void)state;
    guard_init(&guard, sizeof STREAM);
    for (size_t cut = 0; cut <= len; cut++) {
        struct etcd_reader r;
        struct etcd_message m;
        char seen[64] = "";
        etcd_reader_init(&r);
        for (int part = 0; part < 2; part++) {
            size_t n = part ? len - cut : cut, used;
            const char *at = (const void *)guard_place(&guard, STREAM + (part ? cut : 0), n);
            while (etcd_next(&r, at, n, &used, &m) == ETCD_OK) {
                size_t has = strlen(seen);
                snprintf(seen + has, sizeof seen - has, "%s%lld/%u ", m.wrong ? m.wrong : "",
                         (long long)m.revision, m.pairs);
                at += used;
                n -= used;
            }
            assert_null(m.wrong);
            assert_int_equal(used, n); /* all bytes were taken */
        }
        assert_string_equal(seen, "1/0 2/1 3/0 it says: m0/0 ");
        etcd_reader_release(&r);
    }
    guard_release(&guard);
}

static void every_part_of_an_answer_ends_too_early(void **state)
{
    const char *text = with_head("{%s,\"kvs\":[" KEY_A "],\"count\":\"1\"}");
    (void)state;
    for (size_t cut = 0; cut < strlen(text); cut++) {
        struct etcd_reader r;
        struct etcd_message m;
        etcd_reader_init(&r);
        assert_int_equal(etcd_whole(&r, text, cut, &m), ETCD_WRONG);
        assert_string_equal(m.wrong, "its answer ends too early");
        etcd_reader_release(&r);
    }
}

static void a_message_without_end_is_refused(void **state)
{
    enum { PIECE = 1024 * 1024 };
    char *piece = malloc(PIECE);
    struct etcd_reader r;
    struct etcd_message m;
    size_t used;
    int pieces = 0;
    (void)state;
    assert_non_null(piece);
    memset(piece, 'x', PIECE);
    etcd_reader_init(&r);
    assert_int_equal(etcd_next(&r, "{\"a\":\"", 6, &used, &m), ETCD_AGAIN);
    while (etcd_next(&r, piece, PIECE, &used, &m) == ETCD_AGAIN) pieces++;
    assert_int_equal(pieces, 3);
    assert_string_equal(m.wrong, "its answer is longer than 4 MiB");
    etcd_reader_release(&r);
    free(piece);
}

/* --- requests ------------------------------------------------------------------------------------ */

static void is_length(size_t n, const char *text)
{
    assert_int_equal(n, strlen(text));
}

static void requests_name_the_keys_from_the_prefix_to_the_next_one(void **state)
{
    char text[ETCD_ASK_MAX], prefix[512], name[256];
    (void)state;
    is_length(etcd_ask_range(text, "/mc/", 4097), text);
    assert_string_equal(text,
                        "{\"key\":\"L21jLw==\",\"range_end\":\"L21jMA==\",\"limit\":\"4097\"}");
    is_length(etcd_ask_range(text, "/mc/", 0), text);
    assert_string_equal(text,
                        "{\"key\":\"L21jLw==\",\"range_end\":\"L21jMA==\",\"count_only\":true}");
    is_length(etcd_ask_watch(text, "/mc/", INT64_MAX), text);
    assert_string_equal(text,
                        "{\"create_request\":{\"key\":\"L21jLw==\",\"range_end\":\"L21jMA==\","
                        "\"start_revision\":\"9223372036854775807\"}}");
    memset(prefix, '/', sizeof prefix - 1);
    prefix[sizeof prefix - 1] = '\0';
    assert_true(etcd_ask_watch(text, prefix, INT64_MAX) < ETCD_ASK_MAX);
    is_length(etcd_ask_token(text, "a\"b", "c\\d\n\xc3\xa4"), text);
    assert_string_equal(text, "{\"name\":\"a\\u0022b\",\"password\":\"c\\u005cd\\u000a\xc3\xa4\"}");
    memset(name, '\1', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_true(etcd_ask_token(text, name, name) < ETCD_ASK_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_has_keys_and_a_revision),
        cmocka_unit_test(a_watch_says_that_it_began_what_changed_and_why_it_ends),
        cmocka_unit_test(errors_are_told_in_etcd_s_words),
        cmocka_unit_test(numbers_are_strings_or_numbers_and_nothing_else),
        cmocka_unit_test(what_is_not_etcd_s_is_refused),
        cmocka_unit_test(pairs_that_are_wrong_are_named),
        cmocka_unit_test(a_stream_cut_anywhere_is_the_same_stream),
        cmocka_unit_test(every_part_of_an_answer_ends_too_early),
        cmocka_unit_test(a_message_without_end_is_refused),
        cmocka_unit_test(requests_name_the_keys_from_the_prefix_to_the_next_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
