/* No example gives life to what a client lets expire at once: a negative time, or one in the past. libmemcached asks whether a
 * key exists by such an add. */
#include "lib/client.h"
#include "lib/example.h"
#include "lib/moongate.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Of every sort that some example treats in a way of its own. */
static const char *const prefixes[] = {
    "",     "tmp:", "page:",    "user:",   "user:vip:", "u2:",   "batch:", "flag:",
    "old:", "new:", "retired:", "frozen:", "session:",  "else:", "debug:", "hot:"};

/* Seconds: below 0; 31 days, which is a date of 1970 (what libmemcached sends); another date. */
static const char *const times[] = {"-1", "2678400", "1000000000"};

static const char *text_of(const char *name)
{
    const char *text = example_text(name);
    const char *path = textf("%s/servers", program_folder());
    if (!strstr(text, "/etc/moongate/servers")) return text;
    FILE *file = fopen(path, "we");
    if (!file || fprintf(file, "%s\n", example_address(0)) < 0 || fclose(file) != 0)
        stage_fails("%s cannot be written", path);
    return example_with(text, "/etc/moongate/servers", path);
}

/* A refusal is as good as an item that is gone. */
static unsigned expired_items_stay_gone(struct client *c, const char *example)
{
    unsigned n = 0;
    for (size_t p = 0; p < COUNT(prefixes); p++) {
        for (size_t t = 0; t < COUNT(times); t++, n++) {
            const char *command = n % 2 ? "set" : "add", *key = textf("%s%u", prefixes[p], n);
            client_sends(c, textf("%s %s 0 %s 5\r\nhello\r\n", command, key, times[t]));
            client_sees_line(c);
            client_sends(c, textf("get %s\r\n", key));
            const char *line = client_sees_line(c);
            if (strncmp(line, "VALUE ", 6) == 0)
                stage_fails("%s: %s %s of time %s lives", example, command, key, times[t]);
        }
    }
    return n;
}

static void no_example_gives_life_to_what_has_expired(void **state)
{
    glob_t found = {0};
    unsigned examples = 0;
    assert_int_equal(glob("examples/[0-9]*.lua", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *file = strrchr(found.gl_pathv[i], '/') + 1;
        const char *name = textf("%.*s", (int)(strlen(file) - strlen(".lua")), file);
        if (strstr(name, "_test")) continue;
        examples++;
        struct moongate *m = moongate_start(text_of(name), NULL);
        assert_true(expired_items_stay_gone(client_connects(m), name) > 40);
        stage_clears();
    }
    globfree(&found);
    assert_true(examples >= 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {play(no_example_gives_life_to_what_has_expired)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
