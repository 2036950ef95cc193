/* trace: a request routed alone takes the way that it would take in a batch, and says which; paths of any length hold. */
#include "unit/script/script_host.h"

static struct path path;

/* The path's steps, with a bar between them. */
static const char *steps(void)
{
    static char text[2 * PATH_ROOM];
    text[0] = '\0';
    for (const char *step = path_next(&path, NULL); step; step = path_next(&path, step)) {
        if (text[0]) strcat(text, "|");
        strcat(text, step);
    }
    return text;
}

static void trace(uint32_t at)
{
    static struct walk walk;
    struct explainer e = {.trace = &script_tracer,
                          .router = w.script,
                          .turn = &w.turn,
                          .routes = script_routes(w.script),
                          .slots = w.slots,
                          .answers = w.answers,
                          .at = at,
                          .arena = &w.arena};
    struct request r = w.slots[at];
    walk = (struct walk){.e = &e};
    capture_begin(STDERR_FILENO);
    walk_request(&walk, &r);
    assert_string_equal(capture_end(), "");
    path = walk.path;
}

/* "function at FILE:LINE"; of the last two lines asked for. */
static const char *at_line(int line)
{
    static char texts[2][160];
    static int turn;
    char *text = texts[turn++ % 2];
    snprintf(text, sizeof texts[0], "function at %s:%d", w.path, line);
    return text;
}

static void assert_steps(const char *first, const char *second, const char *last)
{
    char expected[512];
    snprintf(expected, sizeof expected, "%s%s%s|%s", first, *second ? "|" : "", second, last);
    assert_string_equal(steps(), expected);
}

static const char ROUTES[] =
    MG "local pool = mg.pool { '127.0.0.1:1', name = 'only' }\n"
       "local function further(req) return pool end\n"
       "return function(req)\n"
       "  if req:has_prefix 'far' then return further end\n"
       "  if req:has_prefix 'miss' then return mg.reply.miss() end\n"
       "  if req:has_prefix 'no' then return mg.reply.error 'no way' end\n"
       "  if req:has_prefix 'odd' then req.exptime = 0.5 end\n"
       "  if req:has_prefix 'loop' then local function f() return f end return f end\n"
       "  if req:has_prefix 'new' then req.key = 'old' end\n"
       "  return pool\n"
       "end\n";

static void a_path_names_functions_and_the_end(void **state)
{
    load(ROUTES);
    request_at(7, COMMAND_GET, "near", NULL);
    trace(7);
    assert_steps(at_line(4), "", "pool only");
    request_at(7, COMMAND_GET, "far", NULL);
    trace(7);
    assert_steps(at_line(4), at_line(3), "pool only");
    request_at(7, COMMAND_GET, "miss", NULL);
    trace(7);
    assert_steps(at_line(4), "", "reply miss");
    request_at(7, COMMAND_GET, "no", NULL);
    trace(7);
    assert_steps(at_line(4), "", "reply error no way");
    assert_string_equal(path.failure, "");
}

static void a_pool_alone_needs_no_function(void **state)
{
    load(MG ANY);
    request_at(0, COMMAND_GET, "k", NULL);
    trace(0);
    assert_string_equal(steps(), "pool pool1");
    assert_int_equal(w.answers[0].route, 0);
}

static void a_trace_decides_as_a_batch_does(void **state)
{
    static const char *const keys[] = {"near", "far", "miss", "no", "odd", "loop", "new"};
    load(ROUTES);
    for (uint32_t i = 0; i < COUNT(keys); i++) {
        request_at(0, COMMAND_SET, keys[i], "value");
        trace(0);
        struct answer traced = w.answers[0];
        char key[16], text[64];
        snprintf(key, sizeof key, "%.*s", w.slots[0].key_len, (const char *)w.slots[0].key_at);
        snprintf(text, sizeof text, "%.*s", (int)traced.text_len, (const char *)traced.text_at);
        request_at(0, COMMAND_SET, keys[i], "value");
        logged_while_routing(1);
        assert_int_equal(w.answers[0].route, traced.route);
        assert_key(&w.slots[0], key);
        if (traced.route == ANSWER_REFUSE) assert_refused(0, text);
    }
}

static void a_failure_is_told_and_neither_logged_nor_counted(void **state)
{
    load(ROUTES);
    request_at(0, COMMAND_SET, "odd", "value");
    trace(0); /* which sees that nothing is logged */
    assert_steps(at_line(4), "", "script error");
    assert_non_null(strstr(path.failure, "req.exptime is a whole number"));
    request_at(0, COMMAND_SET, "loop", "value");
    trace(0);
    assert_non_null(strstr(path.failure, "functions return functions without end"));
    assert_refused(0, "script error");
    load(AS_ROUTE("  error 'mine'"));
    request_at(0, COMMAND_GET, "k", NULL);
    trace(0);
    assert_non_null(strstr(path.failure, "script.lua:4: mine\nstack traceback:"));
    assert_int_equal(w.part.row.script_errors, 0);
    assert_int_equal(w.part.row.keys_routed, 0);
}

static void other_slots_and_later_batches_are_not_disturbed(void **state)
{
    load(ROUTES);
    request_at(0, COMMAND_GET, "new", NULL);
    request_at(1, COMMAND_GET, "new", NULL);
    trace(1);
    assert_key(&w.slots[0], "new");
    assert_key(&w.slots[1], "old");
    request_at(1, COMMAND_GET, "loop", NULL);
    trace(1);
    route(1);
    assert_key(&w.slots[0], "old");
    assert_int_equal(w.answers[0].route, 0);
}

static void an_endless_path_ends_in_dots(void **state)
{
    static char step[300];
    memset(step, 's', sizeof step);
    path = (struct path){.len = 0};
    assert_null(path_next(&path, NULL));
    for (int i = 0; i < 100; i++) path_add(&path, step, sizeof step);
    const char *last = NULL;
    uint32_t n = 0;
    for (const char *at = path_next(&path, NULL); at; at = path_next(&path, at), n++) last = at;
    assert_in_range(n, 7, 10);
    assert_string_equal(last, "...");
    path = (struct path){.len = 0};
    for (int i = 0; i < 10000; i++) path_add(&path, "", 0);
    assert_in_range(path.len, sizeof path.text - 8, sizeof path.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        alone(a_path_names_functions_and_the_end),
        alone(a_pool_alone_needs_no_function),
        alone(a_trace_decides_as_a_batch_does),
        alone(a_failure_is_told_and_neither_logged_nor_counted),
        alone(other_slots_and_later_batches_are_not_disturbed),
        cmocka_unit_test(an_endless_path_ends_in_dots),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
