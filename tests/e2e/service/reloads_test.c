/* Many reloads under load, every third of a script that is refused: clients see no error and no wrong value (I1, I2, I8), old scripts go
 * when their last request has ended, and at the end memory and descriptors are as they were.
 *
 * RELOADS: how many (30); RELOAD_EVERY: seconds from one to the next (0: one after the other); LONG_SECONDS: when to stop. With RELOADS a
 * few seconds without reloads come first, and the largest drop of throughput is printed. It is not judged: on a busy machine it is that of
 * the machine.
 */
#include "lib/application.h"
#include "lib/client.h"
#include "lib/footprint.h"
#include "lib/memcached.h"
#include "lib/moongate.h"
#include "lib/scene.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORKERS = FOOTPRINT_WORKERS, PROCESSES = 1 + WORKERS, APPLICATIONS = 8 };

/* Memory that a process may have more at the end than after the first third. A leak of a script is 100 KiB for each reload. */
enum { MORE_KIB = 4096 };

struct run_of_reloads {
    struct moongate *m;
    struct client *c; /* asks for statistics */
    pid_t processes[PROCESSES];
    struct application *all[APPLICATIONS];
    const char *server, *filler;
    unsigned generation, refused;
    double began, second; /* when the run began, and the second that is being counted */
    unsigned long before; /* replies until then */
    unsigned long *rates;
    size_t rates_n;
    double
        cpu; /* seconds of the workers' processor time, and replies, until what is printed next */
    unsigned long replies;
    double every, last, slowest; /* reload: from one to the next, and when the last began */
};

/* --- scripts --------------------------------------------------------------------------------- */

/* What makes a script of two hundred lines: functions that its route calls. */
static const char *two_hundred_lines(void)
{
    char *text = stage_memory(20000);
    size_t n = 0;
    for (int i = 0; i < 40; i++)
        n += (size_t)sprintf(text + n,
                             "local function rule%d(req)\n  if #req.key == %d then\n"
                             "    return req.key:find('x%d', 1, true) ~= nil\n  end\nend\n",
                             i, 300 + i, i);
    n += (size_t)sprintf(text + n, "local rules = { ");
    for (int i = 0; i < 40; i++) n += (size_t)sprintf(text + n, "rule%d, ", i);
    sprintf(text + n, "}\n");
    return text;
}

/* Keys that begin with w go through a function that waits, longer than a reload takes. */
static const char *good_script(const struct run_of_reloads *r)
{
    return textf(MG "%s"
                    "local pool = mg.pool { '%s', timeout = 20, connect_timeout = 20 }\n"
                    "local waiting = mg.async(function(req)\n"
                    "  mg.sleep(0.2)\n"
                    "  return mg.call(pool, req)\n"
                    "end)\n"
                    "return function(req)\n"
                    "  if req:has_prefix 'w' then return waiting end\n"
                    "  for i = 1, #rules do if rules[i](req) then return waiting end end\n"
                    "  return pool\n"
                    "end\n",
                 r->filler, r->server);
}

static const char *broken_script(const struct run_of_reloads *r, unsigned number)
{
    static const char *const faults[] = {
        "local x = = 1\n", "error 'not like this'\n", "do return 7 end\n",
        "mg.pool { '127.0.0.1:1', tiemout = 1 }\n", "require 'nothing'\n"};
    const char *fault = faults[number % (sizeof faults / sizeof *faults)];
    return textf(MG "%s%s%s", r->filler, fault, good_script(r));
}

/* --- what is measured ------------------------------------------------------------------------ */

static unsigned long replies(const struct run_of_reloads *r)
{
    unsigned long sum = 0;
    for (int i = 0; i < APPLICATIONS; i++) sum += application_tally(r->all[i]).replies;
    return sum;
}

static void count_second(struct run_of_reloads *r)
{
    double now = stage_now();
    if (now - r->second < 1) return;
    unsigned long all = replies(r);
    r->rates = realloc(r->rates, (r->rates_n + 1) * sizeof *r->rates);
    assert_non_null(r->rates);
    r->rates[r->rates_n++] = (unsigned long)((double)(all - r->before) / (now - r->second));
    r->second = now;
    r->before = all;
}

static void plays_on(struct run_of_reloads *r)
{
    stage_turns(10);
    count_second(r);
}

