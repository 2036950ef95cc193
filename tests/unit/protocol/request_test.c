/* request: lines and values that are taken, whole and cut. The oracle is memcached 1.6.18. */
#include "unit/protocol/request_sweep.h"

/* --- what is accepted -------------------------------------------------------------------------- */

/* One whole request of one key, and what it says. */
static const struct accepted {
    const char *bytes;
    size_t len;
    enum command command;
    const char *key;
    uint64_t flags;
    double exptime; /* as req.exptime */
    uint64_t number;
    const char *value; /* NULL: the command carries none */
    bool noreply;
    unsigned meta; /* enum meta_flag */
} accepted[] = {
    {IN("get k\r\n"), COMMAND_GET, "k"},
    {IN("get k\n"), COMMAND_GET, "k"},
    {IN("get k \r\n"), COMMAND_GET, "k"},
    {IN("  get   k   \r\n"), COMMAND_GET, "k"},
    {IN("get " K250 "\r\n"), COMMAND_GET, K250},
    {IN("get \x80\xff\r\n"), COMMAND_GET, "\x80\xff"},
    {IN("get gr\xc3\xbc\xc3\x9f\r\n"), COMMAND_GET, "gr\xc3\xbc\xc3\x9f"},
    {IN("get noreply\r\n"), COMMAND_GET, "noreply"},
    {IN("get HTTP/1.1\r\n"), COMMAND_GET, "HTTP/1.1"},
    {IN("get !~\"{}$\r\n"), COMMAND_GET, "!~\"{}$"},
    {IN("gets k\r\n"), COMMAND_GETS, "k"},
    {IN("gat 10 k\r\n"), COMMAND_GAT, "k", 0, 10},
    {IN("gat  -1  k \r\n"), COMMAND_GAT, "k", 0, -1},
    {IN("gat 4294967297 k\r\n"), COMMAND_GAT, "k", 0, 1},
    {IN("gat +10 10\r\n"), COMMAND_GAT, "10", 0, 10},
    {IN("gats 0 k\n"), COMMAND_GATS, "k"},
    {IN("gats 10\tx k\n"), COMMAND_GATS, "k", 0, 10},
    {IN("set k 0 0 1\r\na\r\n"), COMMAND_SET, "k", 0, 0, 0, "a"},
    {IN("set k 0 0 1\na\r\n"), COMMAND_SET, "k", 0, 0, 0, "a"},
    {IN("set k 0 0 0\r\n\r\n"), COMMAND_SET, "k", 0, 0, 0, ""},
    {IN("set k 16 0 1 \r\na\r\n"), COMMAND_SET, "k", 16, 0, 0, "a"},
    {IN("set k 1 2 3 noreply\r\nabc\r\n"), COMMAND_SET, "k", 1, 2, 0, "abc", true},
    {IN("set k 1 2 3 junk\r\nabc\r\n"), COMMAND_SET, "k", 1, 2, 0, "abc"},
    {IN("set k 0 0 4\r\n\r\n\r\n\r\n"), COMMAND_SET, "k", 0, 0, 0, "\r\n\r\n"},
    {IN("set k 0 0 7\r\nget k\r\n\r\n"), COMMAND_SET, "k", 0, 0, 0, "get k\r\n"},
    {IN("set " K250 " 0 0 1\r\na\r\n"), COMMAND_SET, K250, 0, 0, 0, "a"},
    {IN("set k 4294967295 2147483647 1\r\na\r\n"), COMMAND_SET, "k", 4294967295, 2147483647, 0,
     "a"},
    {IN("set k 4294967296 2147483648 1\r\na\r\n"), COMMAND_SET, "k", 4294967296, -2147483648.0, 0,
     "a"},
    {IN("set k 4294967297 4294967297 1\r\na\r\n"), COMMAND_SET, "k", 4294967297, 1, 0, "a"},
    {IN("set k 18446744073709551615 0 1\r\na\r\n"), COMMAND_SET, "k", UINT64_MAX, 0, 0, "a"},
    {IN("set \x01\t\x7f 0 0 1\r\na\r\n"), COMMAND_SET, "\x01\t\x7f", .value = "a"},
    {IN("get \x1f\x0b\r\n"), COMMAND_GET, "\x1f\x0b"},
    {IN("mg \x01 v\r\n"), COMMAND_META_GET, "\x01"},
    {IN("delete noreply\r\n"), COMMAND_DELETE, "noreply"},
    {IN("delete noreply 0\r\n"), COMMAND_DELETE, "noreply"},
    {IN("delete noreply noreply\r\n"), COMMAND_DELETE, "noreply", .noreply = true},
    {IN("set k 0 9223372036854775807 1\r\na\r\n"), COMMAND_SET, "k", 0, -1, 0, "a"},
    {IN("set k 0 -9223372036854775808 1\r\na\r\n"), COMMAND_SET, "k", 0, 0, 0, "a"},
    {IN("set k -18446744073709551615 -1 1\r\na\r\n"), COMMAND_SET, "k", 1, -1, 0, "a"},
    {IN("set k 007 +1 +1\r\na\r\n"), COMMAND_SET, "k", 7, 1, 0, "a"},
    {IN("set k -0 -0 -0\r\n\r\n"), COMMAND_SET, "k", 0, 0, 0, ""},
    {IN("set k 0 0 007\r\n1234567\r\n"), COMMAND_SET, "k", 0, 0, 0, "1234567"},
    {IN("set k 0 0 00000000000000000000000001\r\na\r\n"), COMMAND_SET, "k", 0, 0, 0, "a"},
    {IN("set k \t5 6\t7 1\t\r\na\r\n"), COMMAND_SET, "k", 5, 6, 0, "a"},
    {IN("add k 1 2 3\r\nabc\r\n"), COMMAND_ADD, "k", 1, 2, 0, "abc"},
    {IN("replace k 1 2 3\r\nabc\r\n"), COMMAND_REPLACE, "k", 1, 2, 0, "abc"},
    {IN("append k 1 2 3 noreply\r\nabc\r\n"), COMMAND_APPEND, "k", 1, 2, 0, "abc", true},
    {IN("prepend k 1 2 3\r\nabc\r\n"), COMMAND_PREPEND, "k", 1, 2, 0, "abc"},
    {IN("cas k 1 2 3 4\r\nabc\r\n"), COMMAND_CAS, "k", 1, 2, 4, "abc"},
    {IN("cas k 0 0 1 18446744073709551615 noreply\r\na\r\n"), COMMAND_CAS, "k", 0, 0, UINT64_MAX,
     "a", true},
    {IN("cas k 0 0 1 -0 junk\r\na\r\n"), COMMAND_CAS, "k", 0, 0, 0, "a"},
    {IN("delete k\r\n"), COMMAND_DELETE, "k"},
    {IN("delete k 0\r\n"), COMMAND_DELETE, "k"},
    {IN("delete k noreply\r\n"), COMMAND_DELETE, "k", .noreply = true},
    {IN("delete k 0 noreply\r\n"), COMMAND_DELETE, "k", .noreply = true},
    {IN("delete noreply\r\n"), COMMAND_DELETE, "noreply"},
    {IN("incr k 1\r\n"), COMMAND_INCR, "k", .number = 1},
    {IN("incr k 18446744073709551615 noreply\r\n"), COMMAND_INCR, "k", .number = UINT64_MAX,
     .noreply = true},
    {IN("incr k -18446744073709551615\r\n"), COMMAND_INCR, "k", .number = 1},
    {IN("incr k 1 junk\r\n"), COMMAND_INCR, "k", .number = 1},
    {IN("incr k \t5\x0b"
        "7\r\n"),
     COMMAND_INCR, "k", .number = 5},
    {IN("decr k 007\r\n"), COMMAND_DECR, "k", .number = 7},
    {IN("touch k 10\r\n"), COMMAND_TOUCH, "k", .exptime = 10},
    {IN("touch k 4294967296 noreply\r\n"), COMMAND_TOUCH, "k", .exptime = 0, .noreply = true},
    {IN("touch k -1 junk\r\n"), COMMAND_TOUCH, "k", .exptime = -1},
    {IN("version\r\n"), COMMAND_VERSION},
    {IN("version foo\r\n"), COMMAND_VERSION},
    {IN(" version \n"), COMMAND_VERSION},
    {IN("quit\r\n"), COMMAND_QUIT},
    {IN("quit noreply\r\n"), COMMAND_QUIT, .noreply = true},
    {IN("mn\r\n"), COMMAND_META_NOOP},
    {IN("mn foo\r\n"), COMMAND_META_NOOP},
    {IN("stats items\r\n"), COMMAND_STATS},
    {IN("flush_all 10 noreply\r\n"), COMMAND_FLUSH_ALL, .noreply = true},
    {IN("verbosity 1\r\n"), COMMAND_VERBOSITY},
    {IN("mg k\r\n"), COMMAND_META_GET, "k"},
    {IN("mg k v q O12 T30\r\n"), COMMAND_META_GET, "k", .exptime = 30,
     .meta = META_QUIET | META_OPAQUE | META_EXPTIME},
    {IN("mg Zm9v b k\r\n"), COMMAND_META_GET, "Zm9v", .meta = META_BASE64 | META_KEY},
    {IN("ms k 3 T-1 F7\r\nabc\r\n"), COMMAND_META_SET, "k", 7, -1, 0, "abc",
     .meta = META_EXPTIME | META_FLAGS},
    {IN("ms k 0\r\n\r\n"), COMMAND_META_SET, "k", .value = ""},
    {IN("ms k 03 f\r\nabc\r\n"), COMMAND_META_SET, "k", .value = "abc"},
    {IN("ms k 3 F18446744073709551615\r\nabc\r\n"), COMMAND_META_SET, "k", UINT64_MAX,
     .value = "abc", .meta = META_FLAGS},
    {IN("ms k 3 Z\r\nabc\r\n"), COMMAND_META_SET, "k", .value = "abc", .meta = META_ODD},
    {IN("md k q I T30\r\n"), COMMAND_META_DELETE, "k", .exptime = 30,
     .meta = META_QUIET | META_EXPTIME},
    {IN("ma k N0 J13 D5 F3\r\n"), COMMAND_META_ARITHMETIC, "k"},
    {IN("me k\r\n"), COMMAND_META_DEBUG, "k"},
    {IN("me Zm9v b\r\n"), COMMAND_META_DEBUG, "Zm9v", .meta = META_BASE64},
};

