/* timer: a script's timers run while it is in use, and never harm the worker. */
#include "unit/script/script_host.h"

#include <ev.h>

static int make_with_loop(void **state)
{
    int failed = make(state);
    w.backends.loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    assert_non_null(w.backends.loop);
    return failed;
}

static int forget_with_loop(void **state)
{
    struct ev_loop *loop = w.backends.loop;
    int failed = forget(state);
    assert_int_equal(ev_pending_count(loop), 0);
    ev_loop_destroy(loop);
    return failed;
}

/* Runs the loop until the counter of that name is at n. */
static void turns_until(const char *name, double n)
{
    int at = metrics_find(w.host.metrics, METRIC_COUNTER, name, 0);
    assert_true(at >= 0);
    const struct metric_counter *c = &w.host.metrics->counters[at];
    for (double begun = ev_time(); c->value < n;) {
        ev_run(w.backends.loop, EVRUN_ONCE);
        if (ev_time() - begun > 20) fail_msg("%s is %g, not %g", name, c->value, n);
    }
}

static double value_of(const char *name)
{
    return w.host.metrics->counters[metrics_find(w.host.metrics, METRIC_COUNTER, name, 0)].value;
}

/* Looks whether anything is left that the loop would call. */
static bool is_idle(void)
{
    ev_now_update(w.backends.loop);
    return !ev_run(w.backends.loop, EVRUN_NOWAIT);
}

#define START MG "local c, d = mg.counter 'c', mg.counter 'd'\n"
#define END   "return function(req) return mg.reply.miss() end\n"

static void timers_fire_once_and_again(void **state)
{
    load(START "mg.timer.every(0.002, function(x) assert(x == nil) c:add(1) end)\n"
               "mg.timer.after(0.001, function() d:add(1) end)\n" END);
    script_start_timers(w.script);
    turns_until("c", 5);
    assert_true(value_of("d") == 1);
    unload();
    assert_true(is_idle());
}

static void a_script_that_is_only_checked_has_no_timers_running(void **state)
{
    load(START "mg.timer.every(0.001, function() c:add(1) end)\nmg.timer.after(0, error)\n" END);
    assert_true(is_idle());
    struct ev_loop *loop = w.backends.loop;
    w.backends.loop = NULL; /* as for `moongate -t` */
    load(START "mg.timer.after(0, error)\nmg.timer.after(0, error):stop()\n" END);
    script_start_timers(w.script);
    w.backends.loop = loop;
    assert_true(is_idle());
    fails(START "mg.timer.after(0, error)\nerror 'no'\n" END, "script.lua:4", "no");
    assert_true(is_idle());
}

static void a_stopped_timer_fires_no_more(void **state)
{
    load(START
         "local t\n"
         "t = mg.timer.every(0.001, function() c:add(1) if c.value == 3 then t:stop() t:stop() "
         "end end)\n"
         "local u = mg.timer.after(0.001, error)\nu:stop()\n" END);
    script_start_timers(w.script);
    turns_until("c", 3);
    assert_true(is_idle());
    assert_true(value_of("c") == 3);
    assert_int_equal(w.part.row.timer_errors, 0);
}

static void the_old_scripts_timers_stop_when_told(void **state)
{
    load(START "mg.timer.every(0.001, function() c:add(1) end)\n" END);
    script_start_timers(w.script);
    turns_until("c", 2);
    script_stop_timers(w.script);
    assert_true(is_idle());
    assert_true(value_of("c") == 2);
}

/* The number of a timer that is over is used again: its old handle must not stop the new one. */
static void a_handle_stops_its_own_timer_only(void **state)
{
    load(START "local old\n"
               "old = mg.timer.after(0, function()\n"
               "  local new = mg.timer.every(0.001, function() c:add(1) end)\n"
               "  old:stop()\n"
               "  local gone = mg.timer.after(0, error)\n"
               "  gone:stop()\n"
               "  mg.timer.after(0, function() d:add(1) end)\n"
               "  gone:stop()\n"
               "end)\n" END);
    script_start_timers(w.script);
    turns_until("c", 3);
    turns_until("d", 1);
    assert_int_equal(w.script->timers.n, 2);
}

