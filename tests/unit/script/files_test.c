/* What a script reads is recorded in its bundle, in the order in which it is read, and comes from there afterwards. */
#include "unit/script/script_host.h"

#include "base/bundle.h"
#include "discovery/discovery.h"

static struct discoveries discoveries;

static int make_recording(void **state)
{
    int failed = make(state);
    discoveries_init(&discoveries, NULL, NULL);
    w.backends.discoveries = &discoveries;
    w.host.bundle = bundle_create();
    w.host.bundle->records = true;
    return failed;
}

static int forget_bundle(void **state)
{
    unload();
    assert_int_equal(w.host.bundle->references, 1); /* the script has given back its own */
    bundle_give(w.host.bundle);
    discoveries_release(&discoveries);
    return forget(state);
}

/* The next file in the bundle; its path is in the script's folder unless it begins with a slash. */
static void next_is(size_t *at, enum bundle_kind kind, const char *path, const char *bytes)
{
    struct bundle_file file;
    char whole[128];
    snprintf(whole, sizeof whole, "%s%s%s", *path == '/' ? "" : w.dir, *path == '/' ? "" : "/",
             path);
    assert_true(bundle_next(w.host.bundle, at, &file));
    assert_int_equal(file.kind, kind);
    if (file.path_len != strlen(whole) || memcmp(file.path, whole, file.path_len) != 0)
        fail_msg("%.*s is not %s", (int)file.path_len, file.path, whole);
    if (bytes) assert_int_equal(file.len, strlen(bytes));
    if (bytes) assert_memory_equal(file.bytes, bytes, file.len);
}

static void ends(size_t at)
{
    struct bundle_file file;
    assert_false(bundle_next(w.host.bundle, &at, &file));
}

static void what_is_required_is_recorded_once_in_its_order(void **state)
{
    size_t at = 0;
    write_text("two.lua", "return 2");
    write_text("one.lua", "require 'two' return 1");
    load(MG "require 'one' require 'two' require 'one'\n" ANY);
    next_is(&at, BUNDLE_FILE, "one.lua", "require 'two' return 1");
    next_is(&at, BUNDLE_FILE, "two.lua", "return 2");
    ends(at);
}

static void what_is_not_there_is_recorded_with_the_reason(void **state)
{
    size_t at = 0;
    load(MG "pcall(require, 'none')\n" ANY);
    next_is(&at, BUNDLE_ABSENT, "none.lua", NULL);
    ends(at);
    write_text("none.lua", "return 'late'");
    load(MG "local good, why = pcall(require, 'none')\n"
            "assert(not good and why:find 'none.lua: No such file')\n" ANY);
    ends(at);
}

static void a_file_that_discovery_follows_is_watched(void **state)
{
    size_t at = 0;
    load(MG "return mg.pool { discover = 'file:///etc/moongate/servers' }\n");
    next_is(&at, BUNDLE_WATCHED, "/etc/moongate/servers", "");
    ends(at);
    load(MG "return mg.pool { discover = 'dns://example.com' }\n");
    ends(at);
}

static void a_script_that_does_not_load_leaves_what_it_has_read(void **state)
{
    size_t at = 0;
    write_text("one.lua", "return nonsense +");
    assert_false(loads(MG "require 'one'\n" ANY));
    next_is(&at, BUNDLE_FILE, "one.lua", "return nonsense +");
    ends(at);
}

static void what_is_recorded_is_not_read_again_and_nothing_is_added_without_recording(void **state)
{
    size_t at = 0;
    write_text("one.lua", "return 'first'");
    load(MG "require 'one'\n" ANY);
    w.host.bundle->records = false;
    write_text("one.lua", "return 'second'");
    write_text("other.lua", "return 'other'");
    load(MG "assert(require 'one' == 'first' and require 'other' == 'other')\n" ANY);
    next_is(&at, BUNDLE_FILE, "one.lua", "return 'first'");
    ends(at);
}

int main(void)
{
#define test(f) cmocka_unit_test_setup_teardown(f, make_recording, forget_bundle)
    const struct CMUnitTest tests[] = {
        test(what_is_required_is_recorded_once_in_its_order),
        test(what_is_not_there_is_recorded_with_the_reason),
        test(a_file_that_discovery_follows_is_watched),
        test(a_script_that_does_not_load_leaves_what_it_has_read),
        test(what_is_recorded_is_not_read_again_and_nothing_is_added_without_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
