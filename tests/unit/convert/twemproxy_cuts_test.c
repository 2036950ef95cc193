/* Broken files: cut at every byte, each byte another one, each token taken out, doubled or put in another's place. Each is
 * refused with its place, or becomes a script that Lua can read. */
#include "unit/convert/twemproxy_host.h"

#include <lauxlib.h>

/* All options, all forms of scalars, comments, two pools, one for Redis. */
static const char whole[] = "# pools\n"
                            "alpha:\n"
                            "  listen: 127.0.0.1:22121\n"
                            "  hash: 'md5'\n"
                            "  hash_tag: \"{}\"\n"
                            "  distribution: modula # as before\n"
                            "  auto_eject_hosts: true\n"
                            "  server_retry_timeout: 30000\n"
                            "  server_failure_limit: |-\n"
                            "    2\n"
                            "  servers:\n"
                            "   - 10.0.0.1:11211:1 \"one\"\n"
                            "   - \"10.0.0.2:11212:2 \\x41\"\n"
                            "   - /tmp/s.sock:1\n"
                            "  timeout: 400\n"
                            "\n"
                            "two words:\n"
                            "  servers:\n"
                            "  - ::1:11211:1\n"
                            "  listen: /tmp/l.sock 0660\n"
                            "  redis: false\n"
                            "  server_connections: 2\n"
                            "r:\n"
                            "  listen: 0.0.0.0:6379\n"
                            "  redis: true\n"
                            "  redis_auth: secret\n"
                            "  servers:\n"
                            "   - 10.0.0.9:6379:1\n";

static bool is_lua(const char *script)
{
    lua_State *L = luaL_newstate();
    assert_non_null(L);
    bool is_right = luaL_loadstring(L, script) == 0;
    lua_close(L);
    return is_right;
}

/* Errors of the whole file have no line. */
static bool has_place(const char *error, const char *bytes, size_t len)
{
    size_t lines = 2;
    for (size_t i = 0; i < len; i++) lines += bytes[i] == '\n' || bytes[i] == '\r';
    if (strncmp(error, "f.yml:", 6) != 0) return false;
    char *end;
    unsigned long line = strtoul(error + 6, &end, 10);
    if (end == error + 6)
        return strncmp(error, "f.yml: there are no pools", 25) == 0 ||
               strncmp(error, "f.yml: all pools are", 20) == 0;
    return line >= 1 && line <= lines && end[0] == ':' && end[1] == ' ' && strchr(end + 2, ':');
}

static struct reading tried(const char *bytes, size_t len)
{
    struct reading r = reading_of(bytes, len);
    if (r.is_accepted ? is_lua(r.script) : has_place(r.error, bytes, len)) return r;
    stage_fails("%.*s\n  gives: %s%s", (int)len, bytes, r.error, r.script);
}

static void a_file_that_is_cut_is_refused_with_its_place_or_read_to_its_end(void **state)
{
    size_t accepted = 0;
    assert_true(tried(whole, sizeof whole - 1).is_accepted);
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        accepted += tried(whole, len).is_accepted;
        if (len % 64 == 0) stage_clears();
    }
    assert_in_range(accepted, 1, sizeof whole / 4);
}

static void another_byte_anywhere_is_no_harm(void **state)
{
    static const char others[] = "\0\t\n\r :#-\"'{}[],&*!|>%@`?\\\x7f\xc3\xff"
                                 "0x";
    for (size_t i = 0; i < sizeof whole - 1; i++) {
        char changed[sizeof whole];
        for (size_t k = 0; k < sizeof others - 1; k++) {
            memcpy(changed, whole, sizeof whole);
            changed[i] = others[k];
            tried(changed, sizeof whole - 1);
        }
        stage_clears();
    }
}

/* A token is what stands between blanks and the ends of lines; what is between two tokens belongs to the second. */
struct token {
    size_t at, len;
};

static size_t find_tokens(struct token *tokens)
{
    size_t n = 0;
    for (size_t at = 0; at < sizeof whole - 1;) {
        size_t end = at + strspn(whole + at, " \n");
        end += strcspn(whole + end, " \n");
        tokens[n++] = (struct token){at, end - at};
        at = end;
    }
    return n;
}

/* The file, with other[i] in the place of token i, and so on. */
static void try_tokens(const struct token *tokens, const size_t *order, size_t n)
{
    char text[3 * sizeof whole];
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        const struct token *t = &tokens[order[i]];
        memcpy(text + len, whole + t->at, t->len);
        len += t->len;
    }
    tried(text, len);
}

static void tokens_that_change_places_are_no_harm(void **state)
{
    struct token tokens[sizeof whole];
    size_t order[sizeof whole + 1], n = find_tokens(tokens);
    assert_in_range(n, 50, 100);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i + 1; k < n; k++) {
            for (size_t m = 0; m < n; m++) order[m] = m;
            order[i] = k;
            order[k] = i;
            try_tokens(tokens, order, n);
        }
        stage_clears();
    }
    for (size_t i = 0; i < n; i++) {
        size_t without = 0, doubled = 0;
        size_t twice[sizeof whole + 1];
        for (size_t m = 0; m < n; m++) {
            if (m != i) order[without++] = m;
            twice[doubled++] = m;
            if (m == i) twice[doubled++] = m;
        }
        try_tokens(tokens, order, without);
        try_tokens(tokens, twice, doubled);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_file_that_is_cut_is_refused_with_its_place_or_read_to_its_end),
        play(another_byte_anywhere_is_no_harm),
        play(tokens_that_change_places_are_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