static double processor_seconds(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
        stage_fails("no clock of %d", (int)pid);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

/* What a reply costs the workers, in microseconds since this was asked last: with reloads, their share of it is in it. */
static double cost_of_a_reply(struct run_of_reloads *r)
{
    double cpu = 0, cpu_before = r->cpu;
    unsigned long all = replies(r), before = r->replies;
    for (int i = 1; i < PROCESSES; i++) cpu += processor_seconds(r->processes[i]);
    r->cpu = cpu;
    r->replies = all;
    return all > before ? 1e6 * (cpu - cpu_before) / (double)(all - before) : 0;
}

static int by_size(const void *a, const void *b)
{
    const unsigned long *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void print_rates(struct run_of_reloads *r, const char *when)
{
    if (r->rates_n == 0) return;
    qsort(r->rates, r->rates_n, sizeof *r->rates, by_size);
    unsigned long median = r->rates[r->rates_n / 2], least = r->rates[0];
    printf(
        "%s: replies a second: median %lu, least %lu (%.1f %% less); %.2f us of the workers each\n",
        when, median, least, 100.0 * (double)(median - least) / (double)(median ? median : 1),
        cost_of_a_reply(r));
    free(r->rates);
    r->rates = NULL;
    r->rates_n = 0;
}

static size_t descriptors(pid_t pid)
{
    size_t n = 0;
    DIR *folder = opendir(textf("/proc/%d/fd", (int)pid));
    if (!folder) stage_fails("process %d is gone", (int)pid);
    while (readdir(folder)) n++;
    closedir(folder);
    return n;
}

/* --- the run --------------------------------------------------------------------------------- */

struct awaited {
    struct run_of_reloads *r;
    const char *line;
};

static bool has_ended(void *what)
{
    struct awaited *a = what;
    count_second(a->r);
    return moongate_log_count(a->r->m, a->line) > 0;
}

static void reload(struct run_of_reloads *r, unsigned number)
{
    bool is_broken = number % 3 == 2;
    while (stage_now() - r->last < r->every) plays_on(r);
    double began = r->last = stage_now();
    moongate_gets_script(r->m, is_broken ? broken_script(r, number / 3) : good_script(r));
    moongate_signal(r->m, SIGHUP);
    if (is_broken) {
        moongate_sees_log_times(r->m, "not loaded", ++r->refused);
    } else {
        struct awaited a = {r, textf("reloaded: generation %u\n", ++r->generation)};
        if (!stage_waits(has_ended, &a)) stage_fails("no %s", a.line);
        if (stage_now() - began > r->slowest) r->slowest = stage_now() - began;
    }
    count_second(r);
}

static struct run_of_reloads *run_begins(void)
{
    struct run_of_reloads *r = stage_memory(sizeof *r);
    r->server = memcached_address(memcached_start(NULL));
    r->filler = two_hundred_lines();
    r->generation = 1;
    r->every = getenv("RELOAD_EVERY") ? strtod(getenv("RELOAD_EVERY"), NULL) : 0;
    r->m = moongate_start(good_script(r), "-j", "2", NULL);
    r->processes[0] = moongate_pid(r->m);
    moongate_workers(r->m, r->processes + 1, WORKERS);
    r->c = client_connects(r->m);
    stat_becomes(r->c, "servers", textf("%s:ready", r->server), textf("%d", WORKERS));
    for (unsigned i = 0; i < APPLICATIONS; i++)
        r->all[i] = application_connects(r->m, i % 2 ? "w:" : "f:", 1U << i % 4, 4711 + 7919 * i);
    r->began = r->second = stage_now();
    (void)cost_of_a_reply(r);
    return r;
}

static bool is_over(const struct run_of_reloads *r)
{
    const char *seconds = getenv("LONG_SECONDS");
    return seconds && stage_now() - r->began > strtod(seconds, NULL);
}

static void applications_end(struct run_of_reloads *r)
{
    struct tally sum = {0};
    for (int i = 0; i < APPLICATIONS; i++) {
        application_rests(r->all[i]);
        tally_add(&sum, r->all[i]);
        application_leaves(r->all[i]);
    }
    tally_print(&sum);
    assert_int_equal(sum.errors, 0);
    assert_true(sum.hits > 0 && sum.stored > 0);
}

static void reloads_under_load_cost_no_request_and_leave_nothing_behind(void **state)
{
    const char *asked = getenv("RELOADS");
    unsigned reloads = asked ? (unsigned)strtoul(asked, NULL, 10) : 30, done = 0;
    struct run_of_reloads *r = run_begins();
    size_t kib[PROCESSES], open[PROCESSES];

    while (asked && r->rates_n < 5) plays_on(r);
    print_rates(r, "without reloads");
    for (; done < reloads / 3; done++) reload(r, done);
    for (int i = 0; i < PROCESSES; i++) {
        kib[i] = program_rss_kib(r->processes[i]);
        open[i] = descriptors(r->processes[i]);
    }
    for (; done < reloads && !is_over(r); done++) reload(r, done);
    assert_int_not_equal(r->refused, 0);
    print_rates(r, "with reloads");
    applications_end(r);
    clients_are_gone(r->c);
    stat_becomes(r->c, "proxy", "generations", textf("%d", WORKERS));
    stat_becomes(r->c, "proxy", "script_errors", "0");
    printf("%u reloads, %u refused, the slowest took %.0f ms;", done, r->refused,
           r->slowest * 1000);
    for (int i = 0; i < PROCESSES; i++) {
        size_t now = program_rss_kib(r->processes[i]);
        printf(" %s%d: %zu KiB, then %zu", i ? "worker " : "master ", i, kib[i], now);
        if (!stage_is_sanitized()) assert_in_range(now, 1, kib[i] + MORE_KIB);
        assert_in_range(descriptors(r->processes[i]), 1, open[i]); /* then with clients */
    }
    printf("\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        play(reloads_under_load_cost_no_request_and_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
