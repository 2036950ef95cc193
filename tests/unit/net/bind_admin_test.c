/* bind_parse_admin: items of --admin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "net/bind.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void good_items_are_read(void **state)
{
    static const struct {
        const char *text, *path, *owner, *group;
        int mode;
        bool reads;
    } good[] = {
        {"unix:/a", "/a", "", "", -1, false},
        {"unix:/a,read-only", "/a", "", "", -1, true},
        {"unix:/a,mode=0640,read-only,owner=me,group=us", "/a", "me", "us", 0640, true},
        {"unix:/a,read-only,mode=600", "/a", "", "", 0600, true},
        {"unix:/a,group=7", "/a", "", "7", -1, false},
        /* No word of its own: a part of the path. */
        {"unix:/a,read-onlyx", "/a,read-onlyx", "", "", -1, false},
        {"unix:/a,b", "/a,b", "", "", -1, false},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct bind_spec spec;
        bool reads;
        char item[BIND_ITEM_MAX];
        assert_null(bind_parse_admin(&spec, &reads, item, good[i].text));
        assert_string_equal(spec.addr.path, good[i].path);
        assert_string_equal(spec.owner, good[i].owner);
        assert_string_equal(spec.group, good[i].group);
        assert_int_equal(spec.mode, good[i].mode);
        assert_int_equal(reads, good[i].reads);
        assert_null(strstr(item, ",read-only,"));
    }
}

static void wrong_items_are_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *text, *wrong;
    } bad[] = {
        {"127.0.0.1:1", "give unix:/path"},
        {"localhost", "give unix:/path"},
        {"a=unix:/a", "give unix:/path"},
        {"127.0.0.1:1,read-only", "give unix:/path"},
        {"unix:/a,read-only,read-only", "read-only is given twice"},
        {"unix:/a,mode=8", "mode= takes octal digits, such as 0660"},
        {"unix:/a,mode=600,mode=600", "mode= is given twice"},
        {"unix:/a,owner=", "owner= takes a name or a number"},
        {"unix:/a,read-only=yes", NULL},
        {"", NULL},
        {"unix:", NULL},
        {",read-only", NULL},
    };
    char longest[BIND_ITEM_MAX + 10];
    struct bind_spec spec;
    bool reads;
    char item[BIND_ITEM_MAX];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *wrong = bind_parse_admin(&spec, &reads, item, bad[i].text);
        if (!wrong && strcmp(bad[i].text, "unix:/a,read-only=yes") == 0) {
            assert_string_equal(spec.addr.path, "/a,read-only=yes"); /* a path may hold it */
            assert_false(reads);
            continue;
        }
        assert_non_null(wrong);
        if (bad[i].wrong) assert_string_equal(wrong, bad[i].wrong);
    }
    memset(longest, 'x', sizeof longest - 1);
    memcpy(longest, "unix:/", 6);
    longest[sizeof longest - 1] = '\0';
    assert_string_equal(bind_parse_admin(&spec, &reads, item, longest), "it is too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_items_are_read),
        cmocka_unit_test(wrong_items_are_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