static void assert_bytes(uintptr_t at, size_t len, const char *wanted)
{
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal((const void *)at, wanted, len);
}

static void assert_says(const struct request *r, const struct accepted *a)
{
    assert_int_equal(r->command_id, a->command);
    if (a->key)
        assert_bytes(r->key_at, r->key_len, a->key);
    else
        assert_true(r->key_at == 0 && r->key_len == 0);
    if (a->value)
        assert_bytes(r->value_at, r->value_len, a->value);
    else
        assert_true(r->value_at == 0 && r->value_len == 0);
    assert_true(r->client_flags == a->flags && r->exptime == a->exptime && r->number == a->number);
    assert_int_equal(r->noreply, a->noreply);
    assert_int_equal(r->meta, a->meta);
    assert_true(!r->owner && !r->value_blob && !r->shown_key_at && !r->part && !r->multi);
}

static void assert_accepts(const uint8_t *bytes, size_t len, const struct accepted *a)
{
    struct request r;
    memset(&r, 0xa5, sizeof r);
    struct request_parse p = request_parse(bytes, len, &RULES, &r);
    if (p.status != REQUEST_OK) print_error("%s", a->bytes);
    assert_int_equal(p.status, REQUEST_OK);
    assert_int_equal(p.consumed, a->len);
    assert_null(p.error);
    if (a->key) assert_int_equal(p.keys, 1);
    assert_says(&r, a);
}

