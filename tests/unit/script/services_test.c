/* services: what a script gets beside routing: counters, dictionaries, the log, clocks, options. */
#include "unit/script/script_host.h"

static double counter(const char *name)
{
    int at = metrics_find(w.host.metrics, METRIC_COUNTER, name, 0);
    if (at < 0) fail_msg("no counter %s", name);
    return w.host.metrics->counters[at].value;
}

static double gauge(const char *name)
{
    int at = metrics_find(w.host.metrics, METRIC_GAUGE, name, 0);
    if (at < 0) fail_msg("no gauge %s", name);
    return w.host.metrics->gauges[at].value;
}

static const struct metric_histogram *histogram(const char *name)
{
    int at = metrics_find(w.host.metrics, METRIC_HISTOGRAM, name, 0);
    if (at < 0) fail_msg("no histogram %s", name);
    return &w.host.metrics->histograms[at];
}

/* The expression raises an error with `why` in it, at the script's line 3, while it loads. */
static void is_wrong(const char *before, const char *expression, const char *why)
{
    char text[1024];
    snprintf(text, sizeof text, MG "%s\nlocal _ = %s\n" ANY, before, expression);
    fails(text, "script.lua:3:", why);
}

/* --- counters, gauges, histograms -------------------------------------------------------------- */

static void counters_and_gauges_change_as_told(void **state)
{
    load(MG "local c, g = mg.counter 'c', mg.gauge 'g'\nc:add()\ng:set(-2)\n"
            "return function(req)\n  c:add(2.5)\n  g:add(1)\n  g:add()\n  return mg.reply.miss()\n"
            "end\n");
    route_one(COMMAND_GET, "k", NULL);
    route_one(COMMAND_GET, "k", NULL);
    assert_true(counter("c") == 6);
    assert_true(gauge("g") == 2);
}

static void counting_makes_no_garbage(void **state)
{
    load(MG "local c, g, h = mg.counter 'c', mg.gauge 'g', mg.histogram('h', { 1, 2 })\n"
            "return function(req)\n"
            "  for i = 1, 1000 do c:add(1) g:set(i) h:observe(i) end\n"
            "  return mg.reply.miss()\n"
            "end\n");
    for (int i = 0; i < 20; i++) route_one(COMMAND_GET, "k", NULL);
    lua_gc(w.script->L, LUA_GCSTOP, 0);
    size_t before = (size_t)lua_gc(w.script->L, LUA_GCCOUNT, 0);
    for (int i = 0; i < 20; i++) route_one(COMMAND_GET, "k", NULL);
    assert_in_range(lua_gc(w.script->L, LUA_GCCOUNT, 0), before, before + 8);
    assert_true(counter("c") == 40000);
}

static void a_histogram_counts_each_value_in_its_bucket(void **state)
{
    load(MG "local h = mg.histogram('h', { -1, 0, 10 })\n"
            "for _, x in ipairs { -5, -1, -0.5, 0, 0.1, 10, 10.1, 1e300 } do h:observe(x) end\n"
            "mg.histogram 'common'\n" ANY);
    static const uint64_t wanted[] = {2, 2, 2, 2};
    assert_memory_equal(histogram("h")->counts, wanted, sizeof wanted);
    assert_true(histogram("h")->sum == 1e300);
    assert_int_equal(histogram("common")->bounds_n, 16);
}

static void the_same_name_goes_on_over_reloads(void **state)
{
    static const char script[] = MG "local c = mg.counter 'c'\nc:add(1)\nmg.counter('c'):add(1)\n"
                                    "mg.histogram('h', { 1 }):observe(0)\n" ANY;
    load(script);
    load(script);
    assert_true(counter("c") == 4);
    assert_int_equal(histogram("h")->counts[0], 2);
    load(MG ANY);
    assert_true(counter("c") == 4);
}

static void another_kind_of_the_same_name_is_an_error(void **state)
{
    is_wrong("mg.counter 'n'", "mg.gauge 'n'", "mg.gauge 'n': there is a counter of that name");
    is_wrong("mg.gauge 'm'", "mg.histogram 'm'", "there is a gauge of that name");
    is_wrong("mg.histogram 'o'", "mg.counter 'o'", "there is a histogram of that name");
    is_wrong("mg.histogram('h', { 1, 2 })", "mg.histogram('h', { 1, 3 })", "other bounds");
    is_wrong("mg.histogram('h', { 1, 2 })", "mg.histogram('h', { 1 })", "other bounds");
}

static void metrics_are_bounded(void **state)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    char text[256];
    for (size_t i = 0; i < COUNT(kinds); i++) {
        snprintf(text, sizeof text, MG "for i = 1, 256 do mg.%s('%s' .. i) end\nmg.%s 'more'\n" ANY,
                 kinds[i], kinds[i], kinds[i]);
        fails(text, "script.lua:3:", "there are 256 already");
    }
}

