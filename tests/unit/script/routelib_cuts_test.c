/* routelib: configurations that do not end, or take all memory; and broken files: cut at every byte, and with each byte and each word in
 * turn another one. */
#include "unit/script/routelib_host.h"

/* --- limits ------------------------------------------------------------------------------------ */

static void a_configuration_without_end_is_interrupted(void **state)
{
    static const char *const texts[] = {
        "while true do end", "while true do pcall(function() while true do end end) end",
        "local function f() return pcall(f) or f() end f()",
        "local c = coroutine.wrap(function() while true do end end) c()",
        "xpcall(function() while true do end end, function() while true do end end)"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct reading r;
        read_bytes(&r, texts[i], strlen(texts[i]), 0.02);
        assert_false(r.is_good);
        if (!strstr(r.out.error, "c.lua:1: ")) fail_msg("%s: %s", texts[i], r.out.error);
        free(r.script);
    }
}

static void a_configuration_may_not_take_all_memory(void **state)
{
    static const char *const texts[] = {
        "local t = {} while true do t[#t + 1] = (\"x\"):rep(1000000) .. #t end",
        "local s = (\"x\"):rep(2 ^ 30 - 1)"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct reading r;
        read_bytes(&r, texts[i], strlen(texts[i]), ROUTELIB_SECONDS);
        assert_false(r.is_good);
        if (!strstr(r.out.error, "memory") && !strstr(r.out.error, "string length overflow"))
            fail_msg("%s: %s", texts[i], r.out.error);
        free(r.script);
    }
}

/* --- broken files ------------------------------------------------------------------------------ */

static const char whole[] =
    "settings{ backend_read_timeout = 2, pool_options = { seed = 's' } }\n"
    "local_zone(\"w\") -- here\n"
    "pools{ a = { backends = { \"h:1\", { host = 'h', port = 2, down = true } } },\n"
    "  set_z = { w = { backends = { \"h:3\" } }, e = { backends = { \"h:4\" } } } }\n"
    "routes{ conf = { mode = \"prefix\", stop = \":\" }, map = { x = route_allfastest{ children = "
    "{ \"a\",\n"
    "  route_ttl{ ttl = 5, child = \"a\" } } }, y = cmdmap{ get = route_zfailover{ children = "
    "\"set_z\",\n"
    "  miss = true }, all = route_null{} } }, default = route_failover{ children = \"set_z\", "
    "stats = true } }\n";

/* An error begins with the path and a line of the file; or it is that of a file without routes. */
static void is_refused_with_its_place_or_read(const char *bytes, size_t len)
{
    struct reading r;
    char *end;
    read_bytes(&r, bytes, len, ROUTELIB_SECONDS);
    if (!r.is_good) {
        assert_memory_equal(r.out.error, "c.lua:", 6);
        unsigned long line = strtoul(r.out.error + 6, &end, 10);
        bool is_of_whole = strncmp(r.out.error, "c.lua: it has no routes{}", 25) == 0;
        if (!is_of_whole && (line < 1 || line > 10 || strncmp(end, ": ", 2) != 0))
            fail_msg("%.*s: %s", (int)len, bytes, r.out.error);
    }
    free(r.script);
}

static void a_file_cut_anywhere_is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof whole; len++) {
        char *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, whole, len);
        is_refused_with_its_place_or_read(copy, len);
        free(copy);
    }
}

static void a_file_with_another_byte_is_refused_with_its_place(void **state)
{
    static const char others[] = {'\0', '\n', '"', '}', '{', 'x', '\xff', '='};
    (void)state;
    for (size_t at = 0; at < sizeof whole - 1; at++) {
        char text[sizeof whole];
        memcpy(text, whole, sizeof whole);
        text[at] = others[at % sizeof others];
        is_refused_with_its_place_or_read(text, sizeof whole - 1);
    }
}

static size_t word_length(const char *at)
{
    size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789");
    return len ? len : 1;
}

/* Every word and sign in turn is taken out, and becomes another one. */
static void a_file_with_another_word_is_refused_with_its_place(void **state)
{
    static const char *const others[] = {"", "nil", "{}", "-1", "\"a\"", "route_null{}", "true"};
    (void)state;
    for (const char *at = whole; *at; at += word_length(at)) {
        if (*at == ' ' || *at == '\n') continue;
        static unsigned turn;
        const char *other = others[turn++ % (sizeof others / sizeof *others)];
        char text[sizeof whole + 32];
        int len = snprintf(text, sizeof text, "%.*s%s%s", (int)(at - whole), whole, other,
                           at + word_length(at));
        is_refused_with_its_place_or_read(text, (size_t)len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_without_end_is_interrupted),
        cmocka_unit_test(a_configuration_may_not_take_all_memory),
        cmocka_unit_test(a_file_cut_anywhere_is_refused_with_its_place),
        cmocka_unit_test(a_file_with_another_byte_is_refused_with_its_place),
        cmocka_unit_test(a_file_with_another_word_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