static void valid_requests_are_taken_as_they_say(void **state)
{
    struct guard g;
    guard_init(&g, 4096);
    for (size_t i = 0; i < COUNT(accepted); i++)
        assert_accepts(guard_place(&g, accepted[i].bytes, accepted[i].len), accepted[i].len,
                       &accepted[i]);
    guard_release(&g);
}

static void what_follows_a_request_does_not_change_it(void **state)
{
    static const char *const behind[] = {"get next\r\n", "\r\n",        "\n", "x",
                                         "HTTP/1.1\r\n", " noreply\r\n"};
    char text[1024];
    for (size_t i = 0; i < COUNT(accepted) * COUNT(behind); i++) {
        const struct accepted *a = &accepted[i / COUNT(behind)];
        const char *more = behind[i % COUNT(behind)];
        memcpy(text, a->bytes, a->len);
        memcpy(text + a->len, more, strlen(more));
        assert_accepts((const uint8_t *)text, a->len + strlen(more), a);
    }
}

/* --- gets of several keys ---------------------------------------------------------------------- */

static const struct {
    const char *line;
    enum command command;
    double exptime;
    uint32_t n;
    const char *keys[4];
} gets[] = {
    {"get a b\r\n", COMMAND_GET, 0, 2, {"a", "b"}},
    {"get a b c\n", COMMAND_GET, 0, 3, {"a", "b", "c"}},
    {"get a a a\r\n", COMMAND_GET, 0, 3, {"a", "a", "a"}},
    {"  gets  a   b  \r\n", COMMAND_GETS, 0, 2, {"a", "b"}},
    {"get a " K250 "\r\n", COMMAND_GET, 0, 2, {"a", K250}},
    {"gat 5 a b\r\n", COMMAND_GAT, 5, 2, {"a", "b"}},
    {"get a\t b\x01\x7f\r\n", COMMAND_GET, 0, 2, {"a\t", "b\x01\x7f"}},
    {"gat  -5  a  b \r\n", COMMAND_GAT, -5, 2, {"a", "b"}},
    {"gats 0 1 2 3 4\r\n", COMMAND_GATS, 0, 4, {"1", "2", "3", "4"}},
};

