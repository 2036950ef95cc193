/* mcrouter's configuration cut at every byte, and with any two neighbours or any two far tokens swapped, or one of them taken out: an error
 * with its place, or a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "convert/convert.h"
#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_MAX = 512 };

static const char whole[] =
    "{ // all of it\n"
    "\"macros\": {\"to\": {\"type\": \"macroDef\", \"params\": [\"n\", {\"name\": \"p\", "
    "\"default\": "
    "\"11211\"}], \"result\": \"10.0.0.%n%:%p%\"},\n"
    " \"wait\": {\"type\": \"constDef\", \"result\": 200}},\n"
    "\"pools\": {\n"
    " \"A\": {\"servers\": [\"@to(1)\", \"@to(2, 11212)\"], \"server_timeout\": \"%wait%\"},\n"
    " \"B\": {\"inherit\": \"A\", \"servers\": {\"type\": \"transform\", \"dictionary\": "
    "\"@range(@int(3), @int(4))\", \"itemTransform\": \"@to(@str(%item%))\"}, \"weights\": [1, "
    "0.5]}},\n"
    "\"named_handles\": [{\"type\": \"FailoverRoute\", \"name\": \"f\", \"children\": "
    "[\"PoolRoute|A\", "
    "\"PoolRoute|B\"], \"failover_limit\": {\"rate\": 0.5, \"burst\": 10}}],\n"
    "\"routes\": [\n"
    " {\"aliases\": [\"/././\"], \"route\": {\"type\": \"OperationSelectorRoute\", "
    "\"operation_policies\": {\"delete\": \"AllSyncRoute|Pool|A\", \"set\": {\"type\": "
    "\"WarmUpRoute\", \"cold\": \"f\", \"warm\": \"PoolRoute|B\", \"exptime\": 60}}, "
    "\"default_policy\": \"f\"}},\n"
    " {\"aliases\": [\"/./b/\"], \"route\": {\"type\": \"PrefixSelectorRoute\", \"policies\": "
    "{\"a\": "
    "\"NullRoute\"}, \"wildcard\": {\"type\": \"HashRoute\", \"hash_func\": \"Ch3\", \"children\": "
    "[\"PoolRoute|A\", \"ErrorRoute|no\"]}}}],\n"
    "}\n";

struct token {
    const char *at;
    size_t len;
};

/* A string, a word or number, or one other byte. */
static size_t token_length(const char *at)
{
    size_t n = 1;
    if (*at == '"') {
        while (at[n] != '"') n += at[n] == '\\' ? 2 : 1;
        return n + 1;
    }
    if (isalnum((unsigned char)*at) || *at == '-')
        while (isalnum((unsigned char)at[n]) || at[n] == '.') n++;
    return n;
}

static size_t tokens_of(const char *text, struct token *to)
{
    size_t n = 0;
    for (text = strchr(text, '\n'); *text;) {
        size_t len = token_length(text);
        if (!isspace((unsigned char)*text)) to[n++] = (struct token){text, len};
        assert_in_range(n, 0, TOKENS_MAX - 1);
        text += len;
    }
    return n;
}

static struct convert_output out;

/* True: it is taken. The bytes end where AddressSanitizer sees one too many. */
static bool is_taken(const char *text, size_t len)
{
    char *bytes = malloc(len ? len : 1), *script = NULL;
    size_t script_len = 0;
    assert_non_null(bytes);
    if (len) memcpy(bytes, text, len);
    out = (struct convert_output){.script = open_memstream(&script, &script_len)};
    assert_non_null(out.script);
    struct convert_input in = {.path = "m.json", .bytes = bytes, .len = len};
    bool good = mcrouter_read(&in, &out);
    fclose(out.script);
    if (good)
        assert_in_range(script_len, 1, 1 << 20);
    else if (strncmp(out.error, "m.json:", 7) != 0 || !strstr(out.error + 7, ": "))
        fail_msg("no place, or nothing to do: %s\n%.*s", out.error, (int)len, text);
    free(script);
    free(bytes);
    return good;
}

/* The tokens with blanks between them, but i and k changed; k == n: i is left out. */
static bool is_taken_with(const struct token *tokens, size_t n, size_t i, size_t k)
{
    char text[sizeof whole + TOKENS_MAX + 2], *to = text;
    for (size_t at = 0; at < n; at++) {
        if (at == i && k == n) continue;
        const struct token *token = &tokens[at == i ? k : at == k ? i : at];
        memcpy(to, token->at, token->len);
        to += token->len;
        *to++ = ' ';
    }
    return is_taken(text, (size_t)(to - text));
}

static void a_configuration_that_is_cut_is_refused_with_its_place(void **state)
{
    if (!is_taken(whole, sizeof whole - 1)) fail_msg("%s", out.error);
    for (size_t cut = 0; cut < sizeof whole - 3; cut++) assert_false(is_taken(whole, cut));
}

static void any_swapped_tokens_give_a_place_or_a_script(void **state)
{
    static struct token tokens[TOKENS_MAX + 1];
    size_t n = 1 + tokens_of(whole, tokens + 1), taken = 0;
    tokens[0] = (struct token){"{", 1};
    assert_true(is_taken_with(tokens, n, 0, 0));
    for (size_t i = 0; i < n; i++) {
        taken += is_taken_with(tokens, n, i, n);
        for (size_t step = 1; i + step < n; step += step < 4 ? 1 : step / 2)
            taken += is_taken_with(tokens, n, i, i + step);
    }
    assert_in_range(taken, 1, n * 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_that_is_cut_is_refused_with_its_place),
        cmocka_unit_test(any_swapped_tokens_give_a_place_or_a_script),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
