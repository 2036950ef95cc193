/* template: values, repeated parts, parts that are left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "master/template.h"

/* The list `n` has three items; `none` has none; `one` has one. Values: their own name, and the item of n. */
static size_t item;

static bool put_value(void *arg, const char *name, FILE *out)
{
    if (strcmp(name, "item") == 0)
        fprintf(out, "%zu", item);
    else
        fprintf(out, "<%s>", name);
    return true;
}

static bool go_to_item(void *arg, const char *list, size_t i)
{
    if (strcmp(list, "n") == 0) item = i;
    return i < (strcmp(list, "n") == 0 ? 3u : strcmp(list, "one") == 0 ? 1u : 0u);
}

static const struct {
    const char *text, *expected;
} table[] = {
    {"", ""},
    {"plain { } text }", "plain { } text }"},
    {"{{a}}", "<a>"},
    {"a{{b}}c{{d}}", "a<b>c<d>"},
    {"{{#n}}{{item}},{{/n}}.", "0,1,2,."},
    {"{{#none}}x{{y}}{{/none}}.", "."},
    {"{{^none}}x{{y}}{{/none}}.", "x<y>."},
    {"{{^n}}x{{/n}}.", "."},
    {"{{#one}}yes{{/one}}{{^one}}no{{/one}}", "yes"},
    {"{{#n}}[{{#none}}x{{/none}}{{^none}}{{item}}{{/none}}]{{/n}}", "[0][1][2]"},
    {"{{#one}}{{#n}}{{item}}{{/n}}{{/one}}{{z}}", "012<z>"},
    {"{{#n}}{{/n}}", ""},
};

static void parts_are_written_as_often_as_there_are_items(void **state)
{
    const struct template_keeper keeper = {put_value, go_to_item, NULL};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *text;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        template_write(table[i].text, &keeper, out);
        fclose(out);
        assert_string_equal(text, table[i].expected);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_written_as_often_as_there_are_items),
    };
    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