static void wrong_uses_of_metrics_are_errors_with_their_place(void **state)
{
    is_wrong("", "mg.counter()", "a name takes 1 to 63 letters");
    is_wrong("", "mg.counter 'a b'", "a name takes 1 to 63 letters");
    is_wrong("", "mg.counter(('x'):rep(64))", "a name takes 1 to 63 letters");
    is_wrong("", "mg.gauge ''", "a name takes 1 to 63 letters");
    is_wrong("local c = mg.counter 'c'", "c:add(-1)", "a counter only grows");
    is_wrong("local c = mg.counter 'c'", "c:add '1'", "takes a number, not 1");
    is_wrong("local c = mg.counter 'c'", "c:add(0/0)", "takes a number");
    is_wrong("local c = mg.counter 'c'", "c:add(math.huge)", "takes a number");
    is_wrong("local c = mg.counter 'c'", "c:set(1)", "");
    is_wrong("local g = mg.gauge 'g'", "g:set()", "takes a number, not nil");
    is_wrong("local g = mg.gauge 'g'", "g:set(true)", "takes a number, not true");
    is_wrong("local h = mg.histogram 'h'", "h:observe 'x'", "takes a number");
    is_wrong("local h = mg.histogram 'h'", "h.observe({}, 1)", "with a colon");
    is_wrong("", "mg.histogram('h', {})", "1 to 32 numbers");
    is_wrong("", "mg.histogram('h', 5)", "1 to 32 numbers");
    is_wrong("", "mg.histogram('h', { 2, 1 })", "larger than the one before");
    is_wrong("", "mg.histogram('h', { 'x' })", "takes a number");
    is_wrong("local t = {} for i = 1, 33 do t[i] = i end", "mg.histogram('h', t)", "1 to 32");
}

/* --- dictionaries ------------------------------------------------------------------------------ */

static void a_dictionary_holds_what_is_put_into_it(void **state)
{
    load(MG
         "local d = mg.shared('d', '64k')\n"
         "assert(d:get 'k' == nil and d:ttl 'k' == nil and d:delete 'k' == false)\n"
         "assert(d:set('k', 'v\\0w') and d:get 'k' == 'v\\0w' and d:ttl 'k' == math.huge)\n"
         "assert(d:set('k', '') and d:get 'k' == '')\n"
         "assert(d:set('k', 1.5) and d:get 'k' == 1.5 and d:set('k', true) and d:get 'k' == true)\n"
         "assert(d:set('k', false) and d:get 'k' == false)\n"
         "assert(d:add('k', 1) == false and d:delete 'k' and d:add('k', 1) == true)\n"
         "assert(d:incr 'k' == 2 and d:incr('k', -5) == -3 and d:incr('k', 0.5, 9) == -2.5)\n"
         "local n, why = d:incr 'new'\n"
         "assert(n == nil and why == 'not found' and d:incr('new', 1, 10, 60) == 11)\n"
         "assert(d:ttl 'new' == 60 and d:set('new', 'x', 0.5) and d:ttl 'new' == 0.5)\n"
         "n, why = d:incr('new', 1, 1)\n"
         "assert(n == nil and why == 'not a number')\n"
         "n, why = d:set('k', ('x'):rep(40000))\n"
         "assert(n == nil and why == 'too large' and d:get 'k' == -2.5)\n"
         "n, why = d:add('l', ('x'):rep(40000))\n"
         "assert(n == nil and why == 'too large')\n"
         "local long = ('v'):rep(29000)\n"
         "assert(d:set(('k'):rep(250), long) and d:get(('k'):rep(250)) == long)\n"
         "assert(mg.shared('d', 65536):get 'k' == -2.5)\n"
         "local used, items = d:usage()\n"
         "assert(items == 3 and used == 31424 and d:capacity() > 60000)\n" ANY);
}

static void a_dictionary_lives_on_over_reloads_and_time_goes_by(void **state)
{
    w.backends.now = 100;
    load(MG "local d = mg.shared('d', 4096)\nd:set('a', 1, 10)\nd:set('b', 2)\n" ANY);
    w.backends.now = 109.5;
    load(MG "local d = mg.shared('d', '4k')\nassert(d:get 'a' == 1 and d:ttl 'a' == 0.5)\n" ANY);
    w.backends.now = 110;
    load(MG
         "local d = mg.shared('d', '4K')\nassert(d:get 'a' == nil and d:ttl 'a' == nil)\n"
         "assert(d:get 'b' == 2 and d:add('a', 3, 1) and d:delete 'a' and not d:delete 'a')\n" ANY);
}

