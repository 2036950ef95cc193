/* What a configuration of another proxy does and what the script does that `moongate convert` makes of it are the same: random
 * configurations, random keys, each command. Both are explained, with every place that a request touches. ROUNDTRIP_FILES and
 * ROUNDTRIP_KEYS say how many; SEED where to begin. */
#include "lib/generated.h"
#include "lib/moongate.h"
#include "lib/said.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct kind {
    const char *word, *end; /* of --from, and of the file's name */
    generate_fn *generate;
} kinds[] = {
    {"twemproxy", "yml", generate_twemproxy},
    {"mcrouter", "json", generate_mcrouter},
    {"routelib", "lua", generate_routelib},
};

/* Each command, with %s for the key. */
static const char *const requests[] = {
    "get %s",
    "gets %s",
    "set %s 0 0 1",
    "add %s 1 60 1",
    "replace %s 0 0 1",
    "append %s 0 0 1",
    "prepend %s 0 0 1",
    "cas %s 0 0 1 7",
    "delete %s",
    "incr %s 1",
    "decr %s 1",
    "touch %s 60",
    "gat 60 %s",
    "gats 60 %s",
    "mg %s v t",
    "ms %s 1",
    "md %s",
    "ma %s",
    "me %s",
};

static unsigned number_in(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text && *text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static FILE *opens(const char *path, const char *how)
{
    FILE *file = fopen(path, how);
    if (!file) stage_fails("%s: cannot be opened", path);
    return file;
}

static void closes(FILE *file)
{
    if (fclose(file) != 0) stage_fails("a file cannot be written");
}

/* Keys as people have them, with prefixes, tags and separators that configurations know. */
static void write_key(struct generating *g, FILE *out, const char *form)
{
    static const char *const forms[] = {
        "key:%u",  "a:%u", "b:%u:%u", "{%u}:%u",       "user:::%u::", "/a/b/%u",       "x[%u]y",
        "$%u%%%u", "%u",   "a|#|%u",  "/region/c/k%u", "set/foo/%u",  "anything-%u-%u"};
    char key[64];
    unsigned at = generated_below(g, sizeof forms / sizeof *forms);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(key, sizeof key, forms[at], generated_below(g, 100000), generated_below(g, 100));
    fprintf(out, form, key);
#pragma GCC diagnostic pop
    putc('\n', out);
}

static void write_requests(struct generating *g, const char *path, unsigned keys)
{
    FILE *out = opens(path, "we");
    for (unsigned i = 0; i < keys; i++)
        for (size_t k = 0; k < sizeof requests / sizeof *requests; k++)
            write_key(g, out, requests[k]);
    closes(out);
}

/* A line of an explanation in which the file is named as the other one is. */
static const char *without(char *line, const char *name)
{
    size_t len = strlen(name);
    for (char *at = line; (at = strstr(at, name));) memmove(at, at + len, strlen(at + len) + 1);
    return line;
}

static void are_the_same(const char *one_path, const char *one_name, const char *other_path,
                         const char *other_name)
{
    FILE *one = opens(one_path, "re"), *other = opens(other_path, "re");
    char *a = NULL, *b = NULL;
    size_t a_room = 0, b_room = 0, lines = 0;
    for (;; lines++) {
        bool has_a = getline(&a, &a_room, one) > 0, has_b = getline(&b, &b_room, other) > 0;
        if (has_a != has_b) stage_fails("line %zu: only one of them has it", lines + 1);
        if (!has_a) break;
        if (strcmp(without(a, one_name), without(b, other_name)) != 0)
            stage_fails("line %zu: the configuration's\n%sthe script's\n%s", lines + 1, a, b);
    }
    if (lines == 0) stage_fails("nothing was explained");
    free(a);
    free(b);
    fclose(one);
    fclose(other);
}

/* Explains all requests to the file; the exit code is 1 where one is refused. */
static int explains(const char *file, const char *options, const char *folder, const char *to)
{
    struct run run = shell_runs(textf("\"$MOONGATE\" explain --json %s '%s' <'%s/requests' >'%s'",
                                      options, file, folder, to));
    if (run.code != 0 && run.code != 1)
        stage_fails("explain %s: exit %d: %s", file, run.code, run.err);
    return run.code;
}

static void listener_is_the_same(const char *folder, const struct kind *kind, const char *listener)
{
    const char *from = textf("%s/from.%s", folder, kind->end),
               *script = textf("%s/script.lua", folder);
    const char *as = listener ? textf("--listener '%s'", listener) : "";
    const char *one = textf("%s/one", folder), *other = textf("%s/other", folder);
    int code = explains(from, textf("--from %s %s", kind->word, as), folder, one);
    assert_int_equal(code, explains(script, textf("--from script %s", as), folder, other));
    are_the_same(one, textf("%s (converted)", from), other, script);
}

static void goes_round(const struct kind *kind, unsigned seed, unsigned keys)
{
    const char *folder = program_folder(), *from = textf("%s/from.%s", folder, kind->end);
    struct generating g = {.seed = seed};
    FILE *out = opens(from, "we");
    kind->generate(&g, out);
    closes(out);
    write_requests(&g, textf("%s/requests", folder), keys);
    struct run run = shell_runs(
        textf("\"$MOONGATE\" convert --from %s '%s' >'%s/script.lua'", kind->word, from, folder));
    if (run.code != 0) stage_fails("convert: exit %d: %s", run.code, run.err);
    if (g.listeners_n == 0) listener_is_the_same(folder, kind, NULL);
    for (size_t i = 0; i < g.listeners_n; i++) listener_is_the_same(folder, kind, g.listeners[i]);
}

/* Each file is a play of its own, so that its folder goes with it. */
static void a_configuration_and_its_script_place_every_request_alike(void **state)
{
    unsigned first = number_in("SEED", 1), n = number_in("ROUNDTRIP_FILES", 3),
             keys = number_in("ROUNDTRIP_KEYS", 20);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (unsigned i = 0; i < n; i++) {
            printf("%s: SEED=%u\n", kinds[k].word, first + i);
            goes_round(&kinds[k], first + i, keys);
            stage_clears();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(a_configuration_and_its_script_place_every_request_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