static void several_keys_come_one_by_one_in_order(void **state)
{
    struct guard g;
    guard_init(&g, 4096);
    for (size_t i = 0; i < COUNT(gets); i++) {
        struct request r;
        size_t len = strlen(gets[i].line);
        const uint8_t *bytes = guard_place(&g, gets[i].line, len);
        struct request_parse p = request_parse(bytes, len, &RULES, &r);
        assert_int_equal(p.status, REQUEST_KEYS);
        assert_int_equal(p.consumed, len);
        assert_int_equal(p.keys, gets[i].n);
        assert_int_equal(r.command_id, gets[i].command);
        assert_true(r.exptime == gets[i].exptime);
        assert_int_equal(r.key_len, 0);
        const uint8_t *at = (const uint8_t *)r.key_at;
        for (uint32_t k = 0; k < gets[i].n; k++) {
            assert_true(request_next_key(&at, bytes + p.keys_end, &r));
            assert_bytes(r.key_at, r.key_len, gets[i].keys[k]);
        }
        assert_false(request_next_key(&at, bytes + p.keys_end, &r));
    }
    guard_release(&g);
}

static void a_get_may_have_a_hundred_thousand_keys(void **state)
{
    enum { KEYS = 100000 };
    struct request r;
    char *line = malloc(KEYS * 7 + 16), *to = line + sprintf(line, "get");
    for (unsigned i = 0; i < KEYS; i++) to += sprintf(to, " %u", i);
    assert_int_equal(request_parse((const uint8_t *)line, (size_t)(to - line), &RULES, &r).status,
                     REQUEST_AGAIN);
    to += sprintf(to, "\r\n");
    struct request_parse p = request_parse((const uint8_t *)line, (size_t)(to - line), &RULES, &r);
    assert_int_equal(p.status, REQUEST_KEYS);
    assert_int_equal(p.keys, KEYS);
    free(line);
}