static void an_error_is_logged_and_the_timer_goes_on(void **state)
{
    load(START "mg.timer.every(0.001, function()\n  c:add(1)\n  error 'boom'\nend)\n" END);
    capture_begin(STDERR_FILENO);
    script_start_timers(w.script);
    turns_until("c", 30);
    const char *log = capture_end();
    assert_non_null(strstr(log, "timer: "));
    assert_non_null(strstr(log, "script.lua:5: boom\\nstack traceback"));
    assert_int_equal(w.part.row.timer_errors, 30);
    size_t lines = 0;
    for (const char *at = log; (at = strstr(at, "boom")); at++) lines++;
    assert_in_range(lines, 1, 10); /* the clock of the host stands still */
}

static void whatever_is_raised_does_not_harm(void **state)
{
    load(START
         "for _, f in ipairs {\n"
         "  function() error(nil) end, function() error {} end,\n"
         "  function() error(setmetatable({}, { __tostring = function() error 'no' end })) end,\n"
         "  function() local function deep(n) return deep(n + 1) + 1 end deep(1) end,\n"
         "  function() coroutine.yield(1) end,\n"
         "} do mg.timer.after(0, function() c:add(1) f() end) end\n" END);
    capture_begin(STDERR_FILENO);
    script_start_timers(w.script);
    turns_until("c", 5);
    capture_end();
    assert_int_equal(w.part.row.timer_errors, 5);
    route_one(COMMAND_GET, "k", NULL);
    assert_int_equal(w.answers[0].route, ANSWER_MISS);
}

static void timers_are_bounded_and_given_back(void **state)
{
    fails(START "for i = 1, 1024 do mg.timer.after(1, error) end\nmg.timer.after(1, error)\n" END,
          "script.lua:4:", "there are 1024 timers already");
    load(START
         "for i = 1, 10000 do mg.timer.every(1, error):stop() end\n"
         "local function again() c:add(1) if c.value < 3000 then mg.timer.after(0, again) end "
         "end\nagain()\n" END);
    script_start_timers(w.script);
    turns_until("c", 3000);
    assert_int_equal(w.script->timers.n, 1);
}

static void wrong_timers_are_errors_with_their_place(void **state)
{
    fails(MG "mg.timer.every(0, print)\n" ANY,
          "script.lua:2:", "mg.timer.every takes seconds from 0.001 to 1000000, not 0");
    fails(MG "mg.timer.after(-1, print)\n" ANY, "script.lua:2:", "mg.timer.after takes seconds");
    fails(MG "mg.timer.after('1', print)\n" ANY, "script.lua:2:", "mg.timer.after takes seconds");
    fails(MG "mg.timer.after(0/0, print)\n" ANY, "script.lua:2:", "mg.timer.after takes seconds");
    fails(MG "mg.timer.after(1)\n" ANY, "script.lua:2:", "takes a function, not a nil");
    fails(MG "mg.timer.after(1, error).x = 1\n" ANY, "script.lua:2:", "a timer is read-only");
}

#define looping(test) cmocka_unit_test_setup_teardown(test, make_with_loop, forget_with_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        looping(timers_fire_once_and_again),
        looping(a_script_that_is_only_checked_has_no_timers_running),
        looping(a_stopped_timer_fires_no_more),
        looping(the_old_scripts_timers_stop_when_told),
        looping(a_handle_stops_its_own_timer_only),
        looping(an_error_is_logged_and_the_timer_goes_on),
        looping(whatever_is_raised_does_not_harm),
        looping(timers_are_bounded_and_given_back),
        looping(wrong_timers_are_errors_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