static void wrong_uses_of_dictionaries_are_errors_with_their_place(void **state)
{
#define D "local d = mg.shared('d', 4096)"
    is_wrong("", "mg.shared('d')", "its size takes a number from 4096");
    is_wrong("", "mg.shared('d', 4095)", "its size takes a number from 4096");
    is_wrong("", "mg.shared('d', '4x')", "its size takes a number from 4096");
    is_wrong("", "mg.shared('d', 4096.5)", "whole number");
    is_wrong("", "mg.shared('d', '1g')", "give more with --shared-memory");
    is_wrong("", "mg.shared(nil, 4096)", "a name takes 1 to 63");
    is_wrong(D, "mg.shared('d', 8192)", "another size");
    is_wrong(D, "d:get()", "a key of a dictionary is a string of 1 to 250 bytes, not a nil");
    is_wrong(D, "d:get ''", "not 0 bytes");
    is_wrong(D, "d:set(('k'):rep(251), 1)", "not 251 bytes");
    is_wrong(D, "d:delete(5)", "not a number");
    is_wrong(D, "d:set('k')", "not nil: use delete");
    is_wrong(D, "d:set('k', {})", "not a table");
    is_wrong(D, "d:add('k', print)", "not a function");
    is_wrong(D, "d:set('k', 1, 0)", "seconds over 0, not 0");
    is_wrong(D, "d:add('k', 1, '5')", "seconds over 0");
    is_wrong(D, "d:incr('k', '1')", "what incr adds is a number");
    is_wrong(D, "d:incr('k', 1, 'x')", "where incr begins is a number");
    is_wrong(D, "d:incr('k', 1, 1, -1)", "seconds over 0");
    is_wrong(D, "d.get('k')", "with a colon");
    is_wrong(D, "d.get({}, 'k')", "with a colon");
    is_wrong(D, "d:usages()", "usages");
    fails(MG D "\nd.x = 1\n" ANY, "script.lua:3:", "a dictionary has no fields");
}

/* --- the log ----------------------------------------------------------------------------------- */

static const char *logged_while_loading(const char *text)
{
    capture_begin(STDERR_FILENO);
    bool good = loads(text);
    const char *log = capture_end();
    if (!good) fail_msg("%s", w.error);
    return log;
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) n++;
    return n;
}

static void each_level_is_logged_as_such(void **state)
{
    const char *log = logged_while_loading(
        MG "mg.log 'one'\nmg.log.info(2)\nmg.log.warn 'three'\nmg.log.error 'four'\n"
           "mg.log.debug 'five'\n" ANY);
    assert_non_null(strstr(log, "info  "));
    assert_non_null(strstr(log, "script.lua: one\n"));
    assert_non_null(strstr(log, "script.lua: 2\n"));
    assert_non_null(strstr(strstr(log, "warn  "), "script.lua: three\n"));
    assert_non_null(strstr(strstr(log, "error "), "script.lua: four\n"));
    assert_null(strstr(log, "five"));
}

static void what_is_logged_forges_no_lines(void **state)
{
    const char *log = logged_while_loading(
        MG "mg.log 'a\\nb\\27[0m\\0c'\nmg.log(('x'):rep(1e6))\nmg.log(('\\0'):rep(9000))\n" ANY);
    assert_int_equal(count(log, "\n"), 3);
    assert_non_null(strstr(log, "a\\nb\\x1b[0m\\x00c\n"));
    assert_true(strlen(log) < 3 * 4096);
}

static void a_level_has_ten_lines_a_second(void **state)
{
    w.backends.now = 5;
    const char *log = logged_while_loading(
        MG "for i = 1, 1000 do mg.log.warn 'again' end\nmg.log.error 'other'\n" ANY);
    assert_int_equal(count(log, "again"), 10);
    assert_int_equal(count(log, "other"), 1);
}

static void only_text_is_logged(void **state)
{
    is_wrong("", "mg.log()", "takes a string, not a nil");
    is_wrong("", "mg.log.warn {}", "takes a string, not a table");
    is_wrong("", "mg.log.fatal 'x'", "fatal");
}

/* --- clocks, environment, worker --------------------------------------------------------------- */

static void a_script_knows_the_time_and_its_worker(void **state)
{
    w.backends.now = 12.5;
    w.host.worker = 3;
    w.host.workers = 8;
    load(MG
         "assert(mg.now() == 12.5 and math.abs(mg.time() - os.time()) < 2)\n"
         "assert(mg.worker.id == 3 and mg.worker.count == 8 and mg.worker.generation == 3)\n" ANY);
    is_wrong("", "mg.worker.number", "there are: count, generation, id");
    fails(MG "\nmg.worker.id = 0\n" ANY, "script.lua:3:", "mg.worker is read-only");
}