/* --- cut anywhere ------------------------------------------------------------------------------ */

static void every_strict_prefix_asks_for_more(void **state)
{
    struct guard g;
    guard_init(&g, 4096);
    for (size_t i = 0; i < COUNT(accepted); i++) sweep(&g, accepted[i].bytes, accepted[i].len);
    for (size_t i = 0; i < COUNT(gets); i++) sweep(&g, gets[i].line, strlen(gets[i].line));
    guard_release(&g);
}

static void a_key_is_put_in_anothers_place_where_it_may_be_sent(void **state)
{
    static const uint8_t first[] = "k", second[] = "v2:k", binary[] = "a b\n";
    uint8_t longest[KEY_MAX + 1];
    struct request r = {.key_at = (uintptr_t)first, .key_len = 1};
    memset(longest, 'x', sizeof longest);
    assert_true(request_put_key(&r, second, 4, false));
    assert_true(
        request_put_key(&r, longest, KEY_MAX, false)); /* the client's own is still the first */
    assert_int_equal(r.shown_key_at, (uintptr_t)first);
    assert_int_equal(r.shown_key_len, 1);
    assert_false(request_put_key(&r, longest, KEY_MAX + 1, false));
    assert_false(request_put_key(&r, second, 0, false));
    assert_false(request_put_key(&r, binary, 4, false));
    assert_int_equal(r.key_at, (uintptr_t)longest);
    assert_int_equal(r.key_len, KEY_MAX);
    r.meta = META_BASE64;
    assert_true(request_put_key(&r, binary, 4, false));
    assert_true(request_put_key(&r, longest, KEY_MAX_BASE64, false));
    assert_false(request_put_key(&r, longest, KEY_MAX_BASE64 + 1, false));
    assert_false(request_put_key(&r, binary, 0, false));
}

static void what_changes_nothing_only_reads(void **state)
{
    static const struct {
        const char *line;
        bool reads;
    } lines[] = {{"get k\r\n", true},      {"gets k\r\n", true},      {"gat 5 k\r\n", false},
                 {"delete k\r\n", false},  {"incr k 1\r\n", false},   {"mg k\r\n", true},
                 {"mg k v q k\r\n", true}, {"mg k c Oxyz\r\n", true}, {"mg k N30 v\r\n", false},
                 {"mg k v T5\r\n", false}, {"mg k R30\r\n", false},   {"mg k E7\r\n", false},
                 {"md k\r\n", false},      {"ma k\r\n", false},       {"me k\r\n", false}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct request r;
        const char *line = lines[i].line;
        struct request_parse p = request_parse((const uint8_t *)line, strlen(line), &RULES, &r);
        assert_int_equal(p.status, REQUEST_OK);
        if (request_only_reads(&r) != lines[i].reads) fail_msg("%s", line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_requests_are_taken_as_they_say),
        cmocka_unit_test(a_key_is_put_in_anothers_place_where_it_may_be_sent),
        cmocka_unit_test(what_changes_nothing_only_reads),
        cmocka_unit_test(what_follows_a_request_does_not_change_it),
        cmocka_unit_test(several_keys_come_one_by_one_in_order),
        cmocka_unit_test(a_get_may_have_a_hundred_thousand_keys),
        cmocka_unit_test(every_strict_prefix_asks_for_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