static void a_script_reads_the_environment_while_it_loads(void **state)
{
    setenv("MOONGATE_TEST_NAME", "some value", 1);
    load(MG "assert(mg.env 'MOONGATE_TEST_NAME' == 'some value')\n"
            "assert(mg.env 'MOONGATE_NO_SUCH_NAME' == nil)\n" ANY);
    is_wrong("", "mg.env(1)", "takes a string, not a number");
    unsetenv("MOONGATE_TEST_NAME");
}

/* What is made while a script loads cannot be made by a request. */
static void what_is_for_loading_is_refused_to_requests(void **state)
{
    static const char *const calls[] = {"mg.counter 'a'",        "mg.gauge 'b'",
                                        "mg.histogram 'c'",      "mg.env 'HOME'",
                                        "mg.shared('d', '64k')", "mg.options {}"};
    char text[512];
    for (size_t i = 0; i < COUNT(calls); i++) {
        snprintf(text, sizeof text, MG "return function(req)\n  local _ = %s\nend\n", calls[i]);
        load(text);
        request_at(0, COMMAND_GET, "k", NULL);
        const char *log = logged_while_routing(1);
        assert_refused(0, "script error");
        assert_non_null(strstr(log, "script.lua:3: mg."));
        assert_non_null(strstr(log, "can only be called while the script loads"));
    }
}

/* --- options ----------------------------------------------------------------------------------- */

static const struct script_option known[SCRIPT_OPTIONS] = {
    {.name = "size", .least = 10, .most = 1 << 20, .is_whole = true},
    {.name = "who", .words = "near|yes|no"},
    {.name = "pause", .least = 0, .most = 100},
};

static int make_with_options(void **state)
{
    int failed = make(state);
    w.host.options = known;
    return failed;
}

static void options_are_read_and_told(void **state)
{
    double value;
    load(MG "mg.options { size = 64, pause = 2.5 }\nmg.options { size = '64k', who = 'no' }\n" ANY);
    assert_true(script_option(w.script, 0, &value) && value == 65536);
    assert_true(script_option(w.script, 1, &value) && value == 2);
    assert_true(script_option(w.script, 2, &value) && value == 2.5);
    load(MG "mg.options { who = 'near' }\n" ANY);
    assert_true(script_option(w.script, 1, &value) && value == 0);
    assert_false(script_option(w.script, 0, &value));
}

static void wrong_options_are_errors_with_their_place(void **state)
{
    is_wrong("", "mg.options { sice = 5 }", "unknown option 'sice'; there are: pause, size, who");
    is_wrong("", "mg.options { size = 9 }", "option 'size' takes a number from 10 to");
    is_wrong("", "mg.options { size = '2m' }", "option 'size' takes a number from 10 to");
    is_wrong("", "mg.options { size = 10.5 }", "takes a whole number");
    is_wrong("", "mg.options { size = true }", "option 'size' takes a number");
    is_wrong("", "mg.options { who = 'nobody' }", "takes one of near, yes, no, not nobody");
    is_wrong("", "mg.options { who = 1 }", "takes one of near, yes, no, not 1");
    is_wrong("", "mg.options { pause = 101 }", "takes seconds from 0 to 100, not 101");
    is_wrong("", "mg.options { pause = 0/0 }", "takes seconds");
    is_wrong("", "mg.options { 'size' }", "by name");
    is_wrong("", "mg.options()", "takes a table, not a nil");
}

#define with_options(test) cmocka_unit_test_setup_teardown(test, make_with_options, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(counters_and_gauges_change_as_told),
        alone(counting_makes_no_garbage),
        alone(a_histogram_counts_each_value_in_its_bucket),
        alone(the_same_name_goes_on_over_reloads),
        alone(another_kind_of_the_same_name_is_an_error),
        alone(metrics_are_bounded),
        alone(wrong_uses_of_metrics_are_errors_with_their_place),
        alone(a_dictionary_holds_what_is_put_into_it),
        alone(a_dictionary_lives_on_over_reloads_and_time_goes_by),
        alone(wrong_uses_of_dictionaries_are_errors_with_their_place),
        alone(each_level_is_logged_as_such),
        alone(what_is_logged_forges_no_lines),
        alone(a_level_has_ten_lines_a_second),
        alone(only_text_is_logged),
        alone(a_script_knows_the_time_and_its_worker),
        alone(a_script_reads_the_environment_while_it_loads),
        alone(what_is_for_loading_is_refused_to_requests),
        with_options(options_are_read_and_told),
        with_options(wrong_options_are_errors_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
